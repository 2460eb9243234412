//! Owns every name of the migration on Redis. All lie in one slot of a cluster, so that one script can change them.

use crate::config;
use crate::migration::record::Span;
use crate::telemetry::labels::GuideStep;

/// Distinct clients that are counted by the hour or by the day.
#[derive(Debug, Clone, Copy)]
pub enum Distinct {
    /// Seen with V2.
    V2,
    /// Seen with V3.
    V3,
    /// That have done a step.
    Step(GuideStep),
}

/// Names below the configured prefix.
#[derive(Debug)]
pub struct Keys {
    root: String,
}

impl Keys {
    /// Names below `hub.channels.prefix`. The tag is the migration's own, so that on a cluster its scripts need not run
    /// where presence lies.
    pub fn new(channels: &config::Channels) -> Self {
        // A tag in the prefix would come first, and end this one.
        Self { root: format!("{{{}:migration}}", channels.prefix.replace(['{', '}'], "")) }
    }

    fn name(&self, of: &str) -> String {
        format!("{}:{of}", self.root)
    }

    /// Hash: client, as `member` writes it, to its record.
    pub fn clients(&self) -> String {
        self.name("clients")
    }

    /// Sorted set: clients, all with score 0.
    pub fn index(&self) -> String {
        self.name("index")
    }

    /// Sorted set: clients by their last sign, negated, so that the latest stand first.
    pub fn seen(&self) -> String {
        self.name("seen")
    }

    /// Sorted set: clients that have not moved, by their last sign, negated.
    pub fn left(&self) -> String {
        self.name("left")
    }

    /// Sorted set: clients that were never let in, by their last sign, negated.
    pub fn never(&self) -> String {
        self.name("never")
    }

    /// Hash: tenant to its record.
    pub fn tenants(&self) -> String {
        self.name("tenants")
    }

    /// Sorted set: nodes by when they last wrote.
    pub fn nodes(&self) -> String {
        self.name("nodes")
    }

    /// Hash: node to the number of its last batch.
    pub fn numbers(&self) -> String {
        self.name("numbers")
    }

    /// Hash: node to its open connections by tenant.
    pub fn open(&self) -> String {
        self.name("open")
    }

    /// When the store was first written to.
    pub fn since(&self) -> String {
        self.name("since")
    }

    /// List: events, latest first.
    pub fn events(&self) -> String {
        self.name("events")
    }

    /// Hash: what an event is about to its latest state.
    pub fn latest(&self) -> String {
        self.name("latest")
    }

    /// Sorted set: the first seconds of the hours, or days, that were written.
    pub fn buckets(&self, span: Span) -> String {
        self.name(match span {
            Span::Hour => "hours",
            Span::Day => "days",
        })
    }

    /// Hash: what was counted in an hour or a day.
    pub fn bucket(&self, span: Span, start: i64) -> String {
        let word = match span {
            Span::Hour => "hour",
            Span::Day => "day",
        };
        self.name(&format!("{word}:{start}"))
    }

    /// `HyperLogLog`: the clients of an hour or a day.
    pub fn distinct(&self, span: Span, start: i64, which: Distinct) -> String {
        let word = match which {
            Distinct::V2 => "v2",
            Distinct::V3 => "v3",
            Distinct::Step(step) => step.label(),
        };
        format!("{}:{word}", self.bucket(span, start))
    }

    /// Those that are there as long as somebody writes.
    pub fn lasting(&self) -> [String; 14] {
        [
            self.clients(),
            self.index(),
            self.seen(),
            self.left(),
            self.never(),
            self.tenants(),
            self.nodes(),
            self.numbers(),
            self.open(),
            self.since(),
            self.events(),
            self.latest(),
            self.buckets(Span::Hour),
            self.buckets(Span::Day),
        ]
    }
}

/// A client within sets and hashes. Ids and tenants hold no control characters.
pub fn member(tenant: &str, client: &str) -> String {
    format!("{tenant}\u{1f}{client}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_have_one_tag_whatever_the_prefix() {
        for (prefix, tag) in
            [("ws:aether", "{ws:aether:migration}:"), ("{x}}:a{", "{x:a:migration}:"), ("", "{:migration}:")]
        {
            let keys = Keys::new(&config::Channels { prefix: prefix.into(), ..Default::default() });
            let mut names = keys.lasting().to_vec();
            names.push(keys.distinct(Span::Day, 86_400, Distinct::Step(GuideStep::Url)));
            assert!(names.iter().all(|name| name.starts_with(tag)), "{names:?}");
            assert_eq!(keys.bucket(Span::Hour, 7200), format!("{tag}hour:7200"));
            names.sort();
            names.dedup();
            assert_eq!(names.len(), 15);
        }
    }
}
