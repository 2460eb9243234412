//! Durations and sizes as people write them: `"25s"`, `"1h"`, `"512KiB"`; a bare number is seconds or bytes.

/// `#[serde(with = "human::duration")]`
pub mod duration {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    /// Writes the shortest form that reads back the same.
    pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        let ms = d.as_millis();
        s.serialize_str(&match ms {
            0 => "0s".into(),
            m if m % 3_600_000 == 0 => format!("{}h", m / 3_600_000),
            m if m % 60_000 == 0 => format!("{}m", m / 60_000),
            m if m % 1000 == 0 => format!("{}s", m / 1000),
            m => format!("{m}ms"),
        })
    }

    /// Reads `"1h 30m"`, `"250ms"` or a number of seconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Seconds(f64),
            Text(String),
        }
        let bad =
            |what: &str| D::Error::custom(format!("`{what}` is not a duration such as \"250ms\", \"10s\", \"1h\""));
        match Either::deserialize(d)? {
            Either::Seconds(n) => Duration::try_from_secs_f64(n).map_err(|_| bad(&n.to_string())),
            Either::Text(t) => match t.trim().parse::<f64>() {
                Ok(n) => Duration::try_from_secs_f64(n).map_err(|_| bad(&t)),
                Err(_) => {
                    let signed: SignedDuration = t.parse().map_err(|_| bad(&t))?;
                    Duration::try_from(signed).map_err(|_| bad(&t))
                }
            },
        }
    }
}

/// `#[serde(with = "human::size")]`
pub mod size {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const UNITS: [(&str, usize); 6] =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)];

    /// Writes whole binary units where there are any.
    pub fn serialize<S: Serializer>(n: &usize, s: S) -> Result<S::Ok, S::Error> {
        for (unit, by) in &UNITS[..3] {
            if *n >= *by && n % by == 0 {
                return s.serialize_str(&format!("{}{unit}", n / by));
            }
        }
        s.serialize_u64(*n as u64)
    }

    /// Reads `"512KiB"`, `"2 MB"` or a number of bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Bytes(usize),
            Text(String),
        }
        match Either::deserialize(d)? {
            Either::Bytes(n) => Ok(n),
            Either::Text(t) => parse(&t)
                .ok_or_else(|| D::Error::custom(format!("`{t}` is not a size such as 65536, \"512KiB\", \"1MiB\""))),
        }
    }

    fn parse(text: &str) -> Option<usize> {
        let text = text.trim();
        for (unit, by) in UNITS {
            if let Some(n) = text.strip_suffix(unit) {
                return n.trim().parse::<usize>().ok()?.checked_mul(by);
            }
        }
        text.parse().ok()
    }
}
