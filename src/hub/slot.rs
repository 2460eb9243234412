//! Owns hash slots of Redis Cluster: in which one a name lies, and a name that lies in a given one.

use redis_protocol::redis_keyslot;
use std::sync::OnceLock;

/// Hash slots (Redis Cluster specification, "Key distribution model").
pub const SLOTS: usize = 16_384;

/// The hash slot of a key or a sharded channel.
pub fn slot_of(name: &[u8]) -> u16 {
    redis_keyslot(name)
}

/// A hash tag that lies in a slot: the smallest number whose decimal digits hash to it.
pub fn tag_of(slot: u16) -> u32 {
    static TAGS: OnceLock<Box<[u32]>> = OnceLock::new();
    let tags = TAGS.get_or_init(|| {
        let mut tags = vec![u32::MAX; SLOTS];
        let mut left = SLOTS;
        for number in 0.. {
            let tag = &mut tags[usize::from(slot_of(number.to_string().as_bytes()))];
            if *tag == u32::MAX {
                *tag = number;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
        tags.into()
    });
    tags[usize::from(slot) % SLOTS]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_tag() {
        for slot in 0..16_384 {
            assert_eq!(slot_of(format!("x{{{}}}y", tag_of(slot)).as_bytes()), slot);
        }
    }
}
