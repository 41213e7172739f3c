//! Replays recorded answers of the real controllers: one JSON object per line, or one document of
//! tables; the set is named by the file's name. Shared with the command that replays whole files.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;

#[path = "autoscaler.rs"]
mod autoscaler;
#[path = "hpa.rs"]
mod hpa;
#[path = "karpenter.rs"]
mod karpenter;
#[path = "kubelet.rs"]
mod kubelet;
#[path = "reservations.rs"]
mod reservations;
#[path = "scheduler.rs"]
mod scheduler;

/// How our answer compares with the recorded one.
#[derive(Debug)]
pub enum Verdict {
    /// The same, bit for bit.
    Equal,
    /// Not the same: the case and what differs.
    Different(String),
    /// Left out by a rule of the set that does not look at the case's name.
    Excluded(&'static str),
}

impl Verdict {
    /// Of an answer that may hang on chance: upstream's order of nodes. Recorded are cases that
    /// gave the same answer in each of several runs, so most draws of that order must give it; a
    /// case that only fewer draws give is left out. `difference` tells what differs under a draw.
    pub fn of_draws(difference: impl Fn(u64) -> Option<String>) -> Self {
        /// Draws that show a case in which chance plays no part.
        const FEW: u64 = 8;
        /// Draws that show how often chance decides for the answer.
        const MANY: u64 = 101;
        let Some(first) = (0..FEW).find_map(&difference) else { return Self::Equal };
        let equal = (0..MANY).filter(|seed| difference(*seed).is_none()).count();
        match equal {
            0 => Self::Different(first),
            51.. => Self::Equal,
            _ => Self::Excluded("fewer than half of the drawn node orders give the answer"),
        }
    }
}

/// Answers one line of a set; an error is a line that cannot be read.
pub type Replay = fn(&str) -> Result<Verdict, serde_json::Error>;

/// Answers a set that is one document; an error is a document that cannot be read.
pub type Document = fn(&str) -> Result<Vec<Verdict>, serde_json::Error>;

/// What replaying a file showed.
#[derive(Debug, Default)]
pub struct Tally {
    /// Cases answered alike.
    pub equal: usize,
    /// Cases answered otherwise, each with its difference.
    pub different: Vec<String>,
    /// Cases left out, each with the rule.
    pub excluded: Vec<&'static str>,
}

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Equal => self.equal += 1,
            Verdict::Different(difference) => self.different.push(difference),
            Verdict::Excluded(rule) => self.excluded.push(rule),
        }
    }
}

/// The replay of a set of lines.
fn of_lines(set: &str) -> Option<Replay> {
    [hpa::replay, scheduler::replay, autoscaler::replay, kubelet::replay, karpenter::replay]
        .iter()
        .find_map(|of_set| of_set(set))
}

/// The replay of a set that is one document.
fn of_document(set: &str) -> Option<Document> {
    [autoscaler::document, kubelet::document, reservations::document]
        .iter()
        .find_map(|of_set| of_set(set))
}

/// Replays a file, plain or gzipped: every line, or the whole document. The set is what its name
/// begins with, as in `hpa_replicas.public.jsonl.gz`.
///
/// # Errors
/// A file that cannot be read, a set that nothing here replays, or text that is not of the set.
pub fn file(path: &Path) -> Result<Tally, String> {
    let place = path.display();
    let set = path.file_name().and_then(|name| name.to_str()?.split('.').next()).unwrap_or("");
    let file = File::open(path).map_err(|error| format!("{place}: {error}"))?;
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let mut reader: Box<dyn Read> =
        if gzipped { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let mut tally = Tally::default();
    if let Some(document) = of_document(set) {
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(|error| format!("{place}: {error}"))?;
        let verdicts = document(&text).map_err(|error| format!("{place}: {error}"))?;
        verdicts.into_iter().for_each(|verdict| tally.count(verdict));
        return Ok(tally);
    }
    let replay = of_lines(set).ok_or_else(|| format!("{place}: no set of this name is known"))?;
    for (index, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(|error| format!("{place}:{}: {error}", index + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        tally.count(replay(&line).map_err(|error| format!("{place}:{}: {error}", index + 1))?);
    }
    Ok(tally)
}
