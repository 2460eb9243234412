//! How Redis is reached: its address, connections to it, who is master, how long to wait before trying again. What is
//! said on them belongs to the hub and to the store of the migration.

mod connect;
mod pace;
mod sentinel;
mod target;

pub use connect::{ConnectError, Connector, Transport};
pub use pace::{Backoff, Rarely};
pub use target::{Mode, Node, StartError, Target};
