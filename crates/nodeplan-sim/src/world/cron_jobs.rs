//! CronJobs: pods that come at a time, each with a job to do, and end with the last job.
//!
//! What is to be done is one queue for all pods of a workload, settled like any other in intervals
//! of [`super::INTERVAL_MILLIS`]; at the end of the interval in which the last job is done, the pods
//! end. What a run replaces was lost. A time that policy Forbid let pass is made up for once the jobs
//! before it are done, the last of several (`pkg/controller/cronjob`: without
//! `startingDeadlineSeconds` no time is too late).

use nodeplan_model::scenario::{Concurrency, MILLION, Service};
use nodeplan_model::timeline::Actor;

use super::World;
use super::clock::Next;

impl World<'_> {
    /// Waits for the next time of a CronJob.
    pub(super) fn await_cron(&mut self, app: u32) {
        let Some(job) = self.scenario.crons[app as usize] else { return };
        if let Some(at) = self.scenario.next_time(&job, self.clock.now()) {
            self.clock.at(at, Next::Cron(app));
        }
    }

    /// It is time for a CronJob.
    pub(super) fn cron(&mut self, app: u32) {
        self.await_cron(app);
        let at = app as usize;
        let Some(job) = self.scenario.crons[at] else { return };
        let busy = self.apps[at].wanted > 0;
        match job.concurrency {
            Concurrency::Forbid if busy => {
                self.apps[at].missed = true;
                return;
            }
            Concurrency::Replace if busy => {
                let lost = self.load.drop_line(at);
                let brought = std::mem::take(&mut self.apps[at].brought);
                let tally = &mut self.record.tallies[at];
                tally.offered = tally.offered.saturating_add(brought);
                let lost = lost.saturating_add(brought.saturating_mul(MILLION));
                tally.lost_micro = tally.lost_micro.saturating_add(lost);
                self.set_replicas(app, 0, Actor::Scenario, "the next run takes its place");
            }
            _ => {}
        }
        self.bring_jobs(app, job.jobs, "it is time for its jobs");
    }

    /// A run begins: so many jobs, each with a pod.
    fn bring_jobs(&mut self, app: u32, jobs: u32, reason: &str) {
        let at = app as usize;
        let each = match self.scenario.loads[at].service {
            Service::Jobs { arrivals_per_job, .. } => u64::from(arrivals_per_job.max(1)),
            _ => 1,
        };
        let row = &mut self.apps[at];
        row.brought = row.brought.saturating_add(u64::from(jobs) * each);
        let wanted = row.wanted.saturating_add(jobs).min(super::faults::MOST_REPLICAS as u32);
        self.set_replicas(app, wanted, Actor::Scenario, reason);
    }

    /// Ends the pods of CronJobs that have nothing left to do.
    pub(super) fn end_jobs(&mut self) {
        for app in 0..self.apps.len() {
            let Some(job) = self.scenario.crons[app] else { continue };
            let row = &mut self.apps[app];
            if row.wanted == 0 || row.brought > 0 || self.load.waiting(app).0 > 0 {
                continue;
            }
            let missed = std::mem::take(&mut row.missed);
            self.set_replicas(app as u32, 0, Actor::Scenario, "its jobs are done");
            if missed {
                self.bring_jobs(app as u32, job.jobs, "a time that passed is made up for");
            }
        }
    }
}
