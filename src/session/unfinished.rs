//! Owns how much may come in for one message before it is whole. A message may come in any number of fragments
//! (RFC 6455 section 5.4), also empty ones, and the limit for messages only sees what is in them.

use super::settings::Settings;

/// Bytes on the wire for each byte of content: fragments of one byte take seven.
const FRAMING: u64 = 8;
/// And for a message of nothing.
const AT_LEAST: u64 = 64 * 1024;
/// Head and mask of a control frame, which is never a fragment.
const CONTROL: u64 = 6;

/// What has come in that belongs to no whole frame yet; counted on the transport.
#[derive(Debug)]
pub struct Unfinished {
    accounted: u64,
    most: u64,
}

impl Unfinished {
    /// Nothing has come yet.
    pub fn new(settings: &Settings) -> Self {
        let message = settings.socket.max_message_size.unwrap_or(usize::MAX);
        Self { accounted: 0, most: (message as u64).saturating_mul(FRAMING).saturating_add(AT_LEAST) }
    }

    /// A message is whole; the transport has read so many bytes.
    pub fn whole(&mut self, read: u64) {
        self.accounted = read;
    }

    /// A ping or pong with so many bytes came, perhaps between two fragments.
    pub fn control(&mut self, bytes: usize) {
        self.accounted += CONTROL + bytes as u64;
    }

    /// Is it more than any message needs?
    pub fn is_endless(&self, read: u64) -> bool {
        read.saturating_sub(self.accounted) > self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_largest_message_may_come_byte_by_byte_and_pings_cost_nothing() {
        let mut config = Config::default();
        config.limits.message = 100_000;
        let mut unfinished = Unfinished::new(&Settings::new(&config));
        assert!(!unfinished.is_endless(700_000));
        assert!(unfinished.is_endless(900_000));
        for n in 1..=100_000_u64 {
            unfinished.control(125);
            assert!(!unfinished.is_endless(n * 131));
        }
        unfinished.whole(20_000_000);
        assert!(!unfinished.is_endless(20_700_000) && unfinished.is_endless(20_900_000));
    }
}
