//! Durations and sizes as people write them: `"25s"`, `"1h"`, `"512KiB"`; a bare number is seconds or bytes.

use serde::de::IntoDeserializer;

/// Reads a duration as settings have it: `"250ms"`, `"1h 30m"`, `90` (seconds).
///
/// # Errors
/// What it should look like.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    duration::deserialize(text).map_err(|error| error.to_string())
}

/// Reads a size as settings have it: `"512KiB"`, `65536`.
///
/// # Errors
/// What it should look like.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    size::deserialize(text).map_err(|error| error.to_string())
}

/// `#[serde(with = "human::duration")]`
pub mod duration {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    /// Longer ones are slips of the pen, and the sum with a point in time might overflow.
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
    const FORM: &str = "a duration such as \"250ms\", \"10s\", \"1h\"";

    /// Writes the shortest form that reads back the same.
    pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        let ms = d.as_millis();
        s.serialize_str(&match ms {
            0 => "0s".into(),
            m if m.is_multiple_of(3_600_000) => format!("{}h", m / 3_600_000),
            m if m.is_multiple_of(60_000) => format!("{}m", m / 60_000),
            m if m.is_multiple_of(1000) => format!("{}s", m / 1000),
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
        let bad = |what: &str| D::Error::custom(format!("`{what}` is not {FORM}"));
        let (text, read) = match Either::deserialize(d).map_err(|_| D::Error::custom(format!("must be {FORM}")))? {
            Either::Seconds(n) => (n.to_string(), Duration::try_from_secs_f64(n).ok()),
            Either::Text(t) => {
                let read = match t.trim().parse::<f64>() {
                    Ok(n) => Duration::try_from_secs_f64(n).ok(),
                    Err(_) => t.trim().parse::<SignedDuration>().ok().and_then(|signed| signed.try_into().ok()),
                };
                (t, read)
            }
        };
        match read {
            None => Err(bad(&text)),
            Some(d) if d > LONGEST => Err(D::Error::custom(format!("`{text}` is longer than 365 days"))),
            // It would be written as a shorter one, in the worst case as 0, which often means "never".
            Some(d) if d.subsec_nanos() % 1_000_000 != 0 => {
                Err(D::Error::custom(format!("`{text}` is finer than a millisecond")))
            }
            Some(d) => Ok(d),
        }
    }
}

/// `#[serde(with = "human::optional_duration")]`
pub mod optional_duration {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[derive(Serialize, Deserialize)]
    struct Written(#[serde(with = "super::duration")] Duration);

    /// As `duration`, if there is one.
    pub fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        d.map(Written).serialize(s)
    }

    /// As `duration`, if there is one.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Written>::deserialize(d)?.map(|written| written.0))
    }
}

/// `#[serde(with = "human::size")]`
pub mod size {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const UNITS: [(&str, usize); 6] =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)];

    const FORM: &str = "a size such as 65536, \"512KiB\", \"1MiB\"";

    /// Writes whole binary units where there are any.
    pub fn serialize<S: Serializer>(n: &usize, s: S) -> Result<S::Ok, S::Error> {
        for (unit, by) in &UNITS[..3] {
            if *n >= *by && n.is_multiple_of(*by) {
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
        match Either::deserialize(d).map_err(|_| D::Error::custom(format!("must be {FORM}")))? {
            Either::Bytes(n) => Ok(n),
            Either::Text(t) => parse(&t).ok_or_else(|| D::Error::custom(format!("`{t}` is not {FORM}"))),
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

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use std::time::Duration;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super::duration")]
        time: Duration,
        #[serde(with = "super::size")]
        size: usize,
    }

    fn read(time: &str, size: &str) -> Option<(u128, usize)> {
        let both: Both = toml::from_str(&format!("time = {time}\nsize = {size}")).ok()?;
        let again = toml::from_str(&toml::to_string(&both).unwrap()).unwrap();
        assert_eq!(both, again, "written and read back");
        Some((both.time.as_millis(), both.size))
    }

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        assert_eq!(read("'250ms'", "'512KiB'"), Some((250, 524_288)));
        assert_eq!(read("'1h 30m'", "'2 MB'"), Some((5_400_000, 2_000_000)));
        assert_eq!(read("'90'", "'100'"), Some((90_000, 100)));
        assert_eq!(read("1.5", "65536"), Some((1500, 65536)));
        assert_eq!(read("0", "0"), Some((0, 0)));
    }

    #[test]
    fn what_is_no_duration_or_size_is_refused() {
        for time in ["'soon'", "-1", "'-1s'", "nan", "inf", "'1us'", "'366d'", "1e300", "[]", "true"] {
            assert_eq!(read(time, "1"), None, "{time}");
        }
        for size in ["'big'", "-1", "1.5", "'1.5MiB'", "'99999999999999GiB'", "''", "[]"] {
            assert_eq!(read("1", size), None, "{size}");
        }
    }
}
