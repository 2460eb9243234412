//! Owns the paths of the operators' listener and what each answers. Every answer is made from memory, so a
//! probe is answered as long as the runtime runs.

use super::AdminState;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

/// The text exposition's own type and version.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What hyper sends.
pub(super) type Answer = Response<Full<Bytes>>;

/// One path.
struct Route {
    path: &'static str,
    /// For people who ask what there is.
    about: &'static str,
    answer: fn(&AdminState) -> Answer,
}

/// All of them.
const ROUTES: [Route; 4] = [
    Route { path: "/", about: "This list.", answer: index },
    Route { path: "/metrics", about: "Metrics in the text format of Prometheus.", answer: metrics },
    Route { path: "/livez", about: "200 as long as the process answers; it asks nothing else.", answer: livez },
    Route { path: "/readyz", about: "200 while clients may be sent here, else 503 and why not.", answer: readyz },
];

/// The answer to one request. hyper leaves the body out where the method is HEAD.
pub(super) fn answer(state: &AdminState, method: &Method, path: &str) -> Answer {
    let Some(route) = ROUTES.iter().find(|route| route.path == path) else {
        return json(
            StatusCode::NOT_FOUND,
            &json!({"error": "not_found", "message": "no such path; / lists them all"}),
        );
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        let message = json!({"error": "method_not_allowed", "message": "only GET and HEAD"});
        let mut refusal = json(StatusCode::METHOD_NOT_ALLOWED, &message);
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    (route.answer)(state)
}

fn index(_: &AdminState) -> Answer {
    let paths: Map<String, Value> = ROUTES.iter().map(|route| (route.path.to_owned(), route.about.into())).collect();
    json(
        StatusCode::OK,
        &json!({"service": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "paths": paths}),
    )
}

fn metrics(state: &AdminState) -> Answer {
    state.metrics.ready.only().set((state.ready)().is_ready().into());
    match state.metrics.render(state.clock.now()) {
        Ok(text) => write(StatusCode::OK, EXPOSITION, text),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "metrics", "message": "see the log"}))
        }
    }
}

fn livez(_: &AdminState) -> Answer {
    write(StatusCode::OK, TEXT, "ok\n".into())
}

fn readyz(state: &AdminState) -> Answer {
    let readiness = (state.ready)();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reasons: Vec<&str> = readiness.reasons().map(|reason| reason.label()).collect();
    json(status, &json!({"ready": readiness.is_ready(), "reasons": reasons}))
}

fn json(status: StatusCode, value: &Value) -> Answer {
    write(status, JSON, format!("{value}\n"))
}

fn write(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // What is true now need not be so a second later.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
