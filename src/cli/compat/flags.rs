//! Owns the flags of `compat` that say against what, how and how long, and what becomes of them: a target, options. Flags
//! that hold a secret, or an address that may hold one, are read here and not by the parser, which repeats what is wrong.

use super::profile;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::pair;
use crate::compat::play::Options;
use crate::compat::{Capability, Profile};
use crate::config::{self, RedisUrl, Secret};
use crate::label::Label;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Checks that are played at the same time, at most.
const MOST_JOBS: i64 = 256;

/// What is asked for.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct What {
    /// The server: ws://host:port or wss://host:port, perhaps with a path in front of all its own; other machines than
    /// this one only with --allow-remote
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Shows every difference a client would notice; each is a server's URL, or a certificate written with --format json
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    pub compare: Option<Vec<String>>,
    /// Plays nothing and lists the cases
    #[arg(long)]
    pub list: bool,
}

/// What is known of a target.
#[derive(Debug, clap::Args)]
pub(super) struct Known {
    /// Its Redis, with which cases of its hub can be played too, such as redis://127.0.0.1:6379; as `hub.url`
    #[arg(long, value_name = "URL", value_parser = redis)]
    redis: Option<RedisUrl>,
    /// What is known of it (TOML): paths, channels, settings, credentials, mounts; see compat/README.md
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// File with the API key its clients come with
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// File with the JSON web token its clients come with
    #[arg(long, value_name = "FILE")]
    jwt_file: Option<PathBuf>,
    /// The account they name
    #[arg(long)]
    account: Option<String>,
    /// What it is set to, as the cases name it, such as v2.annotate=min; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    target_setting: Vec<(String, String)>,
    /// Also talk to other machines: the cases send hostile frames, and broadcast to everybody
    #[arg(long)]
    pub allow_remote: bool,
}

/// How it is played.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// The target has it not, whatever it seems; may be repeated
    #[arg(long, value_name = "CAPABILITY", value_parser = capability)]
    without: Vec<Capability>,
    /// The target must have it, or the exit code is 1; "all" for all of them; may be repeated
    #[arg(long, value_name = "CAPABILITY", value_parser = capabilities)]
    require: Vec<Required>,
    /// Checks that are played at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=MOST_JOBS))]
    jobs: u16,
    /// How long an expected frame may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = some_time)]
    patience: Duration,
    /// How long it is watched that nothing comes; more for a slow target
    #[arg(long, value_name = "TIME", default_value = "150ms", value_parser = some_time)]
    quiet_time: Duration,
    /// Checks that have to wait longer are skipped
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = config::parse_duration)]
    longest: Duration,
}

/// One capability, or all. (A list of lists is no flag.)
#[derive(Debug, Clone, PartialEq, Eq)]
struct Required(Vec<Capability>);

fn redis(text: &str) -> Result<RedisUrl, Infallible> {
    Ok(RedisUrl::new(text))
}

fn some_time(text: &str) -> Result<Duration, String> {
    let time = config::parse_duration(text)?;
    if time.is_zero() { Err("must be more than nothing".to_owned()) } else { Ok(time) }
}

fn capability(word: &str) -> Result<Capability, String> {
    let known = || Capability::ALL.iter().map(|one| Capability::label(*one)).collect::<Vec<_>>().join(", ");
    Capability::named(word).ok_or_else(|| format!("there are {}", known()))
}

fn capabilities(word: &str) -> Result<Required, String> {
    let one = || capability(word).map(|one| Required(vec![one]));
    if word == "all" { Ok(Required(Capability::ALL.to_vec())) } else { one() }
}

impl Known {
    /// What is known of the target at this address.
    ///
    /// # Errors
    /// A file that cannot be read, or says what it may not.
    pub fn profile(&self, url: &str) -> Result<Profile, Failure> {
        let mut profile = self.profile.as_deref().map_or_else(|| Ok(Profile::default()), profile::read)?;
        url.clone_into(&mut profile.url);
        profile.redis.clone_from(&self.redis);
        for (key, value) in &self.target_setting {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.clone().into());
            profile.settings.insert(key.clone(), value);
        }
        let credentials = &mut profile.credentials;
        for (file, into) in [(&self.api_key_file, &mut credentials.api_key), (&self.jwt_file, &mut credentials.jwt)] {
            if let Some(file) = file {
                *into = Some(secret(file)?);
            }
        }
        if let Some(account) = &self.account {
            credentials.account = Some(account.clone());
        }
        Ok(profile)
    }

    /// Its Redis.
    pub fn redis(&self) -> Option<&RedisUrl> {
        self.redis.as_ref()
    }
}

impl How {
    /// For the runner; `keep_going` to see everything that comes, also after something else came than expected.
    pub fn options(&self, only: Vec<String>, keep_going: bool) -> Options {
        Options {
            jobs: usize::from(self.jobs),
            quiet: self.quiet_time,
            patience: self.patience,
            longest: self.longest,
            without: self.without.iter().copied().collect(),
            require: self.required(),
            keep_going,
            only,
        }
    }

    /// What the target must have.
    pub fn required(&self) -> BTreeSet<Capability> {
        self.require.iter().flat_map(|Required(some)| some).copied().collect()
    }
}

/// A secret that stands alone in a file.
fn secret(file: &Path) -> Result<Secret, Failure> {
    let bad = |why: &str| Failure::Other(Exit::Data, format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad(&error.to_string()))?;
    let secret = text.trim();
    let good = !secret.is_empty() && !secret.chars().any(char::is_control);
    if good { Ok(Secret::new(secret)) } else { Err(bad("must hold one line, and nothing else")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_one_of_those_there_are() {
        assert_eq!(capability("v2-groups"), Ok(Capability::V2Groups));
        assert!(capability("v4").is_err_and(|why| why.starts_with("there are v2, v2-redis, ")));
        assert_eq!(capabilities("all").map(|Required(all)| all.len()), Ok(Capability::ALL.len()));
        assert!(some_time("0s").is_err() && some_time("1ms").is_ok());
    }
}
