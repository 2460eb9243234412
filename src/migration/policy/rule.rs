//! Owns one rule: what it says at a moment, when that changes, and how it reads in words.

use super::who::{self, Who};
use crate::config::{self, Date, PolicyAction, Window};
use crate::migration::report::view::{Period, RuleView};
use crate::telemetry::labels::Policy as Says;
use std::sync::Arc;
use std::time::Duration;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;
/// How far ahead a timeline looks.
const AHEAD: i64 = 30 * DAY;
/// Periods in it.
const MOST_PERIODS: usize = 100;
/// When a browned-out client should come back where nothing says when.
const LATER: Duration = Duration::from_secs(300);
/// What a rule says that says nothing.
pub(super) const OFF: &str = "off";

/// A rule, made ready.
#[derive(Debug)]
pub(super) struct Rule {
    pub name: Arc<str>,
    pub who: Who,
    pub config: config::Rule,
}

impl Rule {
    pub fn new(config: &config::Rule) -> Self {
        Self { name: config.name.as_str().into(), who: Who::new(&config.who), config: config.clone() }
    }

    /// What it does while it acts.
    pub fn action(&self) -> Says {
        match self.config.action {
            PolicyAction::Allow => Says::Allow,
            PolicyAction::Warn => Says::Warn,
            PolicyAction::Brownout => Says::Brownout,
            PolicyAction::Block => Says::Block,
        }
    }

    /// What it says at this moment; None: as if it were not there.
    pub fn says(&self, at: i64) -> Option<Says> {
        let config = &self.config;
        if config.from.is_some_and(|from| at < from.secs()) || config.until.is_some_and(|until| at >= until.secs()) {
            return None;
        }
        let within = config.windows.is_empty() || config.windows.iter().any(|window| window.holds(at));
        match self.action() {
            action if within => Some(action),
            // Between its windows a rule that refuses announces itself.
            Says::Brownout | Says::Block => Some(Says::Warn),
            Says::Allow | Says::Warn => None,
        }
    }

    /// Does it refuse somebody at this moment?
    pub fn refuses(&self, at: i64) -> bool {
        !self.config.dry_run && matches!(self.says(at), Some(Says::Brownout | Says::Block))
    }

    /// The first second after this one at which it says something else; None when it never will.
    pub fn next_change(&self, at: i64) -> Option<i64> {
        let now = self.says(at);
        let mut from = at;
        loop {
            // Between two dates that come only once, every week is like the one before.
            let once = self.dates().filter(|date| *date > from).min();
            let week = once.map_or(from + 8 * DAY, |once| once.min(from + 8 * DAY));
            let mut edge = from;
            while let Some(next) = self.weekly().filter_map(|window| window.next_change(edge)).min() {
                if next >= week {
                    break;
                }
                if self.says(next) != now {
                    return Some(next);
                }
                edge = next;
            }
            from = once?;
            if self.says(from) != now {
                return Some(from);
            }
        }
    }

    fn weekly(&self) -> impl Iterator<Item = &Window> {
        self.config.windows.iter().filter(|window| matches!(window, Window::Weekly { .. }))
    }

    /// Everything that happens only once.
    fn dates(&self) -> impl Iterator<Item = i64> {
        let windows = self.config.windows.iter().filter_map(|window| match window {
            Window::Once { from, until } => Some([*from, *until]),
            Window::Weekly { .. } => None,
        });
        self.config.from.into_iter().chain(self.config.until).chain(windows.flatten()).map(Date::secs)
    }

    /// When a client that is browned out at this moment should come back.
    pub fn retry_after(&self, at: i64) -> Duration {
        let end = || if self.config.windows.is_empty() { None } else { self.next_change(at) };
        let left = || end().and_then(|end| u64::try_from(end - at).ok()).map(Duration::from_secs);
        self.config.retry_after.or_else(left).unwrap_or(LATER)
    }

    /// As operators see it.
    pub fn view(&self, at: i64) -> RuleView {
        let config = &self.config;
        let date = |secs: i64| Date::from_secs(secs).to_string();
        RuleView {
            name: config.name.clone(),
            action: self.action().label().into(),
            now: self.says(at).map_or(OFF, Says::label).into(),
            who: who::in_words(&config.who),
            percent: config.percent,
            dry_run: config.dry_run,
            when: self.when(),
            next_change: self.next_change(at).map(date),
            periods: self.periods(at).map(|(from, until)| Period { from: date(from), until: date(until) }).collect(),
        }
    }

    /// When it says its action, from this moment on.
    fn periods(&self, at: i64) -> impl Iterator<Item = (i64, i64)> {
        let (end, mut from) = (at + AHEAD, at);
        let pieces = std::iter::from_fn(move || {
            let start = from;
            from = self.next_change(start).map_or(end, |next| next.min(end));
            (start < end).then_some((start, from))
        });
        pieces.filter(|(start, _)| self.says(*start) == Some(self.action())).take(MOST_PERIODS)
    }

    fn when(&self) -> String {
        let config = &self.config;
        let mut parts = Vec::new();
        parts.extend(config.from.map(|from| format!("from {from}")));
        parts.extend(config.until.map(|until| format!("until {until}")));
        if !config.windows.is_empty() {
            let windows: Vec<_> = config.windows.iter().map(Window::to_string).collect();
            parts.push(format!("in {} (UTC)", windows.join(" and ")));
        }
        if parts.is_empty() { "always".into() } else { parts.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rule;
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> i64 {
        Date::parse(text).expect("a time").secs()
    }

    fn with(change: impl FnOnce(&mut config::Rule)) -> Rule {
        let mut config = rule("r", PolicyAction::Brownout);
        change(&mut config);
        Rule::new(&config)
    }

    fn windows(texts: &[&str]) -> Vec<Window> {
        texts.iter().map(|text| Window::parse(text).expect("a window")).collect()
    }

    #[test]
    fn outside_of_its_dates_it_is_not_there_and_outside_of_its_windows_it_warns() {
        let rule = with(|r| {
            r.from = Some(Date::from_secs(at("2026-12-01")));
            r.until = Some(Date::from_secs(at("2026-12-08")));
            r.windows = windows(&["daily 09:00-10:00"]);
        });
        let says = |text: &str| rule.says(at(text));
        assert_eq!((says("2026-11-30T09:30:00Z"), says("2026-12-01")), (None, Some(Says::Warn)));
        assert_eq!(
            (says("2026-12-01T09:00:00Z"), says("2026-12-01T10:00:00Z")),
            (Some(Says::Brownout), Some(Says::Warn))
        );
        assert_eq!((says("2026-12-07T23:59:59Z"), says("2026-12-08")), (Some(Says::Warn), None));
        let gentle = with(|r| {
            r.action = PolicyAction::Allow;
            r.windows = windows(&["daily 09:00-10:00"]);
        });
        assert_eq!((gentle.says(at("2026-12-01T09:00:00Z")), gentle.says(at("2026-12-01"))), (Some(Says::Allow), None));
    }

    #[test]
    fn a_client_should_come_back_when_the_window_ends() {
        let rule = with(|r| r.windows = windows(&["daily 09:00-10:00", "daily 09:30-10:30"]));
        assert_eq!(rule.retry_after(at("2026-12-01T09:15:00Z")), Duration::from_secs(75 * 60));
        assert_eq!(with(|_| {}).retry_after(0), LATER);
        assert_eq!(with(|r| r.until = Some(Date::from_secs(9))).retry_after(0), LATER);
        assert_eq!(with(|r| r.retry_after = Some(Duration::from_secs(7))).retry_after(0), Duration::from_secs(7));
    }

    #[test]
    fn a_timeline_looks_thirty_days_ahead() {
        let rule = with(|r| {
            r.windows = windows(&["Tue 09:00-09:30"]);
            r.who.tenants = vec!["acme".into()];
        });
        // A Tuesday, in the middle of its window.
        let view = rule.view(at("2026-12-01T09:10:00Z"));
        assert_eq!(
            (view.action.as_str(), view.now.as_str(), view.who.as_str()),
            ("brownout", "brownout", "tenants acme")
        );
        assert_eq!(view.when, "in Tue 09:00-09:30 (UTC)");
        assert_eq!(view.next_change.as_deref(), Some("2026-12-01T09:30:00Z"));
        assert_eq!(view.periods.len(), 5);
        let period = |n: usize| (view.periods[n].from.as_str(), view.periods[n].until.as_str());
        assert_eq!(period(0), ("2026-12-01T09:10:00Z", "2026-12-01T09:30:00Z"));
        assert_eq!(period(4), ("2026-12-29T09:00:00Z", "2026-12-29T09:30:00Z"));
        let always = with(|_| {}).view(0);
        assert_eq!((always.when.as_str(), always.next_change, always.periods.len()), ("always", None, 1));
        let busy = with(|r| r.windows = (0..6).flat_map(|h| windows(&[&format!("daily 0{h}:00-0{h}:30")])).collect());
        assert_eq!(busy.view(0).periods.len(), MOST_PERIODS);
    }

    #[test]
    fn windows_that_never_leave_a_gap_never_change() {
        let rule = with(|r| {
            r.windows = windows(&["daily 00:00-13:00", "daily 12:00-24:00"]);
            r.until = Some(Date::from_secs(at("2036-01-01")));
        });
        assert_eq!(rule.next_change(at("2026-12-01")), Some(at("2036-01-01")));
    }

    prop_compose! {
        fn any_window()(weekly: bool, days in 1..128_u8, a in 0..1440_u16, len in 1..600_u16, b in 0..40_i64, n in 1..9_i64) -> Window {
            if weekly {
                Window::Weekly { days, from: a, until: (a + len).min(1440) }
            } else {
                let from = b * DAY + i64::from(a) * 60;
                Window::Once { from: Date::from_secs(from), until: Date::from_secs(from + n * i64::from(len) * 60) }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_changes_before_the_next_change_and_something_does_then(
            windows in prop::collection::vec(any_window(), 0..4),
            (from, until) in (prop::option::of(0..20_i64), prop::option::of(20..40_i64)),
            action in prop::sample::select(vec![PolicyAction::Allow, PolicyAction::Block]),
            at in 0..45 * DAY,
        ) {
            let rule = with(|r| {
                r.windows = windows;
                r.action = action;
                (r.from, r.until) = (from.map(|d| Date::from_secs(d * DAY)), until.map(|d| Date::from_secs(d * DAY)));
            });
            let now = rule.says(at);
            let next = rule.next_change(at);
            // Every edge lies on a full minute.
            let minutes = (at.div_euclid(60) + 1)..next.map_or((at + 60 * DAY) / 60, |next| next / 60);
            for minute in minutes {
                prop_assert_eq!(rule.says(minute * 60), now);
            }
            if let Some(next) = next {
                prop_assert!(next > at && rule.says(next) != now && rule.says(next - 1) == now);
            }
        }
    }
}
