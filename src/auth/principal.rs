//! Owns what the house knows about a client once it is in: account, tenant, what it may do.

/// The longest account, in bytes.
pub(super) const MAX_ACCOUNT: usize = 256;

use super::origin;
use crate::clock::Timestamp;
use crate::envelope::ids::AccountId;
use std::fmt;
use std::sync::Arc;

/// Who a client is.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The account, if any: proven by token or key, else as the client says (`auth.account_from_client`).
    pub account: Option<AccountId>,
    /// Did a credential prove the account?
    pub account_proven: bool,
    /// The client asked for another account (`x_account_id`) than it got.
    pub account_overridden: bool,
    /// Under which name the client is counted.
    pub tenant: Tenant,
    /// By what the client proved itself.
    pub method: Method,
    /// May it send to everyone?
    pub may_broadcast: bool,
    /// The name of its API key.
    pub key: Option<Arc<str>>,
    /// The group its API key stands for: of an agent of a server monitor the id of its server.
    pub group: Option<Arc<str>>,
    /// `sub` of its token.
    pub subject: Option<String>,
    /// When its token expires.
    pub expires: Option<Timestamp>,
}

/// Who a client would be, if all it says were true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presumption {
    /// As `Principal::tenant`.
    pub tenant: Tenant,
    /// A credential names the account, as `Principal::account_proven`.
    pub by_credential: bool,
    /// It is no mere claim: an API key that is known says so, or there is nothing here that could be proven.
    pub is_sure: bool,
}

/// By what a client proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// By nothing.
    Guest,
    /// By an API key.
    ApiKey,
    /// By a token.
    Token,
    /// By both.
    Both,
}

impl Method {
    /// All of them, for metrics that start at 0.
    pub const ALL: [Method; 4] = [Method::Guest, Method::ApiKey, Method::Token, Method::Both];

    /// The same word in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Method::Guest => "guest",
            Method::ApiKey => "api_key",
            Method::Token => "token",
            Method::Both => "both",
        }
    }
}

/// Under which name a client is counted: its account, else its key's name, else the host of its page, else `_none`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of clients about whom nothing is known.
    pub const NONE: &'static str = "_none";

    /// Picks the best name there is.
    pub fn of(account: Option<&AccountId>, key: Option<&Arc<str>>, origin: Option<&str>) -> Self {
        match (account, key) {
            (Some(account), _) => Self(account.as_str().into()),
            (None, Some(key)) => Self(key.clone()),
            (None, None) => Self(origin.and_then(origin::host).as_deref().unwrap_or(Self::NONE).into()),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared: every connection holds it.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
