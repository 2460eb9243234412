//! One client after its handshake: `Machine` decides, `Session` does the input and output, `Visit` opens and
//! closes the books. What the client's bytes mean is its dialect's; who hears them is the hub's.

mod books;
mod bucket;
mod common;
mod farewell;
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

pub use bucket::{Bucket, Rate};
pub use common::{Common, Rates};
pub use farewell::turn_away;
pub use machine::{Client, Machine};
pub use run::Session;
pub use settings::Settings;
pub use steps::{Moment, Step, Steps};
pub use visit::{Context, Remote, Traffic, Visit};
