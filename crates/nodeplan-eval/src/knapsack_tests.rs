//! The knapsack equals enumeration; cut short, it never falls below it.

use super::*;
use proptest::prelude::*;

/// The most any content is worth, by trying all.
fn slow(knapsack: &Knapsack) -> i64 {
    fn go(knapsack: &Knapsack, item: usize, counts: &mut Vec<u64>) -> i64 {
        let dims = knapsack.capacities.len();
        if item < knapsack.worths.len() {
            let mut best = i64::MIN;
            for count in 0..=knapsack.copies[item] {
                counts.push(count);
                best = best.max(go(knapsack, item + 1, counts));
                counts.pop();
            }
            return best;
        }
        let amount = |d: usize| -> u64 {
            counts.iter().enumerate().map(|(i, n)| n * knapsack.sizes[i * dims + d]).sum()
        };
        if (0..dims).any(|d| amount(d) > knapsack.capacities[d]) {
            return i64::MIN;
        }
        let met = |bit: usize| {
            let of = |(i, n): (usize, &u64)| {
                if knapsack.masks[i] >> bit & 1 == 1 { *n } else { 0 }
            };
            let count: u64 = counts.iter().enumerate().map(of).sum();
            count >= u64::from(knapsack.at_least[bit])
        };
        let bits = knapsack.at_least.len();
        let rows: i64 = knapsack
            .rows
            .iter()
            .filter(|row| (0..bits).all(|bit| row.mask >> bit & 1 == 0 || met(bit)))
            .map(|row| row.worth)
            .sum();
        let worth: i64 = counts.iter().zip(&knapsack.worths).map(|(n, w)| *n as i64 * w).sum();
        worth + rows
    }
    go(knapsack, 0, &mut Vec::new())
}

prop_compose! {
    fn any_knapsack(conditional: bool)(
        capacities in prop::collection::vec(1_u64..20, 1..5),
        limit in -1_i64..60,
        at_least in prop::collection::vec(1_u32..4, if conditional { 1..4 } else { 0..1 }),
    )(
        items in prop::collection::vec(
            (prop::collection::vec(0_u64..10, capacities.len()), 0_i64..20, 1_u64..4, 0_u64..8),
            0..6,
        ),
        rows in prop::collection::vec(
            (1_u64..8, -15_i64..15),
            if conditional { 1..4 } else { 0..1 },
        ),
        capacities in Just(capacities),
        at_least in Just(at_least),
        limit in Just(limit),
    ) -> Knapsack {
        let all = (1_u64 << at_least.len()) - 1;
        let fits = |sizes: &[u64]| sizes.iter().zip(&capacities).all(|(s, c)| s <= c);
        let items: Vec<_> = items.into_iter().filter(|item| fits(&item.0)).collect();
        let reachable = |mask: u64| (0..at_least.len()).all(|bit| {
            let of = |item: &&(Vec<u64>, i64, u64, u64)| item.3 & all >> bit & 1 == 1;
            let most: u64 = items.iter().filter(of).map(|item| item.2).sum();
            mask >> bit & 1 == 0 || most >= u64::from(at_least[bit])
        });
        Knapsack {
            sizes: items.iter().flat_map(|item| item.0.clone()).collect(),
            worths: items.iter().map(|item| item.1).collect(),
            copies: items.iter().map(|item| item.2).collect(),
            masks: items.iter().map(|item| item.3 & all).collect(),
            rows: rows
                .into_iter()
                .map(|(mask, worth)| RowTerm { mask: mask & all, worth })
                .filter(|row| row.mask != 0 && reachable(row.mask))
                .collect(),
            at_least,
            capacities,
            limit,
        }
    }
}

fn solve(knapsack: &Knapsack, quota: u64) -> Outcome {
    Ready::of(knapsack.clone(), &[]).search(knapsack.limit, quota, 0)
}

fn agrees(knapsack: &Knapsack) -> Result<(), TestCaseError> {
    let truth = slow(knapsack);
    let exact = solve(knapsack, u64::MAX);
    prop_assert!(!exact.cut_short);
    prop_assert_eq!(exact.above, (truth > knapsack.limit).then_some(truth));
    for quota in [0, 1, 3, 10, 40] {
        let above = solve(knapsack, quota).above;
        prop_assert!(above.unwrap_or(knapsack.limit) >= truth, "quota {quota}: {above:?}");
    }
    // Whatever it starts from, asked for more, or content with less.
    for (hint, more, tolerance) in [(0, 1, 0), (7, 5, 0), (1 << 40, 0, 3), (i64::MAX, 2, 2)] {
        let ready = Ready::of(knapsack.clone(), &vec![hint; knapsack.capacities.len()]);
        let limit = knapsack.limit + more;
        let outcome = ready.search(limit, u64::MAX, tolerance);
        let upper = outcome.above.unwrap_or(limit);
        prop_assert!(outcome.seen <= truth && upper >= truth, "{outcome:?}, maximum {truth}");
        if tolerance == 0 {
            prop_assert_eq!(outcome.above, (truth > limit).then_some(truth));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn plain_knapsacks_equal_enumeration(knapsack in any_knapsack(false)) {
        agrees(&knapsack)?;
    }

    #[test]
    fn conditional_knapsacks_equal_enumeration(knapsack in any_knapsack(true)) {
        agrees(&knapsack)?;
    }
}
