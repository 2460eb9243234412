//! Owns what clients do of their own accord: they talk at a steady rate, come and go, read slowly, break rules, and
//! knock where they are not let in.

use super::common::mark::Mark;
use super::common::wire::{self, TEXT};
use super::crowd::{Crowd, Order};
use super::frames;
use super::plan::{Scope, key, voice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// How often it is looked at what is due.
const TICK: Duration = Duration::from_millis(10);
/// A talker that fell behind makes up for so many messages, not more.
const BEHIND: f64 = 50.0;

/// Talks until it is dropped.
pub async fn talk(crowd: Rc<Crowd>, rate: f64) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut owed, mut before) = (0.0_f64, Instant::now());
    loop {
        let now = ticks.tick().await;
        owed = (owed + rate * (now - before).as_secs_f64()).min(BEHIND);
        before = now;
        while owed >= 1.0 {
            owed -= 1.0;
            let seat = crowd.below(crowd.plan.seats.len() as u64) as usize;
            one(&crowd, seat);
        }
    }
}

fn one(crowd: &Crowd, seat: usize) {
    let Some(line) = crowd.line(seat).filter(|line| line.may_talk()) else { return };
    let of = &crowd.plan.seats[seat];
    let scope = match (of.speaks_v2, crowd.below(100)) {
        // A half-migrated client: an envelope on a V2 path.
        (true, 0..8) => Scope::Direct,
        (true, _) => Scope::Group,
        (false, 0..4) if of.cries => Scope::Broadcast,
        (false, 0..20) => Scope::Direct,
        (false, 20..35) => Scope::Echo,
        (false, 35..38) => {
            crowd.count("presence asked");
            return line.say(TEXT, br#"{"msg_type":"presence","target":"echo"}"#);
        }
        (false, 38..40) => {
            crowd.count("invalid messages sent");
            return line.say(TEXT, br#"{"msg_type":"msg","target":"everywhere"}"#);
        }
        (false, _) => Scope::Group,
    };
    let partner = crowd.line(of.partner);
    let to = partner.as_ref().map_or("nobody", |line| line.id.as_str());
    let voice = voice(seat, scope);
    let number = crowd.book.borrow_mut().say(voice, crowd.now());
    let mark = Mark { publisher: voice, number, intended: crowd.nanos() };
    let (opcode, content) = frames::say(of, scope, &mark, to);
    line.say(opcode, &content);
}

/// Sends connections away, until it is dropped. `part` of all goes in a second; who reads slowly pauses for at most
/// `longest`.
pub async fn churn(crowd: Rc<Crowd>, part: f64, longest: Duration) {
    let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    let seats = crowd.plan.seats.len() as u64;
    loop {
        let pause = 2.0 * crowd.rng.borrow_mut().f64() / (part * seats as f64).max(0.001);
        sleep(Duration::from_secs_f64(pause.min(60.0))).await;
        let Some(line) = crowd.line(crowd.below(seats) as usize) else { continue };
        let (name, order) = match crowd.below(100) {
            0..50 => ("left politely", Order::Clean),
            50..75 => ("left by reset", Order::Reset),
            75..85 => ("fell silent", Order::Silent),
            85..95 => ("read slowly", Order::Stall(500 + crowd.below(longest))),
            _ => ("broke the protocol", Order::Break),
        };
        crowd.count(name);
        line.order(order);
    }
}

/// Brings seats back to their own proxy when it is there again, a few at a time, until it is dropped.
pub async fn go_home(crowd: Rc<Crowd>) {
    loop {
        sleep(Duration::from_millis(100)).await;
        let seat = crowd.below(crowd.plan.seats.len() as u64) as usize;
        let own = (0..4).map(|step| (seat + step) % crowd.plan.seats.len());
        for seat in own.filter(|seat| crowd.doors.borrow()[seat % 2].is_some()) {
            if let Some(line) = crowd.line(seat).filter(|line| line.proxy != seat % 2) {
                line.order(Order::Clean);
            }
        }
    }
}

/// Knocks where there is no way in, until it is dropped.
pub async fn knock(crowd: Rc<Crowd>) {
    let good = key(0);
    let wrong = [
        ("401", "/v3/ws/group/room-0/client/stranger?api_key=wrong".to_owned()),
        ("401", "/ws/group/room-0/client/stranger".to_owned()),
        ("404", format!("/nowhere?api_key={good}")),
        ("400", format!("/v3/ws/group/room-0/client/server?api_key={good}")),
        ("403", format!("/ws/group/retired-1/client/old?api_key={good}")),
    ];
    loop {
        sleep(Duration::from_millis(300 + crowd.below(400))).await;
        let doors: Vec<SocketAddr> = crowd.doors.borrow().iter().flatten().copied().collect();
        let Some(door) = doors.get(crowd.below(doors.len() as u64) as usize).copied() else { continue };
        if crowd.below(6) == 0 {
            half_a_handshake(door).await;
            crowd.count("handshakes given up");
            continue;
        }
        let (status, path) = &wrong[crowd.below(wrong.len() as u64) as usize];
        match wire::connect(door, 0, path).await {
            Ok(_) => crowd.count("strangers let in"),
            Err(error) if error.to_string().starts_with(&format!("HTTP/1.1 {status}")) => crowd.count("refused"),
            // A proxy that goes away refuses everybody in its own way.
            Err(_) => crowd.count("refused otherwise"),
        }
    }
}

async fn half_a_handshake(door: SocketAddr) {
    let begun = async {
        let mut stream = TcpStream::connect(door).await?;
        stream.write_all(b"GET /v3/ws/group/room-0/client/slow HTTP/1.1\r\nHost: ").await?;
        sleep(Duration::from_millis(500)).await;
        Ok::<(), std::io::Error>(())
    };
    let _ = timeout(Duration::from_secs(3), begun).await;
}
