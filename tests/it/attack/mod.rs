//! What somebody who has a credential of one account tries against another: real proxies, every kind of hub. Each attempt
//! is shown to be a real one in the same test: its message reaches whom it may reach.

mod identity;
mod messages;
mod names;
mod stage;
