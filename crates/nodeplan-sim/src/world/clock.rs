//! The queue of events: by time, then by kind, then in order of entry, so that one seed gives
//! one run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happens next to something. The order of the variants is the order at equal times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// A machine of a pool is there: its node registers and becomes Ready.
    NodeReady(u32),
    /// A deleted machine is gone.
    NodeGone(u32),
    /// A pod's container is Ready.
    PodReady(u32),
    /// A pod has ended.
    PodGone(u32),
    /// A container killed for memory starts again.
    PodRestarts(u32),
    /// An event of the scenario.
    Event(u32),
    /// A node that failed counts as not ready.
    NodeSilent(u32),
    /// Pods of a node that failed are evicted.
    PodsLeave(u32),
    /// A node may have had memory enough for so long that it takes all pods again.
    PressureEnds(u32),
    /// Traffic of the interval that ends now.
    Load,
    /// A CronJob begins.
    Cron(u32),
    /// All autoscalers of pods look.
    Hpa,
    /// The cluster autoscaler looks.
    Autoscaler,
    /// Node auto-provisioning looks at a batch of pods, or looks again.
    Provision,
    /// Node auto-provisioning looks for nodes to take away.
    Disrupt,
    /// It looks again at what it found, before doing it.
    Validate,
    /// A node is too old, or did not come in time.
    TooOld(u32),
    /// A node that was drained is deleted.
    DeleteNode(u32),
    /// A node that an upgrade or node auto-provisioning takes away is drained further.
    Drain(u32),
    /// The cluster autoscaler goes on with its deletions.
    Actuate,
    /// A sample of the timeline ends.
    Sample,
}

impl Next {
    /// Whether it comes again and again and changes nothing by itself.
    pub fn is_periodic(self) -> bool {
        matches!(self, Self::Load | Self::Hpa | Self::Autoscaler | Self::Sample)
    }

    /// Whether it changes pods only, and no node.
    pub fn is_of_pods(self) -> bool {
        matches!(self, Self::PodReady(_) | Self::PodGone(_) | Self::PodRestarts(_) | Self::Cron(_))
    }
}

/// Events to come.
#[derive(Debug, Default)]
pub struct Clock {
    now: u64,
    entered: u64,
    heap: BinaryHeap<Reverse<(u64, Next, u64)>>,
}

impl Clock {
    /// Milliseconds since the start.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets something happen at a time, now at the earliest.
    pub fn at(&mut self, millis: u64, next: Next) {
        self.entered += 1;
        self.heap.push(Reverse((millis.max(self.now), next, self.entered)));
    }

    /// The next event up to a time; the clock moves there.
    pub fn pop(&mut self, until: u64) -> Option<Next> {
        let Reverse((millis, _, _)) = self.heap.peek()?;
        if *millis > until {
            return None;
        }
        let Reverse((millis, next, _)) = self.heap.pop().expect("the heap was just looked at");
        self.now = millis;
        Some(next)
    }
}
