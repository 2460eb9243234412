//! Owns how much of its guide each dialect keeps: one table a dialect, beside its code, printed by
//! `aether-proxy dialects` and written down in the docs. Every row names the compatibility case that shows it.

use super::{Spoken, aether_support, server_monitor, valtronics, vectra};
use crate::label::labels;

labels! {
    /// How a feature of a guide fares.
    pub enum Support {
        /// As the guide promises it.
        Supported = "supported",
        /// It works, and somebody who looks closely sees a difference, which the note tells.
        Approximated = "approximated",
        /// Not shown, on purpose, and counted.
        Suppressed = "suppressed",
        /// Answered with an error, or with a refusal.
        Refused = "refused",
    }
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// What the guide calls it.
    pub name: &'static str,
    /// How it fares.
    pub support: Support,
    /// What to know about it, in a sentence.
    pub note: &'static str,
    /// The guide's section.
    pub source: &'static str,
    /// The id of a case in `compat/cases` that shows it, or the name of a test where it takes more than frames.
    pub shown_by: &'static str,
}

/// A row, in the order of its members.
pub(super) const fn row(
    name: &'static str,
    support: Support,
    note: &'static str,
    source: &'static str,
    shown_by: &'static str,
) -> Feature {
    Feature { name, support, note, source, shown_by }
}

/// A dialect's table.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The dialect.
    pub spoken: Spoken,
    /// Its rows, in the guide's order.
    pub features: &'static [Feature],
}

/// All tables: Aether's own first.
pub const ALL: &[Table] =
    &[aether_support::V2, aether_support::V3, valtronics::SUPPORT, server_monitor::SUPPORT, vectra::SUPPORT];
