//! How far chance may take misses below their mean.
//!
//! In every interval somebody has chosen pods before it is known what arrives. Misses are a convex function of
//! arrivals, so they lie above their tangent at the expected λ, whose slope s = 1 − h′ is known before arrivals
//! are. What chance takes off is therefore a martingale, and as arrivals have D times the variance of a Poisson
//! law its variance is Σ s²·D·λ, however intervals depend on each other through who reacts. Where s² ≤ c·m + d
//! for the slope s and the missed share m of every load of a pod, and misses are X on average, that is
//! D·(c·X + d·Λ) at most, Λ being all arrivals: whoever misses little also sees little luck.

use nodeplan_model::floor::Step;

/// Standard deviations by which what happens may differ from its mean.
pub(super) const LUCK: f64 = 4.0;
/// Turns of the search for what may be missed; each is true, and they descend fast.
const TURNS: usize = 40;
/// Squared slopes that may be told apart: powers of a half, and so many of them.
const APART: i32 = 40;

/// Arrivals over a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    /// How many at most, on average.
    pub most: f64,
    /// Variance over mean.
    pub dispersion: f64,
}

impl Crowd {
    /// How far they may be from their mean.
    pub fn luck(self) -> f64 {
        LUCK * (self.most * self.dispersion).sqrt()
    }
}

/// What pods may miss on average, at most, where a run missed no more than `allowed` of its arrivals on
/// average; pods do what the curves say at best.
pub(super) fn mean_misses(curves: &[&[Step]], allowed: f64, crowd: Crowd) -> f64 {
    let Crowd { most, dispersion } = crowd;
    let slopes: Vec<(f64, f64)> = curves.iter().flat_map(|curve| slopes(curve)).collect();
    // More arrivals than expected allow more misses.
    let base = allowed + crowd.luck() * (allowed / most.max(1e-9)).min(1.0);
    let lines =
        (0..=APART).map(|power| if power == APART { 0.0 } else { libm::exp2(-f64::from(power)) });
    let least = lines.filter_map(|apart| {
        let steep = slopes.iter().filter(|(_, slope)| slope * slope > apart);
        let rise =
            steep.map(|(missed, slope)| (slope * slope - apart) / missed).fold(0.0, f64::max);
        rise.is_finite().then(|| {
            // The largest X that is no more than what its own variance allows.
            (0..TURNS).fold(allowed + crowd.luck(), |misses, _| {
                let variance = dispersion * (rise * misses + apart * most);
                misses.min(base + LUCK * variance.sqrt())
            })
        })
    });
    least.fold(allowed + crowd.luck(), f64::min)
}

/// The missed share and the slope of misses after every step of a curve, and at no load.
fn slopes(curve: &[Step]) -> Vec<(f64, f64)> {
    let mut from = Step { offered_milli: 0, good_milli: 0 };
    let mut all = Vec::with_capacity(curve.len() + 1);
    let lost = |offered: u64, good: u64| 1.0 - good as f64 / (offered as f64).max(1.0);
    for step in curve {
        let (more, good) =
            (step.offered_milli - from.offered_milli, step.good_milli - from.good_milli);
        let slope = lost(more, good);
        // At no load the share that is missed is the slope.
        let missed =
            if from.offered_milli == 0 { slope } else { lost(from.offered_milli, from.good_milli) };
        all.push((missed, slope));
        from = *step;
    }
    all.push((lost(from.offered_milli, from.good_milli), 1.0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(offered_milli: u64, good_milli: u64) -> Step {
        Step { offered_milli, good_milli }
    }

    /// Half of what is beyond 100 is missed up to 200, then all: slopes 0, ½ and 1 from missed shares
    /// of 0, 0 and a quarter on.
    #[test]
    fn slopes_by_hand() {
        let curve = [step(100, 100), step(200, 150)];
        assert_eq!(slopes(&curve), [(0.0, 0.0), (0.0, 0.5), (0.25, 1.0)]);
    }

    /// A pod that misses one in four whatever comes, until it is full: no load has more than s² = m/4 but
    /// overload, with s = 1 at m = ¼, so c = 4. Of a million 10,000 may be missed: X = 10,000 + 40 +
    /// 4·√(4·X), and so X = 10,863.
    #[test]
    fn who_misses_little_has_little_luck() {
        let crowd = Crowd { most: 1e6, dispersion: 1.0 };
        let misses = mean_misses(&[&[step(1000, 750)]], 10_000.0, crowd);
        assert!((misses - 10_863.0).abs() < 40.0, "{misses}");
        // Sharp pods tell nothing: all arrivals may be lucky.
        let sharp = mean_misses(&[&[step(1000, 1000)]], 10_000.0, crowd);
        assert!((sharp - 14_000.0).abs() < 60.0, "{sharp}");
    }

    /// Never more than four standard deviations of all arrivals, never less than what is allowed.
    #[test]
    fn between_what_is_allowed_and_all_luck() {
        for (most, allowed, dispersion) in
            [(0.0, 0.0, 1.0), (1.0, 0.5, 3.0), (1e3, 1e3, 1.0), (1e9, 1e6, 3.0)]
        {
            let crowd = Crowd { most, dispersion };
            let found = mean_misses(&[&[step(10, 9), step(20, 12)]], allowed, crowd);
            assert!(found >= allowed && found <= allowed + crowd.luck(), "{found}");
        }
    }
}
