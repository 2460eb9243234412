//! Owns the form of every answer to operators: type, headers, errors in JSON, and the tag by which an unchanged one is
//! known.

use crate::migration::StoreError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The text exposition's own type and version.
pub(super) const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const MARKDOWN: &str = "text/markdown; charset=utf-8";
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";
/// What a page may do: its own scripts, styles and API; nothing may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What hyper sends. A long answer may break off when the store goes away.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, StoreError>>;

/// A body of this type.
pub(super) fn write(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let whole = Full::new(body.into()).map_err(|never| match never {});
    with_headers(status, kind, UnsyncBoxBody::new(whole))
}

/// A body that is made while it is sent, to be saved under this name.
pub(super) fn stream(
    kind: &'static str,
    name: &'static str,
    parts: impl Stream<Item = Result<Frame<Bytes>, StoreError>> + Send + 'static,
) -> Answer {
    saved_as(with_headers(StatusCode::OK, kind, UnsyncBoxBody::new(StreamBody::new(parts))), name)
}

/// To be saved under this name.
pub(super) fn saved_as(mut answer: Answer, name: &'static str) -> Answer {
    answer.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
    answer
}

fn with_headers(status: StatusCode, kind: &'static str, body: UnsyncBoxBody<Bytes, StoreError>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_TYPE, kind);
    // What is true now need not be so a second later.
    set(CACHE_CONTROL, "no-store");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(CONTENT_SECURITY_POLICY, POLICY);
    answer
}

/// JSON and a line break.
pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    write(status, JSON, format!("{value}\n"))
}

/// An error with its word and a sentence.
pub(super) fn error(status: StatusCode, word: &str, message: &str) -> Answer {
    json(status, &json!({"error": word, "message": message}))
}

/// A view as JSON, with its tag; 304 where the asker has it.
pub(super) fn view(asked: &HeaderMap, view: &impl Serialize) -> Answer {
    match serde_json::to_string(view) {
        Ok(text) => tagged(asked, JSON, text + "\n"),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            self::error(StatusCode::INTERNAL_SERVER_ERROR, "unwritable", "see the log")
        }
    }
}

/// A body with its tag; 304 where the asker has it.
pub(super) fn tagged(asked: &HeaderMap, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..15]));
    let named = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let has = named
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|has| has == "*" || has.trim_start_matches("W/") == tag);
    let mut answer = match has {
        true => write(StatusCode::NOT_MODIFIED, kind, Bytes::new()),
        false => write(StatusCode::OK, kind, body),
    };
    // Base64 and quotes are good in a header.
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}
