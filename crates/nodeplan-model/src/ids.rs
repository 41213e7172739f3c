//! Indices into the tables of one problem. They derive `Ord`, not `Hash`: random iteration
//! order does not compile.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// As a place in the table.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// A size in `Problem::skus`.
    SkuId
}
id! {
    /// A workload in `Problem::workloads`.
    WorkloadId
}
id! {
    /// A placement group in `Problem::groups`.
    GroupId
}
