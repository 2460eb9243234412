//! The report: gates, forecast and verdict, made from what the store remembers. Plain functions; `view` is its shape.

pub mod view;
