//! Owns which of several frames in any order is which of several that were expected. A frame may fit more than one, so
//! one that was assigned may have to move. Pure.

use std::collections::HashMap;
use std::hash::Hash;

/// An assignment on the way. `V` is the verdict on a frame that fits.
#[derive(Debug)]
pub struct Assignment<V> {
    /// For each that is expected: the frame that is it.
    taken: Vec<Option<usize>>,
    /// What was found already, by expected and frame.
    known: HashMap<(usize, usize), Option<V>>,
}

impl<V: Copy> Assignment<V> {
    /// Of so many expected.
    pub fn new(expected: usize) -> Self {
        Self { taken: vec![None; expected], known: HashMap::new() }
    }

    /// Those that have no frame yet.
    pub fn open(&self) -> impl Iterator<Item = usize> {
        self.taken.iter().enumerate().filter(|(_, frame)| frame.is_none()).map(|(at, _)| at)
    }

    /// Finds a place for one more frame; `fits(expected, frame)` judges. False when there is none.
    pub fn assign(&mut self, frame: usize, fits: &impl Fn(usize, usize) -> Option<V>) -> bool {
        self.place(frame, fits, &mut vec![false; self.taken.len()])
    }

    /// For each that is expected: its frame, and the verdict.
    pub fn result(&self) -> impl Iterator<Item = (usize, usize, V)> {
        let taken = self.taken.iter().enumerate().filter_map(|(at, frame)| Some((at, (*frame)?)));
        taken.filter_map(|(at, frame)| Some((at, frame, self.known.get(&(at, frame)).copied().flatten()?)))
    }

    fn place(&mut self, frame: usize, fits: &impl Fn(usize, usize) -> Option<V>, tried: &mut [bool]) -> bool {
        let mut full = Vec::new();
        for at in 0..self.taken.len() {
            // Frames mostly come in the order in which they are written, so this is mostly one look.
            if let Some(other) = self.taken[at] {
                full.push((at, other));
            } else if self.fits(at, frame, fits) {
                self.taken[at] = Some(frame);
                return true;
            }
        }
        for (at, other) in full {
            if tried[at] || !self.fits(at, frame, fits) {
                continue;
            }
            tried[at] = true;
            if self.place(other, fits, tried) {
                self.taken[at] = Some(frame);
                return true;
            }
        }
        false
    }

    fn fits(&mut self, at: usize, frame: usize, fits: &impl Fn(usize, usize) -> Option<V>) -> bool {
        remembered(&mut self.known, (at, frame), || fits(at, frame)).is_some()
    }
}

fn remembered<K: Eq + Hash, V: Copy>(known: &mut HashMap<K, V>, key: K, find: impl FnOnce() -> V) -> V {
    *known.entry(key).or_insert_with(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(expected: &[&str], frames: &[&str]) -> Option<Vec<(usize, usize)>> {
        let mut assignment = Assignment::new(expected.len());
        // A pattern of one letter fits every frame that begins with it.
        let fits = |at: usize, frame: usize| frames[frame].starts_with(expected[at]).then_some(());
        let all = (0..frames.len()).all(|frame| assignment.assign(frame, &fits));
        all.then(|| assignment.result().map(|(at, frame, ())| (at, frame)).collect())
    }

    #[test]
    fn every_frame_has_its_place_if_there_is_one() {
        assert_eq!(assigned(&["a", "b"], &["b1", "a1"]), Some(vec![(0, 1), (1, 0)]));
        assert_eq!(assigned(&["a", "a1"], &["a1", "a2"]), Some(vec![(0, 1), (1, 0)]), "the first has to move");
        assert_eq!(assigned(&["", "a", "ab"], &["abc", "ab", "x"]).map(|all| all.len()), Some(3));
        assert_eq!(assigned(&["a", "b"], &["a1", "a2"]), None);
        assert_eq!(assigned(&["a"], &["a1", "a2"]), None);
    }

    #[test]
    fn what_is_open_is_known() {
        let mut assignment = Assignment::new(3);
        assert!(assignment.assign(0, &|at, _| (at == 1).then_some(7)));
        assert_eq!(assignment.open().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(assignment.result().collect::<Vec<_>>(), [(1, 0, 7)]);
    }
}
