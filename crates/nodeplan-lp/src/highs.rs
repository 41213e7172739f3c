//! The raw handle: every `unsafe` of the workspace, each behind a checked call.
//!
//! Invariant: `Highs` owns its C++ object alone, and lists handed to HiGHS were checked against
//! the object's own row and column counts in the same call.

use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use highs_sys as ffi;

use crate::error::LpError;
use crate::matrix::{
    Columns, Rows, check_bounds, check_costs, check_finite, check_index, check_len, to_i32,
};

const SEED: i32 = 7;

/// Why and when a running solve must stop.
pub(crate) struct Watch<'a> {
    interrupt: &'a (dyn Fn() -> bool + Sync),
    /// LP iterations a MIP may use in total.
    mip_iterations: i64,
    interrupted: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(interrupt: &'a (dyn Fn() -> bool + Sync), mip_iterations: u64) -> Self {
        Watch {
            interrupt,
            mip_iterations: i64::try_from(mip_iterations).unwrap_or(i64::MAX),
            interrupted: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// Whether the caller, and not a limit, stopped the run.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Never panics: a panic of the closure is kept, and stops the run.
    fn must_stop(&self, mip_iterations: Option<i64>) -> bool {
        if mip_iterations.is_some_and(|used| used >= self.mip_iterations) {
            return true;
        }
        match catch_unwind(AssertUnwindSafe(|| (self.interrupt)())) {
            Ok(false) => false,
            Ok(true) => {
                self.interrupted.store(true, Ordering::Relaxed);
                true
            }
            Err(payload) => {
                if let Ok(mut slot) = self.panic.lock() {
                    *slot = Some(payload);
                }
                true
            }
        }
    }
}

/// What HiGHS calls back for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Solve {
    Lp,
    Mip,
}

/// HiGHS' own words on a run: return code and model status.
#[derive(Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) failed: bool,
    pub(crate) status: i32,
}

/// Where a run ended, in columns and rows.
pub(crate) struct Point {
    pub(crate) primal: Vec<f64>,
    pub(crate) reduced_costs: Vec<f64>,
    pub(crate) row_duals: Vec<f64>,
}

unsafe extern "C" fn on_callback(
    kind: c_int,
    _message: *const c_char,
    output: *const ffi::HighsCallbackDataOut,
    input: *mut ffi::HighsCallbackDataIn,
    data: *mut c_void,
) {
    // SAFETY: `data` is null or the `Watch` that `Highs::run` borrows for as long as HiGHS runs.
    // `Watch` is only read, through atomics and a mutex.
    let watch = unsafe { data.cast::<Watch<'_>>().as_ref() };
    // SAFETY: HiGHS passes null or a structure that lives during this call.
    let output = unsafe { output.as_ref() };
    // SAFETY: as above, and nobody else holds the structure during this call.
    let input = unsafe { input.as_mut() };
    if let (Some(watch), Some(output), Some(input)) = (watch, output, input) {
        let used =
            (kind == ffi::kHighsCallbackMipInterrupt).then_some(output.mip_total_lp_iterations);
        input.user_interrupt = c_int::from(watch.must_stop(used));
    }
}

/// An owned HiGHS object that minimises, on one thread, silently.
#[derive(Debug)]
pub(crate) struct Highs {
    object: NonNull<c_void>,
    /// Its options are those of [`Highs::for_lps`] and nothing else.
    for_lps: bool,
}

thread_local! {
    /// An emptied object for the next small LP: making one costs more than solving with it.
    static SPARE: Cell<Option<Highs>> = const { Cell::new(None) };
}

// SAFETY: the C++ object is owned by this value alone and holds no pointer into a thread's local
// storage between calls: HiGHS looks its scheduler up, per thread, at the start of each run.
unsafe impl Send for Highs {}

impl Drop for Highs {
    fn drop(&mut self) {
        if self.for_lps && self.clear_model().is_ok() {
            let spare = Highs { object: self.object, for_lps: false };
            // Where the thread ends, or has a spare one already, this destroys it.
            let mut spare = Some(spare);
            let kept = SPARE.try_with(|slot| slot.replace(spare.take()));
            drop((kept, spare));
            return;
        }
        // SAFETY: the object came from `Highs_create`, and this is its last use.
        unsafe { ffi::Highs_destroy(self.object.as_ptr()) }
    }
}

impl Highs {
    pub(crate) fn new() -> Result<Highs, LpError> {
        // SAFETY: takes no argument; a null answer is handled.
        let object = NonNull::new(unsafe { ffi::Highs_create() }).ok_or(LpError::Start)?;
        let mut highs = Highs { object, for_lps: false };
        highs.set_bool(c"output_flag", false)?;
        highs.set_int(c"threads", 1)?;
        highs.set_string(c"parallel", c"off")?;
        highs.set_int(c"random_seed", SEED)?;
        Ok(highs)
    }

    /// An empty one for [`crate::HighsLp`], used before or new.
    pub(crate) fn for_lps() -> Result<Highs, LpError> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut highs = match spare {
            Some(highs) => highs,
            None => {
                let mut highs = Highs::new()?;
                highs.set_string(c"solver", c"simplex")?;
                highs.set_string(c"presolve", c"off")?;
                highs
            }
        };
        highs.for_lps = true;
        Ok(highs)
    }

    /// Forgets the model and all that is known of it, keeps the options.
    fn clear_model(&mut self) -> Result<(), LpError> {
        // SAFETY: a live object.
        accept("clearModel", unsafe { ffi::Highs_clearModel(self.object.as_ptr()) })
    }

    pub(crate) fn set_bool(&mut self, name: &CStr, value: bool) -> Result<(), LpError> {
        // SAFETY: a live object and a terminated string that HiGHS copies.
        let code = unsafe {
            ffi::Highs_setBoolOptionValue(self.object.as_ptr(), name.as_ptr(), i32::from(value))
        };
        accept("setBoolOptionValue", code)
    }

    pub(crate) fn set_int(&mut self, name: &CStr, value: i32) -> Result<(), LpError> {
        // SAFETY: a live object and a terminated string that HiGHS copies.
        let code =
            unsafe { ffi::Highs_setIntOptionValue(self.object.as_ptr(), name.as_ptr(), value) };
        accept("setIntOptionValue", code)
    }

    pub(crate) fn set_double(&mut self, name: &CStr, value: f64) -> Result<(), LpError> {
        // SAFETY: a live object and a terminated string that HiGHS copies.
        let code =
            unsafe { ffi::Highs_setDoubleOptionValue(self.object.as_ptr(), name.as_ptr(), value) };
        accept("setDoubleOptionValue", code)
    }

    pub(crate) fn set_string(&mut self, name: &CStr, value: &CStr) -> Result<(), LpError> {
        // SAFETY: a live object and terminated strings that HiGHS copies.
        let code = unsafe {
            ffi::Highs_setStringOptionValue(self.object.as_ptr(), name.as_ptr(), value.as_ptr())
        };
        accept("setStringOptionValue", code)
    }

    pub(crate) fn column_count(&self) -> usize {
        // SAFETY: a live object, read only.
        usize::try_from(unsafe { ffi::Highs_getNumCol(self.object.as_ptr()) }).unwrap_or(0)
    }

    pub(crate) fn row_count(&self) -> usize {
        // SAFETY: a live object, read only.
        usize::try_from(unsafe { ffi::Highs_getNumRow(self.object.as_ptr()) }).unwrap_or(0)
    }

    /// The model's entries plus `more` must stay countable in 32 bits.
    fn check_room(&self, more: usize) -> Result<i32, LpError> {
        // SAFETY: a live object, read only.
        let now = unsafe { ffi::Highs_getNumNz(self.object.as_ptr()) };
        let more = to_i32("entries", more)?;
        now.checked_add(more).ok_or(LpError::TooLarge { what: "entries" })?;
        Ok(more)
    }

    pub(crate) fn add_columns(&mut self, columns: &Columns) -> Result<(), LpError> {
        columns.check(self.row_count())?;
        let entries = self.check_room(columns.rows.len())?;
        let count = to_i32("columns", columns.len())?;
        to_i32("columns", self.column_count() + columns.len())?;
        if count == 0 {
            return Ok(());
        }
        // SAFETY: `check` proved that the four lists have `count` numbers, the other two
        // `entries`, the starts ascend within them and every row exists; HiGHS copies.
        let code = unsafe {
            ffi::Highs_addCols(
                self.object.as_ptr(),
                count,
                columns.cost.as_ptr(),
                columns.lower.as_ptr(),
                columns.upper.as_ptr(),
                entries,
                columns.starts.as_ptr(),
                columns.rows.as_ptr(),
                columns.values.as_ptr(),
            )
        };
        accept("addCols", code)
    }

    pub(crate) fn add_rows(&mut self, rows: &Rows) -> Result<(), LpError> {
        rows.check(self.column_count())?;
        let entries = self.check_room(rows.columns.len())?;
        let count = to_i32("rows", rows.len())?;
        to_i32("rows", self.row_count() + rows.len())?;
        if count == 0 {
            return Ok(());
        }
        // SAFETY: `check` proved that the three lists have `count` numbers, the other two
        // `entries`, the starts ascend within them and every column exists; HiGHS copies.
        let code = unsafe {
            ffi::Highs_addRows(
                self.object.as_ptr(),
                count,
                rows.lower.as_ptr(),
                rows.upper.as_ptr(),
                entries,
                rows.starts.as_ptr(),
                rows.columns.as_ptr(),
                rows.values.as_ptr(),
            )
        };
        accept("addRows", code)
    }

    pub(crate) fn change_column_bounds(
        &mut self,
        changes: &[(usize, f64, f64)],
    ) -> Result<(), LpError> {
        let (set, lower, upper) = bound_changes("column", changes, self.column_count())?;
        if set.is_empty() {
            return Ok(());
        }
        let count = to_i32("columns", set.len())?;
        // SAFETY: three lists of `count` numbers, every index exists; HiGHS copies.
        let code = unsafe {
            ffi::Highs_changeColsBoundsBySet(
                self.object.as_ptr(),
                count,
                set.as_ptr(),
                lower.as_ptr(),
                upper.as_ptr(),
            )
        };
        accept("changeColsBoundsBySet", code)
    }

    pub(crate) fn change_row_bounds(
        &mut self,
        changes: &[(usize, f64, f64)],
    ) -> Result<(), LpError> {
        let (set, lower, upper) = bound_changes("row", changes, self.row_count())?;
        if set.is_empty() {
            return Ok(());
        }
        let count = to_i32("rows", set.len())?;
        // SAFETY: three lists of `count` numbers, every index exists; HiGHS copies.
        let code = unsafe {
            ffi::Highs_changeRowsBoundsBySet(
                self.object.as_ptr(),
                count,
                set.as_ptr(),
                lower.as_ptr(),
                upper.as_ptr(),
            )
        };
        accept("changeRowsBoundsBySet", code)
    }

    pub(crate) fn change_column_costs(&mut self, changes: &[(usize, f64)]) -> Result<(), LpError> {
        let mut changes = changes.to_vec();
        keep_last(&mut changes, |change| change.0);
        let mut set = Vec::with_capacity(changes.len());
        for &(column, _) in &changes {
            set.push(check_index("column", column, self.column_count())?);
        }
        let cost: Vec<f64> = changes.iter().map(|&(_, cost)| cost).collect();
        check_costs(&cost)?;
        if set.is_empty() {
            return Ok(());
        }
        let count = to_i32("columns", set.len())?;
        // SAFETY: two lists of `count` numbers, every index exists; HiGHS copies.
        let code = unsafe {
            ffi::Highs_changeColsCostBySet(self.object.as_ptr(), count, set.as_ptr(), cost.as_ptr())
        };
        accept("changeColsCostBySet", code)
    }

    pub(crate) fn set_integrality(&mut self, integer: &[bool]) -> Result<(), LpError> {
        check_len("integer flags", self.column_count(), integer.len())?;
        if integer.is_empty() {
            return Ok(());
        }
        let kinds: Vec<i32> = integer.iter().map(|&flag| i32::from(flag)).collect();
        let last = to_i32("columns", integer.len() - 1)?;
        // SAFETY: the list has one number for each column of the range 0..=last; HiGHS copies.
        let code = unsafe {
            ffi::Highs_changeColsIntegralityByRange(self.object.as_ptr(), 0, last, kinds.as_ptr())
        };
        accept("changeColsIntegralityByRange", code)
    }

    pub(crate) fn delete_columns(&mut self, keep: &[bool]) -> Result<(), LpError> {
        check_len("columns to keep", self.column_count(), keep.len())?;
        if keep.iter().all(|&keep| keep) {
            return Ok(());
        }
        let mut mask: Vec<i32> = keep.iter().map(|&keep| i32::from(!keep)).collect();
        // SAFETY: the mask has one number for each column; HiGHS writes no more than that.
        let code = unsafe { ffi::Highs_deleteColsByMask(self.object.as_ptr(), mask.as_mut_ptr()) };
        accept("deleteColsByMask", code)
    }

    pub(crate) fn delete_rows(&mut self, keep: &[bool]) -> Result<(), LpError> {
        check_len("rows to keep", self.row_count(), keep.len())?;
        if keep.iter().all(|&keep| keep) {
            return Ok(());
        }
        let mut mask: Vec<i32> = keep.iter().map(|&keep| i32::from(!keep)).collect();
        // SAFETY: the mask has one number for each row; HiGHS writes no more than that.
        let code = unsafe { ffi::Highs_deleteRowsByMask(self.object.as_ptr(), mask.as_mut_ptr()) };
        accept("deleteRowsByMask", code)
    }

    /// Forgets basis, solution and factors, keeps model and options.
    pub(crate) fn clear_solver(&mut self) -> Result<(), LpError> {
        // SAFETY: a live object.
        accept("clearSolver", unsafe { ffi::Highs_clearSolver(self.object.as_ptr()) })
    }

    /// Runs HiGHS under `watch`. A panic of the interrupt closure goes on from here.
    pub(crate) fn run(&mut self, solve: Solve, watch: &Watch<'_>) -> Result<Ran, LpError> {
        let kind = match solve {
            Solve::Lp => ffi::kHighsCallbackSimplexInterrupt,
            Solve::Mip => ffi::kHighsCallbackMipInterrupt,
        };
        let object = self.object.as_ptr();
        let data = std::ptr::from_ref(watch).cast_mut().cast::<c_void>();
        // SAFETY: a live object. `watch` outlives the run, and the last call takes it out again
        // on every path, so HiGHS never holds it longer; with null the callback does nothing.
        let (armed, code, status) = unsafe {
            let mut armed = ffi::Highs_setCallback(object, Some(on_callback), data);
            if armed != ffi::STATUS_ERROR {
                armed = ffi::Highs_startCallback(object, kind);
            }
            let mut code = ffi::STATUS_ERROR;
            if armed != ffi::STATUS_ERROR {
                code = ffi::Highs_run(object);
            }
            let status = ffi::Highs_getModelStatus(object);
            ffi::Highs_setCallback(object, Some(on_callback), std::ptr::null_mut());
            (armed, code, status)
        };
        accept("startCallback", armed)?;
        let panic = watch.panic.lock().ok().and_then(|mut slot| slot.take());
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        Ok(Ran { failed: code == ffi::STATUS_ERROR, status })
    }

    pub(crate) fn info_int(&self, name: &CStr) -> Result<i32, LpError> {
        let mut value = 0;
        // SAFETY: a live object, a terminated string, and room for the one number written.
        let code = unsafe {
            ffi::Highs_getIntInfoValue(self.object.as_ptr(), name.as_ptr(), &raw mut value)
        };
        accept("getIntInfoValue", code)?;
        Ok(value)
    }

    pub(crate) fn info_int64(&self, name: &CStr) -> Result<i64, LpError> {
        let mut value = 0;
        // SAFETY: a live object, a terminated string, and room for the one number written.
        let code = unsafe {
            ffi::Highs_getInt64InfoValue(self.object.as_ptr(), name.as_ptr(), &raw mut value)
        };
        accept("getInt64InfoValue", code)?;
        Ok(value)
    }

    pub(crate) fn info_double(&self, name: &CStr) -> Result<f64, LpError> {
        let mut value = 0.0;
        // SAFETY: a live object, a terminated string, and room for the one number written.
        let code = unsafe {
            ffi::Highs_getDoubleInfoValue(self.object.as_ptr(), name.as_ptr(), &raw mut value)
        };
        accept("getDoubleInfoValue", code)?;
        Ok(value)
    }

    /// Column values, reduced costs and row duals of the last run, zeros where it left none.
    pub(crate) fn solution(&self) -> Result<Point, LpError> {
        let (columns, rows) = (self.column_count(), self.row_count());
        let mut primal = vec![0.0; columns];
        let mut reduced = vec![0.0; columns];
        let mut duals = vec![0.0; rows];
        // SAFETY: HiGHS keeps none or as many numbers as the model has columns (rows), which is
        // how long the lists are; a null list is skipped.
        let code = unsafe {
            ffi::Highs_getSolution(
                self.object.as_ptr(),
                primal.as_mut_ptr(),
                reduced.as_mut_ptr(),
                std::ptr::null_mut(),
                duals.as_mut_ptr(),
            )
        };
        accept("getSolution", code)?;
        Ok(Point { primal, reduced_costs: reduced, row_duals: duals })
    }

    /// Whether zeros satisfy every row, which is all there is to a model without columns.
    pub(crate) fn zero_satisfies_rows(&self) -> Result<bool, LpError> {
        let rows = self.row_count();
        if rows == 0 {
            return Ok(true);
        }
        let last = to_i32("rows", rows - 1)?;
        let (mut lower, mut upper) = (vec![0.0; rows], vec![0.0; rows]);
        let (mut found, mut entries) = (0, 0);
        // SAFETY: room for a number for each row of the range 0..=last, and for the two counts;
        // null lists are skipped.
        let code = unsafe {
            ffi::Highs_getRowsByRange(
                self.object.as_ptr(),
                0,
                last,
                &raw mut found,
                lower.as_mut_ptr(),
                upper.as_mut_ptr(),
                &raw mut entries,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        accept("getRowsByRange", code)?;
        let mut bounds = lower.iter().zip(&upper);
        Ok(bounds.all(|(&low, &high)| low <= 0.0 && high >= 0.0))
    }

    /// HiGHS' status numbers of columns and rows.
    pub(crate) fn basis(&self) -> Result<(Vec<i32>, Vec<i32>), LpError> {
        if self.info_int(c"basis_validity").map_err(|_| LpError::NoBasis)?
            != ffi::kHighsBasisValidityValid
        {
            return Err(LpError::NoBasis);
        }
        let mut columns = vec![0; self.column_count()];
        let mut rows = vec![0; self.row_count()];
        // SAFETY: a valid basis has a status for each column and row, as the lists have room for.
        let code = unsafe {
            ffi::Highs_getBasis(self.object.as_ptr(), columns.as_mut_ptr(), rows.as_mut_ptr())
        };
        accept("getBasis", code)?;
        Ok((columns, rows))
    }

    pub(crate) fn set_basis(&mut self, columns: &[i32], rows: &[i32]) -> Result<(), LpError> {
        check_len("basis columns", self.column_count(), columns.len())?;
        check_len("basis rows", self.row_count(), rows.len())?;
        if rows.is_empty() {
            // Without rows there is nothing to start from, and HiGHS would write a list that it
            // may not have allocated.
            return Ok(());
        }
        // SAFETY: the lists have a number for each column and row; HiGHS copies.
        let code =
            unsafe { ffi::Highs_setBasis(self.object.as_ptr(), columns.as_ptr(), rows.as_ptr()) };
        accept("setBasis", code)
    }

    pub(crate) fn set_start(&mut self, values: &[f64]) -> Result<(), LpError> {
        check_len("start values", self.column_count(), values.len())?;
        for (index, &value) in values.iter().enumerate() {
            check_finite("start value", index, value)?;
        }
        // SAFETY: a number for each column, which HiGHS copies; null lists are skipped.
        let code = unsafe {
            ffi::Highs_setSolution(
                self.object.as_ptr(),
                values.as_ptr(),
                std::ptr::null(),
                std::ptr::null(),
                std::ptr::null(),
            )
        };
        accept("setSolution", code)
    }
}

fn accept(call: &'static str, code: i32) -> Result<(), LpError> {
    if code == ffi::STATUS_OK || code == ffi::STATUS_WARNING {
        Ok(())
    } else {
        Err(LpError::Refused { call })
    }
}

/// Sorts by index; of several changes to one index the last stays.
fn keep_last<T>(changes: &mut Vec<T>, index: impl Fn(&T) -> usize) {
    changes.reverse();
    changes.sort_by_key(&index);
    changes.dedup_by_key(|change| index(change));
}

type BoundLists = (Vec<i32>, Vec<f64>, Vec<f64>);

fn bound_changes(
    what: &'static str,
    changes: &[(usize, f64, f64)],
    count: usize,
) -> Result<BoundLists, LpError> {
    let mut changes = changes.to_vec();
    keep_last(&mut changes, |change| change.0);
    let mut set = Vec::with_capacity(changes.len());
    let mut lower = Vec::with_capacity(changes.len());
    let mut upper = Vec::with_capacity(changes.len());
    for (index, low, high) in changes {
        set.push(check_index(what, index, count)?);
        lower.push(low);
        upper.push(high);
    }
    check_bounds("changed bound", &lower, &upper)?;
    Ok((set, lower, upper))
}
