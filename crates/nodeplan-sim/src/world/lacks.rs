//! Why the cluster autoscaler asks for no node of a pool while pods wait, told whenever it changes.

use nodeplan_model::timeline::{Lack, Lacking};

use crate::autoscaler::run_once::LoopOutcome;
use crate::autoscaler::scale_up::{ScaleUpResult, ScaleUpStatus, Skipped};

use super::World;
use super::scale_nodes::Scaler;

impl World<'_> {
    /// Notes that nobody waits, where it was told last that somebody does.
    pub(super) fn tell_no_lacks(&mut self, scaler: &mut Scaler) {
        if self.pending.is_empty() && scaler.lacks.iter().any(|last| *last != Lack::Nobody) {
            for pool in 0..scaler.lacks.len() {
                self.tell_lack(scaler, pool, Lack::Nobody);
            }
        }
    }

    /// Notes what a loop found for each pool while pods wait.
    pub(super) fn tell_lacks(&mut self, scaler: &mut Scaler, outcome: &LoopOutcome) {
        if self.pending.is_empty() {
            self.tell_no_lacks(scaler);
            return;
        }
        // The pass to the smallest sizes tells of itself after that for pods.
        let pass = usize::from(scaler.options.enforce_min);
        let status = outcome.scale_ups.first().filter(|_| outcome.scale_ups.len() > pass);
        let ended = outcome.scale_ups.iter().all(|one| one.result == ScaleUpResult::NotTried);
        let all = ended.then_some(Lack::PutRight);
        for pool in 0..scaler.lacks.len() {
            let why = match (all, status) {
                (Some(why), _) => why,
                (None, None) => self.unasked(scaler),
                (None, Some(status)) => self.lack(scaler, status, pool),
            };
            self.tell_lack(scaler, pool, why);
        }
    }

    fn tell_lack(&mut self, scaler: &mut Scaler, pool: usize, why: Lack) {
        if scaler.lacks[pool] != why {
            scaler.lacks[pool] = why;
            let at_millis = self.clock.now();
            self.record.lacks.push(Lacking { at_millis, pool: pool as u32, why });
        }
    }

    /// Why a loop did not look for a pool to grow.
    fn unasked(&self, scaler: &Scaler) -> Lack {
        let (options, now) = (&scaler.options, self.clock.now() as i64);
        let rank = |id: &u32| self.apps[self.pods[*id].app as usize].ask.priority;
        if self.pending.iter().all(|id| rank(id) < options.expendable_cutoff) {
            return Lack::Expendable;
        }
        let new = |id: &u32| {
            let age = now - self.pods[*id].created as i64;
            age < 2_000 || age <= options.new_pod_delay_ms
        };
        if self.pending.iter().all(new) { Lack::New } else { Lack::Room }
    }

    /// Why a loop that looked for a pool to grow left this one, or did not.
    fn lack(&self, scaler: &Scaler, status: &ScaleUpStatus, pool: usize) -> Lack {
        if status.new_sizes.iter().any(|(grown, _)| *grown == pool) {
            return Lack::Grows;
        }
        let group = &scaler.groups[pool];
        match status.skipped.iter().find(|(skipped, _)| *skipped == pool) {
            Some((_, Skipped::MaxSize)) => {
                return Lack::AtMax { max: u32::try_from(group.max).unwrap_or(0) };
            }
            Some((_, Skipped::Backoff)) => {
                let until = scaler.state.cluster.backs_off_until(pool);
                return Lack::BackOff { until_millis: until.max(0).cast_unsigned() };
            }
            Some((_, Skipped::NotReady)) => return Lack::Unready,
            None => {}
        }
        let row = &self.nodes.pools[pool];
        let holds = |id: &u32| {
            let ask = &self.apps[self.pods[*id].app as usize].ask;
            let admitted = self.nodes.admits(pool as u32, ask.app);
            admitted && ask.cpu <= row.cpu && ask.memory <= row.memory && row.slots > 0
        };
        match status.result {
            _ if !self.pending.iter().any(holds) => Lack::Unfit,
            ScaleUpResult::NoOptions => Lack::NoHelp,
            ScaleUpResult::Error if group.increase_fails => Lack::Refused,
            _ => Lack::OtherChosen,
        }
    }
}
