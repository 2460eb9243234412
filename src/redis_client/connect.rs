//! Owns how connections to Redis are opened: for commands by the redis crate, for subscriptions as a bare
//! stream. Every step has a deadline.

use super::target::{Node, StartError, Target};
use crate::config::RedisUrl;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// A transport for whoever speaks to Redis by itself.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Why Redis cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Of the transport.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Of Redis.
    #[error("{0}")]
    Redis(#[from] RedisError),
    /// Of time.
    #[error("no answer in time")]
    Timeout,
    /// No sentinel knows a master that says it is one.
    #[error("nobody knows the master")]
    NoMaster,
    /// A node of the cluster that is cut off from the others.
    #[error("the node asked does not know how the cluster is")]
    Outdated,
}

/// Opens connections to one Redis.
#[derive(Debug)]
pub struct Connector {
    target: Target,
    deadline: Duration,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// For this address; each step may take `deadline`.
    ///
    /// # Errors
    /// The address cannot be used, or TLS is wanted and the system has no trusted roots.
    pub fn new(url: &RedisUrl, deadline: Duration) -> Result<Self, StartError> {
        let target = Target::parse(url)?;
        let tls = match target.tls {
            false => None,
            true => {
                use hyper_rustls::ConfigBuilderExt;
                let roots = ClientConfig::builder().with_native_roots();
                let roots =
                    roots.map_err(|_| StartError::Url("TLS is wanted, but the system has no trusted certificates"))?;
                Some(Arc::new(roots.with_no_client_auth()))
            }
        };
        Ok(Self { target, deadline, tls })
    }

    /// What it connects to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// A connection for commands without credentials: sentinels have their own, or none.
    ///
    /// # Errors
    /// It cannot be opened in time.
    pub async fn plain(&self, node: &Node) -> Result<MultiplexedConnection, ConnectError> {
        self.open(node, RedisConnectionInfo::default()).await
    }

    /// A connection for commands.
    ///
    /// # Errors
    /// It cannot be opened in time.
    pub async fn command(&self, node: &Node) -> Result<MultiplexedConnection, ConnectError> {
        let mut settings = RedisConnectionInfo::default();
        if let Some(user) = &self.target.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.target.password {
            settings = settings.set_password(password.expose());
        }
        self.open(node, settings.set_db(self.target.db)).await
    }

    async fn open(&self, node: &Node, settings: RedisConnectionInfo) -> Result<MultiplexedConnection, ConnectError> {
        let address = match self.target.tls {
            false => ConnectionAddr::Tcp(node.host.clone(), node.port),
            true => {
                ConnectionAddr::TcpTls { host: node.host.clone(), port: node.port, insecure: false, tls_params: None }
            }
        };
        // The crate leaves Nagle's algorithm on.
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let info = address.into_connection_info()?.set_tcp_settings(tcp).set_redis_settings(settings);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.deadline))
            .set_response_timeout(Some(self.deadline));
        let client = Client::open(info)?;
        let opening = client.get_multiplexed_async_connection_with_config(&config);
        // The crate's deadlines are per step; this one is for all of them.
        timeout(self.deadline * 2, opening).await.map_err(|_| ConnectError::Timeout)?.map_err(Into::into)
    }

    /// A bare stream.
    ///
    /// # Errors
    /// It cannot be opened in time.
    pub async fn stream(&self, node: &Node) -> Result<Box<dyn Transport>, ConnectError> {
        timeout(self.deadline, async {
            let tcp = TcpStream::connect((node.host.as_str(), node.port)).await?;
            tcp.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return Ok(Box::new(tcp) as Box<dyn Transport>) };
            let name = ServerName::try_from(node.host.clone()).map_err(io::Error::other)?;
            Ok(Box::new(TlsConnector::from(tls.clone()).connect(name, tcp).await?) as Box<dyn Transport>)
        })
        .await
        .map_err(|_| ConnectError::Timeout)?
    }
}
