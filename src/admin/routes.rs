//! Owns the paths of the operators' listener and what answers each. Probes and metrics are answered from memory, as long
//! as the runtime runs; the migration's API asks the store, within a deadline.

use super::access::Denied;
use super::answer::{self, Answer, error, json, write};
use super::query::Query;
use super::{AdminState, migration, page};
use hyper::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// How long whoever shows a wrong token waits for the answer.
const GUESSING: Duration = Duration::from_millis(300);
/// What browsers ask their user for.
const CHALLENGE: &str = "Basic realm=\"aether-proxy\", charset=\"UTF-8\"";
/// The API as OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// What a path is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Index,
    Metrics,
    Livez,
    Readyz,
    Page,
    Report,
    ReportAs,
    Clients,
    Groups,
    Tenants,
    History,
    Events,
    Shadow,
    OpenApi,
}

/// One path.
struct Route {
    path: &'static str,
    /// For people who ask what there is.
    about: &'static str,
    place: Place,
}

const fn route(path: &'static str, place: Place, about: &'static str) -> Route {
    Route { path, about, place }
}

/// All of them, but for the files of the page.
const ROUTES: [Route; 14] = [
    route("/", Place::Index, "This list."),
    route("/metrics", Place::Metrics, "Metrics in the text format of Prometheus."),
    route("/livez", Place::Livez, "200 as long as the process answers; it asks nothing else."),
    route("/readyz", Place::Readyz, "200 while clients may be sent here, else 503 and why not."),
    route("/migration", Place::Page, "The migration as a page."),
    route("/api/v1/migration", Place::Report, "The report: progress, who is left, losses, gates, forecast, policy."),
    route("/api/v1/migration/report", Place::ReportAs, "The same: format=json, text, md; csv is its tenants."),
    route(
        "/api/v1/migration/clients",
        Place::Clients,
        "V2 clients: tenant, q, show, since, order, cursor, limit, format.",
    ),
    route("/api/v1/migration/groups", Place::Groups, "V2 clients put together: by, tenant, q, show, limit, format."),
    route("/api/v1/migration/tenants", Place::Tenants, "All tenants: format."),
    route("/api/v1/migration/history", Place::History, "What was counted: span=hour or day, from, to."),
    route("/api/v1/migration/events", Place::Events, "The journal: limit."),
    route("/api/v1/migration/shadow", Place::Shadow, "How this proxy's comparison with the legacy server stands."),
    route("/api/v1/openapi.json", Place::OpenApi, "This API as an OpenAPI document."),
];

/// The answer to one request. hyper leaves the body out where the method is HEAD.
pub(super) async fn answer<B>(state: &AdminState, request: &Request<B>) -> Answer {
    let (path, headers) = (request.uri().path(), request.headers());
    if is_guarded(path)
        && let Err(denied) = state.access.check(request.uri(), headers)
    {
        return refuse(denied).await;
    }
    let route = ROUTES.iter().find(|route| route.path == path).map(|route| route.place);
    let Some(place) = route.or_else(|| page::has(path).then_some(Place::Page)) else {
        return error(StatusCode::NOT_FOUND, "not_found", "no such path; / lists them all");
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only GET and HEAD");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match at(place, state, path, request.uri().query().unwrap_or_default(), headers).await {
        Ok(answer) => answer,
        Err(trouble) => trouble.answer(),
    }
}

/// Everything about the migration names clients.
fn is_guarded(path: &str) -> bool {
    ["/migration", "/api"]
        .into_iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

async fn refuse(denied: Denied) -> Answer {
    if denied != Denied::Unauthorized {
        return error(StatusCode::FORBIDDEN, denied.label(), denied.message());
    }
    sleep(GUESSING).await;
    let mut refusal = error(StatusCode::UNAUTHORIZED, denied.label(), denied.message());
    refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    refusal
}

async fn at(
    place: Place,
    state: &AdminState,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, migration::Trouble> {
    let query = || Query::parse(query);
    match place {
        Place::Index => Ok(index()),
        Place::Metrics => Ok(metrics(state)),
        Place::Livez => Ok(write(StatusCode::OK, answer::TEXT, "ok\n")),
        Place::Readyz => Ok(readyz(state)),
        Place::Page => Ok(page::answered(headers, path).unwrap_or_else(index)),
        Place::OpenApi => Ok(answer::tagged(headers, answer::JSON, OPENAPI)),
        Place::Report => migration::report(state, query()?, headers).await,
        Place::ReportAs => migration::report_as(state, query()?, headers).await,
        Place::Clients => migration::clients(state, query()?, headers).await,
        Place::Groups => migration::groups(state, query()?, headers).await,
        Place::Tenants => migration::tenants(state, query()?, headers).await,
        Place::History => migration::history(state, query()?, headers).await,
        Place::Events => migration::events(state, query()?, headers).await,
        Place::Shadow => migration::shadow(state, query()?, headers),
    }
}

fn index() -> Answer {
    let paths: Map<String, Value> = ROUTES.iter().map(|route| (route.path.to_owned(), route.about.into())).collect();
    json(
        StatusCode::OK,
        &json!({"service": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "paths": paths}),
    )
}

fn metrics(state: &AdminState) -> Answer {
    state.metrics.ready.only().set((state.ready)().is_ready().into());
    match state.metrics.render(state.clock.now()) {
        Ok(text) => write(StatusCode::OK, answer::EXPOSITION, text),
        Err(problem) => {
            tracing::error!(error = %problem, "the metrics cannot be written");
            error(StatusCode::INTERNAL_SERVER_ERROR, "metrics", "see the log")
        }
    }
}

fn readyz(state: &AdminState) -> Answer {
    let readiness = (state.ready)();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reasons: Vec<&str> = readiness.reasons().map(|reason| reason.label()).collect();
    json(status, &json!({"ready": readiness.is_ready(), "reasons": reasons}))
}
