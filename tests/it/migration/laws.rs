//! Whatever nodes tell, in whatever order and however often: memory and Redis hold the same of it.

use super::place::{Most, T0, all, batch, delta, everybody, in_memory, on};
use crate::harness::redis::RedisServer;
use aether_proxy::dialect::Spoken;
use aether_proxy::label::Label;
use aether_proxy::migration::Store;
use aether_proxy::migration::record::{
    Batch, Bucket, ClientDelta, Count, HOUR, Open, Overview, Span, Stages, TenantDelta, V3Sighting,
};
use aether_proxy::migration::store::{ClientQuery, Order};
use aether_proxy::telemetry::labels::{LintRule, Stage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// What is done to both.
#[derive(Debug, Clone)]
enum Act {
    Merge(Batch),
    Advance(String, Stage, Stage, i64),
    Mark(i64, Stages, Open),
    Trim(i64),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("\"ä\\".to_owned()), Just("_other".to_owned())]
}

fn at() -> impl Strategy<Value = i64> {
    (T0..T0 + 20).prop_union(T0 + HOUR..T0 + HOUR + 20)
}

/// A moment, or never.
fn perhaps() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0).boxed(), at().boxed()]
}

fn client() -> impl Strategy<Value = ClientDelta> {
    let spoken = prop_oneof![Just(Spoken::AetherV2), Just(Spoken::AetherV3)];
    let who = (name(), "[c-g]", name(), spoken, any::<(bool, bool)>());
    let times = (at(), perhaps(), perhaps(), perhaps());
    let counts = (0..3u64, 0..3u64, 0..90_000u64, 0..LintRule::ALL.len(), 0..3u64);
    (who, times, counts).prop_map(|(who, times, counts)| {
        let (tenant, id, text, spoken, (hears_v3, integer_id)) = who;
        let mut delta = delta(&tenant, &id, times.0);
        (delta.group, delta.user_agent, delta.origin) = (text.as_str().into(), id.as_str().into(), text.into());
        (delta.dialect, delta.hears_v3, delta.integer_id) = (spoken.label().into(), hears_v3, integer_id);
        (delta.last_opened, delta.wrapped_at, delta.unwrapped_at) = (times.1, times.2, times.3);
        (delta.opened, delta.refused, delta.frames) = (counts.0, counts.1, counts.2);
        delta.findings.add(LintRule::ALL[counts.3], counts.4);
        delta
    })
}

fn tenant() -> impl Strategy<Value = (String, TenantDelta)> {
    (name(), perhaps(), perhaps(), perhaps(), 0..5u64).prop_map(|(name, v2_seen, v3_seen, last_refused, n)| {
        let refused = u64::from(last_refused > 0);
        let delta = TenantDelta {
            v2_seen,
            v3_seen,
            v2_opened: n,
            v3_frames: n * 7,
            refused,
            last_refused,
            ..Default::default()
        };
        (name, delta)
    })
}

fn merge() -> impl Strategy<Value = Act> {
    let head = (prop_oneof![Just("n"), Just("m")], 1..6u64, at());
    let v3 = vec((name(), "[c-h]", any::<bool>()), 0..4);
    let rest = (vec((name(), 0..9u64, 0..9u64), 0..3), 0..Count::ALL.len(), 0..4u64);
    (head, vec(client(), 0..6), vec(tenant(), 0..4), v3, rest).prop_map(|(head, mut clients, tenants, v3, rest)| {
        let mut batch = batch(head.0, head.1, head.2);
        clients.sort_by(|a, b| (&a.tenant, &a.client).cmp(&(&b.tenant, &b.client)));
        clients.dedup_by(|a, b| (&a.tenant, &a.client) == (&b.tenant, &b.client));
        batch.clients = clients;
        batch.tenants = tenants.into_iter().map(|(name, delta)| (name.into(), delta)).collect();
        let sighting = |(tenant, client, opaque_ids): (String, String, bool)| V3Sighting {
            tenant: tenant.into(),
            client: client.into(),
            opaque_ids,
        };
        batch.v3 = v3.into_iter().map(sighting).collect();
        batch.open = rest.0.into_iter().map(|(tenant, v2, v3)| (tenant.into(), Open { v2, v3 })).collect();
        batch.tally.add(Count::ALL[rest.1], rest.2);
        Act::Merge(batch)
    })
}

fn stage() -> impl Strategy<Value = Stage> {
    (0..Stage::ALL.len()).prop_map(|n| Stage::ALL[n])
}

fn act() -> impl Strategy<Value = Act> {
    let mark = (at(), stage(), 0..9u64, 0..9u64).prop_map(|(at, stage, v2, v3)| {
        let mut stages = Stages::default();
        stages.add(stage, v2);
        Act::Mark(at, stages, Open { v2, v3 })
    });
    prop_oneof![
        6 => merge(),
        1 => (name(), stage(), stage(), at()).prop_map(|(name, from, to, at)| Act::Advance(name, from, to, at)),
        1 => mark,
        1 => (T0 + HOUR..T0 + HOUR + 40).prop_map(Act::Trim),
    ]
}

async fn perform(store: &Store, act: &Act) -> u64 {
    match act {
        Act::Merge(batch) => store.merge(batch).await.expect("merged").evicted,
        Act::Advance(tenant, from, to, at) => {
            u64::from(store.advance(tenant, *from, *to, *at).await.expect("an answer"))
        }
        Act::Mark(at, stages, open) => store.mark(*at, stages, *open).await.map(|()| 0).expect("marked"),
        Act::Trim(now) => store.trim(*now).await.expect("trimmed"),
    }
}

/// All that can be asked. Where few clients are kept, memory keeps as few in an hour; Redis only estimates.
async fn everything(store: &Store, distinct: bool) -> String {
    let now = T0 + HOUR + 30;
    let mut overview = store.overview(now).await.expect("overview");
    let mut history: Vec<Vec<Bucket>> = Vec::new();
    for span in [Span::Hour, Span::Day] {
        history.push(store.history(span, 0, i64::MAX).await.expect("history"));
    }
    if !distinct {
        overview = Overview { v2_clients: 0, v3_clients: 0, steps: [0; 4], ..overview };
        history.iter_mut().flatten().for_each(|bucket| (bucket.v2_clients, bucket.v3_clients) = (0, 0));
    }
    let by_key = all(store, ClientQuery { limit: 3, ..everybody(Order::Key) }).await;
    let by_time = all(store, ClientQuery { limit: 2, ..everybody(Order::LastSeen) }).await;
    let tenants = store.tenants(now).await.expect("tenants");
    let events = store.events(99).await.expect("events");
    format!("{overview:#?}\n{history:#?}\n{by_key:#?}\n{by_time:#?}\n{tenants:#?}\n{events:#?}")
}

#[test]
fn memory_and_redis_hold_the_same_whatever_was_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let redis = runtime.block_on(RedisServer::start());
    let mosts: [Most; 3] = [(1000, 100), (4, 100), (1000, 2)];
    let config = ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&(vec(act(), 1..12), 0..mosts.len()), |(acts, most)| {
        runtime.block_on(async {
            redis.command(&["FLUSHALL"]).await;
            let most = mosts[most];
            let (memory, there) = (in_memory(most), on(&redis.url(), most));
            for act in &acts {
                prop_assert_eq!(perform(&memory, act).await, perform(&there, act).await, "{:?}", act);
            }
            let distinct = most.0 > 100;
            prop_assert_eq!(everything(&memory, distinct).await, everything(&there, distinct).await);
            Ok(())
        })
    });
    outcome.unwrap_or_else(|problem| panic!("{problem}"));
}
