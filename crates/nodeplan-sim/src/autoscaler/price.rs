//! The price expander's score (`expander/price/price.go`, `preferred.go`). AKS has no pricing
//! model behind it; other clouds do.

use crate::autoscaler::expander::ScaleUpOption;

/// What the price expander knows of the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pricing {
    /// CPU of the node size preferred for the cluster, in milli-cores, see [`preferred_cpu_milli`].
    pub preferred_cpu_milli: i64,
    /// Price for an hour of a pod with 500 milli-cores and 500 MiB; without one nothing is chosen.
    pub stabilization_price: Option<f64>,
}

/// CPU requested by the pod whose price steadies the score, in milli-cores.
pub const STABILIZATION_CPU_MILLI: i64 = 500;
/// Memory requested by the pod whose price steadies the score, in bytes.
pub const STABILIZATION_MEMORY_BYTES: i64 = 500 << 20;

/// Weight of a size that does not suit the cluster, for groups with GPUs.
const GPU_UNFITNESS: f64 = 1000.0;
/// Factor for groups that would have to be made first.
const NOT_EXISTING: f64 = 2.0;

/// CPU of the node size preferred for a cluster of so many nodes, in milli-cores:
/// upstream's `SimplePreferredNodeProvider`.
pub fn preferred_cpu_milli(cluster_nodes: usize) -> i64 {
    match cluster_nodes {
        0..=2 => 1_000,
        3..=6 => 2_000,
        7..=20 => 4_000,
        21..=60 => 8_000,
        61..=200 => 16_000,
        _ => 32_000,
    }
}

/// An option's score, the lower the better; none if its node or a pod has no price.
pub fn score(option: &ScaleUpOption, pricing: &Pricing, stabilization: f64) -> Option<f64> {
    let nodes = option.node_price? * option.node_count as f64;
    let pods = option.pods_price?;
    let value = (nodes + stabilization) / (pods + stabilization);
    let unfitness = if option.gpu {
        GPU_UNFITNESS
    } else {
        let preferred = pricing.preferred_cpu_milli as f64;
        let offered = option.node_cpu_milli as f64;
        let unfit = (preferred / offered).max(offered / preferred);
        (unfit - 1.0) * (1.0 - tanh(option.node_count.wrapping_sub(1) as f64 / 15.0)) + 1.0
    };
    let score = unfitness * value;
    Some(if option.exists { score } else { score * NOT_EXISTING })
}

/// Hyperbolic tangent by the rational approximation of Cephes, which Go's `math.Tanh` uses.
fn tanh(x: f64) -> f64 {
    const P: [f64; 3] =
        [-9.643_991_794_250_522e-1, -9.928_772_310_019_186e1, -1.614_687_684_417_084_5e3];
    const Q: [f64; 3] =
        [1.128_116_784_916_329_3e2, 2.235_488_390_601_004_5e3, 4.844_063_053_251_255e3];
    /// From here on the result rounds to one: half the logarithm of the largest number.
    const ONE_FROM: f64 = 0.5 * 8.802_969_193_111_305e1;
    let size = x.abs();
    if size > ONE_FROM {
        return 1.0f64.copysign(x);
    }
    if size >= 0.625 {
        let value = 1.0 - 2.0 / (libm::exp(2.0 * size) + 1.0);
        return value.copysign(x);
    }
    if x == 0.0 {
        return x;
    }
    let s = x * x;
    x + x * s * ((P[0] * s + P[1]) * s + P[2]) / (((s + Q[0]) * s + Q[1]) * s + Q[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_that_of_the_library_to_the_last_bits() {
        for step in -900..900 {
            let x = f64::from(step) / 20.0;
            assert!((tanh(x) - libm::tanh(x)).abs() <= 2.3e-16, "{x}");
        }
    }
}
