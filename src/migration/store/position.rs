//! Owns where a client stands in an order: as a text, and positions compare as their texts do.

use super::Order;

/// What positions by time count down from: twelve digits, so that the latest stand first.
pub const LATEST: i64 = 999_999_999_999;

/// Of a client, as `keys::member` writes it.
pub fn of(order: Order, last_seen: i64, member: &str) -> String {
    match order {
        Order::Key => member.to_owned(),
        Order::LastSeen => format!("{:012}\u{1f}{member}", LATEST.saturating_sub(last_seen)),
    }
}
