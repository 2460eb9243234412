//! Waits for what must become true, instead of sleeping and hoping; says what it saw last when it does not.

use std::{fmt::Debug, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// `eventually!(within, condition)` waits for a bool; `eventually!(within, value, |v| …)` waits until the value
/// holds, and returns it. The expression may await. Panics with the last value seen.
macro_rules! eventually {
    ($within:expr, $condition:expr $(,)?) => {
        $crate::harness::eventually::eventually!($within, $condition, |yes: &bool| *yes)
    };
    ($within:expr, $value:expr, $holds:expr $(,)?) => {
        match $crate::harness::eventually::look($within, async || $value, $holds).await {
            Ok(value) => value,
            Err(last) => {
                panic!("not within {:?}: {} ({})\nlast value: {last}", $within, stringify!($value), stringify!($holds),)
            }
        }
    };
}
pub(crate) use eventually;

/// The loop behind the macro. A look that hangs counts as a look without a value.
///
/// # Errors
/// The last value, when time is up.
pub async fn look<T: Debug>(
    within: Duration,
    mut value: impl AsyncFnMut() -> T,
    holds: impl Fn(&T) -> bool,
) -> Result<T, String> {
    let deadline = Instant::now() + within;
    let mut last = "none, the first look did not return".to_owned();
    loop {
        match timeout_at(deadline, value()).await {
            Ok(value) if holds(&value) => return Ok(value),
            Ok(value) => last = format!("{value:?}"),
            Err(_) => return Err(last),
        }
        if Instant::now() >= deadline {
            return Err(last);
        }
        sleep(PAUSE).await;
    }
}

mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn returns_the_value_as_soon_as_it_holds() {
        let looks = Cell::new(0);
        let value = eventually!(Duration::from_secs(1), looks.replace(looks.get() + 1), |n| *n == 3);
        assert_eq!((value, looks.get()), (3, 4));
        eventually!(Duration::from_secs(1), looks.get() == 4);
    }

    #[tokio::test(start_paused = true)]
    async fn says_the_last_value_when_time_is_up() {
        let looks = Cell::new(0);
        let last = look(Duration::from_millis(35), async || looks.replace(looks.get() + 1), |n| *n > 100).await;
        assert_eq!(last, Err("4".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "last value: none, the first look did not return")]
    async fn a_look_that_hangs_does_not_hang_the_test() {
        eventually!(Duration::from_secs(1), std::future::pending::<bool>().await);
    }
}
