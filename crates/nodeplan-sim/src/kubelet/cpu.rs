//! CPU control groups: shares, quota, and who gets what when a node is short of CPU.
//!
//! Shares and quota are those of `pkg/kubelet/cm/helpers_linux.go`. Division under contention is
//! the fair scheduler's limit: by weight, work-conserving, each process held by its own quota.
//! All pods are taken as children of one group; upstream nests Burstable and BestEffort pods in
//! groups of their own, whose weights are again sums of requests, so that shares differ only
//! where a whole class leaves CPU unused.

/// Fewest shares of a control group (`MinShares`), also of one without any request.
pub const MIN_SHARES: u64 = 2;
/// Most shares of a control group (`MaxShares`).
pub const MAX_SHARES: u64 = 262_144;
/// Default CFS period in microseconds (`QuotaPeriod`).
pub const PERIOD_MICROS: u64 = 100_000;
/// Smallest quota in microseconds (`MinQuotaPeriod`).
pub const MIN_QUOTA_MICROS: u64 = 1_000;

/// CPU shares of a request in milli-cores (`MilliCPUToShares`).
#[must_use]
pub fn cpu_shares(request: u64) -> u64 {
    (request.saturating_mul(1024) / 1000).clamp(MIN_SHARES, MAX_SHARES)
}

/// CFS quota in microseconds per [`PERIOD_MICROS`] of a limit in milli-cores (`MilliCPUToQuota`);
/// no limit (0), no quota.
#[must_use]
pub fn cpu_quota_micros(limit: u64) -> Option<u64> {
    let quota = limit.saturating_mul(PERIOD_MICROS) / 1000;
    (limit > 0).then_some(quota.max(MIN_QUOTA_MICROS))
}

/// What one pod wants of a node's CPU, milli-cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuClaim {
    /// What it would use if alone and without limit.
    pub wants: u64,
    /// Its request, which weighs.
    pub request: u64,
    /// Its limit, which caps; `u64::MAX` for none.
    pub limit: u64,
}

impl CpuClaim {
    /// What it can use at most.
    fn most(self) -> u64 {
        self.wants.min(self.limit)
    }
}

/// Not decided yet.
const OPEN: u64 = u64::MAX;

/// Divides `room` milli-cores among claims, into `granted` (one per claim, in order): everyone
/// up to what it can use, by shares where that is too much. Remainders go one milli-core each
/// to the first claims that can still use one.
pub fn share_cpu(claims: &[CpuClaim], room: u64, granted: &mut Vec<u64>) {
    granted.clear();
    let total = claims.iter().fold(0_u64, |sum, claim| sum.saturating_add(claim.most()));
    if total <= room {
        granted.extend(claims.iter().map(|claim| claim.most()));
        return;
    }
    granted.resize(claims.len(), OPEN);
    let mut left = room;
    let mut weight: u64 = claims.iter().map(|claim| cpu_shares(claim.request)).sum();
    // A claim below its fair part raises that of the rest, so this repeats until none is.
    loop {
        let (level, over) = (left, weight);
        for (claim, slot) in claims.iter().zip(granted.iter_mut()) {
            let (most, shares) = (claim.most(), cpu_shares(claim.request));
            if *slot == OPEN && fits(most, over, level, shares) {
                *slot = most;
                left -= most;
                weight -= shares;
            }
        }
        if weight == over {
            break;
        }
    }
    let (level, over) = (left, weight);
    for (claim, slot) in claims.iter().zip(granted.iter_mut()) {
        if *slot == OPEN {
            let shares = u128::from(cpu_shares(claim.request));
            let part = u128::from(level) * shares / u128::from(over);
            *slot = u64::try_from(part).expect("a part is at most the whole");
            left -= *slot;
        }
    }
    for (claim, slot) in claims.iter().zip(granted.iter_mut()) {
        if left > 0 && *slot < claim.most() {
            *slot += 1;
            left -= 1;
        }
    }
}

/// Whether a claim can use no more than its part `level` × `shares` / `over`.
fn fits(most: u64, over: u64, level: u64, shares: u64) -> bool {
    u128::from(most) * u128::from(over) <= u128::from(level) * u128::from(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shared(claims: &[(u64, u64, u64)], room: u64) -> Vec<u64> {
        let claims: Vec<_> = claims
            .iter()
            .map(|&(wants, request, limit)| CpuClaim { wants, request, limit })
            .collect();
        let mut granted = vec![7];
        share_cpu(&claims, room, &mut granted);
        granted
    }

    #[test]
    fn requests_weigh_and_limits_cap() {
        const NONE: u64 = u64::MAX;
        for (claims, room, expected) in [
            (vec![(500, 100, NONE), (300, 100, NONE)], 1000, vec![500, 300]),
            (vec![(500, 100, 200), (300, 100, NONE)], 1000, vec![200, 300]),
            // Shares 1024 : 3072 of 1000.
            (vec![(2000, 1000, NONE), (2000, 3000, NONE)], 1000, vec![250, 750]),
            // The second can use only 200 of its 750; the first gets the rest.
            (vec![(2000, 1000, NONE), (2000, 3000, 200)], 1000, vec![800, 200]),
            // Without a request: 2 shares against 1024.
            (vec![(2000, 0, NONE), (2000, 1000, NONE)], 1026, vec![2, 1024]),
            // Three equal claims on 100: the odd one goes to the first.
            (vec![(90, 10, NONE), (90, 10, NONE), (90, 10, NONE)], 100, vec![34, 33, 33]),
            (vec![(5, 0, NONE), (0, 9, NONE)], 0, vec![0, 0]),
            (vec![], 10, vec![]),
        ] {
            assert_eq!(shared(&claims, room), expected, "{claims:?} on {room}");
        }
    }

    proptest! {
        /// Nobody above what it can use; all room used, or all content; order within equal
        /// claims aside, whoever is held gets no less per share than anyone else.
        #[test]
        fn sharing_is_fair_and_wastes_nothing(
            claims in prop::collection::vec((0_u64..4_000, 0_u64..2_000, 1_u64..4_000), 0..40),
            room in 0_u64..20_000,
        ) {
            let granted = shared(&claims, room);
            let most: Vec<u64> = claims.iter().map(|claim| claim.0.min(claim.2)).collect();
            prop_assert!(granted.iter().zip(&most).all(|(got, most)| got <= most));
            prop_assert_eq!(granted.iter().sum::<u64>(), room.min(most.iter().sum()));
            for held in (0..claims.len()).filter(|&index| granted[index] < most[index]) {
                let shares = cpu_shares(claims[held].1);
                for (other, got) in granted.iter().enumerate() {
                    // One milli-core of rounding on each side.
                    let others = cpu_shares(claims[other].1);
                    prop_assert!(got.saturating_sub(1) * shares <= (granted[held] + 1) * others);
                }
            }
        }
    }
}
