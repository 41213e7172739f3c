//! What an autoscaler proposed lately, and the least and the most of it within a window.
//!
//! Upstream walks the whole list at every pass. Here the extremes of the last pass are kept: while
//! the window still holds them they are those of this pass too. Slots are reused as upstream does,
//! so that the list is the same at every pass.

/// A proposal that the autoscaler remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// Replicas proposed, before stabilisation.
    pub replicas: i32,
    /// When (ms).
    pub at_millis: i64,
}

/// What a pass looks back on: entries younger than two instants, and what may be forgotten (ms).
#[derive(Clone, Copy, Debug)]
pub struct Lookback {
    /// The least of the entries after this instant holds growth back.
    pub lowest_after: i64,
    /// The most of the entries after this instant holds shrinking back.
    pub highest_after: i64,
    /// The slot of an entry before this instant may be reused; not after either of the others.
    pub forget_before: i64,
}

/// The extreme of the entries after an instant.
#[derive(Clone, Copy, Debug)]
struct Extreme {
    replicas: i32,
    /// When it was proposed last, or the beginning of time where there is no entry.
    at_millis: i64,
    after: i64,
}

impl Extreme {
    /// Nothing is known.
    const UNKNOWN: Self = Self { replicas: 0, at_millis: i64::MIN, after: i64::MAX };

    /// There is none.
    fn none(after: i64) -> Self {
        Self { after, ..Self::UNKNOWN }
    }

    /// Looks back to a later instant; whether the extreme is known there.
    #[inline]
    fn look(&mut self, after: i64, youngest: i64) -> bool {
        if youngest <= after {
            *self = Self::none(after);
            return true;
        }
        let known = self.after <= after && self.at_millis > after;
        self.after = after;
        known
    }

    /// Looks back to another instant, and finds out nothing: an extreme that came before it is known
    /// no longer.
    #[inline]
    fn age(&mut self, after: i64) {
        if self.at_millis <= after {
            *self = Self::UNKNOWN;
        }
        self.after = self.after.max(after);
    }

    /// Takes in an entry where it beats the extreme, and whatever it is where there is none.
    #[inline]
    fn meet(&mut self, entry: Recommendation, beats: bool) {
        if beats || self.at_millis == i64::MIN {
            (self.replicas, self.at_millis) = (entry.replicas, entry.at_millis);
        }
    }

    /// Takes in an entry that beats the extreme, or is as good and younger.
    fn find(&mut self, entry: Recommendation, beats: bool) {
        let later = entry.replicas == self.replicas && self.at_millis <= entry.at_millis;
        if entry.at_millis > self.after {
            self.meet(entry, beats || later);
        }
    }
}

/// Raw proposals, in slots that are reused.
#[derive(Clone, Debug)]
pub struct Recommendations {
    list: Vec<Recommendation>,
    /// Instant of the youngest, or the end of time where nothing is known.
    youngest: i64,
    /// Where the oldest is, if from there on, and around, none is older than the one before it.
    oldest: Option<usize>,
    lowest: Extreme,
    highest: Extreme,
}

impl Default for Recommendations {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl PartialEq for Recommendations {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Recommendations {}

impl FromIterator<Recommendation> for Recommendations {
    fn from_iter<T: IntoIterator<Item = Recommendation>>(list: T) -> Self {
        let list = list.into_iter().collect();
        let (lowest, highest) = (Extreme::UNKNOWN, Extreme::UNKNOWN);
        Self { list, youngest: i64::MAX, oldest: None, lowest, highest }
    }
}

impl Recommendations {
    /// All of them, by slot.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Recommendation> {
        self.list.iter()
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was ever proposed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Remembers a proposal, and gives the least and the most of it and of what is looked back on.
    #[inline]
    pub fn remember(&mut self, newest: Recommendation, back: Lookback) -> (i32, i32) {
        let slot = if self.look(back) { self.slot(back.forget_before) } else { None };
        let slot = slot.unwrap_or_else(|| self.walk(back));
        self.meet(newest);
        let extremes = (self.lowest.replicas, self.highest.replicas);
        self.put(slot, newest);
        extremes
    }

    /// Remembers a proposal where nobody asks for extremes.
    #[inline]
    pub fn note(&mut self, newest: Recommendation, back: Lookback) {
        self.lowest.age(back.lowest_after);
        self.highest.age(back.highest_after);
        let slot = self.slot(back.forget_before).unwrap_or_else(|| self.walk(back));
        self.meet(newest);
        self.put(slot, newest);
    }

    /// Takes a proposal into the extremes.
    fn meet(&mut self, newest: Recommendation) {
        self.lowest.meet(newest, newest.replicas <= self.lowest.replicas);
        self.highest.meet(newest, newest.replicas >= self.highest.replicas);
    }

    /// Whether the extremes are known without a walk.
    fn look(&mut self, back: Lookback) -> bool {
        let lowest = self.lowest.look(back.lowest_after, self.youngest);
        self.highest.look(back.highest_after, self.youngest) && lowest
    }

    /// The last slot that may be reused, or a new one, where the order of the list tells it.
    fn slot(&self, forget_before: i64) -> Option<usize> {
        let oldest = self.oldest?;
        let old = |at: usize| self.list.get(at).is_some_and(|it| it.at_millis < forget_before);
        if !old(oldest) {
            return Some(self.list.len());
        }
        let next = self.after(oldest);
        (next == oldest || !old(next)).then_some(oldest)
    }

    /// The slot after one, around the list.
    fn after(&self, slot: usize) -> usize {
        if slot + 1 < self.list.len() { slot + 1 } else { 0 }
    }

    /// Puts a proposal into a slot.
    fn put(&mut self, slot: usize, newest: Recommendation) {
        if newest.at_millis < self.youngest {
            // Time ran backwards: nothing is known any more.
            *self = std::mem::take(&mut self.list).into_iter().collect();
        } else {
            self.youngest = newest.at_millis;
            self.oldest = match self.oldest {
                Some(oldest) if oldest == slot => Some(self.after(slot)),
                // The youngest follows the others.
                Some(0) if slot == self.list.len() => Some(0),
                _ => None,
            };
        }
        match self.list.get_mut(slot) {
            Some(old) => *old = newest,
            None => self.list.push(newest),
        }
    }

    /// Finds out all that there is to know by a walk over the list; the last slot that may be reused,
    /// or a new one.
    #[inline(never)]
    fn walk(&mut self, back: Lookback) -> usize {
        let Self { list, youngest, oldest, lowest, highest } = self;
        (*lowest, *highest) = (Extreme::none(back.lowest_after), Extreme::none(back.highest_after));
        (*youngest, *oldest) = (i64::MIN, Some(0));
        let (mut slot, mut falls) = (list.len(), 0);
        let mut before = list.last().map_or(0, |entry| entry.at_millis);
        for (index, &entry) in list.iter().enumerate() {
            let Recommendation { replicas, at_millis } = entry;
            lowest.find(entry, replicas < lowest.replicas);
            highest.find(entry, replicas > highest.replicas);
            if at_millis < back.forget_before {
                slot = index;
            }
            if at_millis < before {
                falls += 1;
                *oldest = Some(index).filter(|_| falls == 1);
            }
            before = at_millis;
            *youngest = (*youngest).max(at_millis);
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What upstream does: a walk over the list at every pass.
    fn plain(list: &mut Vec<Recommendation>, newest: Recommendation, back: Lookback) -> (i32, i32) {
        let (mut lowest, mut highest, mut slot) = (newest.replicas, newest.replicas, None);
        for (index, old) in list.iter().enumerate() {
            if old.at_millis > back.lowest_after {
                lowest = lowest.min(old.replicas);
            }
            if old.at_millis > back.highest_after {
                highest = highest.max(old.replicas);
            }
            if old.at_millis < back.forget_before {
                slot = Some(index);
            }
        }
        match slot {
            Some(slot) => list[slot] = newest,
            None => list.push(newest),
        }
        (lowest, highest)
    }

    proptest! {
        #[test]
        fn what_is_kept_changes_no_answer(
            passes in prop::collection::vec((0i32..6, 0u8..12, -3i64..60, 0u8..3), 1..300),
            windows in prop::collection::vec((0i64..8, 0i64..25), 1..3),
        ) {
            let (mut kept, mut list) = (Recommendations::default(), Vec::new());
            let mut now = 0;
            for (replicas, kind, jump, noted) in passes {
                // Mostly one step ahead, seldom far, none, or backwards.
                now += if kind < 9 { 1 } else { jump };
                let (up, down) = windows[usize::from(kind == 11) % windows.len()];
                let back = Lookback {
                    lowest_after: now - up,
                    highest_after: now - down,
                    forget_before: now - up.max(down),
                };
                let newest = Recommendation { replicas, at_millis: now };
                let plain = plain(&mut list, newest, back);
                if noted == 0 {
                    prop_assert_eq!(kept.remember(newest, back), plain);
                } else {
                    kept.note(newest, back);
                }
                prop_assert_eq!(&kept.list, &list);
            }
        }
    }
}
