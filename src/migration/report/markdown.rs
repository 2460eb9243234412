//! placeholder
use super::view::Report;
/// The report.
pub fn markdown(_: &Report) -> String {
    String::new()
}
