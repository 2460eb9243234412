//! The report: gates, forecast and verdict, made from what the store remembers. Plain functions; `view` is its shape,
//! `text`, `markdown` and `csv` are the forms people read.

pub mod build;
pub mod csv;
pub mod forecast;
pub mod gates;
pub mod groups;
pub mod lists;
pub mod markdown;
pub mod text;
pub mod view;
mod words;

pub use build::{Facts, build};
