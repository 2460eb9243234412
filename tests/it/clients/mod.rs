//! The client programs of `compat/clients`, which are other people's code as far as the proxy is concerned: they are
//! started, watched and told what to do here. First of all that they do what their guides' clients do.

mod page;
pub mod program;
mod script;
mod service;
