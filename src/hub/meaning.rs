//! Owns what settings mean in the types of the layers they are about; `config` itself knows no other layer.

use crate::config;
use crate::dialect::Wire;
use crate::envelope::Nulls;

impl From<config::Wire> for Wire {
    fn from(wire: config::Wire) -> Self {
        match wire {
            config::Wire::Extended => Wire::Extended,
            config::Wire::Plain => Wire::Plain,
        }
    }
}

impl From<config::Nulls> for Nulls {
    fn from(nulls: config::Nulls) -> Self {
        match nulls {
            config::Nulls::Omit => Nulls::Omit,
            config::Nulls::Include => Nulls::Include,
        }
    }
}
