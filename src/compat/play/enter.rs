//! Owns whether a client is let in, as it should be or should not be.

use super::client::Client;
use super::entry::{self, Entry};
use super::inbox::What;
use super::seen::told;
use super::stage::{Means, Stage};
use super::words::Fault;
use crate::compat::SeenWhat;
use crate::dial::DialError;
use tokio::time::Instant;

impl Stage<'_> {
    async fn open(&mut self, name: &str) -> Result<Result<Client, DialError>, Fault> {
        if self.clients.contains_key(name) {
            return Err(Fault::new(format!("{name} is connected already, so the case is wrong")));
        }
        let Means { dialer, profile, secrets, tasks, server, .. } = self.means;
        let mount = self.mounts.get(name).copied();
        let entry: Entry = entry::of(name, self.cast(name)?, self.ids, profile, mount)
            .map_err(|why| Fault::new(format!("{name}: {why}")))?;
        let opened = match Client::open(dialer, &entry, secrets, tasks).await {
            Ok((client, calls_itself)) => {
                calls_itself.into_iter().for_each(|name| drop(server.set(name)));
                self.note(name, SeenWhat::Connected);
                Ok(client)
            }
            Err(error) => {
                if let DialError::Refused(answer) = &error {
                    self.note(name, SeenWhat::Refused(answer.status));
                }
                Err(error)
            }
        };
        Ok(opened)
    }

    /// It is let in.
    pub(super) async fn connect(&mut self, name: &str) -> Result<(), Fault> {
        match self.open(name).await? {
            Ok(client) => {
                self.clients.insert(name.to_owned(), client);
                Ok(())
            }
            Err(error) => Err(Fault::new(format!("{name} should be let in, but {}", self.not_let_in(&error)))),
        }
    }

    fn not_let_in(&self, error: &DialError) -> String {
        let DialError::Refused(answer) = error else { return error.to_string() };
        let body = told(&self.ids.unfill(&self.means.secrets.hide(&answer.body)));
        let colon = if body.is_empty() { "" } else { ": " };
        format!("was refused with status {}{colon}{body}", answer.status)
    }

    /// It is not let in: by one of these, or let in and ended at once by one of those.
    pub(super) async fn refused(&mut self, name: &str, status: &[u16], codes: &[u16]) -> Result<(), Fault> {
        let wanted = match (status, codes) {
            (status, []) => format!("{name} should be refused with status {status:?}"),
            ([], codes) => format!("{name} should be let in and ended with {codes:?}"),
            (status, codes) => format!("{name} should be refused with status {status:?} or ended with {codes:?}"),
        };
        let client = match self.open(name).await? {
            Err(DialError::Refused(answer)) if status.contains(&answer.status) => return Ok(()),
            Err(error) => return Err(Fault::new(format!("{wanted}, but {}", self.not_let_in(&error)))),
            Ok(client) => client,
        };
        self.clients.insert(name.to_owned(), client);
        if codes.is_empty() {
            return Err(Fault::new(format!("{wanted}, but was let in")));
        }
        let until = Instant::now() + self.patience();
        // It may be told why before.
        while let Some(came) = self.next(name, until).await? {
            match came.what {
                What::Frame(frame) => self.note_frame(name, &frame),
                What::Pong(_) => {}
                What::Ended(end) => {
                    self.clients.remove(name);
                    let expected = end.code().is_some_and(|code| codes.contains(&code));
                    let other = || Fault::new(format!("{wanted}, but got {end}"));
                    return if expected { Ok(()) } else { Err(other()) };
                }
            }
        }
        Err(Fault::new(format!("{wanted}, but is still let in")))
    }
}
