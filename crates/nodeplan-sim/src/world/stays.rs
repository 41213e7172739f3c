//! Why the cluster autoscaler leaves nodes where they are, told whenever it changes.

use std::collections::btree_map::Iter;
use std::iter::Peekable;

use nodeplan_model::timeline::{Held, Hold, Stay};

use crate::autoscaler::scale_down::{Planner, Unremovable};

use super::World;
use super::nodes::NodePhase;
use super::scale_nodes::Scaler;

/// Reads a map along ascending keys.
struct Along<'a, V>(Peekable<Iter<'a, u32, V>>);

impl<'a, V> Along<'a, V> {
    fn at(&mut self, key: u32) -> Option<&'a V> {
        while self.0.next_if(|(at, _)| **at < key).is_some() {}
        self.0.next_if(|(at, _)| **at == key).map(|(_, value)| value)
    }
}

/// The same reason, but for figures that say how much.
fn alike(one: Hold, other: Hold) -> bool {
    match (one, other) {
        (Hold::Used { .. }, Hold::Used { .. })
        | (Hold::Unneeded { .. }, Hold::Unneeded { .. })
        | (Hold::CoolDown { .. }, Hold::CoolDown { .. }) => true,
        _ => one == other,
    }
}

/// Whether two tellings say the same: how full needed nodes are may change silently.
fn same(one: &[Held], other: &[Held]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            let used = matches!((one.why, other.why), (Hold::Used { .. }, Hold::Used { .. }));
            one.nodes == other.nodes && (used || one.why == other.why)
        })
}

/// Counts a node that stays.
fn count(held: &mut Vec<Held>, why: Hold) {
    let Some(at) = held.iter().position(|one| alike(one.why, why)) else {
        held.push(Held { nodes: 1, why });
        return;
    };
    held[at].nodes += 1;
    match (&mut held[at].why, why) {
        (
            Hold::Unneeded { since_millis, until_millis }
            | Hold::CoolDown { since_millis, until_millis },
            Hold::Unneeded { since_millis: since, until_millis: until }
            | Hold::CoolDown { since_millis: since, until_millis: until },
        ) => {
            *since_millis = since.min(*since_millis);
            *until_millis = until.min(*until_millis);
        }
        (
            Hold::Used { least_milli, most_milli, .. },
            Hold::Used { least_milli: least, most_milli: most, .. },
        ) => {
            *least_milli = least.min(*least_milli);
            *most_milli = most.max(*most_milli);
        }
        _ => {}
    }
}

impl World<'_> {
    /// Notes why the nodes of each pool stay, where that is not as it was told last.
    pub(super) fn tell_stays(&mut self, scaler: &mut Scaler) {
        let now = self.clock.now();
        let mut held: Vec<Vec<Held>> = vec![Vec::new(); scaler.told.len()];
        let Planner { unneeded, unremovable, failed, .. } = &scaler.state.planner;
        let mut unneeded = Along(unneeded.iter().peekable());
        let mut unremovable = Along(unremovable.iter().peekable());
        let mut failed = Along(failed.iter().peekable());
        for node in &scaler.nodes {
            let (unneeded, unremovable, failed) =
                (unneeded.at(node.key), unremovable.at(node.key), failed.at(node.key));
            let going = scaler.state.deletions.contains(node.key);
            let Some(pool) = node.group else { continue };
            if going || self.nodes.all[node.key as usize].phase == NodePhase::Draining {
                continue;
            }
            let group = &scaler.groups[pool];
            let reason = failed.map_or(unremovable.copied(), |failed| Some(failed.reason));
            let class = failed.map_or(0, |failed| failed.class as u32);
            let at_min = Hold::AtMin { min: u32::try_from(group.min).unwrap_or(0) };
            let why = match (unneeded, reason) {
                (_, Some(Unremovable::MinSizeReached)) => at_min,
                (Some(unneeded), _) => ripens(scaler, unneeded.since_ms, node.ready),
                (_, Some(Unremovable::NotUnderutilized)) => self.used(scaler, node.key),
                (_, Some(Unremovable::NoPlaceToMovePods)) => Hold::NoPlace { workload: class },
                (_, Some(Unremovable::BlockedByPod(_))) => Hold::Blocked { workload: class },
                _ if group.target <= group.min => at_min,
                _ => Hold::NotLookedAt,
            };
            count(&mut held[pool], why);
        }
        for (pool, held) in held.into_iter().enumerate() {
            if !same(&held, &scaler.told[pool]) {
                let stay = Stay { at_millis: now, pool: pool as u32, held: held.clone() };
                self.record.stays.push(stay);
                scaler.told[pool] = held;
            }
        }
    }

    /// How much of a node requests fill: the scarcer of CPU and memory, as the autoscaler counts.
    fn used(&self, scaler: &Scaler, id: u32) -> Hold {
        let node = &self.nodes.all[id as usize];
        let pool = &self.nodes.pools[node.pool as usize];
        let share = |free: u64, own: u64, addons: u64| {
            let offered = u128::from(own) + u128::from(addons);
            let requested = offered.saturating_sub(u128::from(free));
            u32::try_from(requested * 1000 / offered.max(1)).unwrap_or(u32::MAX)
        };
        let milli = share(node.free_cpu, pool.cpu, pool.addon_cpu).max(share(
            node.free_memory,
            pool.memory,
            pool.addon_memory,
        ));
        let threshold = libm::round(scaler.options.utilization_threshold * 1000.0);
        Hold::Used { least_milli: milli, most_milli: milli, threshold_milli: threshold as u32 }
    }
}

/// When a node that nobody needs may go: after its own wait, and after the autoscaler's, whichever
/// ends last.
fn ripens(scaler: &Scaler, since: i64, ready: bool) -> Hold {
    let (options, state) = (&scaler.options, &scaler.state);
    let own = since.saturating_add(if ready { options.unneeded_ms } else { options.unready_ms });
    let cool = [
        state.last_scale_up_ms.saturating_add(options.delay_after_add_ms),
        state.last_fail_ms.saturating_add(options.delay_after_failure_ms),
        state.last_delete_ms.saturating_add(options.delay_after_delete_ms),
    ];
    let cool = cool.into_iter().max().unwrap_or(0);
    let millis = |millis: i64| millis.max(0).cast_unsigned();
    let since_millis = millis(since);
    if cool > own {
        Hold::CoolDown { since_millis, until_millis: millis(cool) }
    } else {
        Hold::Unneeded { since_millis, until_millis: millis(own) }
    }
}
