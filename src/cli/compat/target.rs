//! Owns what is held of a target before anything is sent to it: its address can be used, and it is this machine unless
//! more is allowed. What of an address is shown has no password in it.

use crate::cli::exit::{Exit, Failure};
use crate::config::RedisUrl;
use crate::dial::Address;
use crate::redis_client::{StartError, Target as Redis};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long a name may take to be found.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the address of a server.
///
/// # Errors
/// It is none.
pub(super) fn address(flag: &str, url: &str) -> Result<Address, Failure> {
    Address::parse(url).map_err(|error| Failure::Usage(format!("{flag}: {error}")))
}

/// Reads the address of a Redis.
///
/// # Errors
/// It is none.
pub(super) fn redis(url: &RedisUrl) -> Result<Redis, Failure> {
    Redis::parse(url).map_err(|StartError::Url(why)| Failure::Usage(format!("--redis: {why}")))
}

/// Holds that a server and its Redis are this machine: others may have users.
///
/// # Errors
/// One of them is another machine, or not to be found.
pub(super) async fn are_here(flag: &str, address: &Address, redis: Option<&Redis>) -> Result<(), Failure> {
    is_here(flag, address.host(), address.port()).await?;
    for node in redis.map_or(&[][..], |redis| &redis.nodes) {
        is_here("--redis", &node.host, node.port).await?;
    }
    Ok(())
}

async fn is_here(flag: &str, host: &str, port: u16) -> Result<(), Failure> {
    let away = |why: &str| Failure::Other(Exit::Unavailable, format!("{host}: {why}"));
    let found = timeout(PATIENCE, lookup_host((host, port))).await;
    let mut found = found.map_err(|_| away("its address was not found in time"))?.map_err(|e| away(&e.to_string()))?;
    if found.all(|address| address.ip().is_loopback()) {
        return Ok(());
    }
    Err(Failure::Usage(format!("{flag}: {host} is another machine; --allow-remote, if that is meant")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for bad in ["", "127.0.0.1:8080", "http://127.0.0.1", "ws://u:hush@h", "ws://h?k=hush"] {
            let failure = address("--target", bad).unwrap_err();
            assert!(matches!(&failure, Failure::Usage(why) if !why.contains("hush")), "{bad}: {failure}");
        }
        let failure = redis(&RedisUrl::new("http://u:hush@h")).unwrap_err();
        assert!(matches!(&failure, Failure::Usage(why) if !why.contains("hush")), "{failure}");
    }

    #[tokio::test]
    async fn another_machine_is_asked_for_by_name() {
        let remote = address("--target", "ws://192.0.2.1:1").unwrap();
        let here = address("--target", "ws://127.0.0.1:1").unwrap();
        assert!(are_here("--target", &here, None).await.is_ok());
        let refused = are_here("--target", &remote, None).await.unwrap_err().to_string();
        assert!(refused.contains("192.0.2.1 is another machine; --allow-remote"), "{refused}");
        let redis = redis(&RedisUrl::new("redis://u:hush@192.0.2.1:1")).unwrap();
        let refused = are_here("--target", &here, Some(&redis)).await.unwrap_err().to_string();
        assert!(refused.starts_with("--redis: 192.0.2.1 is another") && !refused.contains("hush"), "{refused}");
    }
}
