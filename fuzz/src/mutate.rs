//! Changes to inputs: the text-shaped ones that libFuzzer does not make by itself. Stable tests
//! use the same, so that they reach as deep without an engine.

use super::draw::Draw;

/// Numbers at the ends of ranges.
const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "2",
    "-1",
    "255",
    "256",
    "65535",
    "1000000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "4503599627370496",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211455",
    "1e308",
    "0.0000000001",
];

/// Pieces that formats are made of.
const PIECES: [&str; 28] = [
    ",", "\"", "\n", "\r\n", "\u{feff}", "\u{0}", ": ", "- ", "  ", "[", "]", "{", "}", "&a ",
    "*a", "#", "null", "true", "''", "\\", "Ki", "Gi", "m", "E", "%", "é", "\u{ff}", "\t",
];

/// One random change; `other` is an input to cross with.
pub fn change(data: &mut Vec<u8>, other: &[u8], draw: &mut Draw) {
    let range = |len: usize, draw: &mut Draw| {
        let from = draw.index(len + 1);
        let most = if draw.index(4) == 0 { len - from } else { (len - from).min(12) };
        from..from + draw.index(most + 1)
    };
    let at = draw.index(data.len() + 1);
    match draw.index(10) {
        0 | 1 => number(data, draw),
        2 if at < data.len() => data[at] ^= 1 << draw.index(8),
        3 if at < data.len() => data[at] = draw.bits() as u8,
        4 => insert(data, at, PIECES[draw.index(PIECES.len())].as_bytes()),
        5 => drop(data.drain(range(data.len(), draw))),
        6 => {
            let piece = data[range(data.len(), draw)].to_vec();
            insert(data, at, &piece);
        }
        7 => insert(data, at, &other[range(other.len(), draw)]),
        8 => lines(data, draw),
        _ => {
            data.truncate(at);
            data.extend_from_slice(&other[draw.index(other.len() + 1)..]);
        }
    }
}

fn insert(data: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(data.splice(at..at, piece.iter().copied()));
}

/// Puts another number in the place of one.
fn number(data: &mut Vec<u8>, draw: &mut Draw) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let starts: Vec<usize> = (0..data.len())
        .filter(|&at| digit(&data[at]) && (at == 0 || !digit(&data[at - 1])))
        .collect();
    if starts.is_empty() {
        return;
    }
    let from = starts[draw.index(starts.len())];
    let length = data[from..].iter().take_while(|byte| digit(byte)).count();
    let new = match draw.index(3) {
        0 => NUMBERS[draw.index(NUMBERS.len())].to_owned(),
        1 => draw.index(40).to_string(),
        _ => {
            let old = std::str::from_utf8(&data[from..from + length]).unwrap_or("0");
            let old: u64 = old.parse().unwrap_or(0);
            old.wrapping_add(draw.below(5)).wrapping_sub(2).to_string()
        }
    };
    drop(data.splice(from..from + length, new.bytes()));
}

/// Copies one line over another.
fn lines(data: &mut Vec<u8>, draw: &mut Draw) {
    let mut all: Vec<Vec<u8>> = data.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (from, to) = (draw.index(all.len()), draw.index(all.len()));
    if draw.index(2) == 0 {
        all.swap(from, to);
    } else {
        all[to] = all[from].clone();
    }
    *data = all.join(&b'\n');
}

/// A change within libFuzzer's buffer of `most` bytes, every other time `engine`'s own; gives
/// the new size.
pub fn in_place(
    data: &mut [u8],
    size: usize,
    most: usize,
    seed: u32,
    engine: impl Fn(&mut [u8], usize, usize) -> usize,
) -> usize {
    let mut draw = Draw::new(u64::from(seed));
    if draw.index(2) == 0 {
        return engine(data, size, most);
    }
    let mut text = data[..size].to_vec();
    let other = text.clone();
    change(&mut text, &other, &mut draw);
    let length = text.len().min(most);
    data[..length].copy_from_slice(&text[..length]);
    length
}
