//! Sets of recorded answers: karpenter.

use super::Replay;

/// The replay of a set of this part, if it is one.
pub fn replay(_set: &str) -> Option<Replay> {
    None
}
