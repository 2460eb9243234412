//! Owns what a token may say once its signature holds: `exp nbf iss aud` (RFC 7519 section 4.1), account, broadcast.

use super::Refusal;
use super::principal::MAX_ACCOUNT;
use crate::clock::Timestamp;
use crate::config;
use crate::envelope::ids::AccountId;
use crate::envelope::json::{self, Member};
use std::borrow::Cow;

/// What is asked of a token's claims.
#[derive(Debug)]
pub(super) struct ClaimRules {
    require_exp: bool,
    issuer: String,
    audience: Vec<String>,
    /// Seconds.
    leeway: f64,
    account_claims: Vec<String>,
    broadcast_claim: String,
}

/// What a token proves.
#[derive(Debug)]
pub(super) struct Proof {
    pub account: Option<AccountId>,
    pub subject: Option<String>,
    pub expires: Option<Timestamp>,
    pub may_broadcast: bool,
}

/// The claims of one token, each as it was written.
struct Claims<'a>(Vec<Member<'a>>);

impl<'a> Claims<'a> {
    /// A claim's token; null is as absent.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|m| m.key == name).map(|m| m.value).filter(|v| !json::is_null(v))
    }

    /// A NumericDate: seconds since 1970, fractions allowed.
    fn seconds(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let Some(token) = self.get(name) else { return Ok(None) };
        // A string token begins with a quote and is no number.
        token.parse().map(Some).map_err(|_| Refusal::TokenMalformed)
    }

    fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        json::decode_str(self.get(name)?)
    }
}

impl ClaimRules {
    pub fn new(config: &config::Jwt) -> Self {
        Self {
            require_exp: config.require_exp,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            leeway: config.leeway.as_secs_f64(),
            account_claims: config.account_claims.clone(),
            broadcast_claim: config.broadcast_claim.clone(),
        }
    }

    /// Checks the claims of a token whose signature holds.
    pub fn check(&self, payload: &str, now: Timestamp) -> Result<Proof, Refusal> {
        let claims = Claims(json::last_wins(json::members(payload).map_err(|_| Refusal::TokenMalformed)?));
        let expires = self.check_time(&claims, now)?;
        if !self.issuer.is_empty() && claims.string("iss").as_deref() != Some(&self.issuer) {
            return Err(Refusal::TokenIssuer);
        }
        if !self.audience.is_empty() && !self.meant_for_us(&claims) {
            return Err(Refusal::TokenAudience);
        }
        Ok(Proof {
            account: self.account(&claims)?,
            subject: claims.string("sub").map(Cow::into_owned),
            expires,
            may_broadcast: claims.get(&self.broadcast_claim) == Some("true"),
        })
    }

    /// The account a token names, whatever else it says and whether or not it holds.
    pub fn named_account(&self, payload: &str) -> Option<AccountId> {
        self.account(&Claims(json::last_wins(json::members(payload).ok()?))).ok()?
    }

    fn check_time(&self, claims: &Claims<'_>, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let now = now.as_secs_f64();
        let exp = claims.seconds("exp")?;
        match exp {
            None if self.require_exp => return Err(Refusal::TokenWithoutExpiry),
            Some(exp) if now >= exp + self.leeway => return Err(Refusal::TokenExpired),
            _ => {}
        }
        if claims.seconds("nbf")?.is_some_and(|nbf| now + self.leeway < nbf) {
            return Err(Refusal::TokenNotYetValid);
        }
        // A cast from float saturates.
        Ok(exp.map(|exp| Timestamp((exp * 1000.0) as i64)))
    }

    /// `aud` is a text or a list of texts.
    fn meant_for_us(&self, claims: &Claims<'_>) -> bool {
        let Some(token) = claims.get("aud") else { return false };
        if let Some(one) = json::decode_str(token) {
            return self.audience.iter().any(|ours| *ours == one);
        }
        serde_json::from_str::<Vec<String>>(token).is_ok_and(|all| all.iter().any(|one| self.audience.contains(one)))
    }

    /// The first claim that names an account, as a text or a whole number.
    fn account(&self, claims: &Claims<'_>) -> Result<Option<AccountId>, Refusal> {
        let Some(token) = self.account_claims.iter().find_map(|name| claims.get(name)) else { return Ok(None) };
        let text = match json::decode_str(token) {
            Some(text) => text,
            None if is_integer(token) => Cow::Borrowed(token),
            None => return Err(Refusal::TokenMalformed),
        };
        AccountId::new(&text, MAX_ACCOUNT).map(Some).map_err(Refusal::AccountInvalid)
    }
}

fn is_integer(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}
