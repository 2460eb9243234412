//! Owns what requests of our own to other servers trust, and the way to them: TLS with this machine's roots.

use super::AuthError;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// Connects by https, and by http where the address says so.
///
/// # Errors
/// TLS cannot be set up.
pub(super) fn connector(roots: RootCertStore) -> Result<HttpsConnector<HttpConnector>, AuthError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| AuthError::Roots(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build())
}

/// The same for one address: this machine's roots are read where they are needed.
///
/// # Errors
/// TLS cannot be set up, or there are no certificate roots on this machine.
pub fn connector_to(url: &hyper::Uri) -> Result<HttpsConnector<HttpConnector>, AuthError> {
    let is_https = url.scheme_str() == Some("https");
    connector(if is_https { native_roots()? } else { RootCertStore::empty() })
}

/// What this machine trusts.
pub(super) fn native_roots() -> Result<RootCertStore, AuthError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(AuthError::Roots(why));
    }
    Ok(roots)
}
