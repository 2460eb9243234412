//! What every store of the migration promises, held against memory, one Redis, and a cluster.

use super::place::{Place, ROOM, T0, all, batch, delta, everybody, ids, open, seen, sighting, tenant};
use super::room::{made_up_ids_that_are_refused_push_nobody_out, the_longest_unseen_go_for_newer_ones};
use aether_proxy::migration::record::{Batch, Count, DAY, Event, Findings, HOUR, Open, Span, Stages, Tally};
use aether_proxy::migration::store::{ClientQuery, Merged, NODE_LEASE, OTHERS, Order};
use aether_proxy::telemetry::labels::{LintRule, Stage};
use std::collections::HashMap;

macro_rules! contract {
    ($($(#[$doc:meta])* $name:ident: $most:expr;)+) => {
        mod memory {
            use super::*;
            $($(#[$doc])* #[tokio::test] async fn $name() { super::$name(&Place::memory($most)).await })+
        }
        mod redis {
            use super::*;
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                super::$name(&Place::redis($most).await).await
            })+
        }
        mod cluster {
            use super::*;
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                super::$name(&Place::cluster($most).await).await
            })+
        }
    };
}

contract! {
    a_batch_is_merged_once: ROOM;
    two_nodes_that_see_one_client_see_one_client: ROOM;
    texts_come_back_as_they_were: ROOM;
    a_client_that_comes_with_v3_has_moved: ROOM;
    who_has_moved_or_stays_away_is_not_left: (3, 100);
    the_longest_unseen_go_for_newer_ones: (3, 100);
    made_up_ids_that_are_refused_push_nobody_out: (3, 100);
    tenants_above_the_bound_are_counted_together: (1000, 2);
    whoever_is_there_all_the_time_stands_on_one_page: ROOM;
    the_latest_stand_first_page_by_page: ROOM;
    filters_and_search_find_whom_they_mean: ROOM;
    of_two_nodes_one_moves_a_tenant: ROOM;
    a_state_is_noted_once: ROOM;
    hours_and_days_are_added_up: ROOM;
    only_nodes_that_live_are_counted: ROOM;
    what_is_too_old_is_forgotten: ROOM;
}

async fn a_batch_is_merged_once(place: &Place) {
    let mut first = seen("n", 1, T0, &["a", "b"]);
    first.tenants.push(tenant("acme", T0));
    first.tally.add(Count::V2Opened, 2);
    for store in [place.here(), place.there(), place.here()] {
        assert_eq!(store.merge(&first).await, Ok(Merged::default()));
    }
    let second = Batch { number: 2, ..first.clone() };
    place.here().merge(&second).await.expect("merged");
    place.there().merge(&first).await.expect("passed over");
    // Another node counts for itself.
    place.there().merge(&Batch { node: "m".into(), ..first }).await.expect("merged");
    let clients = all(place.here(), everybody(Order::Key)).await;
    assert_eq!(clients.iter().map(|c| (c.client.as_str(), c.opened)).collect::<Vec<_>>(), [("a", 3), ("b", 3)]);
    assert_eq!(place.here().tenants(T0).await.expect("tenants")[0].0.v2_opened, 3);
    let hours = place.here().history(Span::Hour, 0, i64::MAX).await.expect("history");
    assert_eq!((hours.len(), hours[0].tally.get(Count::V2Opened), hours[0].v2_clients), (1, 6, 2));
}

async fn two_nodes_that_see_one_client_see_one_client(place: &Place) {
    let mut findings = Findings::default();
    findings.add(LintRule::NotWrapped, 2);
    let mut newer = delta("acme", "c", T0 + 9);
    (newer.group, newer.frames, newer.hears_v3, newer.findings) = ("new".into(), 5, true, findings.clone());
    let mut older = delta("acme", "c", T0);
    (older.group, older.refused, older.wrapped_at, older.integer_id, older.findings) =
        ("old".into(), 1, T0 - 1, true, findings);
    // What happened earlier is told later.
    place.here().merge(&Batch { clients: vec![newer], ..batch("n", 1, T0 + 9) }).await.expect("merged");
    place.there().merge(&Batch { clients: vec![older], ..batch("m", 1, T0 + 10) }).await.expect("merged");
    let clients = all(place.here(), everybody(Order::Key)).await;
    let [client] = &clients[..] else { panic!("one client: {clients:?}") };
    assert_eq!((client.first_seen, client.last_seen, client.last_opened), (T0 + 9, T0 + 9, T0 + 9));
    assert_eq!((client.group.as_str(), client.hears_v3, client.integer_id), ("new", true, false));
    assert_eq!((client.opened, client.frames, client.refused, client.wrapped_at), (2, 5, 1, T0 - 1));
    assert_eq!(client.findings.get(LintRule::NotWrapped), 4);
    assert_eq!(client.dialect, "aether-v2");
}

async fn texts_come_back_as_they_were(place: &Place) {
    let odd = ["\"q\"", "b\\s", "/sl/ash", "{}", "[]", "🦀", "ä\u{7f}", "null", "%s", " ", "1", "c:{x}", "-", "+", "("];
    let clients = odd.map(|text| {
        let mut client = delta(text, text, T0);
        (client.group, client.user_agent, client.origin) = (text.into(), text.into(), text.into());
        client
    });
    let tenants = odd.map(|text| tenant(text, T0));
    let one = Batch { clients: clients.into(), tenants: tenants.into(), ..batch("{n}", 1, T0) };
    // Twice, so that each was also read and written again.
    place.here().merge(&one).await.expect("merged");
    place.there().merge(&Batch { number: 2, ..one }).await.expect("merged");
    let mut sorted = odd.to_vec();
    sorted.sort_unstable();
    for order in [Order::Key, Order::LastSeen] {
        let found = all(place.here(), ClientQuery { limit: 4, ..everybody(order) }).await;
        assert_eq!(found.iter().map(|client| client.client.as_str()).collect::<Vec<_>>(), sorted);
        for client in &found {
            let texts = [&client.tenant, &client.group, &client.user_agent, &client.origin];
            assert!(texts.iter().all(|text| **text == client.client) && client.opened == 2, "{client:?}");
        }
    }
    for text in odd {
        let of_tenant = ClientQuery { tenant: Some(text.into()), ..everybody(Order::Key) };
        assert_eq!(ids(place.here(), of_tenant).await, [text]);
    }
    let names: Vec<_> = place.here().tenants(T0).await.expect("tenants").into_iter().map(|t| t.0.tenant).collect();
    assert_eq!(names, sorted);
}

async fn a_client_that_comes_with_v3_has_moved(place: &Place) {
    let mut wrapping = delta("acme", "wraps", T0);
    (wrapping.wrapped_at, wrapping.integer_id) = (T0 + 1, true);
    let mut both = delta("acme", "both", T0);
    both.hears_v3 = true;
    let clients = vec![wrapping, both, delta("acme", "old", T0)];
    place.here().merge(&Batch { clients, ..batch("n", 1, T0) }).await.expect("merged");
    let v3 = vec![sighting("acme", "both"), sighting("acme", "fresh"), sighting("other", "old")];
    place.there().merge(&Batch { v3, ..batch("m", 1, T0 + 60) }).await.expect("merged");
    let seen: Vec<_> = all(place.here(), everybody(Order::Key)).await;
    assert_eq!(
        seen.iter().map(|c| (c.client.as_str(), c.v3_seen)).collect::<Vec<_>>(),
        [("both", T0 + 60), ("old", 0), ("wraps", 0)]
    );
    let overview = place.here().overview(T0 + 60).await.expect("overview");
    assert_eq!((overview.since, overview.inventory), (T0, 3));
    assert_eq!((overview.v2_clients, overview.v3_clients), (3, 3));
    // url: three with V3; wrap: one more; ids: all but one; listen: those with V3 ("both" hears it anyway).
    assert_eq!(overview.steps, [3, 4, 4, 3]);
    // A day later nothing of that was in the last 24 hours.
    let later = place.here().overview(T0 + 25 * HOUR).await.expect("overview");
    assert_eq!((later.v2_clients, later.v3_clients, later.steps, later.inventory), (0, 0, [0; 4], 3));
}

async fn who_has_moved_or_stays_away_is_not_left(place: &Place) {
    let left = async |at| place.there().overview(at).await.expect("overview").left;
    let names = async || {
        let mut names = ids(place.there(), ClientQuery { left: true, ..everybody(Order::Key) }).await;
        names.sort();
        names
    };
    place.here().merge(&seen("n", 1, T0, &["moves", "returns", "stays"])).await.expect("merged");
    assert_eq!(left(T0).await, 3);
    let v3 = vec![sighting("acme", "moves"), sighting("acme", "returns"), sighting("acme", "fresh")];
    place.there().merge(&Batch { v3, ..batch("m", 1, T0 + 60) }).await.expect("merged");
    assert_eq!((left(T0 + 60).await, names().await), (1, vec!["stays".to_owned()]));
    place.here().merge(&seen("n", 2, T0 + 120, &["returns"])).await.expect("merged");
    assert_eq!((left(T0 + 120).await, names().await.len()), (2, 2), "it came back");
    assert_eq!((left(T0 + 7 * DAY + 60).await, left(T0 + 8 * DAY).await), (1, 0), "after a while silence is enough");
    // Whoever goes for want of room, or of time, is not left either.
    place.here().merge(&seen("n", 3, T0 + 180, &["newer", "newest"])).await.expect("merged");
    assert_eq!(left(T0 + 180).await, 3);
    place.here().trim(T0 + 180 + 2 * HOUR).await.expect("trimmed");
    assert_eq!(left(T0 + 180).await, 0);
}

async fn tenants_above_the_bound_are_counted_together(place: &Place) {
    let first = vec![tenant("a", T0), tenant("b", T0), tenant("c", T0), tenant("d", T0)];
    let one = Batch { tenants: first, open: vec![open("a", 1, 2), open("d", 4, 8)], ..batch("n", 1, T0) };
    place.here().merge(&one).await.expect("merged");
    let again = vec![tenant("d", T0 + 1), tenant("b", T0 + 1), tenant(OTHERS, T0 + 1)];
    let two = Batch { tenants: again, open: vec![open("e", 1, 0)], ..batch("m", 1, T0 + 1) };
    place.there().merge(&two).await.expect("merged");
    let tenants = place.here().tenants(T0 + 1).await.expect("tenants");
    let told: Vec<_> = tenants.iter().map(|(t, o)| (t.tenant.as_str(), t.v2_opened, t.last_v2 - T0, *o)).collect();
    let of = |v2, v3| Open { v2, v3 };
    assert_eq!(told, [(OTHERS, 4, 1, of(5, 8)), ("a", 1, 0, of(1, 2)), ("b", 2, 1, of(0, 0))]);
}

async fn whoever_is_there_all_the_time_stands_on_one_page(place: &Place) {
    let steady: Vec<String> = (0..40).map(|n| format!("s{n:02}")).collect();
    let names: Vec<&str> = steady.iter().map(String::as_str).collect();
    place.here().merge(&seen("n", 1, T0, &names)).await.expect("merged");
    let mut times: HashMap<String, u32> = HashMap::new();
    let mut query = ClientQuery { limit: 7, ..everybody(Order::Key) };
    for number in 1.. {
        let page = place.here().clients(&query).await.expect("a page");
        for client in page.clients {
            *times.entry(client.client).or_default() += 1;
        }
        let Some(next) = page.next else { break };
        query.cursor = Some(next);
        // Meanwhile some are seen again, newcomers stand before and behind, and the one at the cursor may go.
        let came = [format!("a{number}"), format!("s{:02}x", number * 7), format!("z{number}")];
        let mut names: Vec<&str> = came.iter().map(String::as_str).collect();
        names.extend(["s00", "s20", "s39"]);
        let at = T0 + i64::try_from(number).expect("a small number");
        place.there().merge(&seen("m", number, at, &names)).await.expect("merged");
    }
    for name in &steady {
        assert_eq!(times.get(name), Some(&1), "{name} in {times:?}");
    }
    assert!(times.values().all(|n| *n == 1), "nobody stands on two pages: {times:?}");
}

async fn the_latest_stand_first_page_by_page(place: &Place) {
    // Many in one second: the order among them is that of their keys.
    for (number, at) in [(1, T0), (2, T0 + 5)] {
        let names: Vec<String> = (0..30).map(|n| format!("c{number}{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        place.here().merge(&seen("n", number, at, &names)).await.expect("merged");
    }
    let expected: Vec<String> = [2, 1].iter().flat_map(|k| (0..30).map(move |n| format!("c{k}{n:02}"))).collect();
    for limit in [1, 7, 30, 60, 1000] {
        assert_eq!(ids(place.there(), ClientQuery { limit, ..everybody(Order::LastSeen) }).await, expected);
    }
    let since = ClientQuery { since: Some(T0 + 5), limit: 9, ..everybody(Order::LastSeen) };
    assert_eq!(ids(place.there(), since).await, expected[..30]);
    // Whoever stood where the page ended is seen again: the others go on from there.
    let mut query = ClientQuery { limit: 40, ..everybody(Order::LastSeen) };
    let page = place.here().clients(&query).await.expect("a page");
    let last = page.clients.last().expect("a client").client.clone();
    place.there().merge(&seen("m", 1, T0 + 9, &[&last])).await.expect("merged");
    query.cursor = page.next;
    assert_eq!(ids(place.here(), query.clone()).await, expected[40..]);
    for cursor in ["", "nonsense", "999\u{1f}"] {
        query.cursor = Some(cursor.into());
        place.here().clients(&query).await.expect("whatever the cursor, an answer");
    }
}

async fn filters_and_search_find_whom_they_mean(place: &Place) {
    let mut clients = vec![delta("acme", "one", T0), delta("acme", "two", T0 + 9), delta("acme2", "three", T0)];
    clients.push(delta("acm", "four", T0 + 9));
    clients[0].user_agent = "Quiet/2".into();
    clients[2].origin = "Quiet.example".into();
    clients[3].group = "quieter".into();
    place.here().merge(&Batch { clients, ..batch("n", 1, T0) }).await.expect("merged");
    for order in [Order::Key, Order::LastSeen] {
        for limit in [1, 2, 1000] {
            let base = ClientQuery { limit, ..everybody(order) };
            let find = async |query: ClientQuery| {
                let mut found = ids(place.there(), query).await;
                found.sort();
                found
            };
            let of_acme = ClientQuery { tenant: Some("acme".into()), ..base.clone() };
            assert_eq!(find(of_acme.clone()).await, ["one", "two"]);
            let quiet = ClientQuery { search: Some("QUIET".into()), ..base.clone() };
            assert_eq!(find(quiet.clone()).await, ["four", "one", "three"]);
            assert_eq!(find(ClientQuery { since: Some(T0 + 9), ..base.clone() }).await, ["four", "two"]);
            assert_eq!(find(ClientQuery { search: quiet.search, ..of_acme }).await, ["one"]);
            assert_eq!(find(ClientQuery { search: Some("nobody".into()), ..base.clone() }).await, [""; 0]);
            assert_eq!(find(ClientQuery { tenant: Some("nobody".into()), ..base }).await, [""; 0]);
        }
    }
    let page = place.here().clients(&ClientQuery { limit: 4, ..everybody(Order::Key) }).await.expect("a page");
    assert_eq!((page.clients.len(), page.next), (4, None), "nobody stands behind them");
}

async fn of_two_nodes_one_moves_a_tenant(place: &Place) {
    place.here().merge(&Batch { tenants: vec![tenant("acme", T0)], ..batch("n", 1, T0) }).await.expect("merged");
    let go = |store| {
        Box::pin(async move {
            let store: &aether_proxy::migration::Store = store;
            store.advance("acme", Stage::V2Only, Stage::Mixed, T0 + 1).await.expect("an answer")
        })
    };
    let (one, two) = tokio::join!(go(place.here()), go(place.there()));
    assert!(one ^ two, "{one} {two}");
    let events = place.here().events(10).await.expect("events");
    let expected =
        Event { at: T0 + 1, kind: "stage".into(), subject: "acme".into(), from: "v2_only".into(), to: "mixed".into() };
    assert_eq!(events, [expected]);
    let tenant = place.there().tenants(T0).await.expect("tenants").remove(0).0;
    assert_eq!((tenant.stage(), tenant.stage_since), (Stage::Mixed, T0 + 1));
    assert_eq!(place.here().advance("nobody", Stage::V2Only, Stage::Mixed, T0).await, Ok(false));
}

async fn a_state_is_noted_once(place: &Place) {
    let event = |at, subject: &str, to: &str| Event {
        at,
        kind: "policy".into(),
        subject: subject.into(),
        from: "never".into(),
        to: to.into(),
    };
    let (here, there) = (place.here(), place.there());
    assert_eq!(here.note(&event(1, "sunset", "warn")).await, Ok(true));
    assert_eq!(there.note(&event(2, "sunset", "warn")).await, Ok(false));
    assert_eq!(there.note(&event(3, "other \"one\"", "warn")).await, Ok(true));
    assert_eq!(here.note(&event(4, "sunset", "block")).await, Ok(true));
    assert_eq!(there.note(&event(5, "sunset", "warn")).await, Ok(true));
    let told = |events: Vec<Event>| events.into_iter().map(|e| (e.at, e.from, e.to)).collect::<Vec<_>>();
    let line = |at, from: &str, to: &str| (at, from.to_owned(), to.to_owned());
    let events = here.events(3).await.expect("events");
    assert_eq!(told(events), [line(5, "block", "warn"), line(4, "warn", "block"), line(3, "never", "warn")]);
    assert_eq!(here.events(0).await, Ok(Vec::new()));
    assert_eq!(here.events(usize::MAX).await.expect("events").len(), 4);
}

async fn hours_and_days_are_added_up(place: &Place) {
    let mut number = 0;
    for (hours, frames, client) in [(0, 1, "a"), (0, 2, "b"), (1, 4, "a"), (24, 8, "c")] {
        number += 1;
        let at = T0 + hours * HOUR;
        let mut one = seen("n", number, at, &[client]);
        one.tally.add(Count::V2Frames, frames);
        place.here().merge(&one).await.expect("merged");
    }
    let mut stages = Stages::default();
    stages.add(Stage::Mixed, 2);
    place.here().mark(T0, &stages, Open { v2: 5, v3: 1 }).await.expect("marked");
    stages.set(Stage::Mixed, 1);
    place.there().mark(T0 + 1, &stages, Open { v2: 3, v3: 2 }).await.expect("marked");
    let first = Span::Hour.start(T0);
    let tell = async |span, from, to| {
        let buckets = place.there().history(span, from, to).await.expect("history");
        buckets.into_iter().map(|b| (b.at - first, b.tally.get(Count::V2Frames), b.v2_clients)).collect::<Vec<_>>()
    };
    assert_eq!(tell(Span::Hour, 0, i64::MAX).await, [(0, 3, 2), (HOUR, 4, 1), (DAY, 8, 1)]);
    assert_eq!(tell(Span::Hour, first + 1, first + DAY).await, [(HOUR, 4, 1), (DAY, 8, 1)]);
    assert_eq!(tell(Span::Hour, first, first).await, [(0, 3, 2)]);
    assert_eq!(tell(Span::Day, 0, i64::MAX).await, [(0, 7, 2), (DAY, 8, 1)]);
    assert_eq!(tell(Span::Hour, 1, 0).await, []);
    for span in [Span::Hour, Span::Day] {
        let bucket = place.here().history(span, first, first).await.expect("history").remove(0);
        assert_eq!((bucket.v2_open, bucket.v3_open, &bucket.stages), (5, 2, &stages));
        assert_eq!(bucket.tally, {
            let mut tally = Tally::default();
            tally.add(Count::V2Frames, if span == Span::Hour { 3 } else { 7 });
            tally
        });
    }
}

async fn only_nodes_that_live_are_counted(place: &Place) {
    let with = |node: &str, at, v2, v3| Batch {
        tenants: vec![tenant("acme", at)],
        open: vec![open("acme", v2, v3)],
        ..batch(node, 1, at)
    };
    place.here().merge(&with("dead", T0, 1, 2)).await.expect("merged");
    place.there().merge(&with("alive", T0 + 50, 4, 8)).await.expect("merged");
    let tell = async |now| {
        let overview = place.here().overview(now).await.expect("overview");
        let tenants = place.there().tenants(now).await.expect("tenants");
        assert_eq!(overview.open, tenants[0].1);
        (overview.nodes, overview.open.v2, overview.open.v3)
    };
    assert_eq!(tell(T0 + NODE_LEASE).await, (2, 5, 10));
    assert_eq!(tell(T0 + NODE_LEASE + 1).await, (1, 4, 8));
    place.here().trim(T0 + NODE_LEASE + 1).await.expect("trimmed");
    assert_eq!(tell(T0 + NODE_LEASE + 1).await, (1, 4, 8));
    // A node that was silent is not forgotten: what it merged before is not merged again, and it may come back.
    assert_eq!(place.here().merge(&with("dead", T0 + 70, 1, 1)).await, Ok(Merged::default()));
    assert_eq!(tell(T0 + 70).await.0, 1);
    place.here().merge(&Batch { number: 2, ..with("dead", T0 + 70, 1, 1) }).await.expect("merged");
    assert_eq!(tell(T0 + 70).await, (2, 5, 9));
}

async fn what_is_too_old_is_forgotten(place: &Place) {
    let store = place.here();
    store.merge(&seen("n", 1, T0, &["old"])).await.expect("merged");
    store.merge(&seen("n", 2, T0 + 1, &["new"])).await.expect("merged");
    assert_eq!(store.trim(T0 + HOUR).await, Ok(0));
    assert_eq!(place.there().trim(T0 + HOUR + 1).await, Ok(1));
    assert_eq!(ids(store, everybody(Order::Key)).await, ["new"]);
    assert_eq!(ids(store, everybody(Order::LastSeen)).await, ["new"]);
    // Hours are kept for 15 days, days for 400.
    let buckets = async |span| store.history(span, 0, i64::MAX).await.expect("history").len();
    store.trim(T0 + 15 * DAY).await.expect("trimmed");
    assert_eq!((buckets(Span::Hour).await, buckets(Span::Day).await), (1, 1));
    store.trim(T0 + 15 * DAY + HOUR).await.expect("trimmed");
    assert_eq!((buckets(Span::Hour).await, buckets(Span::Day).await), (0, 1));
    store.trim(T0 + 401 * DAY).await.expect("trimmed");
    assert_eq!(buckets(Span::Day).await, 0);
    assert_eq!(store.overview(T0).await.expect("overview").inventory, 0);
}
