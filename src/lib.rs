//! aether-proxy: see README.md. This file is the map; it will be completed as the house is built.

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod close;
pub mod config;
pub mod dialect;
pub mod edge;
pub mod envelope;
pub mod hub;
pub mod label;
pub mod session;
pub mod telemetry;
