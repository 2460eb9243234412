//! Who is it, and may it come in? `Credentials` (what a client presented) become a `Principal` or a `Refusal`.
//! Owns API keys, tokens and their keys, origins, accounts; knows nothing of paths, sessions or answers on the wire.

mod api_key;
mod authenticator;
mod claims;
mod credentials;
mod error;
mod jwks;
mod key;
mod mint;
mod origin;
mod outgoing;
mod principal;
mod refusal;
mod remote;
mod subprotocol;
mod token;
mod watched;

#[cfg(test)]
mod tests;

pub use authenticator::Authenticator;
pub use credentials::Credentials;
pub use error::AuthError;
pub use mint::{Mint, MintError, SigningKey, mint};
pub use outgoing::connector_to;
pub use principal::{Method, Presumption, Principal, Tenant};
pub use refusal::Refusal;
pub use subprotocol::{API_KEY_PREFIX, JWT_PREFIX, V3, carries_secret, offered_subprotocols};
