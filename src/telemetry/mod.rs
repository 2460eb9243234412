//! What the proxy tells its operators: metrics (one declaration) and logs. What is counted where is the
//! business of those who count.

#[cfg(test)]
mod catalogue;
pub mod family;
pub mod labels;
pub mod metrics;
pub mod redact;
pub mod tenants;
pub mod trace;

pub use family::{Counters, Gauges, Histograms, LabelSet};
pub use metrics::Metrics;
/// Two metrics of one name, or a registry that is full: a mistake of the house.
pub use prometheus::Error as MetricsError;
pub use redact::Redacted;
