//! Owns the TLS of one listener: the handshake, the certificate in use, and its successor. Open connections keep
//! what they began with. What the files must hold is `files`'s; deadlines are the listeners'.

mod files;
#[cfg(test)]
mod tests;

pub use files::TlsError;

use crate::config::TlsFiles;
use arc_swap::ArcSwap;
use files::{Files, Look};
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(2);
/// Bytes of messages a connection holds encrypted: one record. More would be memory no limit counts, and a slow
/// reader that is at work on them looks like one that has stopped.
const UNSENT: usize = 16 << 10;

/// The TLS of one listener.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
}

/// How the files looked.
#[derive(Debug)]
struct Seen {
    /// When they were last read.
    read: Look,
    /// At the last look.
    last: Look,
}

impl Tls {
    /// Reads the files of `setting` (such as `listen.tls`); none where there is no certificate.
    ///
    /// # Errors
    /// The setting, the file, and what is wrong with it.
    pub async fn load(setting: &'static str, files: &TlsFiles) -> Result<Option<Arc<Self>>, TlsError> {
        let Some(files) = Files::of(setting, files) else { return Ok(None) };
        // Looked at before they are read: what is written in between shows as a change at the next look.
        let look = files.look().await;
        let current = ArcSwap::new(files.read().await?);
        let seen = Mutex::new(Seen { read: look.clone(), last: look });
        Ok(Some(Arc::new(Self { files, current, seen })))
    }

    /// The server's side of a handshake. It has no deadline of its own.
    ///
    /// # Errors
    /// `InvalidData` where the peer spoke no TLS that is accepted here, or has no valid certificate and needs one;
    /// anything else is the transport's.
    pub async fn accept<T: AsyncRead + AsyncWrite + Unpin>(&self, stream: T) -> io::Result<TlsStream<T>> {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        acceptor.accept_with(stream, |connection| connection.set_buffer_limit(Some(UNSENT))).await
    }

    /// Reads the files again, whether they changed or not. What cannot be used is logged, and the old stays.
    pub async fn reread(&self) {
        let look = self.files.look().await;
        *self.seen.lock() = Seen { read: look.clone(), last: look };
        match self.files.read().await {
            Ok(new) => {
                self.current.store(new);
                tracing::info!(setting = self.files.setting(), "new TLS handshakes use the certificate just read");
            }
            Err(error) => {
                tracing::error!(reason = error.label(), %error, "the new certificate is no good; the old one stays");
            }
        }
    }

    /// Reads the files again when they change, until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(POLL)).await.is_some() {
            if self.has_changed().await {
                self.reread().await;
            }
        }
    }

    /// A change counts once it has lasted from one look to the next: certificate and key are two files, and
    /// whoever replaces them is between the two for a moment.
    async fn has_changed(&self) -> bool {
        let look = self.files.look().await;
        let mut seen = self.seen.lock();
        let lasts = look == seen.last;
        let changed = lasts && look != seen.read;
        seen.last = look;
        changed
    }
}

/// Names the cryptography for whatever in this process does not name its own. Only the first call counts.
pub fn install_provider() {
    // It fails where there is one already: another proxy of this process, or the program around it, was first.
    let _ = aws_lc_rs::default_provider().install_default();
}
