//! The hub: one contract for both buses, and what Redis does to it.

mod contract;
mod faults;
mod node;
mod presence;
