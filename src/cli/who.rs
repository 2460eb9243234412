//! `aether-proxy who`: the V2 clients that are left, asked of a running proxy.

use super::exit::{Exit, Failure};
use super::operators::{self, Operators, Target};
use super::out::{self, Out};
use super::settings::Sources;
use crate::migration::report::groups::GroupsView;
use crate::migration::report::view::{ClientView, ClientsView};
use crate::migration::report::{csv, text};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// Clients on one page of the API.
const PAGE: usize = 1000;
/// Groups in one answer of the API.
const MOST_GROUPS: u32 = 1000;

/// Lists the V2 clients that are left, the latest first, as a running proxy knows them
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES:
  aether-proxy who
  aether-proxy who --tenant acme --limit 20
  aether-proxy who --search 'Firefox/9'
  aether-proxy who --by application
  aether-proxy who --all --limit 50000 --order key --format csv > v2-clients.csv

EXIT CODES:
   0  the list was shown, also an empty one
  69  the proxy, or its store, cannot be reached
  77  the proxy wants a token, or another one")]
pub struct Who {
    #[command(flatten)]
    target: Target,
    /// Of this tenant only
    #[arg(long)]
    tenant: Option<String>,
    /// All that are remembered, also those that have moved, or have not come for `migration.quiet`
    #[arg(long)]
    all: bool,
    /// With this text in tenant, id, group, user agent or origin
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Put together those that have this in common, the most first: an application is the host of the page, or for what
    /// is no page the program's name. For frontends that take a new id each time
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Clients at most; with --by, lines at most, up to 1000
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    limit: u32,
    /// The latest first; or by tenant and id, in which no client is missed or doubled whatever happens meanwhile
    #[arg(long, value_enum, default_value = "last-seen")]
    order: Order,
    /// text is for people, csv for spreadsheets
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Application,
    Tenant,
    Group,
    UserAgent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    LastSeen,
    Key,
}

impl Who {
    /// Runs it.
    ///
    /// # Errors
    /// The proxy cannot be asked.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let operators = self.target.operators(sources)?;
        let (shown, more) = match self.by {
            None => {
                let (clients, more) = operators::run(self.clients(&operators))?;
                (self.shown(clients)?, more)
            }
            Some(by) => {
                let groups: GroupsView = operators::run(operators.json(&self.target_of_groups(by)))?;
                let more = groups.total > groups.groups.len() as u64;
                (self.shown_together(&groups, by)?, more)
            }
        };
        let mut out = Out::new();
        out.line(shown.trim_end())?;
        out.flush()?;
        if more {
            out::complain("There are more: see --limit.");
        }
        Ok(Exit::Ok)
    }

    fn shown(&self, clients: Vec<ClientView>) -> Result<String, Failure> {
        match self.format {
            Format::Text => Ok(text::clients(&clients)),
            Format::Csv => Ok(clients.iter().fold(csv::CLIENTS.to_owned(), |all, client| all + &csv::client(client))),
            Format::Json => json(&ClientsView { clients, next: None }),
        }
    }

    fn shown_together(&self, groups: &GroupsView, by: By) -> Result<String, Failure> {
        match self.format {
            Format::Text => Ok(text::groups(&groups.groups, by.heading())),
            Format::Csv => Ok(csv::groups(&groups.groups)),
            Format::Json => json(groups),
        }
    }

    /// As many as are wanted, page by page; and whether there are more.
    async fn clients(&self, operators: &Operators) -> Result<(Vec<ClientView>, bool), Failure> {
        let most = self.limit as usize;
        let (mut clients, mut cursor) = (Vec::new(), None);
        loop {
            let target = self.target_of_page((most - clients.len()).min(PAGE), cursor.as_deref());
            let page: ClientsView = operators.json(&target).await?;
            clients.extend(page.clients);
            clients.truncate(most);
            let full = clients.len() == most;
            match page.next {
                None => return Ok((clients, false)),
                Some(_) if full => return Ok((clients, true)),
                next if next == cursor => return Ok((clients, true)),
                next => cursor = next,
            }
        }
    }

    fn target_of_page(&self, limit: usize, cursor: Option<&str>) -> String {
        let order = match self.order {
            Order::LastSeen => "last_seen",
            Order::Key => "key",
        };
        let mut target = format!("/api/v1/migration/clients?order={order}&limit={limit}");
        self.meant(&mut target);
        parameter(&mut target, "cursor", cursor);
        target
    }

    fn target_of_groups(&self, by: By) -> String {
        let limit = self.limit.min(MOST_GROUPS);
        let mut target = format!("/api/v1/migration/groups?by={}&limit={limit}", by.word());
        self.meant(&mut target);
        target
    }

    /// Which clients are asked for.
    fn meant(&self, target: &mut String) {
        if !self.all {
            target.push_str("&show=left");
        }
        parameter(target, "tenant", self.tenant.as_deref());
        parameter(target, "q", self.search.as_deref());
    }
}

fn parameter(target: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        // Writing to a String cannot fail.
        let _ = write!(target, "&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
}

impl By {
    /// As the API calls it.
    fn word(self) -> &'static str {
        match self {
            By::Application => "application",
            By::Tenant => "tenant",
            By::Group => "group",
            By::UserAgent => "user-agent",
        }
    }

    /// The head of its column.
    fn heading(self) -> &'static str {
        match self {
            By::Application => "APPLICATION",
            By::Tenant => "",
            By::Group => "GROUP",
            By::UserAgent => "USER AGENT",
        }
    }
}

fn json<T: serde::Serialize>(of: &T) -> Result<String, Failure> {
    serde_json::to_string(of).map_err(|error| Failure::Other(Exit::Failure, error.to_string()))
}
