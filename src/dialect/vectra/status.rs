//! Owns the one frame that is the server's own: WORKER_STATUS.

use crate::envelope::{Draft, MsgType, json};

/// Its `type`, and the `cmd` it has among V3 clients.
pub(super) const STATUS: &str = "WORKER_STATUS";
/// Bytes of what a worker may say of itself: it is kept with its presence, and told again with each status.
pub const MOST_METADATA: usize = 16 * 1024;

/// The frame.
pub(super) fn frame(online: bool, metadata: Option<&str>) -> String {
    let status = if online { "online" } else { "offline" };
    format!("{{\"type\":\"{STATUS}\",\"status\":\"{status}\",\"metadata\":{}}}", metadata.unwrap_or("null"))
}

/// The server's word to everyone.
pub(super) fn announcement(online: bool, metadata: Option<&str>) -> Draft<'static> {
    announced(frame(online, metadata))
}

/// The same with its frame.
pub(super) fn announced(frame: String) -> Draft<'static> {
    let mut draft = Draft::to_group(MsgType::Cmd);
    draft.cmd = Some(format!("\"{STATUS}\"").into());
    draft.payload = Some(frame.into());
    draft
}

/// Exactly one JSON value? What is kept on the hub is put into a frame, so it is looked at again.
pub(super) fn is_value(token: &str) -> bool {
    json::items(&format!("[{token}]")).is_some_and(|all| all.len() == 1)
}
