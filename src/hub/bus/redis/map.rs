//! Owns the map of a Redis: which master serves which hash slot. One server, and a master that sentinels
//! name, are maps with one master for all slots. No I/O.

use crate::hub::slot::SLOTS;
use crate::redis_client::Node;

/// Which master serves which slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    masters: Vec<Node>,
    /// For each slot, the place of its master, or `NOBODY`.
    owners: Box<[u16]>,
}

const NOBODY: u16 = u16::MAX;

impl Map {
    /// Nothing is known yet.
    pub fn unknown() -> Self {
        Self { masters: Vec::new(), owners: vec![NOBODY; SLOTS].into() }
    }

    /// One master for everything.
    pub fn one(node: Node) -> Self {
        Self { masters: vec![node], owners: vec![0; SLOTS].into() }
    }

    /// A cluster: ranges of slots (both ends included) and their masters.
    pub fn of(ranges: impl IntoIterator<Item = (u16, u16, Node)>) -> Self {
        let mut map = Self::unknown();
        for (first, last, node) in ranges {
            let place = map.masters.iter().position(|known| *known == node).unwrap_or_else(|| {
                map.masters.push(node);
                map.masters.len() - 1
            });
            let (first, last) = (usize::from(first), usize::from(last).min(SLOTS - 1));
            if first <= last {
                map.owners[first..=last].fill(u16::try_from(place).unwrap_or(NOBODY));
            }
        }
        // Two answers that say the same must be equal, whatever their order.
        map.sorted()
    }

    fn sorted(self) -> Self {
        let mut masters = self.masters.clone();
        masters.sort();
        let place = |owner: &u16| {
            let node = self.masters.get(usize::from(*owner))?;
            masters.binary_search(node).ok().and_then(|place| u16::try_from(place).ok())
        };
        let owners = self.owners.iter().map(|owner| place(owner).unwrap_or(NOBODY)).collect();
        Self { masters, owners }
    }

    /// Every master that serves a slot.
    pub fn masters(&self) -> &[Node] {
        &self.masters
    }

    /// Who serves a slot.
    pub fn owner(&self, slot: u16) -> Option<&Node> {
        self.masters.get(usize::from(*self.owners.get(usize::from(slot))?))
    }

    /// Some slot that a master serves.
    pub fn slot_at(&self, node: &Node) -> Option<u16> {
        let place = self.masters.iter().position(|known| known == node)?;
        let slot = self.owners.iter().position(|owner| usize::from(*owner) == place)?;
        u16::try_from(slot).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> Node {
        Node { host: "h".into(), port }
    }

    #[test]
    fn a_map_says_who_serves_a_slot_and_which_slots_nobody_serves() {
        let map = Map::of([(0, 99, node(1)), (200, 16_383, node(2)), (100, 150, node(1))]);
        assert_eq!(map.owner(0), Some(&node(1)));
        assert_eq!(map.owner(150), Some(&node(1)));
        assert_eq!(map.owner(151), None);
        assert_eq!(map.owner(16_383), Some(&node(2)));
        assert_eq!(map.slot_at(&node(2)), Some(200));
        assert_eq!(map.slot_at(&node(3)), None);
        assert_eq!(map, Map::of([(200, 16_383, node(2)), (0, 150, node(1))]), "the order of the answer is nothing");
        assert_eq!(Map::one(node(7)).owner(12_345), Some(&node(7)));
    }
}
