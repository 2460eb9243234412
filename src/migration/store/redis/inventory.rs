//! Owns pages of the inventory: clients are read in their order, in pieces, and those that are not meant are passed over.
//! One call reads only so many; then its page is short, and the next one goes on from there.

use super::{Redis, STEP};
use crate::migration::record::ClientRecord;
use crate::migration::store::{ClientPage, ClientQuery, Order, StoreError, position};
use redis::Pipeline;

/// Pieces read by one call.
const MOST_PIECES: usize = 20;

/// The next clients in some order.
struct Piece {
    /// Clients and where they stand.
    clients: Vec<Standing>,
    /// Nobody stands behind them.
    last: bool,
}

struct Standing {
    /// As `keys::member` writes it.
    member: String,
    /// Where it stands; see `ClientQuery::position`.
    place: String,
}

impl Redis {
    /// See `Store::clients`.
    pub async fn clients(&self, query: &ClientQuery) -> Result<ClientPage, StoreError> {
        let mut page = ClientPage::default();
        if query.limit == 0 {
            return Ok(page);
        }
        let picky = query.search.is_some() || query.since.is_some() || query.tenant.is_some() || query.left;
        let step = if picky { STEP } else { query.limit.saturating_add(1).min(STEP) };
        let mut after = query.cursor.clone();
        for _ in 0..MOST_PIECES {
            let piece = match query.order {
                Order::Key => self.by_key(query, after.as_deref(), step).await?,
                Order::LastSeen => self.by_last_seen(query, after.as_deref(), step).await?,
            };
            let records = self.records(&piece.clients).await?;
            for (standing, record) in piece.clients.iter().zip(records) {
                let Some(record) = record.filter(|record| query.matches(record)) else { continue };
                if page.clients.len() == query.limit {
                    return Ok(page);
                }
                page.clients.push(record);
                page.next = Some(standing.place.clone());
            }
            if piece.last {
                page.next = None;
                return Ok(page);
            }
            after = piece.clients.into_iter().next_back().map(|standing| standing.place);
            if page.clients.len() < query.limit {
                page.next = after.clone();
            }
        }
        Ok(page)
    }

    async fn by_key(&self, query: &ClientQuery, after: Option<&str>, step: usize) -> Result<Piece, StoreError> {
        let first = query.tenant.as_ref().map(|tenant| format!("{tenant}\u{1f}"));
        // All of a tenant's stand before whoever has the next character there.
        let end = query.tenant.as_ref().map_or_else(|| "+".to_owned(), |tenant| format!("({tenant}\u{20}"));
        let start = match (after, first) {
            (Some(after), Some(first)) if *after < *first => format!("[{first}"),
            (Some(after), _) => format!("({after}"),
            (None, Some(first)) => format!("[{first}"),
            (None, None) => "-".to_owned(),
        };
        let mut pipe = Pipeline::with_capacity(1);
        pipe.cmd("ZRANGEBYLEX").arg(self.keys.index()).arg(start).arg(end).arg("LIMIT").arg(0).arg(step);
        let (members,) = self.server.ask::<(Vec<String>,)>(&pipe).await?;
        let last = members.len() < step;
        let clients = members.into_iter().map(|member| Standing { place: member.clone(), member });
        Ok(Piece { clients: clients.collect(), last })
    }

    async fn by_last_seen(&self, query: &ClientQuery, after: Option<&str>, step: usize) -> Result<Piece, StoreError> {
        let nothing = Piece { clients: Vec::new(), last: true };
        let mut script = self.scripts.seek.prepare_invoke();
        script.key(self.keys.seen());
        match after.map(|after| after.split_once('\u{1f}')) {
            None => script.arg("-inf").arg(""),
            Some(Some((time, member))) => match time.parse::<i64>() {
                Ok(time) => script.arg(time.saturating_sub(position::LATEST)).arg(member),
                Err(_) => return Ok(nothing),
            },
            // No page ended there.
            Some(None) => return Ok(nothing),
        };
        script.arg(step);
        let members = self.server.ask::<Vec<(String, i64)>>(&script).await?;
        let read = members.len();
        let clients: Vec<_> = members
            .into_iter()
            .map(|(member, score)| (member, score.saturating_neg()))
            .take_while(|(_, last_seen)| query.since.is_none_or(|since| *last_seen >= since))
            .map(|(member, last_seen)| Standing { place: position::of(query.order, last_seen, &member), member })
            .collect();
        // Behind whoever was not seen since, nobody was.
        Ok(Piece { last: read < step || clients.len() < read, clients })
    }

    async fn records(&self, clients: &[Standing]) -> Result<Vec<Option<ClientRecord>>, StoreError> {
        if clients.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = Pipeline::with_capacity(1);
        pipe.cmd("HMGET").arg(self.keys.clients());
        for standing in clients {
            pipe.arg(&standing.member);
        }
        let (texts,) = self.server.ask::<(Vec<Option<Vec<u8>>>,)>(&pipe).await?;
        Ok(texts.into_iter().map(|text| text.and_then(|text| self.read(&text, "a client"))).collect())
    }
}
