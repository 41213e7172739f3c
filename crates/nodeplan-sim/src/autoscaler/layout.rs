//! Where the pods of a view are, and how full that makes its nodes: what loops that follow each
//! other would find out again, though most nodes did not change in between.

use super::loop_snapshot::Room;
use super::options::Options;
use super::scale_down::utilization;
use super::view::ClusterView;

/// The pods of a view by place.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Pods without a node, in the order of the lister: indices into [`ClusterView::pods`].
    pub waiting: Vec<usize>,
    /// Like [`ClusterView::nodes`].
    pub nodes: Vec<Content>,
}

/// The pods of one node.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Indices into [`ClusterView::pods`], in the order of the lister, without expendable pods.
    pub pods: Vec<usize>,
    pub(crate) room: Room,
    /// Pods of required anti-affinity.
    pub(crate) repelling: u32,
    /// Its utilization, where no pod ends: then it is the same at any time. The inner one is empty
    /// where it cannot be told.
    pub(crate) used: Option<Option<f64>>,
}

impl Layout {
    /// All of a view.
    #[must_use]
    pub fn of(options: &Options, view: &ClusterView<'_>) -> Self {
        let mut layout = Layout::default();
        layout.nodes.resize_with(view.nodes.len(), Content::default);
        for (index, pod) in view.pods.iter().enumerate() {
            match pod.node {
                None => layout.waiting.push(index),
                Some(node) if pod.priority >= options.expendable_cutoff => {
                    layout.nodes[node].pods.push(index);
                }
                Some(_) => {}
            }
        }
        for (node, content) in layout.nodes.iter_mut().enumerate() {
            content.measure(options, view, node);
        }
        layout
    }
}

impl Content {
    /// Adds up the pods anew: those of a node of a view.
    pub fn measure(&mut self, options: &Options, view: &ClusterView<'_>, node: usize) {
        (self.room, self.repelling) = (Room::default(), 0);
        let mut lasts = true;
        for &pod in &self.pods {
            let pod = &view.pods[pod];
            let class = &view.classes[pod.class];
            self.room.add(class);
            self.repelling += u32::from(class.host_anti_affinity);
            lasts &= pod.deletion_ms.is_none();
        }
        let told = || utilization(options, view, &mut Vec::new(), node, &self.pods);
        self.used = lasts.then(told);
    }
}
