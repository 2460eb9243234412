//! Owns every reason why a client may not come in, its HTTP status and its words. No text here can hold a secret.

use crate::envelope::ids::IdError;
use hyper::StatusCode;

/// Why a client may not come in. The texts are for the person who wrote the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing presented where something must be.
    #[error(
        "a credential is needed: send `api_key` or `jwt` in the query, or the header `x-api-key` or `authorization: Bearer`"
    )]
    Missing,
    /// Guests are denied, and the server has no credential it could check.
    #[error(
        "this server admits no guests and has no credentials configured: its operator must add an API key or tokens"
    )]
    GuestsDenied,
    /// `auth.require` asks for an API key.
    #[error("an API key is needed: send `api_key` in the query or the header `x-api-key`")]
    ApiKeyMissing,
    /// `auth.require` asks for a token.
    #[error("a token is needed: send `jwt` in the query or the header `authorization: Bearer`")]
    TokenMissing,
    /// A credential that is not text after percent-decoding.
    #[error("a credential is not UTF-8 text: percent-encode it once (encodeURIComponent)")]
    Unreadable,
    /// A credential above the bound.
    #[error("a credential is too long: 16384 bytes at most")]
    TooLong,
    /// No key has this hash.
    #[error("the API key is not known: check that it is whole, percent-encoded once, and not withdrawn")]
    ApiKeyUnknown,
    /// Not three base64url parts, not JSON, or a header that says `crit`.
    #[error(
        "the token is not a readable JSON web token: send it whole, without quotes or the word Bearer in the query"
    )]
    TokenMalformed,
    /// `alg` is not in `auth.jwt.algorithms`, or `none`.
    #[error("the token is signed with an algorithm this server does not accept")]
    TokenAlgorithm,
    /// No key of this server fits `kid` and `alg`.
    #[error("the token is signed with a key this server does not know: get a new token from its issuer")]
    TokenKeyUnknown,
    /// The signature does not match.
    #[error("the token's signature does not match: get a new token from its issuer")]
    TokenSignature,
    /// `exp` has passed.
    #[error("the token has expired: get a new one")]
    TokenExpired,
    /// `nbf` has not come.
    #[error("the token is not valid yet: check the clocks of client and issuer")]
    TokenNotYetValid,
    /// No `exp`, and `auth.jwt.require_exp`.
    #[error("the token has no `exp` claim: its issuer must set one")]
    TokenWithoutExpiry,
    /// `iss` is missing or another.
    #[error("the token comes from an issuer this server does not accept (claim `iss`)")]
    TokenIssuer,
    /// `aud` is missing or another.
    #[error("the token is not meant for this server (claim `aud`)")]
    TokenAudience,
    /// The account is no usable id.
    #[error("the account {0}: send another `x_account_id`, or have the token's issuer correct its claim")]
    AccountInvalid(IdError),
    /// `auth.origins` does not list where the browser comes from.
    #[error("pages of this origin may not connect: its operator must list the origin")]
    OriginDenied,
    /// The JWKS address has not answered yet.
    #[error("tokens cannot be checked at the moment: try again in a few seconds")]
    KeysUnavailable,
}

impl Refusal {
    /// All refusals, for metrics that start at 0.
    pub const ALL: [Refusal; 19] = [
        Refusal::Missing,
        Refusal::GuestsDenied,
        Refusal::ApiKeyMissing,
        Refusal::TokenMissing,
        Refusal::Unreadable,
        Refusal::TooLong,
        Refusal::ApiKeyUnknown,
        Refusal::TokenMalformed,
        Refusal::TokenAlgorithm,
        Refusal::TokenKeyUnknown,
        Refusal::TokenSignature,
        Refusal::TokenExpired,
        Refusal::TokenNotYetValid,
        Refusal::TokenWithoutExpiry,
        Refusal::TokenIssuer,
        Refusal::TokenAudience,
        Refusal::AccountInvalid(IdError::Empty),
        Refusal::OriginDenied,
        Refusal::KeysUnavailable,
    ];

    /// The same word in metrics, logs and answers.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::Missing => "credential_missing",
            Refusal::GuestsDenied => "guests_denied",
            Refusal::ApiKeyMissing => "api_key_missing",
            Refusal::TokenMissing => "token_missing",
            Refusal::Unreadable => "credential_unreadable",
            Refusal::TooLong => "credential_too_long",
            Refusal::ApiKeyUnknown => "api_key_unknown",
            Refusal::TokenMalformed => "token_malformed",
            Refusal::TokenAlgorithm => "token_algorithm",
            Refusal::TokenKeyUnknown => "token_key_unknown",
            Refusal::TokenSignature => "token_signature",
            Refusal::TokenExpired => "token_expired",
            Refusal::TokenNotYetValid => "token_not_yet_valid",
            Refusal::TokenWithoutExpiry => "token_without_expiry",
            Refusal::TokenIssuer => "token_issuer",
            Refusal::TokenAudience => "token_audience",
            Refusal::AccountInvalid(_) => "account_invalid",
            Refusal::OriginDenied => "origin_denied",
            Refusal::KeysUnavailable => "keys_unavailable",
        }
    }

    /// 401: come with another credential. 403: none would help. 503: come again later.
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::GuestsDenied | Refusal::AccountInvalid(_) | Refusal::OriginDenied => StatusCode::FORBIDDEN,
            Refusal::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// What `Retry-After` says, in seconds, where coming again helps.
    pub fn retry_after(self) -> Option<u64> {
        (self == Refusal::KeysUnavailable).then_some(5)
    }
}
