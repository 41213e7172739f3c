//! Carrying out deletions: wait after the taint, evict, wait until pods are gone, delete the
//! machine (`core/scaledown/actuation/{actuator,drain}.go`).
//!
//! The caller's clock drives it: [`Actuator::next_wake`] says when something is due, and
//! [`Actuator::wake`] does it through [`Hands`].

use super::deletions::{DeletionResult, Deletions};
use super::options::Options;
use super::view::{NodeKey, PodKey};

/// A refused eviction is tried again after this long.
const RETRY_MS: i64 = 10_000;
/// Pods that leave are looked at this often.
const POLL_MS: i64 = 5_000;
/// Pods may take this long more than the longest grace period.
const EXTRA_MS: i64 = 30_000;

/// What a node holds when its deletion begins in earnest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Pods that must leave, with their grace period in milliseconds.
    pub pods: Vec<(PodKey, i64)>,
    /// Pods of `DaemonSet`s, evicted if that works.
    pub daemons: Vec<(PodKey, i64)>,
}

/// The cluster and the cloud, as the actuator touches them.
pub trait Hands {
    /// What is on the node, by the rules of draining with the budgets of now; none where a pod
    /// has come to block it.
    fn load(&mut self, node: NodeKey) -> Option<Load>;
    /// Evicts a pod with a grace period in milliseconds; false if it is refused.
    fn evict(&mut self, pod: PodKey, grace_ms: i64) -> bool;
    /// Whether a pod is no longer on its node.
    fn is_gone(&self, pod: PodKey) -> bool;
    /// Deletes the machine; false if the cloud refuses.
    fn delete(&mut self, group: usize, node: NodeKey) -> bool;
    /// Takes the `ToBeDeleted` taint off.
    fn untaint(&mut self, node: NodeKey);
}

#[derive(Clone, Debug)]
enum Stage {
    /// The taint is to be seen by all schedulers first.
    Tainted,
    /// Some pods are not evicted yet.
    Evicting { refused: Vec<(PodKey, i64)>, pods: Vec<PodKey>, until_ms: i64 },
    /// All are evicted; some are still there.
    Leaving { pods: Vec<PodKey>, until_ms: i64 },
}

#[derive(Clone, Debug)]
struct Task {
    node: NodeKey,
    group: usize,
    drain: bool,
    due_ms: i64,
    stage: Stage,
}

/// Deletions that are being carried out, in the order in which they were started.
#[derive(Clone, Debug, Default)]
pub struct Actuator {
    tasks: Vec<Task>,
}

impl Actuator {
    /// A loop has tainted a node and started its deletion.
    pub fn start(
        &mut self,
        node: NodeKey,
        group: usize,
        drain: bool,
        now_ms: i64,
        options: &Options,
    ) {
        let due_ms = now_ms.saturating_add(options.delay_after_taint_ms);
        self.tasks.push(Task { node, group, drain, due_ms, stage: Stage::Tainted });
    }

    /// When something is due next.
    #[must_use]
    pub fn next_wake(&self) -> Option<i64> {
        self.tasks.iter().map(|task| task.due_ms).min()
    }

    /// Does what is due by now, and tells how deletions ended.
    pub fn wake(
        &mut self,
        now_ms: i64,
        options: &Options,
        deletions: &mut Deletions,
        hands: &mut impl Hands,
    ) {
        let mut left = Vec::with_capacity(self.tasks.len());
        for mut task in std::mem::take(&mut self.tasks) {
            let result =
                if task.due_ms > now_ms { None } else { task.advance(now_ms, options, hands) };
            match result {
                None => left.push(task),
                Some(result) => {
                    if result != DeletionResult::Done {
                        hands.untaint(task.node);
                    }
                    deletions.finish(task.node, result);
                }
            }
        }
        self.tasks = left;
    }
}

impl Task {
    fn advance(
        &mut self,
        now: i64,
        options: &Options,
        hands: &mut impl Hands,
    ) -> Option<DeletionResult> {
        match std::mem::replace(&mut self.stage, Stage::Tainted) {
            Stage::Tainted => {
                let Some(load) = hands.load(self.node) else {
                    return Some(DeletionResult::Internal);
                };
                if !self.drain {
                    let empty = load.pods.is_empty();
                    return Some(if empty { self.delete(hands) } else { DeletionResult::Internal });
                }
                for &(pod, grace) in &load.daemons {
                    hands.evict(pod, grace.min(options.max_grace_ms));
                }
                let pods = load.pods.iter().map(|&(pod, _)| pod).collect();
                let until_ms = now.saturating_add(options.max_eviction_ms);
                self.evict(now, options, hands, load.pods, pods, until_ms)
            }
            Stage::Evicting { refused, pods, until_ms } => {
                if now >= until_ms {
                    return Some(DeletionResult::EvictionFailed);
                }
                self.evict(now, options, hands, refused, pods, until_ms)
            }
            Stage::Leaving { pods, until_ms } => self.poll(now, hands, pods, until_ms),
        }
    }

    fn evict(
        &mut self,
        now: i64,
        options: &Options,
        hands: &mut impl Hands,
        mut refused: Vec<(PodKey, i64)>,
        pods: Vec<PodKey>,
        until_ms: i64,
    ) -> Option<DeletionResult> {
        refused.retain(|&(pod, grace)| !hands.evict(pod, grace.min(options.max_grace_ms)));
        if refused.is_empty() {
            let until_ms = now.saturating_add(options.max_grace_ms).saturating_add(EXTRA_MS);
            return self.poll(now, hands, pods, until_ms);
        }
        self.due_ms = now.saturating_add(RETRY_MS).min(until_ms.max(now));
        self.stage = Stage::Evicting { refused, pods, until_ms };
        None
    }

    fn poll(
        &mut self,
        now: i64,
        hands: &mut impl Hands,
        mut pods: Vec<PodKey>,
        until_ms: i64,
    ) -> Option<DeletionResult> {
        pods.retain(|&pod| !hands.is_gone(pod));
        if pods.is_empty() {
            return Some(self.delete(hands));
        }
        if now >= until_ms {
            return Some(DeletionResult::EvictionFailed);
        }
        self.due_ms = now.saturating_add(POLL_MS);
        self.stage = Stage::Leaving { pods, until_ms };
        None
    }

    fn delete(&self, hands: &mut impl Hands) -> DeletionResult {
        let done = hands.delete(self.group, self.node);
        if done { DeletionResult::Done } else { DeletionResult::CloudRefused }
    }
}

#[cfg(test)]
mod tests {
    use super::super::deletions::Deletion;
    use super::*;

    /// Two pods: 1 is always let go, 2 from `allowed_ms` on; both are gone 12 s after.
    struct Script {
        now: i64,
        allowed_ms: i64,
        left: Vec<(PodKey, i64)>,
        log: Vec<(i64, String)>,
    }

    impl Hands for Script {
        fn load(&mut self, _: NodeKey) -> Option<Load> {
            let pods = vec![(1, 30_000), (2, 900_000)];
            Some(Load { pods, daemons: vec![(9, 30_000)] })
        }

        fn evict(&mut self, pod: PodKey, grace_ms: i64) -> bool {
            let done = pod != 2 || self.now >= self.allowed_ms;
            self.log.push((self.now, format!("evict {pod} {grace_ms} {done}")));
            if done {
                self.left.push((pod, self.now + 12_000));
            }
            done
        }

        fn is_gone(&self, pod: PodKey) -> bool {
            self.left.iter().any(|&(other, at)| other == pod && at <= self.now)
        }

        fn delete(&mut self, _: usize, _: NodeKey) -> bool {
            self.log.push((self.now, "delete".to_owned()));
            true
        }

        fn untaint(&mut self, _: NodeKey) {
            self.log.push((self.now, "untaint".to_owned()));
        }
    }

    fn drain(allowed_ms: i64) -> (Vec<(i64, String)>, DeletionResult) {
        let options = Options::default();
        let (mut actuator, mut deletions) = (Actuator::default(), Deletions::default());
        deletions.start(7, Deletion { group: 0, drain: true });
        actuator.start(7, 0, true, 0, &options);
        let mut script = Script { now: 0, allowed_ms, left: Vec::new(), log: Vec::new() };
        while let Some(due) = actuator.next_wake() {
            script.now = due;
            actuator.wake(due, &options, &mut deletions, &mut script);
        }
        let results = deletions.take_results();
        assert_eq!(results.len(), 1);
        (script.log, results[0].1)
    }

    #[test]
    fn evicts_after_five_seconds_retries_every_ten_and_polls_every_five() {
        let (log, result) = drain(20_000);
        let said: Vec<(i64, &str)> = log.iter().map(|(at, what)| (*at, what.as_str())).collect();
        let expected = [
            (5_000, "evict 9 30000 true"),
            (5_000, "evict 1 30000 true"),
            (5_000, "evict 2 600000 false"),
            (15_000, "evict 2 600000 false"),
            (25_000, "evict 2 600000 true"),
            (40_000, "delete"),
        ];
        assert_eq!(said, expected);
        assert_eq!(result, DeletionResult::Done);
    }

    #[test]
    fn gives_up_two_minutes_after_the_first_eviction() {
        let (log, result) = drain(i64::MAX);
        assert_eq!(log.last(), Some(&(125_000, "untaint".to_owned())));
        let tries = log.iter().filter(|(_, what)| what.starts_with("evict 2")).count();
        assert_eq!((tries, result), (12, DeletionResult::EvictionFailed));
    }
}
