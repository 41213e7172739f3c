//! In which order upstream looks for a node: chance, as a Go map keeps the nodes of a snapshot
//! (`simulator/clustersnapshot/store/delta.go`, `buildNodeInfoList`; newer releases draw the order
//! on purpose).
//!
//! Up to eight entries lie in the map in the order of their insertion and are listed from one of
//! its eight places on, drawn anew whenever the list is built; more lie in the order of a hash with
//! a seed of its own, and are listed from any of them on. A change to the nodes makes the list be
//! built again. The search itself goes round the list, from behind the place of its last success
//! (`scheduling_opts.go`, `lastIndexOrderMapping`).
//!
//! So small clusters are searched round and round more often than not, and large ones at random:
//! recorded decisions of the real autoscaler follow neither a fixed order nor a uniform draw.

use crate::random::Stream;

/// Entries that a Go map keeps in order of insertion.
const PLACES: usize = 8;

/// Nodes in the order of their listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeOrder {
    /// Nodes in the map's order.
    nodes: Vec<usize>,
    /// Number of the first node ever put in: its place is 0.
    lowest: usize,
    /// Nodes ever put in, those taken out included.
    entries: usize,
    /// Position in `nodes` at which the listing begins.
    first: usize,
    /// How many of `nodes` lie where a hash put them.
    hashed: usize,
    /// The list has to be built again.
    stale: bool,
}

impl NodeOrder {
    /// Puts a node in; nodes come in ascending numbers.
    pub(crate) fn push(&mut self, node: usize) {
        if self.entries == 0 {
            self.lowest = node;
        }
        self.entries += 1;
        self.nodes.push(node);
        self.stale = true;
    }

    /// Takes a node out; the others keep their order.
    pub(crate) fn remove(&mut self, node: usize) {
        let Some(at) = self.nodes.iter().position(|&other| other == node) else { return };
        self.nodes.remove(at);
        self.hashed -= usize::from(at < self.hashed);
        if at < self.first {
            self.first -= 1;
        }
        if self.first == self.nodes.len() {
            self.first = 0;
        }
    }

    /// The nodes changed, so that the list will be built again.
    pub(crate) fn disturb(&mut self) {
        self.stale = true;
    }

    /// Takes a node out as if it had never been in.
    pub(crate) fn forget(&mut self, node: usize) {
        self.remove(node);
        self.entries -= 1;
    }

    /// The nodes, in no order to rely on.
    pub(crate) fn nodes(&self) -> &[usize] {
        &self.nodes
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Builds the list, if it has to be.
    pub(crate) fn list(&mut self, chance: &mut Stream) {
        if !std::mem::take(&mut self.stale) || self.nodes.len() < 2 {
            return;
        }
        if self.entries <= PLACES {
            let place = self.lowest + below(chance, PLACES);
            let begins = self.nodes.iter().position(|&node| node >= place);
            self.first = begins.unwrap_or(0);
            return;
        }
        for at in self.hashed..self.nodes.len() {
            let other = below(chance, at + 1);
            self.nodes.swap(at, other);
        }
        self.hashed = self.nodes.len();
        self.first = below(chance, self.nodes.len());
    }

    /// The node at a position of the list.
    pub(crate) fn at(&self, position: usize) -> usize {
        self.nodes[(self.first + position) % self.nodes.len()]
    }
}

/// Where searches go on, and the chance that orders lists. Carried from loop to loop.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    next: usize,
    pub(crate) chance: Stream,
    /// Some search was made since this was last set to false.
    pub(crate) asked: bool,
}

impl Search {
    /// The first search starts behind the first node.
    pub(crate) fn new(chance: Stream) -> Self {
        Self { next: 1, chance, asked: false }
    }

    /// Goes round a list of so many nodes, from behind the last success, until one position
    /// gives an answer.
    pub(crate) fn find<T>(
        &mut self,
        count: usize,
        mut answer: impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        self.asked = true;
        let start = self.next.checked_rem(count)?;
        for position in (start..count).chain(0..start) {
            if let Some(found) = answer(position) {
                self.next = position + 1;
                return Some(found);
            }
        }
        None
    }
}

/// A draw below a bound.
fn below(chance: &mut Stream, bound: usize) -> usize {
    u32::try_from(bound).map_or(0, |bound| chance.below(bound) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(order: &mut NodeOrder, chance: &mut Stream) -> Vec<usize> {
        order.list(chance);
        (0..order.len()).map(|position| order.at(position)).collect()
    }

    /// Orders of many listings of nodes from 3 on.
    fn listings(nodes: usize) -> Vec<Vec<usize>> {
        let mut chance = Stream::new(1, "test", "order");
        let mut order = NodeOrder::default();
        (3..3 + nodes).for_each(|node| order.push(node));
        let mut all = Vec::new();
        for _ in 0..800 {
            order.disturb();
            all.push(listed(&mut order, &mut chance));
        }
        all
    }

    #[test]
    fn few_nodes_keep_their_order_and_begin_where_chance_wills() {
        let all = listings(3);
        let begins = |node: usize| all.iter().filter(|list| list[0] == node).count();
        assert!(all.iter().all(|list| (list[0] + 1 - 3) % 3 == list[1] - 3), "round and round");
        assert!((550..650).contains(&begins(3)), "five empty places lead to the first");
        assert!((60..140).contains(&begins(4)) && (60..140).contains(&begins(5)));
    }

    #[test]
    fn more_nodes_lie_in_one_drawn_order_per_map() {
        let all = listings(9);
        let round = |list: &[usize]| {
            let at = list.iter().position(|&node| node == 3).expect("listed");
            [&list[at..], &list[..at]].concat()
        };
        assert_ne!(round(&all[0]), (3..12).collect::<Vec<_>>());
        assert!(all.iter().all(|list| round(list) == round(&all[0])));
        for node in 3..12 {
            let begins = all.iter().filter(|list| list[0] == node).count();
            assert!((50..130).contains(&begins), "{node}: {begins}");
        }
    }

    #[test]
    fn an_undisturbed_list_stays_and_a_node_taken_out_leaves_the_rest_as_it_was() {
        let mut chance = Stream::new(5, "test", "order");
        for nodes in [2, 5, 12] {
            let mut order = NodeOrder::default();
            (0..nodes).for_each(|node| order.push(node));
            let mut before = listed(&mut order, &mut chance);
            assert_eq!(listed(&mut order, &mut chance), before);
            while let Some(node) = before.pop() {
                order.remove(node);
                assert_eq!(listed(&mut order, &mut chance), before);
            }
        }
    }
}
