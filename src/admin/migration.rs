//! Owns the operators' API: which parameters each path takes, and what the store is asked for. The shapes of the answers
//! are `migration::report::view`'s.

use super::AdminState;
use super::answer::{self, Answer};
use super::query::{Bad, Query};
use crate::migration::record::{DAY, Span};
use crate::migration::report::groups::{By, Groups};
use crate::migration::report::{csv, lists, markdown, text};
use crate::migration::store::{ClientPage, ClientQuery, EVENTS, Order};
use crate::migration::{Migration, StoreError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt, stream};
use hyper::body::{Bytes, Frame};
use hyper::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// For all that the store is asked for one answer, or for one page of a long one.
const DEADLINE: Duration = Duration::from_secs(4);
/// Clients on one page.
const PAGE: usize = 1000;
/// Clients in one CSV.
const MOST_ROWS: usize = 50_000;
/// Groups in one answer.
const MOST_GROUPS: usize = 1000;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The asker's mistake.
    Bad(Bad),
    /// The store's.
    Store(StoreError),
}

impl From<Bad> for Trouble {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Trouble {
    /// As the asker is told.
    pub fn answer(&self) -> Answer {
        match self {
            Trouble::Bad(Bad { parameter, problem }) => {
                let message = format!("`{parameter}` {problem}");
                let body = serde_json::json!({"error": "bad_parameter", "parameter": parameter, "message": message});
                answer::json(StatusCode::BAD_REQUEST, &body)
            }
            Trouble::Store(error) => answer::error(StatusCode::SERVICE_UNAVAILABLE, error.label(), &error.to_string()),
        }
    }
}

/// The store within its deadline.
async fn asked<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(DEADLINE, answer).await.unwrap_or(Err(StoreError::Unavailable))
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
    Markdown,
    Csv,
}

const JSON_OR_CSV: [(&str, Format); 2] = [("json", Format::Json), ("csv", Format::Csv)];

/// `/api/v1/migration`
pub(super) async fn report(state: &AdminState, query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    query.end()?;
    Ok(answer::view(headers, &asked(state.migration.report()).await?))
}

/// `/api/v1/migration/report`
pub(super) async fn report_as(state: &AdminState, mut query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    let words = [("json", Format::Json), ("text", Format::Text), ("md", Format::Markdown), ("csv", Format::Csv)];
    let format = query.word("format", &words)?;
    query.end()?;
    if format == Format::Csv {
        return tenants_csv(state).await;
    }
    let report = asked(state.migration.report()).await?;
    Ok(match format {
        Format::Text => answer::write(StatusCode::OK, answer::TEXT, text::text(&report)),
        Format::Markdown => answer::write(StatusCode::OK, answer::MARKDOWN, markdown::markdown(&report)),
        _ => answer::view(headers, &report),
    })
}

/// `/api/v1/migration/tenants`
pub(super) async fn tenants(state: &AdminState, mut query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    let format = query.word("format", &JSON_OR_CSV)?;
    query.end()?;
    if format == Format::Csv {
        return tenants_csv(state).await;
    }
    let tenants = asked(state.migration.store.tenants(now(state))).await?;
    Ok(answer::view(headers, &lists::tenants(&tenants)))
}

async fn tenants_csv(state: &AdminState) -> Result<Answer, Trouble> {
    let tenants = lists::tenants(&asked(state.migration.store.tenants(now(state))).await?);
    let rows = answer::write(StatusCode::OK, answer::CSV, csv::tenants(&tenants.tenants));
    Ok(answer::saved_as(rows, "attachment; filename=\"tenants.csv\""))
}

/// `/api/v1/migration/clients`
pub(super) async fn clients(state: &AdminState, mut query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    let format = query.word("format", &JSON_OR_CSV)?;
    let (usual, most) = if format == Format::Csv { (MOST_ROWS, MOST_ROWS) } else { (100, PAGE) };
    let since = query.moment("since")?;
    let wanted = meant(state, &mut query)?;
    let wanted = ClientQuery {
        since: since.max(wanted.since),
        order: query.word("order", &[("key", Order::Key), ("last_seen", Order::LastSeen)])?,
        cursor: query.text("cursor").map(|cursor| opened(&cursor)).transpose()?,
        limit: query.number("limit", 1..=most)?.unwrap_or(usual),
        ..wanted
    };
    query.end()?;
    if format == Format::Csv {
        return clients_csv(state.migration.clone(), wanted).await;
    }
    let page = asked(state.migration.store.clients(&wanted)).await?;
    let next = page.next.map(|next| URL_SAFE_NO_PAD.encode(next));
    Ok(answer::view(headers, &lists::clients(&page.clients, next)))
}

/// Which clients are meant; all of them, page by page.
fn meant(state: &AdminState, query: &mut Query) -> Result<ClientQuery, Bad> {
    let left = query.word("show", &[("all", false), ("left", true)])?;
    // Who has not come for so long is gone, moved or not.
    let quiet = i64::try_from(state.migration.config.quiet.as_secs()).unwrap_or(i64::MAX);
    Ok(ClientQuery {
        tenant: query.text("tenant"),
        search: query.text("q"),
        since: left.then(|| now(state).saturating_sub(quiet)),
        left,
        // In this order nobody is missed or counted twice, however long it takes.
        order: Order::Key,
        cursor: None,
        limit: PAGE,
    })
}

/// `/api/v1/migration/groups`
pub(super) async fn groups(state: &AdminState, mut query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    let words =
        [("application", By::Application), ("tenant", By::Tenant), ("group", By::Group), ("user-agent", By::UserAgent)];
    let by = query.word("by", &words)?;
    let format = query.word("format", &JSON_OR_CSV)?;
    let most = query.number("limit", 1..=MOST_GROUPS)?.unwrap_or(100);
    let mut wanted = meant(state, &mut query)?;
    query.end()?;
    let mut groups = Groups::new(by);
    loop {
        let page = asked(state.migration.store.clients(&wanted)).await?;
        page.clients.iter().for_each(|client| groups.add(&lists::client(client)));
        match page.next {
            None => break,
            next => wanted.cursor = next,
        }
    }
    let groups = groups.largest(most);
    if format == Format::Csv {
        let rows = answer::write(StatusCode::OK, answer::CSV, csv::groups(&groups.groups));
        return Ok(answer::saved_as(rows, "attachment; filename=\"v2-groups.csv\""));
    }
    Ok(answer::view(headers, &groups))
}

/// A cursor as the store gave it; on the way it is a text that needs no escapes in an address.
fn opened(cursor: &str) -> Result<String, Bad> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Bad::new("cursor", "is not one that was given"))
}

/// All clients, page by page: only one of them is in memory. The first comes before the status is told.
async fn clients_csv(migration: Arc<Migration>, query: ClientQuery) -> Result<Answer, Trouble> {
    let left = query.limit;
    let query = ClientQuery { limit: left.min(PAGE), ..query };
    let first = asked(migration.store.clients(&query)).await?;
    let next = first.next.clone().filter(|_| left > first.clients.len());
    let left = left - first.clients.len().min(left);
    let head = Frame::data(Bytes::from(csv::CLIENTS.to_owned() + &rows(&first)));
    let rest = stream::try_unfold((migration, query, next, left), |(migration, mut query, next, left)| async move {
        let Some(cursor) = next else { return Ok(None) };
        query.cursor = Some(cursor);
        query.limit = left.min(PAGE);
        let page = asked(migration.store.clients(&query)).await?;
        let left = left.saturating_sub(page.clients.len());
        let next = page.next.clone().filter(|_| left > 0);
        Ok(Some((Frame::data(Bytes::from(rows(&page))), (migration, query, next, left))))
    });
    let all = stream::once(std::future::ready(Ok(head))).chain(rest);
    Ok(answer::stream(answer::CSV, "attachment; filename=\"v2-clients.csv\"", all))
}

fn rows(page: &ClientPage) -> String {
    page.clients.iter().map(|client| csv::client(&lists::client(client))).collect()
}

/// `/api/v1/migration/history`
pub(super) async fn history(state: &AdminState, mut query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    let span = query.word("span", &[("hour", Span::Hour), ("day", Span::Day)])?;
    let usual = match span {
        Span::Hour => 14 * DAY,
        Span::Day => 90 * DAY,
    };
    let to = query.moment("to")?.unwrap_or_else(|| now(state));
    let from = query.moment("from")?.unwrap_or(to - usual);
    query.end()?;
    if from > to {
        return Err(Bad::new("from", "is later than `to`").into());
    }
    let buckets = asked(state.migration.store.history(span, span.start(from), to)).await?;
    Ok(answer::view(headers, &lists::history(span, &buckets)))
}

/// `/api/v1/migration/shadow`
pub(super) fn shadow(state: &AdminState, query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    query.end()?;
    Ok(answer::view(headers, &state.migration.shadow_findings()))
}

/// `/api/v1/migration/events`
pub(super) async fn events(state: &AdminState, mut query: Query, headers: &HeaderMap) -> Result<Answer, Trouble> {
    let most = query.number("limit", 1..=EVENTS)?.unwrap_or(100);
    query.end()?;
    Ok(answer::view(headers, &lists::events(asked(state.migration.store.events(most)).await?)))
}

fn now(state: &AdminState) -> i64 {
    state.clock.now().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_or_slow_is_told() {
        let slow = asked(std::future::pending::<Result<(), StoreError>>()).await;
        assert_eq!(slow, Err(StoreError::Unavailable));
        let answer = Trouble::from(StoreError::Unavailable).answer();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.starts_with(b"{\"error\":\"store_unavailable\""), "{body:?}");
    }
}
