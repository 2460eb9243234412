//! One client after its handshake: `Waiting` is one that has yet to prove itself; then `Machine` decides, `Session`
//! does the input and output, `Visit` opens and closes the books. What the client's bytes mean is its dialect's; who hears them is the hub's.

mod act;
mod books;
mod bucket;
mod common;
mod farewell;
mod filtered;
mod keepalive;
mod large;
mod last_words;
mod machine;
mod meter;
mod metered;
mod pace;
mod run;
mod settings;
mod steps;
mod unfinished;
mod visit;
mod waiting;

pub use bucket::{Bucket, Rate};
pub use common::{Common, Rates};
pub use farewell::{Socket, open, turn_away};
pub use machine::{Client, Machine};
pub use run::Session;
pub use settings::Settings;
pub use steps::{Moment, Step, Steps};
pub use visit::{Context, Remote, Traffic, Visit};
pub use waiting::{Said, Waiting};
