//! Owns the marker in every message: who sent it, its number, its time. It survives every translation.

/// One message, as its marker names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Who sent it: a connection, or one of its voices.
    pub publisher: u32,
    /// The how manyth of this publisher, from 0.
    pub number: u32,
    /// When it was to be sent, in nanoseconds since the start.
    pub intended: u64,
}

const DIGITS: [usize; 3] = [6, 8, 12];
/// Bytes of a marker.
pub const MARK: usize = 1 + DIGITS[0] + DIGITS[1] + DIGITS[2];

impl Mark {
    /// As text: `@` and three hexadecimal numbers. Nothing else in any frame holds an `@`.
    pub fn write(&self) -> String {
        format!("@{:06x}{:08x}{:012x}", self.publisher, self.number, self.intended)
    }

    /// Finds it in a frame.
    pub fn find(frame: &[u8]) -> Option<Self> {
        let at = frame.iter().position(|byte| *byte == b'@')? + 1;
        let digits = std::str::from_utf8(frame.get(at..at + MARK - 1)?).ok()?;
        let (publisher, rest) = digits.split_at(DIGITS[0]);
        let (number, intended) = rest.split_at(DIGITS[1]);
        Some(Self {
            publisher: u32::from_str_radix(publisher, 16).ok()?,
            number: u32::from_str_radix(number, 16).ok()?,
            intended: u64::from_str_radix(intended, 16).ok()?,
        })
    }
}
