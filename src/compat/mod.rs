//! The compatibility suite: the cases of `compat/cases` played against any server, through nothing but its sockets
//! (and its Redis, where it is told), and what was found. It uses no translation of the proxy: what is right stands in
//! the cases. Owns reading, playing, judging and comparing; flags and how results are shown are the command line's.

mod capability;
mod certificate;
mod check;
pub mod compare;
pub mod compile;
mod ids;
pub mod judge;
pub mod play;
mod profile;
pub mod suite;

pub use capability::Capability;
pub use certificate::{Certificate, FORMAT, Grade, Has, Outcome, Seen, SeenWhat, Status, SuiteInfo, TargetInfo};
pub use check::{Check, Lane, Script};
pub use ids::Ids;
pub use profile::{Channels, Credentials, Mount, Profile};

/// Bytes as text: two small digits each.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
