//! The hub on Redis. (Being written.)

use crate::envelope::GroupId;
use crate::hub::presence::{Announcer, Member};
use crate::hub::{AttachError, Fanout, HubUnavailable, Keys, Parts, Publication, PublishError, Scope, Seat};
use std::sync::Arc;

/// The hub cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be used.
    #[error("hub.url: {0}")]
    Url(String),
}

/// See the module.
#[derive(Debug)]
pub struct Redis {}

impl Redis {
    pub fn start(_: &Parts, _: Arc<Keys>, _: Arc<Fanout>, _: Announcer) -> Result<Arc<Self>, StartError> {
        Err(StartError::Url("not yet".into()))
    }
    pub async fn subscribe(&self, _: &[Scope]) -> Result<(), AttachError> {
        Err(AttachError)
    }
    pub fn unsubscribe(&self, _: &[Scope]) {}
    pub async fn publish(&self, _: Publication) -> Result<(), PublishError> {
        Err(PublishError::Unavailable)
    }
    pub fn join(&self, _: &Arc<Seat>) {}
    pub async fn leave(&self, _: &Arc<Seat>) {}
    pub fn replace(&self, _: &Arc<Seat>) {}
    pub async fn members(&self, _: &GroupId) -> Result<Vec<Member>, HubUnavailable> {
        Err(HubUnavailable)
    }
    pub fn touch(&self, _: &Seat) {}
    pub fn is_up(&self) -> bool {
        false
    }
}
