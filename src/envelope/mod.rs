//! `WS_Message_V3` as a value: ids, draft, seal, route. Uses nothing else of the house.

pub mod ids;
pub mod json;
