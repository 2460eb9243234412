//! `WS_Message_V3` as a value (guide section 3): what a client said is a `Draft`; only `seal` makes an
//! `Envelope` of it, with the stamps of the connection it came from. Uses nothing else of the house.

mod draft;
pub mod ids;
mod invalid;
pub mod json;
mod scan;
mod seal;

pub use draft::{Draft, MsgType, Target};
pub use ids::{AccountId, ClientId, GroupId, IdError};
pub use invalid::{Problem, ProblemKind};
pub use seal::{Envelope, Nulls, Origin, Route, Stamp, seal};
