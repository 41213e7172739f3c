//! Where results go: standard output or a file that appears whole or not at all.

use crate::args::{Format, Global, When};
use crate::diagnose::Failure;
use nodeplan::report::Style;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// Narrower terminals break lines themselves.
const NARROWEST: usize = 60;

fn colors(global: &Global, terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match global.color {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") => false,
        When::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
        When::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Whether standard error takes colours.
pub fn stderr_color(global: &Global) -> bool {
    colors(global, std::io::stderr().is_terminal())
}

/// How to write to standard output. Pipes get ASCII and no colour, whatever the locale, so that
/// equal runs give equal bytes.
pub fn style(global: &Global) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let usual = Style::default().width;
    // A terminal's own width, as far as lines stay readable.
    let width = terminal_size::terminal_size_of(std::io::stdout()).filter(|_| terminal);
    let width = width.map_or(usual, |(width, _)| usize::from(width.0).clamp(NARROWEST, usual));
    Style { color: colors(global, terminal), ascii: global.ascii || !terminal || !utf8, width }
}

/// The format asked for, else the one a file's ending names, else a table.
pub fn format(asked: Option<Format>, file: Option<&Path>) -> Format {
    let ending = file.and_then(Path::extension).and_then(|ending| ending.to_str());
    asked.unwrap_or(match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some("md" | "markdown") => Format::Md,
        _ => Format::Table,
    })
}

/// Writes to standard output or `file`.
pub fn write(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    match file {
        None => print(text),
        Some(file) => replace(file, text),
    }
}

/// Writes to standard output; a reader that has gone away is no fault.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(crate::FAILED, "", format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(crate::FAILED, "", format!("cannot write {}: {error}", file.display()))
    };
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    std::fs::write(&draft, text).map_err(failed)?;
    std::fs::rename(&draft, file).map_err(|error| {
        // The draft is of no use to anyone.
        let _ = std::fs::remove_file(&draft);
        failed(error)
    })
}

/// Reads a file; `-` is standard input.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let found = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    found.map_err(|error| {
        Failure::new(crate::FAILED, "", format!("cannot read {}: {error}", file.display()))
    })
}
