//! Owns the API keys: SHA-256 of each, from the settings and from a file that may change. Compared in constant time.

use super::AuthError;
use super::watched::WatchedFile;
use crate::config::{self, Secret};
use crate::envelope::ids::{AccountId, GroupId};
use arc_swap::ArcSwap;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use subtle::{ConditionallySelectable, ConstantTimeEq};

const SETTING: &str = "auth.api_keys";

/// SHA-256 in words, which are compared faster than bytes.
type Hash = [u64; 4];

/// One key; the key itself is not kept, and its hash is not shown: short keys could be guessed from it.
#[derive(Clone)]
pub(super) struct Entry {
    digest: Hash,
    pub name: Arc<str>,
    pub account: Option<AccountId>,
    pub group: Option<Arc<str>>,
    pub may_broadcast: bool,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).field("account", &self.account).finish_non_exhaustive()
    }
}

/// All keys.
#[derive(Debug)]
pub(super) struct ApiKeys {
    inline: Vec<Entry>,
    file: Option<WatchedFile>,
    table: ArcSwap<Vec<Entry>>,
}

/// `auth.api_keys_file`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    api_keys: Vec<config::ApiKey>,
}

impl ApiKeys {
    /// Hashes the keys of the settings and reads those of the file; None where neither is configured.
    ///
    /// # Errors
    /// A key that cannot be used, or a file that cannot be read.
    pub async fn load(config: &config::Auth) -> Result<Option<Self>, AuthError> {
        if config.api_keys.is_empty() && config.api_keys_file.is_none() {
            return Ok(None);
        }
        let setting = |problem| AuthError::setting(SETTING, problem);
        let inline = entries(&config.api_keys).map_err(setting)?;
        let file = config.api_keys_file.as_deref().map(WatchedFile::new);
        let all = match &file {
            Some(file) => with_file(&inline, file, &file.read().await?)?,
            None => distinct(inline.clone()).map_err(setting)?,
        };
        Ok(Some(Self { inline, file, table: ArcSwap::from_pointee(all) }))
    }

    /// Reads the file again if it changed; a file that cannot be used changes nothing.
    pub async fn poll(&self) {
        let Some(file) = &self.file else { return };
        let Some(read) = file.changed().await else { return };
        match read.and_then(|text| with_file(&self.inline, file, &text)) {
            Ok(table) => {
                tracing::info!(file = %file.path().display(), keys = table.len(), "API keys read again");
                self.table.store(Arc::new(table));
            }
            Err(error) => {
                tracing::error!(error = %error, reason = error.label(), "API keys not read again, the old ones stay");
            }
        }
    }

    /// The key whose hash this is. Looks at every key, whichever fits.
    pub fn find(&self, key: &Secret) -> Option<Entry> {
        let digest = hash(key);
        let table = self.table.load();
        let mut found = u64::MAX;
        for (at, entry) in (0u64..).zip(table.iter()) {
            let differing = entry.digest.iter().zip(&digest).fold(0, |bits, (a, b)| bits | (a ^ b));
            found.conditional_assign(&at, differing.ct_eq(&0));
        }
        table.get(usize::try_from(found).ok()?).cloned()
    }

    /// Does any key stand for an account?
    pub fn any_account(&self) -> bool {
        self.table.load().iter().any(|entry| entry.account.is_some())
    }

    /// Is there a key for this group that is of no account or of this one? Yes, when keys say nothing of groups; when
    /// some do, the others' groups are their names, as for the agents that bring them.
    pub fn knows_group(&self, group: &str, account: Option<&AccountId>) -> bool {
        let table = self.table.load();
        let is_it = |entry: &Entry| {
            let own = entry.group.as_ref().unwrap_or(&entry.name);
            **own == *group && (entry.account.is_none() || entry.account.as_ref() == account)
        };
        !table.iter().any(|entry| entry.group.is_some()) || table.iter().any(is_it)
    }
}

/// The keys of the settings and those of the file.
fn with_file(inline: &[Entry], file: &WatchedFile, text: &Secret) -> Result<Vec<Entry>, AuthError> {
    let parsed: KeyFile = toml::from_str(text.expose()).map_err(|e| file.problem(explain(&e, text.expose())))?;
    let mut all = inline.to_vec();
    all.extend(entries(&parsed.api_keys).map_err(|problem| file.problem(problem))?);
    distinct(all).map_err(|problem| file.problem(problem))
}

/// Where a file is wrong. The parser's own words quote the line, which holds the key: only those about names are kept.
fn explain(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
    let words = error.message();
    let safe = if words.starts_with("missing field") || words.starts_with("unknown field") {
        words.lines().next().unwrap_or_default()
    } else {
        "each key is a table [[api_keys]] with texts: name, key or sha256, account, group; and broadcast = true or false"
    };
    format!("line {line}: {safe}")
}

fn entries(keys: &[config::ApiKey]) -> Result<Vec<Entry>, String> {
    keys.iter().map(entry).collect()
}

fn entry(key: &config::ApiKey) -> Result<Entry, String> {
    // A name becomes a tenant, so it is held to the same rules as an account.
    let name =
        AccountId::new(&key.name, super::principal::MAX_ACCOUNT).map_err(|e| format!("the name of an API key {e}"))?;
    let digest = match (&key.key, &key.sha256) {
        (Some(key), None) if !key.expose().is_empty() => Ok(hash(key)),
        (None, Some(hex)) => from_hex(hex).ok_or_else(|| format!("API key `{name}`: sha256 must be 64 hex digits")),
        _ => Err(format!("API key `{name}`: give either key or sha256")),
    }?;
    let account = key
        .account
        .as_deref()
        .map(|account| AccountId::new(account, super::principal::MAX_ACCOUNT))
        .transpose()
        .map_err(|e| format!("API key `{name}`: the account {e}"))?;
    let group = key.group.as_deref().map(|group| GroupId::new(group, super::principal::MAX_ACCOUNT)).transpose();
    let group = group.map_err(|e| format!("API key `{name}`: the group {e}"))?;
    let group = group.map(|group| group.as_str().into());
    Ok(Entry { digest, name: name.as_str().into(), account, group, may_broadcast: key.broadcast })
}

/// Two names for one key would make its account a matter of luck. One name for two keys is a rotation.
fn distinct(all: Vec<Entry>) -> Result<Vec<Entry>, String> {
    let mut names = HashMap::with_capacity(all.len());
    for entry in &all {
        if let Some(other) = names.insert(entry.digest, &entry.name) {
            return Err(format!("API keys `{other}` and `{}` are the same key", entry.name));
        }
    }
    Ok(all)
}

fn hash(key: &Secret) -> Hash {
    words(&Sha256::digest(key.expose()).into())
}

fn words(digest: &[u8; 32]) -> Hash {
    let (chunks, _) = digest.as_chunks();
    std::array::from_fn(|at| u64::from_be_bytes(chunks[at]))
}

fn from_hex(hex: &str) -> Option<Hash> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(words(&digest))
}
