//! Places: made, nested, changed; who sees which; what a caller learns about itself.

use serde_json::{Value, json};

use crate::kit::{Site, field, invalid, one, pointers};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn a_place_is_made_with_defaults_and_changed() {
    on_each_engine(|world| async move {
        let it = world.here();
        let answer = it.actor.post("/api/v1/places", json!({"name": "Annex"})).await;
        let location = answer.header("location").to_owned();
        let made = answer.expect(201);
        assert_eq!(location, format!("/api/v1/places/{}", id(&made)));
        let defaults = json!({
            "name": "Annex", "time_zone": "Etc/UTC", "retention_days": 30, "parent_id": null,
            "retention_reason": null, "used_for": null, "held_until": null,
            "language": "en", "default_privacy": "full",
            "metadata": null, "external_id": null,
        });
        for (name, value) in defaults.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        assert_eq!(it.actor.get(&location).await.expect(200), made);
        let annex = Site { actor: it.actor.clone(), place: id(&made).to_owned() };
        let change = json!({"name": "Annex B", "time_zone": "Asia/Kolkata", "language": "sv",
            "metadata": {"n": 1}, "external_id": "annex"});
        let changed = annex.patch("", change.clone()).await.expect(200);
        for (name, value) in change.as_object().unwrap() {
            assert_eq!(changed[name], *value, "{name}");
        }
        assert_eq!(it.actor.get("/api/v1/places/external:annex").await.expect(200), changed);
        let stale = format!("\"r{}-x\"", made["revision"]);
        annex.matching("PATCH", "", &stale, Some(json!({"name": "x"}))).await.problem(412, "stale");
        invalid(annex.patch("", json!({"parent_id": it.place})).await, &["/parent_id"]);
        let before = world.revisions().await;
        for (body, pointer) in [
            (json!({}), "/name"),
            (json!({"name": "x", "time_zone": "Nowhere"}), "/time_zone"),
            (json!({"name": "x", "time_zone": null}), "/time_zone"),
            (json!({"name": "x", "language": "xx"}), "/language"),
            (json!({"name": "x", "parent_id": "external:none"}), "/parent_id"),
            (json!({"name": "x", "retention_days": 0}), "/retention_days"),
        ] {
            invalid(it.actor.post("/api/v1/places", body).await, &[pointer]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn more_than_ninety_days_need_a_reason() {
    on_each_engine(|world| async move {
        let it = world.here();
        it.patch("", json!({"retention_days": 90})).await.expect(200);
        invalid(it.patch("", json!({"retention_days": 91})).await, &["/retention_reason"]);
        let blank = json!({"retention_days": 91, "retention_reason": " "});
        assert_eq!(
            pointers(&it.patch("", blank).await.problem(422, "invalid")),
            ["/retention_reason"]
        );
        let stated = json!({"retention_days": 365, "retention_reason": "a court order"});
        let stated = it.patch("", stated).await.expect(200);
        assert_eq!(stated["retention_reason"], "a court order");
        it.patch("", json!({"retention_days": 400})).await.expect(200);
        invalid(it.patch("", json!({"retention_reason": null})).await, &["/retention_reason"]);
        let back = json!({"retention_reason": null, "retention_days": 30});
        assert_eq!(it.patch("", back).await.expect(200)["retention_days"], 30);
        let new = it.actor.post("/api/v1/places", json!({"name": "x", "retention_days": 91})).await;
        invalid(new, &["/retention_reason"]);
    })
    .await;
}

#[tokio::test]
async fn authority_reaches_down_never_up_or_sideways() {
    on_each_engine(|world| async move {
        let it = world.here();
        let sub = json!({"name": "Floor 2", "parent_id": it.place});
        let sub = it.actor.post("/api/v1/places", sub).await.expect(201);
        assert_eq!(sub["parent_id"], it.place.as_str());
        let below = json!({"name": "Room 21", "parent_id": id(&sub)});
        let below = it.actor.post("/api/v1/places", below).await.expect(201);
        let next = it.neighbour("Next door").await;
        let at = |place: &Value| Site { actor: it.actor.clone(), place: id(place).to_owned() };
        let (sub_all, below_all) = (at(&sub), at(&below));
        let top = it.full_key().await;
        let middle = sub_all.full_key().await;
        let seen = |list: Vec<Value>| -> Vec<String> {
            list.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
        };
        let places = |actor: crate::support::Actor| async move {
            actor.get("/api/v1/places").await.expect(200)["items"].as_array().unwrap().clone()
        };
        assert_eq!(seen(places(top.clone()).await), ["Main house", "Floor 2", "Room 21"]);
        assert_eq!(seen(places(middle.clone()).await), ["Floor 2", "Room 21"]);
        assert_eq!(seen(places(next.actor.clone()).await), ["Next door"]);

        let door = below_all.seen_by(&top).lock("Room 21").await;
        below_all.seen_by(&middle).present(&door, "a1").await;
        // The events of a sub-place are visible to its parent, and to nobody beside.
        let events = below_all.seen_by(&top).list("/events").await;
        assert_eq!(field(&events, "lock_id"), [&door["id"]]);
        below_all.seen_by(&next.actor).missing("/events").await;
        it.seen_by(&middle).missing("/events").await;
        it.seen_by(&middle).missing(&one("/locks", &door)).await;
        next.seen_by(&top).missing("").await;
        let inside = json!({"name": "x", "parent_id": next.place});
        let inside = it.seen_by(&top).actor.post("/api/v1/places", inside).await;
        invalid(inside, &["/parent_id"]);
        // A lock of the sub-place is not one of the parent's.
        it.missing(&one("/locks", &door)).await;
    })
    .await;
}

#[tokio::test]
async fn me_says_who_calls() {
    on_each_engine(|world| async move {
        let it = world.here();
        let me = it.actor.get("/api/v1/me").await.expect(200);
        assert_eq!((&me["kind"], &me["name"]), (&json!("client"), &json!("set-up")));
        assert_eq!(me["organization"]["name"], "Hus AB");
        assert_eq!(me["places"], json!([{"place_id": it.place, "role": null}]));
        let key = it.key(&["people:read"]).await;
        let me = key.get("/api/v1/me").await.expect(200);
        assert_eq!((&me["scopes"], &me["name"]), (&json!(["people:read"]), &json!("a program")));
        let redeem = json!({"setup_code": world.setup_code, "password": "correct horse battery"});
        let session = world.nobody().post("/api/v1/account/invitation", redeem).await;
        let cookie = session.header("set-cookie").split(';').next().unwrap().to_owned();
        let session = session.expect(201);
        let me = world.nobody().send("GET", "/api/v1/me", &[("cookie", &cookie)], None).await;
        let me = me.expect(200);
        assert_eq!((&me["kind"], &me["id"]), (&json!("account"), &session["account_id"]));
        assert_eq!(me["places"], json!([{"place_id": it.place, "role": "owner"}]));
    })
    .await;
}

#[tokio::test]
async fn a_program_without_the_scope_is_told_so() {
    on_each_engine(|world| async move {
        let it = world.here();
        let program = it.key(&["people:read"]).await;
        program.get("/api/v1/places").await.problem(403, "forbidden_scope");
        let program = it.key(&["places:read"]).await;
        let seen = program.get("/api/v1/places").await.expect(200);
        assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn courier_mode_is_yes_or_no() {
    on_each_engine(|world| async move {
        let it = world.here();
        assert_eq!(it.get("").await["courier_mode"], false);
        it.patch("", json!({"courier_mode": true})).await.expect(200);
        assert_eq!(it.get("").await["courier_mode"], true);
        it.patch("", json!({"courier_mode": false})).await.expect(200);
        assert_eq!(it.get("").await["courier_mode"], false);
        let place = json!({"name": "Annex", "courier_mode": true});
        let annex = it.actor.post("/api/v1/places", place).await.expect(201);
        assert_eq!(annex["courier_mode"], true);
        let before = world.revisions().await;
        invalid(it.patch("", json!({"courier_mode": 1})).await, &["/courier_mode"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn whoever_logs_in_makes_one_place_after_another() {
    on_each_engine(|world| async move {
        let browser = crate::login::owner(&world).await;
        let mut numbers = Vec::new();
        for name in ["Annex", "Barn", "Cabin"] {
            let body = json!({"name": name, "parent_id": world.place});
            let made = browser.send("POST", "/api/v1/places", Some(body)).await.expect(201);
            numbers.push(made["number"].as_u64().unwrap());
        }
        assert!(numbers.is_sorted() && numbers[0] < numbers[2], "{numbers:?}");
    })
    .await;
}
