//! Label setting against enumeration.

use super::*;
use proptest::prelude::*;

fn enumerate(task: &Task) -> i64 {
    fn go(task: &Task, i: usize, room: &[i64], content: &mut Vec<(u32, u32)>, value: i64) -> i64 {
        let Some(item) = task.items.get(i) else {
            let joint: i64 = task
                .joint
                .iter()
                .filter(|j| {
                    j.conditions
                        .iter()
                        .all(|(class, at)| content.iter().any(|(c, n)| c == class && n >= at))
                })
                .map(|j| j.gain)
                .sum();
            return value + joint;
        };
        let mut best = i64::MIN;
        for n in 0..=item.most {
            let left: Vec<i64> =
                room.iter().zip(&item.size).map(|(r, s)| r - s * i64::from(n)).collect();
            if left.iter().any(|r| *r < 0) {
                break;
            }
            content.push((item.class, n));
            best = best.max(go(task, i + 1, &left, content, value + item.worth(n)));
            content.pop();
        }
        best
    }
    go(task, 0, &task.capacity, &mut Vec::new(), 0)
}

fn tasks() -> impl Strategy<Value = Task> {
    (1_usize..5, 1_usize..6).prop_flat_map(|(dims, count)| {
        let item = (
            proptest::collection::vec(0_i64..12, dims),
            0_i64..50,
            1_u32..4,
            proptest::collection::vec((1_u32..3, -20_i64..20), 0..2),
        );
        (
            proptest::collection::vec(item, count),
            proptest::collection::vec(0_i64..30, dims),
            proptest::collection::vec(
                (-30_i64..30, 0..count as u32, 0..count as u32, 1_u32..3, 1_u32..3),
                0..3,
            ),
        )
            .prop_map(|(items, capacity, joint)| Task {
                items: items
                    .into_iter()
                    .enumerate()
                    .map(|(i, (size, value, most, steps))| Item {
                        class: i as u32,
                        most,
                        value,
                        size,
                        steps,
                    })
                    .collect(),
                joint: joint
                    .into_iter()
                    .filter(|(_, a, b, _, _)| a != b)
                    .map(|(gain, a, b, m, n)| JointGain { gain, conditions: vec![(a, m), (b, n)] })
                    .collect(),
                capacity,
                limit: 0,
                best_only: true,
                keep: 3,
                label_limit: usize::MAX,
                budget: u64::MAX,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn labels_find_what_enumeration_finds(task in tasks()) {
        let best = enumerate(&task);
        let priced = price(&task);
        prop_assert_eq!(priced.upper, best.max(0));
        if let Some((worth, _)) = priced.contents.first() {
            prop_assert_eq!(*worth, best);
        } else {
            prop_assert!(best <= 0);
        }
    }

    #[test]
    fn a_cut_search_still_bounds_from_above(mut task in tasks()) {
        task.label_limit = 2;
        prop_assert!(price(&task).upper >= enumerate(&task));
    }
}
