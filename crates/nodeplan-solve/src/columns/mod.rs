//! Column generation: the covering LP over node contents, priced exactly.

pub mod generate;
pub mod knapsack;
pub mod master;
pub mod multipliers;
pub mod pool;
pub mod target;
