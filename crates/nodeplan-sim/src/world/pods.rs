//! Pods: flat tables, one row per pod that ever was; an id is a row.

use crate::kubelet::BackOff;
use crate::scheduler::PodId;

/// No node.
pub const NOWHERE: u32 = u32::MAX;

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No node yet.
    Pending,
    /// On a node, pulling its image or starting.
    Starting,
    /// Takes traffic.
    Ready,
    /// Killed for memory, waits to start again.
    BackOff,
    /// On a node that does not answer.
    Dark,
    /// Told to end; takes no traffic, still holds its requests.
    Ending,
    /// No more.
    Gone,
}

/// One pod.
#[derive(Clone, Copy, Debug)]
pub struct Pod {
    /// Its workload.
    pub app: u32,
    /// Its node, or [`NOWHERE`].
    pub node: u32,
    /// What the scheduler calls it, while it has a node.
    pub bound_as: Option<PodId>,
    /// Its phase.
    pub phase: Phase,
    /// When it was created.
    pub created: u64,
    /// When it was bound to its node.
    pub bound: u64,
    /// When its container began to run, its image there.
    pub ran: u64,
    /// When Ready last became what it is.
    pub turned: u64,
    /// When it is Ready, if it starts.
    pub due: u64,
    /// What the kubelet remembers of its container's ends.
    pub back_off: BackOff,
}

/// All pods.
#[derive(Debug, Default)]
pub struct Pods {
    rows: Vec<Pod>,
    /// Those that may have changed since they were last asked for.
    touched: Vec<u32>,
    /// The same for a second reader, while there is one.
    moved: Option<Vec<u32>>,
}

impl Pods {
    /// A new pod without a node.
    pub fn create(&mut self, app: u32, now: u64) -> u32 {
        self.rows.push(Pod {
            app,
            node: NOWHERE,
            bound_as: None,
            phase: Phase::Pending,
            created: now,
            bound: now,
            ran: now,
            turned: now,
            due: now,
            back_off: BackOff::default(),
        });
        (self.rows.len() - 1) as u32
    }

    /// Pods that may have changed since the last call, some of them twice.
    pub fn take_touched(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.touched)
    }

    /// Keeps for a second reader too what changes from now on.
    pub fn follow(&mut self) {
        self.moved = Some(Vec::new());
    }

    /// Pods that may have changed since this was last called, some of them twice.
    pub fn take_moved(&mut self) -> Vec<u32> {
        self.moved.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many there ever were.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

impl std::ops::Index<u32> for Pods {
    type Output = Pod;
    fn index(&self, id: u32) -> &Pod {
        &self.rows[id as usize]
    }
}

impl std::ops::IndexMut<u32> for Pods {
    fn index_mut(&mut self, id: u32) -> &mut Pod {
        // Most changes of a pod come together.
        for list in [Some(&mut self.touched), self.moved.as_mut()].into_iter().flatten() {
            if list.last() != Some(&id) {
                list.push(id);
            }
        }
        &mut self.rows[id as usize]
    }
}
