//! Owns how bytes become what a target wants: some dice in front, then parts.

use std::borrow::Cow;

/// Stands between parts: no text in UTF-8 holds it.
pub const BETWEEN: u8 = 0xff;

/// Takes dice from the front; a die that is not there shows nought.
pub fn dice<const N: usize>(data: &[u8]) -> ([u8; N], &[u8]) {
    let (front, rest) = data.split_at(N.min(data.len()));
    let mut dice = [0; N];
    dice[..front.len()].copy_from_slice(front);
    (dice, rest)
}

/// So many parts; the last takes all that is left.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut all = data.splitn(N, |byte| *byte == BETWEEN);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

/// Text, whatever the bytes are.
pub fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// One of these.
pub fn pick<T: Copy>(die: u8, of: &[T]) -> T {
    of[usize::from(die) % of.len()]
}
