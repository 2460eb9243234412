//! The migration: what is remembered, on one node and on many.

mod contract;
mod faults;
mod laws;
mod nodes;
mod place;
mod room;
