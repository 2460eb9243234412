//! Owns the date on which the last V2 client will be gone: a straight line through the distinct V2 clients of each day.
//!
//! The rule: days that are over (today is not), at most the last 14. With 7 or more, whole weeks only, so that a
//! weekend at one end tilts nothing. The line must fall by more than the numbers go up and down (its slope is at least
//! twice its own uncertainty) and reach 0 within two years. Anything else is no forecast, and says why.

use super::view::Forecast;
use super::words;
use crate::migration::record::{Bucket, DAY, Span};

/// Days a line needs.
const LEAST_DAYS: usize = 3;
/// How far ahead a line is believed, in days.
const HORIZON: f64 = 730.0;
/// How much steeper the line must be than it is uncertain.
const CLEAR: f64 = 2.0;

/// A slope that is nothing but rounding.
const LEVEL: f64 = 1e-9;

/// What the forecast is made from.
#[derive(Debug, Clone, Copy)]
pub struct Trend<'t> {
    /// Now.
    pub now: i64,
    /// The days, oldest first.
    pub days: &'t [Bucket],
    /// Nobody is connected with V2, and nobody was within 24 hours.
    pub quiet: bool,
    /// The last sign of V2; 0 = never.
    pub last_v2: i64,
    /// V2 clients that were seen of late.
    pub left: u64,
}

/// The forecast.
pub fn forecast(trend: Trend<'_>) -> Forecast {
    let today = Span::Day.start(trend.now);
    let points = points(trend.days, today);
    let based_on_days = points.len() as u64;
    let none = |why: &str, per_day| Forecast {
        text: format!("no forecast: {why}"),
        based_on_days,
        per_day,
        ..Forecast::default()
    };
    if trend.last_v2 == 0 && trend.quiet {
        return none("no V2 client was ever seen", None);
    }
    if trend.quiet {
        return Forecast {
            date: Some(words::day(trend.last_v2)),
            days: Some(0.0),
            per_day: None,
            based_on_days,
            text: format!("V2 is gone since {}", words::at(trend.last_v2)),
        };
    }
    if points.len() < LEAST_DAYS {
        return none(&format!("{} of {LEAST_DAYS} whole days seen", points.len()), None);
    }
    let Some(line) = Line::through(&points) else { return none("the days cannot be compared", None) };
    let per_day = Some(rounded(line.slope));
    if line.slope > LEVEL {
        return none("there are more V2 clients every day", per_day);
    }
    if line.slope > -LEVEL || -line.slope < CLEAR * line.uncertainty {
        return none("the number of V2 clients does not fall clearly", per_day);
    }
    let days = rounded(-line.at_0 / line.slope);
    if days > HORIZON {
        return none("at this pace it takes more than two years", per_day);
    }
    if days <= 0.0 {
        let left = words::count(trend.left, "V2 client");
        return none(&format!("the line is at 0 already, but {left} came within 24 hours"), per_day);
    }
    // The day in which the line reaches 0. Within the range: HORIZON bounds it.
    let date = words::day(today + (days * DAY as f64) as i64);
    Forecast {
        text: format!(
            "the last V2 client is gone about {date}, in {} days: {} fewer a day over {} days",
            words::number(days),
            words::number(-line.slope),
            points.len()
        ),
        date: Some(date),
        days: Some(days),
        per_day,
        based_on_days,
    }
}

/// Days before today with their clients. Those in which nothing was written are no points: nobody looked.
fn points(days: &[Bucket], today: i64) -> Vec<(f64, f64)> {
    let over = days.iter().filter(|day| day.at < today && day.at >= today - 14 * DAY);
    let mut points: Vec<(f64, f64)> =
        over.map(|day| ((day.at - today) as f64 / DAY as f64, day.v2_clients as f64)).collect();
    if (8..14).contains(&points.len()) {
        points.drain(..points.len() - 7);
    }
    points
}

/// Without the noise of the last bits: it would make the second day the first.
fn rounded(n: f64) -> f64 {
    (n * 1000.0).round() / 1000.0
}

/// A line through points, by least squares.
struct Line {
    /// At today's first moment.
    at_0: f64,
    slope: f64,
    /// The standard error of the slope.
    uncertainty: f64,
}

impl Line {
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (mean_x, mean_y) = (mean(&|p| p.0), mean(&|p| p.1));
        let wide: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        if points.len() < LEAST_DAYS || wide <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / wide;
        let at_0 = mean_y - slope * mean_x;
        let off: f64 = points.iter().map(|(x, y)| (y - at_0 - slope * x).powi(2)).sum();
        Some(Self { at_0, slope, uncertainty: (off / (n - 2.0) / wide).sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TODAY: i64 = 20_000 * DAY;

    /// These clients on the days before today; None = nobody looked.
    fn days(clients: &[Option<u64>]) -> Vec<Bucket> {
        let first = TODAY - clients.len() as i64 * DAY;
        let day = |(n, clients): (i64, &Option<u64>)| {
            clients.map(|v2_clients| Bucket { at: first + n * DAY, v2_clients, ..Bucket::default() })
        };
        (0..).zip(clients).filter_map(day).collect()
    }

    fn of(clients: &[u64]) -> Forecast {
        let clients: Vec<_> = clients.iter().copied().map(Some).collect();
        let now = TODAY + DAY / 2;
        forecast(Trend { now, days: &days(&clients), quiet: false, last_v2: now, left: 3 })
    }

    #[test]
    fn each_reason_for_no_forecast_is_said() {
        for (clients, why) in [
            (&[9, 8][..], "2 of 3 whole days"),
            (&[5, 5, 5, 5], "does not fall clearly"),
            (&[1, 2, 3], "more V2 clients every day"),
            (&[10, 2, 11, 1, 9], "does not fall clearly"),
            (&[100_000, 99_999, 99_998], "more than two years"),
            (&[40, 10, 4, 1, 0, 0, 0], "at 0 already, but 3 V2 clients"),
        ] {
            let found = of(clients);
            assert!(found.text.starts_with("no forecast: ") && found.text.contains(why), "{clients:?}: {}", found.text);
            assert_eq!((found.date, found.days), (None, None));
        }
    }

    #[test]
    fn a_fall_ends_on_its_day() {
        let found = of(&[30, 25, 20, 15]);
        assert_eq!((found.days, found.per_day, found.based_on_days), (Some(2.0), Some(-5.0), 4));
        assert_eq!(found.date, Some(words::day(TODAY + 2 * DAY)));
        assert!(found.text.contains("in 2 days: 5 fewer a day over 4 days"), "{}", found.text);
    }

    #[test]
    fn days_without_data_are_no_points_and_old_or_unfinished_ones_do_not_count() {
        let mut all = days(&[Some(30), None, Some(20), Some(15)]);
        all.insert(0, Bucket { at: TODAY - 15 * DAY, v2_clients: 9_000, ..Bucket::default() });
        all.push(Bucket { at: TODAY, v2_clients: 1, ..Bucket::default() });
        let found = forecast(Trend { now: TODAY + 1, days: &all, quiet: false, last_v2: 1, left: 1 });
        assert_eq!((found.days, found.based_on_days), (Some(2.0), 3));
    }

    #[test]
    fn weekends_tilt_nothing_much_over_whole_weeks() {
        let week = [100, 100, 100, 100, 100, 10, 10];
        for turn in 0..7 {
            let two: Vec<u64> = week.iter().chain(&week).cycle().skip(turn).take(14).copied().collect();
            assert!(of(&two).text.starts_with("no forecast"), "{two:?}: {}", of(&two).text);
        }
        assert_eq!(of(&[1, 90, 80, 70, 60, 50, 40, 30, 20]).based_on_days, 7, "the last whole week");
    }

    #[test]
    fn what_is_gone_is_said_to_be_gone() {
        let none = Trend { now: TODAY, days: &[], quiet: true, last_v2: 0, left: 0 };
        assert_eq!(forecast(none).text, "no forecast: no V2 client was ever seen");
        let gone = forecast(Trend { last_v2: TODAY - 9 * DAY, ..none });
        assert_eq!(gone.text, format!("V2 is gone since {}", words::at(TODAY - 9 * DAY)));
        assert_eq!((gone.date, gone.days), (Some(words::day(TODAY - 9 * DAY)), Some(0.0)));
    }

    proptest! {
        #[test]
        fn a_falling_line_is_found_exactly(n in 3_u64..15, fall in 1_u64..50, last in 1_u64..500) {
            let clients: Vec<u64> = (0..n).rev().map(|back| last + back * fall).collect();
            let found = of(&clients);
            // Yesterday there were `last`, so it takes so many days from yesterday on.
            let days = last as f64 / fall as f64 - 1.0;
            if days > 1e-3 {
                prop_assert!((found.days.unwrap_or(-1.0) - days).abs() < 1e-3, "{} != {days}", found.text);
                prop_assert!((found.per_day.unwrap_or(0.0) + fall as f64).abs() < 1e-6);
            } else {
                prop_assert!(found.days.is_none_or(|days| days < 1e-2));
            }
        }

        #[test]
        fn what_rises_has_no_forecast(n in 3_u64..15, rise in 0_u64..50, first in 0_u64..500) {
            let clients: Vec<u64> = (0..n).map(|day| first + day * rise).collect();
            prop_assert!(of(&clients).date.is_none());
        }

        #[test]
        fn whatever_comes_is_survived(clients in proptest::collection::vec(proptest::option::of(any::<u32>()), 0..20)) {
            let clients: Vec<_> = clients.into_iter().map(|n| n.map(u64::from)).collect();
            let found = forecast(Trend { now: TODAY, days: &days(&clients), quiet: false, last_v2: 1, left: 1 });
            prop_assert!(found.days.is_none_or(|days| days > 0.0 && days <= HORIZON));
            prop_assert_eq!(found.date.is_none(), found.text.starts_with("no forecast: "));
        }
    }
}
