//! Faults in the protocols beside Aether's: what their clients say, and what they get.

use super::faults::Fault;
use super::wire::Frame;
use serde_json::{Value, json};

/// It is one of these protocols that is broken.
pub fn is_of(fault: Fault) -> bool {
    use Fault::*;
    matches!(
        fault,
        LegacyReencoded
            | LegacyTwice
            | LoginUnanswered
            | LegacyPingUnanswered
            | MetricsUnanswered
            | MetricsNotWrapped
            | RefusalUnsaid
            | RefusalAsGoodbye
            | FiltersIgnored
            | BatchReversed
            | WorkerOffline
            | WorkerUndescribed
            | AnswerToGroup
    )
}

/// What the server gets of a client's frame.
pub fn up(fault: Fault, frame: Frame) -> Option<Frame> {
    let Some(mut said) = frame.text().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Some(frame).filter(|frame| fault != Fault::LegacyPingUnanswered || frame.text() != Some("ping"));
    };
    let kind = said.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match (fault, kind.as_str()) {
        (Fault::LegacyPingUnanswered, "ping") => return None,
        (Fault::FiltersIgnored, "subscribe") => {
            let channel = &said["channel"];
            return Some(frame.with(json!({"type": "subscribe", "channel": channel}).to_string()));
        }
        (Fault::BatchReversed, "batch") => said["messages"].as_array_mut()?.reverse(),
        _ => return Some(frame),
    }
    Some(frame.with(said.to_string()))
}

/// What a client gets instead of this frame.
pub fn down(fault: Fault, frame: Frame) -> Vec<Frame> {
    let Some(mut said) = frame.text().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return vec![frame];
    };
    let kind = said.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match (fault, kind.as_str()) {
        (Fault::LegacyTwice, _) => return vec![frame.clone(), frame],
        (Fault::LoginUnanswered, "auth_response" | "auth_success")
        | (Fault::MetricsUnanswered, "metrics_received")
        | (Fault::RefusalUnsaid, "error") => return Vec::new(),
        (Fault::MetricsNotWrapped, "metrics") => {
            let mut data = said["data"].take();
            if let Some(data) = data.as_object_mut() {
                data.insert("type".to_owned(), "metrics".into());
            }
            said = data;
        }
        (Fault::WorkerOffline, "WORKER_STATUS") => said["status"] = "offline".into(),
        (Fault::WorkerUndescribed, "WORKER_STATUS") => said["metadata"] = Value::Null,
        (Fault::LegacyReencoded, _) => {}
        _ => return vec![frame],
    }
    vec![frame.with(said.to_string())]
}
