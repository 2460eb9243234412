//! Owns the target of what people write for times and sizes: windows, dates, durations, sizes. What is read is written so
//! that it reads back the same, and holds at the seconds at which a slower reading of the week says so.

use super::input::{parts, text};
use aether_proxy::config::{Date, Window, parse_duration, parse_size};
use std::time::Duration;

const DAY: i64 = 24 * 3600;
/// A day in every kind of year, and what lies around it.
const MOMENTS: [i64; 6] = [0, -1, 951_782_400, 1_795_651_200, 4_107_542_400, -62_135_596_800];

/// A window, a date, a duration, a size.
pub fn written(data: &[u8]) {
    let [one, two, three, four] = parts(data).map(text);
    if let Ok(window) = Window::parse(&one) {
        again(&window);
    }
    if let Ok(date) = Date::parse(&two) {
        assert_eq!(Date::parse(&date.to_string()), Ok(date), "{two:?}");
        let plain = two.trim();
        // A day is its first second.
        if plain.len() == 10 && plain.bytes().filter(|byte| *byte == b'-').count() == 2 {
            assert_eq!(date.secs(), days(plain) * DAY, "{two:?}");
        }
    }
    if let Ok(duration) = parse_duration(&three) {
        assert!(duration <= Duration::from_secs(365 * 86_400) && duration.subsec_nanos() % 1_000_000 == 0, "{three:?}");
        let millis = duration.as_millis();
        assert_eq!(parse_duration(&format!("{millis}ms")), Ok(duration), "{three:?}");
        if let Ok(seconds) = three.trim().parse::<u32>() {
            assert_eq!(duration, Duration::from_secs(seconds.into()), "{three:?}");
        }
    }
    if let Ok(size) = parse_size(&four) {
        assert_eq!(parse_size(&size.to_string()), Ok(size), "{four:?}");
        let digits: String = four.trim().chars().filter(char::is_ascii_digit).collect();
        let unit: String = four.chars().filter(char::is_ascii_alphabetic).collect();
        let by: u128 = match unit.as_str() {
            "" => 1,
            "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            other => panic!("{four:?}: {other}"),
        };
        assert_eq!(digits.parse::<u128>().map(|n| n * by), Ok(size as u128), "{four:?}");
    }
}

fn again(window: &Window) {
    let shown = window.to_string();
    assert_eq!(Window::parse(&shown).as_ref(), Ok(window), "{shown}");
    for moment in MOMENTS {
        for at in [moment, moment - 1, moment + 3599, moment + 9 * 3600, moment + 3 * DAY + 61] {
            assert_eq!(window.holds(at), slow(&shown, at), "{shown} at {at}");
        }
        match window.next_change(moment) {
            Some(next) => {
                assert!(next > moment && window.holds(next) != window.holds(next - 1), "{shown}: {moment} {next}");
                let between = (moment + 1..next).step_by(1801.max((next - moment) as usize / 64));
                assert!(between.into_iter().all(|at| window.holds(at) == window.holds(moment)), "{shown} {moment}");
            }
            None => {
                let week = (1..15).map(|half| moment + half * DAY / 2);
                assert!(week.into_iter().all(|at| window.holds(at) == window.holds(moment)), "{shown} {moment}");
            }
        }
    }
}

/// Does it hold, by what is shown of it?
fn slow(shown: &str, at: i64) -> bool {
    if let Some((from, until)) = shown.split_once('/') {
        let secs = |text| Date::parse(text).expect("a date").secs();
        return secs(from) <= at && at < secs(until);
    }
    let (names, hours) = shown.split_once(' ').expect("days and hours");
    // 2026-11-23 was a Monday.
    let monday = days("2026-11-23") * DAY;
    let day = (at - monday).div_euclid(DAY).rem_euclid(7) as usize;
    let name = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][day];
    let second = at - at.div_euclid(DAY) * DAY;
    let clock = format!("{:02}:{:02}", second / 3600, second / 60 % 60);
    let (from, until) = hours.split_once('-').expect("from and until");
    assert!(from.len() == 5 && until.len() == 5 && until <= "24:00" && from < until, "{shown}");
    (names == "daily" || names.split(',').any(|n| n == name)) && from <= clock.as_str() && clock.as_str() < until
}

/// Days since 1970, counted year by year.
fn days(date: &str) -> i64 {
    let mut numbers = date.split('-').map(|part| part.parse::<i64>().expect("a number"));
    let [year, month, day] = std::array::from_fn(|_| numbers.next().expect("three"));
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let long = |year: i64| if leap(year) { 366 } else { 365 };
    let years: i64 = if year >= 1970 { (1970..year).map(long).sum() } else { -(year..1970).map(long).sum::<i64>() };
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + months[..month as usize - 1].iter().sum::<i64>() + day - 1
}
