//! Owns a number for each word of a closed set: counted, merged, written by its words.

use crate::label::Label;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// One number for each word of a closed set. Written as an object, words without a number left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers<L>(Box<[u64]>, PhantomData<L>);

impl<L: Label> Default for Numbers<L> {
    fn default() -> Self {
        Self(vec![0; L::ALL.len()].into(), PhantomData)
    }
}

impl<L: Label> Numbers<L> {
    /// The number of a word.
    pub fn get(&self, of: L) -> u64 {
        self.0[of.index()]
    }

    /// Adds to it.
    pub fn add(&mut self, of: L, n: u64) {
        self.0[of.index()] = self.0[of.index()].saturating_add(n);
    }

    /// Sets it.
    pub fn set(&mut self, of: L, n: u64) {
        self.0[of.index()] = n;
    }

    /// Adds another of its kind.
    pub fn merge(&mut self, other: &Self) {
        for (word, n) in other.iter() {
            self.add(word, n);
        }
    }

    /// The words with a number above 0.
    pub fn iter(&self) -> impl Iterator<Item = (L, u64)> + '_ {
        L::ALL.iter().map(|word| (*word, self.get(*word))).filter(|(_, n)| *n > 0)
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|n| *n == 0)
    }
}

impl<L: Label> Serialize for Numbers<L> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter().map(|(word, n)| (word.label(), n)))
    }
}

impl<'de, L: Label> Deserialize<'de> for Numbers<L> {
    /// Words nobody knows are passed over: a newer node may know more.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, u64>::deserialize(d)?;
        let mut numbers = Self::default();
        for word in L::ALL {
            numbers.set(*word, map.get(word.label()).copied().unwrap_or(0));
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::record::{Count, Tally};

    #[test]
    fn numbers_are_written_by_their_words_and_unknown_words_are_passed_over() {
        let mut tally = Tally::default();
        tally.add(Count::V2Frames, 3);
        let text = serde_json::to_string(&tally).expect("JSON");
        assert_eq!(text, r#"{"v2_frames":3}"#);
        let read: Tally = serde_json::from_str(r#"{"v2_frames":3,"tomorrow":4}"#).expect("JSON");
        assert_eq!(read, tally);
    }
}
