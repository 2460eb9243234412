//! Numbered messages in several groups at once, from one node to another, and what came of them.

use super::node::{Client, Node, Who};
use aether_proxy::envelope::{Draft, MsgType};
use aether_proxy::hub::Notice;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Groups that lie in many slots, on every master of a small cluster.
pub const GROUPS: [&str; 12] = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9", "g10", "g11"];
/// Nothing came for so long: nothing will.
const QUIET: Duration = Duration::from_secs(2);

/// What came of one group's messages.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Came {
    pub sent: usize,
    pub received: usize,
    pub repeated: usize,
    /// Came after one that was sent later.
    pub disordered: usize,
    pub missing: usize,
    /// Refused at once, or told later by a notice.
    pub failed: usize,
    /// The receiver was told of a hole.
    pub told: usize,
}

/// Says numbers in every group for as long as `meanwhile` runs and a little longer, and counts what came.
pub async fn under_traffic(from: &Node, to: &Node, every: Duration, meanwhile: impl Future<Output = ()>) -> Vec<Came> {
    let mut pairs = Vec::new();
    for group in GROUPS {
        let sender = from.attach(Who { client: "sender", group, ..Who::default() }).await;
        let receiver = to.attach(Who { client: "receiver", group, ..Who::default() }).await;
        pairs.push((sender, receiver));
    }
    let done = std::sync::atomic::AtomicBool::new(false);
    let mut sent = 0usize;
    let mut refused = vec![0; GROUPS.len()];
    let say = async {
        let mut after = 0;
        while after < 100 {
            if done.load(std::sync::atomic::Ordering::Relaxed) {
                after += 1;
            }
            for (place, (sender, _)) in pairs.iter().enumerate() {
                refused[place] += usize::from(try_say(sender, sent).await.is_err());
            }
            sent += 1;
            sleep(every).await;
        }
    };
    tokio::join!(say, async {
        sleep(every * 50).await;
        meanwhile.await;
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let mut came = Vec::new();
    for (place, (sender, receiver)) in pairs.iter_mut().enumerate() {
        came.push(Came { failed: refused[place], ..count(sent, sender, receiver).await });
    }
    // Failures are told to the senders while the receivers are read.
    for (came, (sender, _)) in came.iter_mut().zip(&mut pairs) {
        sender.texts(usize::MAX, Duration::from_millis(1)).await;
        came.failed += sender.notices.iter().filter(|n| matches!(n, Notice::Unpublished(_))).count();
    }
    came
}

async fn try_say(sender: &Client, number: usize) -> Result<(), aether_proxy::hub::PublishError> {
    let mut draft = Draft::to_group(MsgType::Msg);
    draft.msg = Some(format!("\"{number}\"").into());
    sender.send(draft).await
}

async fn count(sent: usize, _sender: &Client, receiver: &mut Client) -> Came {
    let mut came = Came { sent, ..Came::default() };
    let mut seen = vec![false; sent];
    let mut last = None;
    let until = Instant::now() + Duration::from_secs(60);
    while came.received < sent && Instant::now() < until {
        let Some(text) = receiver.texts(1, QUIET).await.pop() else { break };
        let number: usize = text.parse().expect("a number");
        came.received += 1;
        came.repeated += usize::from(std::mem::replace(&mut seen[number], true));
        came.disordered += usize::from(last.is_some_and(|last| last > number));
        last = Some(number);
    }
    // What would come twice comes now.
    came.repeated += receiver.texts(1, Duration::from_millis(20)).await.len();
    came.missing = seen.iter().filter(|seen| !**seen).count();
    came.told = receiver.notices.iter().filter(|notice| **notice == Notice::Gap).count();
    came
}
