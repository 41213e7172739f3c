//! What HiGHS cannot be asked, or could not answer.

/// A call that could not be carried out. Infeasible, unbounded or out of budget are answers, not
/// errors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LpError {
    /// HiGHS gave no handle, which means it had no memory.
    #[error("HiGHS could not be started")]
    Start,
    /// A number that must be finite is not, or a bound is NaN or an impossible infinity.
    #[error("{what} number {index} is {value}")]
    NotFinite {
        /// Which kind of number.
        what: &'static str,
        /// Its position in the call.
        index: usize,
        /// The number.
        value: f64,
    },
    /// A number HiGHS would silently read as zero or as infinite.
    #[error("{what} number {index} is {value:e}, outside of what HiGHS represents")]
    OutOfRange {
        /// Which kind of number.
        what: &'static str,
        /// Its position in the call.
        index: usize,
        /// The number.
        value: f64,
    },
    /// Lists that must have matching lengths do not.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Which list.
        what: &'static str,
        /// Its length by the other lists.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A row or column that the model does not have.
    #[error("{what} {index} of {count}")]
    UnknownIndex {
        /// `row` or `column`.
        what: &'static str,
        /// The index asked for.
        index: i64,
        /// How many the model has.
        count: usize,
    },
    /// More entries than HiGHS' 32-bit indices can count.
    #[error("more {what} than 32-bit indices can count")]
    TooLarge {
        /// What there are too many of.
        what: &'static str,
    },
    /// HiGHS refused a call; twice the same row in one column is the common cause.
    #[error("HiGHS refused `{call}`")]
    Refused {
        /// The name of the call.
        call: &'static str,
    },
    /// HiGHS found no answer, not even from scratch.
    #[error("HiGHS gave up with model status {status}")]
    GaveUp {
        /// HiGHS' number for the status.
        status: i32,
    },
    /// There is no basis to hand out: the model was never solved, or changed since.
    #[error("the model has no basis")]
    NoBasis,
}
