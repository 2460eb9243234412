//! Settings that are on, off, or decided by what else is configured: `true`, `false`, `"auto"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `"auto"`, `true` or `false`. What `auto` comes to is told at each setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// As the other settings suggest.
    Auto,
    /// On.
    Yes,
    /// Off.
    No,
}

impl Switch {
    /// The answer, where `auto` comes to `otherwise`.
    pub fn or(self, otherwise: bool) -> bool {
        match self {
            Switch::Auto => otherwise,
            Switch::Yes => true,
            Switch::No => false,
        }
    }
}

impl Serialize for Switch {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Switch::Auto => s.serialize_str("auto"),
            Switch::Yes => s.serialize_bool(true),
            Switch::No => s.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Flag(bool),
            Word(String),
        }
        let form = |_| serde::de::Error::custom("must be `auto`, true or false");
        match Either::deserialize(d).map_err(form)? {
            Either::Flag(true) => Ok(Switch::Yes),
            Either::Flag(false) => Ok(Switch::No),
            Either::Word(w) => match w.as_str() {
                "auto" => Ok(Switch::Auto),
                // Environment variables and `--set` are texts.
                "true" => Ok(Switch::Yes),
                "false" => Ok(Switch::No),
                _ => Err(serde::de::Error::custom(format!("`{w}` is none of `auto`, `true`, `false`"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for (switch, written) in [(Switch::Auto, "\"auto\""), (Switch::Yes, "true"), (Switch::No, "false")] {
            assert_eq!(serde_json::to_string(&switch).unwrap(), written);
            assert_eq!(serde_json::from_str::<Switch>(written).unwrap(), switch);
        }
        assert_eq!(serde_json::from_str::<Switch>("\"false\"").unwrap(), Switch::No);
        assert!(serde_json::from_str::<Switch>("\"yes\"").is_err() && serde_json::from_str::<Switch>("1").is_err());
    }

    #[test]
    fn only_auto_asks_for_the_circumstances() {
        assert!(Switch::Auto.or(true) && !Switch::Auto.or(false));
        assert!(Switch::Yes.or(false) && !Switch::No.or(true));
    }
}
