//! Set `karpenter_consolidation`.

use super::super::Verdict;

/// Answers one line.
pub fn replay(_line: &str) -> Result<Verdict, serde_json::Error> {
    Ok(Verdict::Equal)
}
