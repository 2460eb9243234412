//! What every store promises about who leaves an inventory that is full; `contract` holds it against each.

use super::place::{Place, T0, batch, delta, everybody, ids, seen};
use aether_proxy::migration::record::{Batch, ClientDelta};
use aether_proxy::migration::store::{Merged, Order};

pub async fn the_longest_unseen_go_for_newer_ones(place: &Place) {
    let store = place.here();
    store.merge(&seen("n", 1, T0 + 1, &["b", "a"])).await.expect("merged");
    store.merge(&seen("n", 2, T0 + 2, &["c"])).await.expect("merged");
    let merged = place.there().merge(&seen("m", 1, T0 + 3, &["d"])).await;
    assert_eq!(merged, Ok(Merged { evicted: 1 }));
    assert_eq!(ids(store, everybody(Order::Key)).await, ["a", "c", "d"]);
    // Too old to stay.
    let merged = place.there().merge(&seen("m", 2, T0, &["e"])).await;
    assert_eq!(merged, Ok(Merged { evicted: 1 }));
    assert_eq!(ids(store, everybody(Order::LastSeen)).await, ["d", "c", "a"]);
    assert_eq!(store.overview(T0).await.expect("overview").inventory, 3);
}

/// Whoever knows the address can be refused under any number of ids: an inventory of those alone would be the end of it.
pub async fn made_up_ids_that_are_refused_push_nobody_out(place: &Place) {
    let store = place.here();
    let refused = |number, at, names: &[&str]| {
        let clients = names.iter().map(|name| {
            let (last_opened, opened) = (0, 0);
            ClientDelta { last_opened, opened, refused: 1, ..delta("acme", name, at) }
        });
        Batch { clients: clients.collect(), ..batch("x", number, at) }
    };
    // There is room for them while there is room.
    store.merge(&seen("n", 1, T0, &["a", "b"])).await.expect("merged");
    assert_eq!(store.merge(&refused(1, T0 + 1, &["x1"])).await, Ok(Merged::default()));
    let merged = place.there().merge(&refused(2, T0 + 2, &["x2", "x3", "x4", "x5"])).await;
    assert_eq!(merged, Ok(Merged { evicted: 4 }), "the longest unseen of the made-up ones");
    assert_eq!(ids(store, everybody(Order::Key)).await, ["a", "b", "x2"]);
    // Nor do they keep out who comes later.
    assert_eq!(place.there().merge(&seen("m", 1, T0 + 3, &["c"])).await, Ok(Merged { evicted: 1 }));
    assert_eq!(ids(store, everybody(Order::Key)).await, ["a", "b", "c"]);
    // Who is let in after all is no made-up one any more.
    store.merge(&refused(3, T0 + 4, &["late"])).await.expect("merged");
    store.trim(T0 + 3600 + 1).await.expect("trimmed");
    store.merge(&seen("n", 2, T0 + 3602, &["late"])).await.expect("merged");
    store.merge(&refused(4, T0 + 3603, &["late", "y1"])).await.expect("merged");
    assert!(ids(store, everybody(Order::Key)).await.contains(&"late".to_owned()));
    assert_eq!(store.overview(T0).await.expect("overview").inventory, 3);
}
