//! The hub: one contract for both buses, and what Redis does to it.

mod asked;
mod cluster;
mod contract;
mod faults;
mod node;
mod presence;
mod queue;
mod refusals;
mod replicas;
mod sentinel;
mod stream;
mod tenancy;
mod upkeep;
