//! `sweep`: many runs, one JSON line each, in shards if need be.

use super::matrix::load;
use super::simulate::unusable;
use crate::args::{Global, SweepArgs};
use crate::diagnose::Failure;
use crate::progress::{Watch, listen, stopped};
use crate::{Done, output};
use nodeplan::io::diagnostic::{ImportError, Place};
use nodeplan::io::sweep::{self as lines, Cell, Head, Lines};
use nodeplan::report::visible;
use nodeplan::sweep::Fault;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// Runs the command.
pub fn run(global: &Global, args: &SweepArgs) -> Done {
    let output = args.output.as_deref();
    let Some(path) = &args.matrix else {
        let read = |path: &std::path::PathBuf| {
            let name = path.display().to_string();
            let found = lines::read(&name, &output::read(path)?).map_err(unmerged)?;
            Ok((name, found))
        };
        let files: Result<Vec<(String, Lines)>, Failure> = args.merge.iter().map(read).collect();
        let merged = lines::merge(files?, args.partial).map_err(unmerged)?;
        output::write(&merged, output)?;
        return Ok(crate::DONE);
    };
    let (shard, of) = shard(args.shard.as_deref())?;
    super::threads(global.threads);
    listen();
    let loaded = load(global, path)?;
    let (sweep, head) = (&loaded.sweep, loaded.head());
    let there = there(&head, output)?;
    let mine: Vec<u64> = sweep.shard(shard, of).collect();
    let open = |cell: &u64| !there.cells.contains_key(cell);
    let missing: Vec<u64> = mine.iter().copied().filter(open).collect();
    sweep.check(&missing).map_err(|fault| failed(fault, "nothing simulated"))?;
    let kept = mine.len() - missing.len();
    let sink = Sink::new(head, there, output, &missing)?;
    let watch = Watch::new(None, false, 0);
    let stop = || stopped() || sink.broken();
    let ran = sweep.run(&missing, &stop, &|cell| {
        sink.take(&cell);
        watch.line(|| format!("{} of {} cells", kept + sink.count(), mine.len()));
    });
    watch.clear();
    let done = sink.finish()?;
    ran.map_err(|fault| failed(fault, &format!("{done} cells done and kept")))?;
    let all = mine.len();
    if done < missing.len() {
        let done = kept + done;
        eprintln!("Stopped after {done} of {all} cells; the same command goes on after them.");
        return Ok(crate::OUT_OF_WORK);
    }
    if let Some(output) = output {
        let shown = visible(&output.display().to_string());
        eprintln!("{shown}: {all} cells, {kept} of them there before.");
    }
    Ok(crate::DONE)
}

fn unmerged(faults: Vec<ImportError>) -> Failure {
    Failure { last: None, ..Failure::input(faults) }
}

/// Which shard of how many: of the flag, else of a Kubernetes Indexed Job, else all.
fn shard(asked: Option<&str>) -> Result<(u64, u64), Failure> {
    const HELP: &str = "shards are counted from 0: 0/8 to 7/8";
    let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (what, index, of) = match asked {
        Some(text) => {
            let Some((index, of)) = text.split_once('/') else {
                return Err(Failure::usage(format!("--shard `{text}` has no `/`")).help(HELP));
            };
            ("--shard", index.to_owned(), of.to_owned())
        }
        None => match (told("JOB_COMPLETION_INDEX"), told("NODEPLAN_SHARDS")) {
            (None, None) => return Ok((0, 1)),
            (Some(index), Some(of)) => ("JOB_COMPLETION_INDEX of NODEPLAN_SHARDS", index, of),
            (index, _) => {
                let (set, unset) = match index {
                    Some(_) => ("JOB_COMPLETION_INDEX", "NODEPLAN_SHARDS"),
                    None => ("NODEPLAN_SHARDS", "JOB_COMPLETION_INDEX"),
                };
                let text = format!("{set} is set and {unset} is not");
                return Err(Failure::usage(text).help("set both, or neither, or give --shard I/N"));
            }
        },
    };
    match (index.trim().parse::<u64>(), of.trim().parse::<u64>()) {
        (Ok(index), Ok(of)) if index < of => Ok((index, of)),
        _ => Err(Failure::usage(format!("{what}: there is no shard {index}/{of}")).help(HELP)),
    }
}

/// What a run before this one has left in the file.
fn there(head: &Head, output: Option<&Path>) -> Result<Lines, Failure> {
    let Some(path) = output.filter(|path| path.exists()) else {
        return Ok(Lines::default());
    };
    let name = path.display().to_string();
    let found = lines::read(&name, &output::read(path)?).map_err(unusable)?;
    if let Some(unlike) = found.head.as_ref().and_then(|other| other.unlike(head)) {
        let message = format!("the file has cells of another sweep: {unlike}");
        let fault = ImportError::new("NP1504", Place::whole(&name), message);
        let help = "write to another file, or remove this one";
        return Err(unusable(vec![fault.help(help)]));
    }
    Ok(found)
}

/// A cell that did not run, as a failure.
pub fn failed((cell, fault): (u64, Fault), last: &str) -> Failure {
    match fault {
        Fault::Unusable(faults) => {
            let count = faults.len();
            let plural = if count == 1 { "" } else { "s" };
            let last = Some(format!("{count} error{plural}, {last}."));
            Failure { last, ..Failure::input(faults) }
        }
        Fault::Failed(error) => {
            let last = Some(format!("Cell {cell} cannot be run, {last}."));
            Failure { last, ..Failure::from(*error) }
        }
    }
}

/// Where lines go: into the file as soon as they are there, so that none is lost, or to standard
/// output in order of cells.
struct Sink<'a> {
    output: Option<&'a Path>,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    head: Head,
    file: Option<File>,
    /// Lines by cell: for a file all of them, else those that wait for one before them.
    cells: BTreeMap<u64, String>,
    /// Cells still to come, in order.
    order: &'a [u64],
    /// How many of `order` have been printed.
    printed: usize,
    /// How many lines were taken.
    taken: usize,
    /// Whether the file holds its cells in order.
    tidy: bool,
    /// The first fault of writing.
    fault: Option<Failure>,
}

impl<'a> Sink<'a> {
    fn new(
        head: Head,
        there: Lines,
        output: Option<&'a Path>,
        order: &'a [u64],
    ) -> Result<Self, Failure> {
        let file = match output {
            None => {
                output::print(&head.line())?;
                None
            }
            Some(path) => {
                if !there.tidy || there.head.is_none() {
                    output::write(&lines::together(&head, there.cells.values()), output)?;
                }
                let file = File::options().append(true).open(path);
                Some(file.map_err(|error| unwritten(path, &error))?)
            }
        };
        let cells = there.cells;
        let fault = None;
        let state = State { head, file, cells, order, printed: 0, taken: 0, tidy: true, fault };
        Ok(Self { output, state: Mutex::new(state) })
    }

    /// Takes a line.
    fn take(&self, cell: &Cell) {
        let Ok(mut state) = self.state.lock() else { return };
        let state = &mut *state;
        let line = cell.line();
        state.taken += 1;
        if let (Some(file), Some(path)) = (&mut state.file, self.output) {
            state.tidy &= state.cells.last_key_value().is_none_or(|(last, _)| *last < cell.cell);
            // One call, so that the end of a line is never written without its beginning.
            if let Err(error) = file.write_all(line.as_bytes()) {
                state.fault = state.fault.take().or(Some(unwritten(path, &error)));
            }
            state.cells.insert(cell.cell, line);
            return;
        }
        state.cells.insert(cell.cell, line);
        while let Some(next) = state.order.get(state.printed)
            && let Some(line) = state.cells.remove(next)
        {
            state.printed += 1;
            if let Err(failure) = output::print(&line) {
                state.fault = state.fault.take().or(Some(failure));
            }
        }
    }

    fn count(&self) -> usize {
        self.state.lock().map_or(0, |state| state.taken)
    }

    fn broken(&self) -> bool {
        self.state.lock().map_or(true, |state| state.fault.is_some())
    }

    /// Puts the file in order; says how many lines were taken.
    fn finish(self) -> Result<usize, Failure> {
        let state = self.state.into_inner();
        let state = state.map_err(|_| Failure::new(crate::FAILED, "", "a thread has failed"))?;
        if let Some(fault) = state.fault {
            return Err(fault);
        }
        if self.output.is_none() {
            output::print(&state.cells.into_values().collect::<String>())?;
        } else if !state.tidy {
            drop(state.file);
            output::write(&lines::together(&state.head, state.cells.values()), self.output)?;
        }
        Ok(state.taken)
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(crate::FAILED, "", format!("cannot write {}: {error}", path.display()))
}
