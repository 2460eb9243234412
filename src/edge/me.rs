//! Owns the one request beside WebSockets that is answered here: agents of a server monitor first ask over HTTP whether
//! their API key is good (`GET /api/v1/api-keys/me`). It is answered from the keys of the house, or forwarded, as often
//! as handshakes may be made.

use super::admission::{Place, Standing};
use super::answer::{Answer, Refused};
use super::{Edge, State};
use crate::auth::{AuthError, Credentials, connector_to};
use crate::config::{self, Mount, Secret};
use crate::envelope::json;
use crate::session::Remote;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use tokio::time::timeout;

/// Where the key stands.
const KEY: HeaderName = HeaderName::from_static("x-api-key");
/// For a forwarded request: name, connection, TLS, answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The largest answer that is passed on, in bytes.
const MOST: usize = 64 << 10;
/// What the guide's server says of a key it does not know ("Authentication Failed").
const UNKNOWN: &str = "{\"detail\":\"Invalid or inactive API key\"}";

/// Where the request comes, and what becomes of it.
#[derive(Debug)]
pub struct Me {
    /// Its path.
    pub path: String,
    /// Only for this host.
    pub host: Option<String>,
    /// None: it is answered here.
    upstream: Option<Upstream>,
}

/// Who is asked instead.
#[derive(Debug)]
struct Upstream {
    /// Scheme and host.
    base: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Me {
    /// What a mount says about it; None: nothing.
    ///
    /// # Errors
    /// Its requests cannot be forwarded on this machine.
    pub fn new(mount: &Mount) -> Option<Result<Self, AuthError>> {
        let settings = mount.server_monitor.as_ref()?;
        let upstream = match settings.me? {
            config::Me::Answer => None,
            config::Me::Forward => Some(Upstream::new(settings.me_upstream.as_ref()?.expose().parse().ok()?)),
        };
        let (path, host) = (settings.me_path.clone(), mount.host.clone());
        Some(upstream.transpose().map(|upstream| Self { path, host, upstream }))
    }
}

impl Upstream {
    fn new(base: Uri) -> Result<Self, AuthError> {
        let connector = connector_to(&base)?;
        // Agents ask when they start: no connection is worth keeping.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { base, client })
    }

    /// Passes on path, query and key, and nothing else; None: no answer that could be passed back.
    async fn ask(&self, request: &Request<Incoming>) -> Option<Answer> {
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        let mut asked = Request::get(Uri::from_parts(parts).ok()?).header(ACCEPT, "application/json");
        if let Some(key) = request.headers().get(KEY) {
            asked = asked.header(KEY, key);
        }
        let response = self.client.request(asked.body(Empty::new()).ok()?).await.ok()?;
        let (status, kind) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
        let body = Limited::new(response.into_body(), MOST).collect().await.ok()?.to_bytes();
        Some(told(status, kind.unwrap_or(HeaderValue::from_static("application/json")), body))
    }
}

impl Edge {
    /// Is the key good, and whose is it?
    pub(super) async fn tell_me(
        &self,
        state: &State,
        me: &Me,
        request: &Request<Incoming>,
        remote: Remote,
        place: &mut Option<Place>,
    ) -> Answer {
        let allowed = match place.as_ref().map_or(Standing::NoRoom, Place::standing) {
            Standing::Admitted => self.within_limits(state, remote, place),
            Standing::NoRoom => Err(Refused::full()),
            Standing::OverAddress => Err(Refused::address_full()),
        };
        if let Err(refused) = allowed {
            if let Some(limit) = refused.limit {
                state.context.metrics.limit_hits.with((limit,)).inc();
            }
            return refused.answer();
        }
        let Some(upstream) = &me.upstream else { return self.own_word(request).await };
        match timeout(DEADLINE, upstream.ask(request)).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => {
                tracing::warn!(host = upstream.base.host(), "an agent's question about its key got no answer upstream");
                json(StatusCode::BAD_GATEWAY, "{\"detail\":\"The server that knows the keys does not answer\"}".into())
            }
        }
    }

    async fn own_word(&self, request: &Request<Incoming>) -> Answer {
        let key = request.headers().get(KEY).and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty());
        let Some(key) = key else { return json(StatusCode::UNAUTHORIZED, UNKNOWN.into()) };
        let credentials = Credentials { api_key: Some(Secret::new(key)), ..Credentials::default() };
        let Ok(principal) = self.authenticator.check(&credentials, self.authenticator.guest_allowed(None)).await else {
            return json(StatusCode::UNAUTHORIZED, UNKNOWN.into());
        };
        let (server, name) = (super::entry::server_of(&principal), principal.key.as_deref().unwrap_or_default());
        let mut body = String::from("{\"id\":");
        json::write_str(&mut body, server);
        body.push_str(",\"server_id\":");
        json::write_str(&mut body, server);
        body.push_str(",\"name\":");
        json::write_str(&mut body, name);
        body.push_str(",\"is_active\":true}");
        json(StatusCode::OK, body)
    }
}

fn json(status: StatusCode, body: String) -> Answer {
    told(status, HeaderValue::from_static("application/json"), body.into())
}

fn told(status: StatusCode, kind: HeaderValue, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
