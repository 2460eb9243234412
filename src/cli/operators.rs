//! Owns the way from the command line to a proxy's operators' API: where it is, what is shown to it, and how each failure
//! is told. The token stands in no message.

use super::exit::{Exit, Failure};
use super::settings::Sources;
use crate::config::{self, Config, Secret};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// For one answer: name, connection, TLS, all of it.
const DEADLINE: Duration = Duration::from_secs(10);
/// The largest answer, in bytes.
const MAX_BODY: usize = 64 << 20;
/// The variable that holds the token.
const VARIABLE: &str = "AETHER_ADMIN_TOKEN";

/// Flags of every command that asks a running proxy.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// The operators' listener, such as http://127.0.0.1:9090; usually the one in the settings
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The operators' token; better in a file or in AETHER_ADMIN_TOKEN, where no list of processes shows it
    #[arg(long, value_parser = secret)]
    token: Option<Secret>,
    /// File with the operators' token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Authorities in PEM that the proxy's certificate is checked against, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate in PEM that is shown to a proxy which asks for one (listen.admin_tls.client_ca)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key in PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// A proxy that can be asked.
pub struct Operators {
    base: Uri,
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Target {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// An address, token or file that cannot be used.
    pub fn operators(&self, sources: &Sources) -> Result<Operators, Failure> {
        // The token of the settings is for the proxy of the settings; another address gets none of it.
        let (base, configured) = match &self.url {
            Some(url) => (parse(url)?, None),
            None => {
                let config = config::load(&sources.options())?;
                (usual(&config)?, configured(&config)?)
            }
        };
        let authorization = match self.token()?.or(configured) {
            None => None,
            Some(token) => Some(bearer(&token)?),
        };
        let loopback = base.host().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if authorization.is_some() && base.scheme_str() == Some("http") && !loopback {
            super::out::complain("The token goes over plain http: whoever sits between can read it.");
        }
        let shown = self.cert.as_deref().zip(self.key.as_deref());
        if shown.is_some() && base.scheme_str() != Some("https") {
            return Err(Failure::Usage("--cert: a certificate can only be shown over https".to_owned()));
        }
        let client = client(self.ca.as_deref(), shown, base.scheme_str() == Some("https"))?;
        Ok(Operators { base, authorization, client })
    }

    fn token(&self) -> Result<Option<Secret>, Failure> {
        match (&self.token, &self.token_file) {
            (Some(token), _) => Ok(Some(token.clone())),
            (None, Some(file)) => read(file).map(|text| Some(Secret::new(text))),
            (None, None) => Ok(std::env::var(VARIABLE).ok().filter(|token| !token.is_empty()).map(Secret::new)),
        }
    }
}

impl Operators {
    /// Asks for JSON of a known shape.
    ///
    /// # Errors
    /// As `text`; or something else came.
    pub async fn json<T: DeserializeOwned>(&self, target: &str) -> Result<T, Failure> {
        self.read(&self.text(target).await?)
    }

    /// Reads JSON of a known shape.
    ///
    /// # Errors
    /// It is something else.
    pub fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, Failure> {
        let other = "answered something else than expected: another version?";
        serde_json::from_str(text).map_err(|_| self.unavailable(other))
    }

    /// Asks for a path and query, which begin with `/`.
    ///
    /// # Errors
    /// Nobody answers; or the answer is no.
    pub async fn text(&self, target: &str) -> Result<String, Failure> {
        let answer = timeout(DEADLINE, self.get(target)).await;
        let (status, body) = answer.map_err(|_| self.unavailable("no answer within 10 seconds"))??;
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::Other(Exit::NoPermission, self.sentence(&why(&body, status))))
            }
            StatusCode::BAD_REQUEST => Err(Failure::Usage(why(&body, status))),
            StatusCode::NOT_FOUND => Err(self.unavailable("has no such path: is this a proxy's operators' listener?")),
            other => Err(self.unavailable(&why(&body, other))),
        }
    }

    async fn get(&self, target: &str) -> Result<(StatusCode, String), Failure> {
        let base = self.base.to_string();
        let uri = format!("{}{target}", base.trim_end_matches('/'));
        let mut request = Request::get(uri).body(Empty::new()).map_err(|_| Failure::Usage("--url".to_owned()))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        // A redirect is not followed: the token is for this address.
        let response = self.client.request(request).await.map_err(|error| self.unavailable(&cause(&error)))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await.map_err(|error| match error
            .is::<LengthLimitError>(
        ) {
            true => self.unavailable("the answer is larger than 64 MiB"),
            false => self.unavailable(&cause(error.as_ref())),
        })?;
        String::from_utf8(body.to_bytes().to_vec())
            .map(|text| (status, text))
            .map_err(|_| self.unavailable("the answer is no text"))
    }

    fn unavailable(&self, problem: &str) -> Failure {
        Failure::Other(Exit::Unavailable, self.sentence(problem))
    }

    fn sentence(&self, problem: &str) -> String {
        format!("{}: {problem}", self.base.to_string().trim_end_matches('/'))
    }
}

/// What an error of the API says; without one, the status.
fn why(body: &str, status: StatusCode) -> String {
    let message = serde_json::from_str::<serde_json::Value>(body).ok();
    let message = message.and_then(|error| error["message"].as_str().map(str::to_owned));
    // What another server sends must not move the cursor of a terminal.
    let message = message.map(|text| text.chars().filter(|c| !c.is_control()).take(300).collect());
    message.unwrap_or_else(|| format!("answered with status {status}"))
}

/// The innermost cause, which says most.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Reads an address. What is wrong is said without it: it may hold a password.
fn parse(text: &str) -> Result<Uri, Failure> {
    let bad = |problem: &str| Failure::Usage(format!("--url: {problem}"));
    let url: Uri = text.parse().map_err(|_| bad("not an address: write http://host:port"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
        return Err(bad("must begin with http:// or https:// and a host"));
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(bad("must not hold a user or password: use --token-file"));
    }
    if url.query().is_some() {
        return Err(bad("must not hold a query"));
    }
    Ok(url)
}

/// Where the proxy of these settings listens, as seen from this machine.
fn usual(config: &Config) -> Result<Uri, Failure> {
    let (mut ip, port) = (config.listen.admin.ip(), config.listen.admin.port());
    if ip.is_unspecified() {
        ip = if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    }
    if port == 0 {
        return Err(Failure::Usage("listen.admin takes any free port: give --url".to_owned()));
    }
    let scheme = if config.listen.admin_tls.certificate.is_some() { "https" } else { "http" };
    parse(&format!("{scheme}://{}", SocketAddr::new(ip, port)))
}

/// The token of the settings.
fn configured(config: &Config) -> Result<Option<Secret>, Failure> {
    match (&config.listen.admin_token, &config.listen.admin_token_file) {
        (Some(token), _) => Ok(Some(token.clone())),
        (None, Some(file)) => read(file).map(|text| Some(Secret::new(text))),
        (None, None) => Ok(None),
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose().trim()))
        .map_err(|_| Failure::Usage("the token holds characters that cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A client that trusts these authorities and shows this certificate, with its key.
fn client(
    ca: Option<&Path>,
    shown: Option<(&Path, &Path)>,
    secure: bool,
) -> Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, Failure> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca {
        roots.add_parsable_certificates(certificates(file)?);
    } else if secure {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if secure && roots.is_empty() {
        return Err(unusable("no certificate authority to check the proxy against: give --ca".to_owned()));
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots);
    let tls = match shown {
        None => tls.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let pem = Secret::new(read(key)?);
            let private = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes());
            // What is wrong is said without what stands in the file.
            let private = private.map_err(|_| unusable(format!("{}: holds no private key in PEM", key.display())))?;
            tls.with_client_auth_cert(chain, private)
                .map_err(|_| unusable(format!("{}: is not the key of the certificate", key.display())))?
        }
    };
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    // The operators' listener answers once a connection.
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

fn unusable(text: String) -> Failure {
    Failure::Other(Exit::Failure, text)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(unusable(format!("{}: holds no certificate in PEM", file.display()))),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Other(Exit::Failure, format!("{}: {error}", file.display())))
}

/// Runs what asks.
///
/// # Errors
/// Its own; or the system has no room for a runtime.
pub fn run<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asking)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_address_is_that_of_the_settings_from_this_machine() {
        let url = |admin: &str, tls: bool| {
            let mut config = Config::default();
            config.listen.admin = admin.parse().expect("an address");
            config.listen.admin_tls.certificate = tls.then(|| "x".into());
            usual(&config).map(|uri| uri.to_string()).map_err(|failure| failure.to_string())
        };
        assert_eq!(url("127.0.0.1:9090", false).as_deref(), Ok("http://127.0.0.1:9090/"));
        assert_eq!(url("0.0.0.0:9090", true).as_deref(), Ok("https://127.0.0.1:9090/"));
        assert_eq!(url("[::]:1", false).as_deref(), Ok("http://[::1]:1/"));
        assert!(url("127.0.0.1:0", false).is_err_and(|problem| problem.contains("--url")));
    }

    #[test]
    fn an_address_that_is_none_is_not_repeated() {
        for bad in ["", "127.0.0.1:9090", "ftp://h", "http://u:hush@h", "http://h?x=hush", "http://"] {
            let problem = parse(bad).expect_err("refused").to_string();
            assert!(problem.starts_with("--url: ") && !problem.contains("hush"), "{problem}");
        }
    }
}
