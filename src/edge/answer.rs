//! Owns how a refusal is told before there is a WebSocket: status, a word for programs, a sentence for people.

use super::throttle::Surplus;
use crate::auth::Refusal;
use crate::close::CloseReason;
use crate::dialect::Denied;
use crate::envelope::json;
use crate::telemetry::labels::{Handshake, Limit};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION,
    UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use std::borrow::Cow;
use std::time::Duration;

/// Seconds after which a client that found no room or no hub may come again.
const LATER: u64 = 5;

/// An answer without a body stream.
pub type Answer = Response<Full<Bytes>>;

/// Why a request does not become a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    /// For the metric.
    pub result: Handshake,
    /// The limit that was hit, for another.
    pub limit: Option<Limit>,
    /// How a browser's script is told, which cannot read HTTP answers; None: only HTTP will do.
    pub close: Option<CloseReason>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Seconds after which coming again may help.
    pub retry_after: Option<u64>,
    /// It is told only after a while.
    pub held: Option<Held>,
    /// What a V2 client should do instead: members of the body.
    way: Vec<(&'static str, String)>,
}

/// Why a refused client is kept waiting, so that one that tries again at once does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A policy refuses: `policy.refuse_delay`.
    Policy,
    /// It failed to prove itself: `auth.refuse_delay`.
    Credential,
}

impl Refused {
    /// A refusal that only HTTP can tell.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        result: Handshake,
    ) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            message,
            result,
            limit: None,
            close: None,
            headers: Vec::new(),
            retry_after: None,
            held: None,
            way: Vec::new(),
        }
    }

    fn closing(mut self, reason: CloseReason) -> Self {
        self.close = Some(reason);
        self
    }

    fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    fn later(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 400.
    pub fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, Handshake::BadRequest)
    }

    /// 400: a known shape whose id is none.
    pub fn bad_id(message: String) -> Self {
        Self::bad_request("bad_id", message).closing(CloseReason::Policy)
    }

    /// 404, with the paths there are.
    pub fn unknown_path(shapes: &[String]) -> Self {
        let message = format!("there is no WebSocket here; connect to one of: {}", shapes.join(", "));
        Self::new(StatusCode::NOT_FOUND, "unknown_path", message, Handshake::BadPath)
    }

    /// 426: somebody looks at `/` with a browser or curl.
    pub fn root(shapes: &[String]) -> Self {
        let mut refused = Self::not_an_upgrade();
        refused.message = format!("aether-proxy serves WebSockets; connect to one of: {}", shapes.join(", ")).into();
        refused
    }

    /// 405.
    pub fn method() -> Self {
        let message = "a WebSocket handshake is a GET request";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, Handshake::BadRequest)
            .header(ALLOW, "GET, HEAD")
    }

    /// 414.
    pub fn url_too_long() -> Self {
        let message = "the URL is longer than limits.url";
        Self::new(StatusCode::URI_TOO_LONG, "url_too_long", message, Handshake::BadRequest)
    }

    /// 426: a plain request where a WebSocket is.
    pub fn not_an_upgrade() -> Self {
        let message = "this is a WebSocket address: connect with a WebSocket client";
        Self::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message, Handshake::BadRequest)
            .header(UPGRADE, "websocket")
    }

    /// 426: another version (RFC 6455 section 4.2.2).
    pub fn version() -> Self {
        let message = "only version 13 of the WebSocket protocol is spoken here";
        Self::new(StatusCode::UPGRADE_REQUIRED, "unsupported_version", message, Handshake::BadRequest)
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
    }

    /// 503: no room.
    pub fn full() -> Self {
        let message = "the server has as many connections as it may have";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::above(Limit::Connections, status, "too_many_connections", message, LATER)
    }

    /// 429: the address has as many connections as it may have. Only HTTP: a close would hold a place for it.
    pub fn address_full() -> Self {
        let message = "this address has as many connections as it may have";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::above(Limit::ConnectionsPerIp, status, "too_many_connections_from_address", message, LATER)
    }

    /// 429: the account or the key has as many connections as it may have.
    pub fn tenant_full() -> Self {
        let message = "this account or API key has as many connections as it may have";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::above(Limit::ConnectionsPerTenant, status, "too_many_connections_of_tenant", message, LATER)
            .closing(CloseReason::TryLater)
    }

    /// 429: the user has as many connections as it may have on this mount, or all of them have.
    pub fn users_full(limit: Limit) -> Self {
        let message = "this user, or all users together, have as many connections as they may have here";
        Self::above(limit, StatusCode::TOO_MANY_REQUESTS, "too_many_connections_of_user", message, LATER)
            .closing(CloseReason::TryLater)
    }

    /// 403: it says it is the worker and does not know its secret, or says it is something that is not known here.
    pub fn no_worker() -> Self {
        let message = "this is no client and not the worker: check `client_type` and the worker's secret";
        let mut refused = Self::new(StatusCode::FORBIDDEN, "not_the_worker", message, Handshake::Unauthorized)
            .closing(CloseReason::Policy);
        refused.held = Some(Held::Credential);
        refused
    }

    /// 403: there is no such server, or it is another's.
    pub fn no_place(why: Denied) -> Self {
        let message = match why {
            Denied::Group => "there is no such server, or it is not yours",
            _ => "the server's id cannot be used",
        };
        Self::new(StatusCode::FORBIDDEN, "no_such_server", message, Handshake::Unauthorized)
            .closing(CloseReason::Forbidden)
    }

    /// 429 or 503: handshakes come too fast. Only HTTP: accepting is what there is too much of.
    pub fn throttled(surplus: Surplus) -> Self {
        let (status, code, message, wait) = match surplus {
            Surplus::OfAddress => {
                let message = "this address connects too often";
                (StatusCode::TOO_MANY_REQUESTS, "too_many_handshakes_from_address", message, 1)
            }
            Surplus::OfTenant => {
                let message = "this account or API key connects too often";
                (StatusCode::TOO_MANY_REQUESTS, "too_many_handshakes_of_tenant", message, 1)
            }
            Surplus::OfUser => {
                let message = "this user connects too often";
                (StatusCode::TOO_MANY_REQUESTS, "too_many_connects_of_user", message, 6)
            }
            Surplus::InAll(wait) => {
                let message = "too many clients connect at the same moment";
                (StatusCode::SERVICE_UNAVAILABLE, "too_many_handshakes", message, wait)
            }
        };
        Self::above(surplus.limit(), status, code, message, wait)
    }

    fn above(limit: Limit, status: StatusCode, code: &'static str, message: &'static str, seconds: u64) -> Self {
        let mut refused = Self::new(status, code, message, Handshake::Limit).later(seconds);
        refused.limit = Some(limit);
        refused
    }

    /// 503: on its way out.
    pub fn draining() -> Self {
        let message = "this server is shutting down; another one will answer";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message, Handshake::ShuttingDown)
            .closing(CloseReason::Restart)
            .later(1)
    }

    /// 503: the hub is away.
    pub fn hub_unavailable() -> Self {
        let message = "the hub does not answer at the moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "hub_unavailable", message, Handshake::HubUnavailable)
            .closing(CloseReason::TryLater)
            .later(LATER)
    }

    /// 403: V2 is over for this client.
    pub fn v2_retired() -> Self {
        let message = "the V2 protocol is retired for this client: connect with V3";
        Self::new(StatusCode::FORBIDDEN, "v2_retired", message, Handshake::PolicyRejected)
            .closing(CloseReason::V2Retired)
            .by_policy()
    }

    /// 503: V2 is switched off for a while.
    pub fn v2_brownout(retry_after: Duration) -> Self {
        let message = "the V2 protocol is paused for this client: connect with V3, or come back later";
        // Not a moment too early: the rest of a second counts as a second.
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "v2_brownout", message, Handshake::PolicyRejected)
            .closing(CloseReason::V2Brownout)
            .later(seconds.max(1))
            .by_policy()
    }

    fn by_policy(mut self) -> Self {
        self.held = Some(Held::Policy);
        self
    }

    /// Says where V3 is, and where it is told how to get there.
    pub fn pointing(mut self, successor: Option<String>, docs: Option<&str>) -> Self {
        self.way.extend(successor.map(|path| ("successor", path)));
        self.way.extend(docs.map(|page| ("docs", page.to_owned())));
        self
    }

    /// The status on the wire.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The word.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// As HTTP, which ends the connection.
    pub fn answer(&self) -> Answer {
        let mut body = String::with_capacity(128 + self.message.len());
        body.push_str("{\"error\":{\"code\":");
        json::write_str(&mut body, self.code);
        body.push_str(",\"message\":");
        json::write_str(&mut body, &self.message);
        for (name, text) in &self.way {
            body.push(',');
            json::write_str(&mut body, name);
            body.push(':');
            json::write_str(&mut body, text);
        }
        body.push_str("}}\n");
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        // RFC 9110 section 7.8: Upgrade stands in Connection too.
        let upgrade = headers.contains_key(UPGRADE);
        headers.insert(CONNECTION, HeaderValue::from_static(if upgrade { "close, upgrade" } else { "close" }));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = refusal.status();
        let (result, close) = match (refusal, status) {
            (Refusal::OriginDenied, _) => (Handshake::PolicyRejected, CloseReason::Forbidden),
            (_, StatusCode::FORBIDDEN) => (Handshake::Unauthorized, CloseReason::Forbidden),
            (_, StatusCode::SERVICE_UNAVAILABLE) => (Handshake::Unauthorized, CloseReason::TryLater),
            _ => (Handshake::Unauthorized, CloseReason::Unauthorized),
        };
        let mut refused = Self::new(status, refusal.label(), refusal.to_string(), result).closing(close);
        refused.retry_after = refusal.retry_after();
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2: a 401 names a scheme.
            refused = refused.header(WWW_AUTHENTICATE, "Bearer");
        }
        refused
    }
}
