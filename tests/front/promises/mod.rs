//! What every dialect is held to, whatever else it does: one test for each promise, over all kinds of clients that
//! there are, in one group.

mod books;
mod cast;
mod entry;
mod garbage;
mod isolation;
mod order;
mod pages;
mod private;
mod refusals;
mod sockets;
mod verbatim;
