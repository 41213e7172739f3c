//! First fit over runs of equal nodes: the same answer as pod by pod, without a step per pod.

use crate::compile::Compiled;

/// A run of nodes of one kind with equal content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Kind.
    pub kind: usize,
    /// Nodes of the run.
    pub nodes: u32,
    /// (class, pods), in order of arrival.
    pub content: Vec<(u32, u32)>,
    room: Vec<i64>,
}

impl Shelf {
    /// Empty nodes.
    pub fn empty(compiled: &Compiled, kind: usize, nodes: u32) -> Self {
        Self { kind, nodes, content: Vec::new(), room: compiled.kinds[kind].capacity.clone() }
    }

    /// How many pods of `class` each node still takes; a node never meets a class twice, so
    /// the bound per node is the class's own.
    fn holds(&self, compiled: &Compiled, class: usize) -> u32 {
        let mut pods = compiled.classes[class].per_node;
        for (dim, room) in self.room.iter().enumerate() {
            let size = compiled.size(self.kind, class, dim);
            if size > *room {
                return 0;
            }
            if size > 0 {
                pods = pods.min(u32::try_from(room / size).unwrap_or(u32::MAX));
            }
        }
        if compiled.fits(self.kind, class) { pods } else { 0 }
    }

    /// The same run, or `nodes` of it, with `pods` more pods on each node.
    fn with(&self, compiled: &Compiled, nodes: u32, class: usize, pods: u32) -> Self {
        let mut more = self.clone();
        more.nodes = nodes;
        more.add(compiled, class, pods);
        more
    }

    fn add(&mut self, compiled: &Compiled, class: usize, pods: u32) {
        for (dim, room) in self.room.iter_mut().enumerate() {
            *room -= compiled.size(self.kind, class, dim) * i64::from(pods);
        }
        self.content.push((class as u32, pods));
    }
}

/// Puts pods of `class` on the first nodes with room. Returns how many are left; adds the runs
/// looked at to `looks`.
pub fn first_fit(
    compiled: &Compiled,
    shelves: &mut Vec<Shelf>,
    class: usize,
    pods: u32,
    looks: &mut u64,
) -> u32 {
    let mut left = pods;
    let mut at = 0;
    while left > 0 && at < shelves.len() {
        *looks += 1;
        let shelf = &mut shelves[at];
        let each = shelf.holds(compiled, class);
        if each == 0 {
            at += 1;
            continue;
        }
        let full = left / each;
        if full >= shelf.nodes {
            shelf.add(compiled, class, each);
            left -= each * shelf.nodes;
            at += 1;
            continue;
        }
        let rest = left % each;
        let untouched = shelf.nodes - full - u32::from(rest > 0);
        let parts = [(full, each), (u32::from(rest > 0), rest), (untouched, 0)];
        let parts: Vec<Shelf> = parts
            .into_iter()
            .filter(|(nodes, _)| *nodes > 0)
            .map(|(nodes, pods)| match pods {
                0 => Shelf { nodes, ..shelf.clone() },
                _ => shelf.with(compiled, nodes, class, pods),
            })
            .collect();
        shelves.splice(at..=at, parts);
        left = 0;
    }
    left
}

/// Opens at most `limit` nodes of `kind` for pods of `class`. Returns how many are left.
pub fn open(
    compiled: &Compiled,
    shelves: &mut Vec<Shelf>,
    (kind, limit): (usize, u32),
    class: usize,
    pods: u32,
) -> u32 {
    let empty = Shelf::empty(compiled, kind, 1);
    let each = empty.holds(compiled, class);
    if each == 0 {
        return pods;
    }
    let full = (pods / each).min(limit);
    let mut left = pods - full * each;
    if full > 0 {
        shelves.push(empty.with(compiled, full, class, each));
    }
    if left > 0 && full < limit {
        let rest = left.min(each);
        shelves.push(empty.with(compiled, 1, class, rest));
        left -= rest;
    }
    left
}
