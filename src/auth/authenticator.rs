//! Owns the decision: credentials in, principal or refusal out, and the reload of everything it rests on.

use super::api_key::ApiKeys;
use super::claims::Proof;
use super::origin::Origins;
use super::token::Tokens;
use super::{AuthError, Credentials, Method, Presumption, Principal, Refusal, Tenant};
use crate::clock::Clock;
use crate::config::{self, Broadcasters, Guests, Require, Secret, Switch};
use crate::envelope::ids::AccountId;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
/// The longest credential that is looked at, in bytes.
const MAX_CREDENTIAL: usize = 16 << 10;
/// How often files are looked at.
const POLL: Duration = Duration::from_secs(2);

/// Checks credentials. Clones share keys and settings.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: ArcSwap<State>,
    /// Fetches that checks wait for; `run` sees them end.
    tasks: TaskTracker,
}

/// What one version of the settings amounts to.
#[derive(Debug)]
struct State {
    guests: Guests,
    require: Require,
    broadcast: Broadcasters,
    account_from_client: Switch,
    origins: Origins,
    api_keys: Option<ApiKeys>,
    tokens: Option<Tokens>,
}

impl Authenticator {
    /// Reads all key files and asks the JWKS address once. One that does not answer is not fatal: tokens are refused
    /// with `KeysUnavailable` until it does.
    ///
    /// # Errors
    /// Settings that contradict each other, files or keys that cannot be used.
    pub async fn new(config: &config::Auth, clock: Clock) -> Result<Self, AuthError> {
        let tasks = TaskTracker::new();
        let state = State::load(config, None, &tasks).await?;
        Ok(Self(Arc::new(Inner { clock, state: ArcSwap::from_pointee(state), tasks })))
    }

    /// Takes new settings, all or none of them; keys of an unchanged JWKS address stay.
    ///
    /// # Errors
    /// As `new`; the old settings and keys then stay.
    pub async fn reload(&self, config: &config::Auth) -> Result<(), AuthError> {
        let old = self.0.state.load_full();
        let state = State::load(config, Some(&old), &self.0.tasks).await?;
        self.0.state.store(Arc::new(state));
        Ok(())
    }

    /// Reads files that change and fetches the JWKS again, until told to stop. The caller spawns it, once.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                ticks.tick().await;
                self.poll().await;
            }
        };
        shutdown.run_until_cancelled(work).await;
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// One look at everything that may have changed.
    pub(super) async fn poll(&self) {
        let state = self.0.state.load_full();
        if let Some(keys) = &state.api_keys {
            keys.poll().await;
        }
        if let Some(tokens) = &state.tokens {
            tokens.poll().await;
        }
    }

    /// May guests come in: the mount's answer, else `auth.guests`.
    pub fn guest_allowed(&self, mount: Option<bool>) -> bool {
        let state = self.0.state.load();
        mount.unwrap_or(match state.guests {
            Guests::Auto => !state.can_check(),
            Guests::Allow => true,
            Guests::Deny => false,
        })
    }

    /// Can anybody come in by one credential of this kind alone, an API key or a token? Known before it is presented.
    ///
    /// # Errors
    /// Why none would help.
    pub fn admits_by(&self, kind: Method, guest_allowed: bool) -> Result<(), Refusal> {
        let state = self.0.state.load();
        let (is_checked, missing) = match kind {
            Method::ApiKey => (state.api_keys.is_some(), Refusal::TokenMissing),
            _ => (state.tokens.is_some(), Refusal::ApiKeyMissing),
        };
        let is_enough = match state.require {
            Require::Any => true,
            Require::ApiKey => kind == Method::ApiKey,
            Require::Jwt => kind == Method::Token,
            Require::Both => false,
        };
        match (is_checked, is_enough) {
            (true, true) => Ok(()),
            (true, false) => Err(missing),
            // As in `check`: what cannot be checked proves nothing.
            (false, _) if guest_allowed => Ok(()),
            (false, _) => Err(Refusal::GuestsDenied),
        }
    }

    /// May a page of this origin connect? Without an `Origin` header it is no browser, and may.
    pub fn origin_allowed(&self, origin: Option<&str>) -> bool {
        self.0.state.load().origins.allowed(origin)
    }

    /// Can a credential prove an account? Then `tenancy.isolate = "auto"` keeps accounts apart.
    pub fn proves_accounts(&self) -> bool {
        self.0.state.load().proves_accounts()
    }

    /// Is there an API key for this group, such as a server's id, that is of no account or of this one? Always, when no
    /// key has a group: then nothing is known of groups here.
    pub fn knows_group(&self, group: &str, account: Option<&AccountId>) -> bool {
        self.0.state.load().api_keys.as_ref().is_none_or(|keys| keys.knows_group(group, account))
    }

    /// False while a JWKS address is configured and has never answered.
    pub fn keys_available(&self) -> bool {
        let state = self.0.state.load();
        let remote = state.tokens.as_ref().and_then(|tokens| tokens.remote.as_ref());
        remote.is_none_or(|remote| remote.keys().is_some())
    }

    /// Who would it be, if all it says were true? Costs no network and no signature, so that whoever is refused anyway
    /// is refused cheaply. It proves nothing: whoever comes in is asked by `check`.
    pub fn presume(&self, credentials: &Credentials) -> Presumption {
        let state = self.0.state.load();
        let of = |secret: &Option<Secret>| secret.as_ref().filter(|secret| bounded(secret).is_ok()).cloned();
        let key = state.api_keys.as_ref().zip(of(&credentials.api_key)).and_then(|(keys, key)| keys.find(&key));
        let tokens = state.tokens.as_ref().zip(of(&credentials.token));
        let named = tokens.and_then(|(tokens, token)| tokens.named_account(token.expose()));
        let is_sure = !state.can_check() || (key.is_some() && named.is_none());
        let (key_name, key_account) = key.map_or((None, None), |key| (Some(key.name), key.account));
        let named = named.or(key_account);
        let by_credential = named.is_some();
        let claimed = credentials.account.as_ref().filter(|_| !by_credential && state.takes_claimed_account());
        let claimed = claimed.and_then(|claimed| AccountId::new(claimed, super::principal::MAX_ACCOUNT).ok());
        let account = named.or(claimed);
        let tenant = Tenant::of(account.as_ref(), key_name.as_ref(), credentials.origin.as_deref());
        Presumption { tenant, by_credential, is_sure }
    }

    /// Who is it?
    ///
    /// A credential that can be checked and is wrong is refused, also where guests are allowed. One that cannot be
    /// checked, because no key or token of its kind is configured, proves nothing and is ignored: so a client that
    /// sends `?api_key=…` unchanged works against a fresh proxy.
    ///
    /// # Errors
    /// The first reason against it. Waits at most for one fetch of the JWKS (5 s).
    pub async fn check(&self, credentials: &Credentials, guest_allowed: bool) -> Result<Principal, Refusal> {
        let state = self.0.state.load_full();
        let key = match (&state.api_keys, &credentials.api_key) {
            (Some(keys), Some(key)) => Some(keys.find(bounded(key)?).ok_or(Refusal::ApiKeyUnknown)?),
            _ => None,
        };
        let proof = match (&state.tokens, &credentials.token) {
            (Some(tokens), Some(token)) => Some(tokens.check(bounded(token)?.expose(), self.0.clock.now()).await?),
            _ => None,
        };
        let method = match (&key, &proof) {
            (None, None) if guest_allowed => Method::Guest,
            (None, None) if !state.can_check() => return Err(Refusal::GuestsDenied),
            (None, None) => return Err(state.missing()),
            (None, Some(_)) if matches!(state.require, Require::ApiKey | Require::Both) => {
                return Err(Refusal::ApiKeyMissing);
            }
            (Some(_), None) if matches!(state.require, Require::Jwt | Require::Both) => {
                return Err(Refusal::TokenMissing);
            }
            (Some(_), None) => Method::ApiKey,
            (None, Some(_)) => Method::Token,
            (Some(_), Some(_)) => Method::Both,
        };
        let listed = key.as_ref().is_some_and(|key| key.may_broadcast)
            || proof.as_ref().is_some_and(|proof| proof.may_broadcast);
        let (key_name, key_account, group) =
            key.map_or((None, None, None), |key| (Some(key.name), key.account, key.group));
        let Proof { account, subject, expires, .. } =
            proof.unwrap_or(Proof { account: None, subject: None, expires: None, may_broadcast: false });
        let proven = account.or(key_account);
        let account_proven = proven.is_some();
        let account = match (proven, &credentials.account) {
            (Some(proven), _) => Some(proven),
            (None, Some(claimed)) if state.takes_claimed_account() => {
                Some(AccountId::new(claimed, super::principal::MAX_ACCOUNT).map_err(Refusal::AccountInvalid)?)
            }
            _ => None,
        };
        let got = account.as_ref().map(AccountId::as_str);
        Ok(Principal {
            account_overridden: credentials.account.as_deref().is_some_and(|claimed| got != Some(claimed)),
            tenant: Tenant::of(account.as_ref(), key_name.as_ref(), credentials.origin.as_deref()),
            account,
            account_proven,
            method,
            may_broadcast: match state.broadcast {
                Broadcasters::Any => true,
                Broadcasters::Listed => listed,
                Broadcasters::None => false,
            },
            key: key_name,
            group,
            subject,
            expires,
        })
    }
}

impl State {
    async fn load(config: &config::Auth, old: Option<&State>, tasks: &TaskTracker) -> Result<Self, AuthError> {
        let state = Self {
            guests: config.guests,
            require: config.require,
            broadcast: config.broadcast,
            account_from_client: config.account_from_client,
            origins: Origins::new(&config.origins)?,
            api_keys: ApiKeys::load(config).await?,
            tokens: Tokens::load(&config.jwt, old.and_then(|old| old.tokens.as_ref()), tasks).await?,
        };
        let bad = |problem| Err(AuthError::setting("auth.require", problem));
        if state.api_keys.is_none() && matches!(config.require, Require::ApiKey | Require::Both) {
            return bad("asks for API keys, but none are configured: set auth.api_keys or auth.api_keys_file");
        }
        if state.tokens.is_none() && matches!(config.require, Require::Jwt | Require::Both) {
            return bad("asks for tokens, but nothing checks them: set a key in auth.jwt");
        }
        if let Some(remote) = state.tokens.as_ref().and_then(|tokens| tokens.remote.as_ref()) {
            remote.refresh_if_due().await;
        }
        Ok(state)
    }

    /// Is there any credential that could be checked?
    fn can_check(&self) -> bool {
        self.api_keys.is_some() || self.tokens.is_some()
    }

    /// See `Authenticator::proves_accounts`. An API key file may change it from one check to the next.
    fn proves_accounts(&self) -> bool {
        self.tokens.is_some() || self.api_keys.as_ref().is_some_and(ApiKeys::any_account)
    }

    /// Does a client's own word about its account count, where no credential says another?
    fn takes_claimed_account(&self) -> bool {
        self.account_from_client.or(!self.proves_accounts())
    }

    /// What to ask of a client that presented nothing.
    fn missing(&self) -> Refusal {
        match (self.require, &self.api_keys, &self.tokens) {
            (Require::ApiKey, ..) | (Require::Any, Some(_), None) => Refusal::ApiKeyMissing,
            (Require::Jwt, ..) | (Require::Any, None, Some(_)) => Refusal::TokenMissing,
            _ => Refusal::Missing,
        }
    }
}

fn bounded(secret: &Secret) -> Result<&Secret, Refusal> {
    if secret.expose().len() > MAX_CREDENTIAL { Err(Refusal::TooLong) } else { Ok(secret) }
}
