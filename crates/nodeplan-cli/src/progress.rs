//! A line about the running search or simulation on standard error, and the two ways to end it early.

use crate::clock;
use nodeplan::model::answer::Money;
use nodeplan::report::number;
use nodeplan::solve::{Control, Progress};
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Searches shorter than this show nothing.
const SILENT: Duration = Duration::from_secs(1);
/// Time between two lines.
const PACE: Duration = Duration::from_millis(200);

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Ends the search or simulation at Ctrl-C; a second Ctrl-C ends the program.
pub fn listen() {
    // Where no handler can be set, Ctrl-C ends the program as ever.
    let _ = ctrlc::set_handler(|| {
        if STOPPED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Whether Ctrl-C was pressed.
pub fn stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Watches one search.
pub struct Watch {
    begun: Instant,
    deadline: Option<Instant>,
    shown: bool,
    millis: u64,
    last: Mutex<Option<Instant>>,
}

impl Watch {
    /// Begins; `millis` are those of all load points.
    pub fn new(time_limit: Option<Duration>, show: bool, millis: u64) -> Self {
        let begun = clock::now();
        Self {
            begun,
            deadline: time_limit.and_then(|limit| begun.checked_add(limit)),
            shown: show || std::io::stderr().is_terminal(),
            millis,
            last: Mutex::new(None),
        }
    }

    /// Whether the search is to end.
    pub fn ends(&self) -> bool {
        stopped() || self.deadline.is_some_and(|deadline| clock::now() >= deadline)
    }

    /// Shows where the search is.
    pub fn tell(&self, progress: &Progress) {
        self.line(|| self.searched(progress));
    }

    /// Shows a line, unless one was shown just before or the work has just begun.
    pub fn line(&self, text: impl FnOnce() -> String) {
        if !self.shown {
            return;
        }
        let now = clock::now();
        let Ok(mut last) = self.last.lock() else {
            return;
        };
        if now - self.begun < SILENT || last.is_some_and(|last| now - last < PACE) {
            return;
        }
        *last = Some(now);
        // Nobody needs a line that cannot be shown.
        let _ = write!(std::io::stderr(), "\r\u{1b}[K{}", text());
    }

    /// A line about a search.
    fn searched(&self, progress: &Progress) -> String {
        let month = |spend| number::money(Money::month_of(spend, self.millis));
        let bound = month(progress.bound);
        let line = match progress.cost {
            Some(cost) => {
                let gap = cost.0.saturating_sub(progress.bound.0);
                let ppm = gap.saturating_mul(1_000_000) / cost.0.max(1);
                let ppm = number::ppm_percent(u64::try_from(ppm).unwrap_or(u64::MAX));
                format!("best {}/month, bound {bound}, gap {ppm}", month(cost))
            }
            None => format!("no plan yet, bound {bound}"),
        };
        format!("{:<10} {line}", progress.phase)
    }

    /// Shows a line of words.
    pub fn say(&self, line: &str) {
        let now = clock::now();
        if !self.shown || now - self.begun < SILENT {
            return;
        }
        if let Ok(mut last) = self.last.lock() {
            *last = Some(now);
            // Nobody needs a line that cannot be shown.
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}");
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.last.lock().is_ok_and(|last| last.is_some()) {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }

    /// Runs `search` under this watch.
    pub fn over<T>(&self, search: impl FnOnce(Control<'_>) -> T) -> T {
        let interrupt = || self.ends();
        let progress = |progress: &Progress| self.tell(progress);
        let found = search(Control { interrupt: &interrupt, progress: &progress });
        self.clear();
        found
    }
}
