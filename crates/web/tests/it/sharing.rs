//! Locks of one place that are in others too: each decides with its own people.

use serde_json::{Value, json};

use crate::kit::{Site, field, invalid, one, person_to_lock, pointers, reasons};
use crate::support::{World, id, on_each_engine};

/// The owner and a tenant, each with a client that can do everything there and nothing elsewhere.
async fn two(world: &World) -> (Site, Site) {
    let tenant = world.here().neighbour("Tenant").await;
    let owner = world.here().key_of_all().await;
    (owner, tenant)
}

impl Site {
    async fn key_of_all(&self) -> Site {
        self.seen_by(&self.full_key().await)
    }
}

fn shares(lock: &Value) -> String {
    format!("{}/shares", one("/locks", lock))
}

/// A lock of the owner's that the tenant has taken in.
async fn shared(owner: &Site, tenant: &Site, name: &str) -> Value {
    let lock = owner.lock(name).await;
    owner.made(&shares(&lock), json!({"place_id": tenant.place})).await;
    tenant.acted(&format!("/shared-locks/{}/accept", id(&lock))).await;
    lock
}

#[tokio::test]
async fn an_offer_is_nothing_until_it_is_accepted() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let body = json!({"name": "Gate", "time_zone": "Asia/Kolkata", "external_id": "g"});
        let lock = owner.made("/locks", body).await;
        let share = owner.made(&shares(&lock), json!({"place_id": tenant.place})).await;
        assert_eq!((&share["state"], &share["lock_id"]), (&json!("offered"), &lock["id"]));
        assert_eq!(share["place_id"], tenant.place.as_str());
        tenant.missing(&one("/locks", &lock)).await;
        assert_eq!(tenant.list("/locks").await, Vec::<Value>::new());
        let offered = json!([{
            "lock_id": lock["id"], "name": "Gate", "owner_place_id": owner.place,
            "state": "offered",
        }]);
        assert_eq!(json!(tenant.list("/shared-locks").await), offered);
        let third = world.here().neighbour("Third").await;
        assert_eq!(third.list("/shared-locks").await, Vec::<Value>::new());
        let accept = format!("/shared-locks/{}/accept", id(&lock));
        third.post(&accept, json!({})).await.problem(404, "not_found");

        let accepted = tenant.acted(&format!("/shared-locks/{}/accept", id(&lock))).await;
        assert_eq!((&accepted["id"], &accepted["name"]), (&lock["id"], &json!("Gate")));
        assert_eq!(accepted["time_zone"], "Asia/Kolkata");
        assert_eq!(accepted["number"], 1);
        assert_eq!(accepted["external_id"], json!(null), "the owner's own id is the owner's");
        assert_eq!(tenant.get(&one("/locks", &lock)).await, accepted);
        assert_eq!(owner.list(&shares(&lock)).await[0]["state"], "accepted");
        assert_eq!(tenant.list("/shared-locks").await[0]["state"], "accepted");
        let again = tenant.post(&format!("/shared-locks/{}/accept", id(&lock)), json!({})).await;
        assert_eq!(again.status, 409, "{}", again.text);
        // The owner sets what the lock is; the tenant cannot.
        owner.patch(&one("/locks", &lock), json!({"name": "Big gate"})).await.expect(200);
        assert_eq!(tenant.get(&one("/locks", &lock)).await["name"], "Big gate");
        for answer in [
            tenant.patch(&one("/locks", &lock), json!({"name": "Mine"})).await,
            tenant.delete(&one("/locks", &lock)).await,
            tenant.post(&shares(&lock), json!({"place_id": third.place})).await,
            owner.delete(&one("/locks", &lock)).await,
        ] {
            assert_eq!(answer.status, 409, "{}", answer.text);
        }
        let before = world.revisions().await;
        for place in [owner.place.as_str(), "018bcfe5-6800-7000-8000-000000000001"] {
            let answer = owner.post(&shares(&lock), json!({"place_id": place})).await;
            invalid(answer, &["/place_id"]);
        }
        let twice = owner.post(&shares(&lock), json!({"place_id": tenant.place})).await;
        assert_eq!(twice.status, 409, "{}", twice.text);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn who_administers_both_places_accepts_at_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let place = it.actor.post("/api/v1/places", json!({"name": "Annex"})).await.expect(201);
        let lock = it.lock("Gate").await;
        let share = it.made(&shares(&lock), json!({"place_id": id(&place)})).await;
        assert_eq!(share["state"], "accepted");
        let annex = Site { actor: it.actor.clone(), place: id(&place).to_owned() };
        assert_eq!(annex.get(&one("/locks", &lock)).await["id"], lock["id"]);
        it.delete(&format!("{}?place_id={}", shares(&lock), id(&place))).await.expect(204);
        annex.missing(&one("/locks", &lock)).await;
        let again = it.delete(&format!("{}?place_id={}", shares(&lock), id(&place))).await;
        again.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn another_places_grant_opens_and_little_is_told() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        let tim = tenant.person("Tim").await;
        let hints = json!({"start_within_s": 5, "log_off_after_s": 9});
        let card = json!({
            "kind": "card", "person_id": id(&tim), "session": hints,
            "card": {"bits": 56, "value": "71"},
        });
        let card = tenant.made("/credentials", card).await;
        let grant = tenant.grant(&tim, &lock).await;

        let decision = owner.present(&lock, "71").await;
        let told = json!({"result": "granted", "method": "card", "session": hints, "reasons": [],
            "by": [], "hint": null, "opens_at": null});
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(decision[name], *value, "{name}");
        }
        let here = owner.list("/events").await;
        assert_eq!(field(&here, "kind"), ["access_granted"]);
        for name in ["person_id", "credential_id", "grant_id", "card"] {
            assert_eq!(here[0][name], json!(null), "{name} is the other place's");
        }
        let there = tenant.list("/events").await;
        assert_eq!((&there[0]["person_id"], &there[0]["grant_id"]), (&tim["id"], &grant["id"]));
        assert_eq!((&there[0]["credential_id"], &there[0]["lock_id"]), (&card["id"], &lock["id"]));

        // Asked at the tenant, it is the tenant's own; the owner still learns that the door opened.
        let own = tenant.present(&lock, "71").await;
        assert_eq!(own["by"], json!([grant["id"]]));
        assert_eq!((tenant.list("/events").await.len(), owner.list("/events").await.len()), (2, 2));

        // The owner's people at the tenant's reader.
        let olga = owner.person("Olga").await;
        owner.card(&olga, "01").await;
        let refused = tenant.present(&lock, "01").await;
        assert_eq!(reasons(&refused), ["credential_unknown"], "other reasons are another place's");
        owner.grant(&olga, &lock).await;
        let opened = tenant.present(&lock, "01").await;
        assert_eq!((&opened["result"], &opened["by"]), (&json!("granted"), &json!([])));
        let last = owner.list("/events").await.pop().unwrap();
        assert_eq!((&last["kind"], &last["person_id"]), (&json!("access_granted"), &olga["id"]));
        for event in tenant.list("/events").await {
            assert_ne!(event["person_id"], olga["id"]);
        }
        // Refused here, the caller sees its own reasons.
        let pam = owner.person("Pam").await;
        owner.card(&pam, "02").await;
        assert_eq!(reasons(&owner.present(&lock, "02").await), ["no_grant"]);
        assert_eq!(reasons(&owner.present(&lock, "ff").await), ["credential_unknown"]);
        // A preview asks the same and tells nobody.
        let count = owner.list("/events").await.len();
        assert!(owner.opens(&lock, "71").await);
        assert_eq!(owner.list("/events").await.len(), count);
    })
    .await;
}

#[tokio::test]
async fn one_place_that_grants_is_enough_and_suspension_binds_its_own_place_only() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        let (here, there) = (owner.person("Ann").await, tenant.person("Ann").await);
        owner.card(&here, "a1").await;
        tenant.card(&there, "a1").await;
        owner.grant(&here, &lock).await;
        tenant.grant(&there, &lock).await;
        owner.acted(&format!("{}/suspend", one("/people", &here))).await;
        assert!(owner.opens(&lock, "a1").await, "the tenant grants");
        tenant.acted(&format!("{}/suspend", one("/people", &there))).await;
        let refused = owner.present(&lock, "a1").await;
        assert_eq!(reasons(&refused), ["person_suspended"]);
        owner.acted(&format!("{}/resume", one("/people", &here))).await;
        assert!(tenant.opens(&lock, "a1").await, "now the owner does");
    })
    .await;
}

#[tokio::test]
async fn posture_zone_and_times_are_the_owners() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        owner.patch(&one("/locks", &lock), json!({"time_zone": "Asia/Kolkata"})).await.expect(200);
        let tim = tenant.person("Tim").await;
        tenant.card(&tim, "71").await;
        let mut body = person_to_lock(&tim, &lock);
        body["schedule"] = json!({"weekly": [{"days": ["mon"], "from": "08:00", "to": "09:00"}]});
        let timed = tenant.made("/grants", body).await;
        let ask =
            |at: &str| json!({"lock_id": id(&lock), "card": {"bits": 56, "value": "71"}, "at": at});
        // 08:30 in Kolkata on a Monday, though the tenant's own place is in UTC.
        assert_eq!(tenant.decide(ask("2031-06-02T03:00:00Z")).await["result"], "granted");
        assert_eq!(tenant.decide(ask("2031-06-02T08:30:00Z")).await["result"], "denied");
        tenant.patch(&one("/grants", &timed), json!({"schedule": null})).await.expect(200);

        let down = json!({"posture": "lockdown", "lock_ids": [id(&lock)]});
        invalid(tenant.post("/posture", down.clone()).await, &["/lock_ids/0"]);
        let none =
            tenant.post("/posture", json!({"posture": "lockdown", "all": true})).await.expect(200);
        assert_eq!(none["obeyed"], json!([]), "it owns none");
        assert!(tenant.opens(&lock, "71").await);
        owner.post("/posture", down).await.expect(200);
        assert_eq!(tenant.get(&one("/locks", &lock)).await["posture"], "lockdown");
        assert_eq!(reasons(&tenant.present(&lock, "71").await), ["lockdown"]);
        tenant.patch(&one("/grants", &timed), json!({"override_lockdown": true})).await.expect(200);
        assert!(owner.opens(&lock, "71").await);
        owner.post("/posture", json!({"posture": "free_access", "all": true})).await.expect(200);
        assert_eq!(tenant.present(&lock, "ff").await["method"], "free_access");
    })
    .await;
}

#[tokio::test]
async fn a_pin_is_wrong_only_where_it_is_wrong_everywhere() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        owner.patch(&one("/locks", &lock), json!({"pin": "always"})).await.expect(200);
        for (site, pin) in [(&owner, "1111"), (&tenant, "2222")] {
            let ann = site.person("Ann").await;
            let card = json!({"bits": 56, "value": "a1"});
            let card = json!({"kind": "card", "person_id": id(&ann), "card": card, "pin": pin});
            site.made("/credentials", card).await;
            site.grant(&ann, &lock).await;
        }
        let ask = |pin: &str| {
            let card = json!({"bits": 56, "value": "a1"});
            json!({"lock_id": id(&lock), "card": card, "pin": pin})
        };
        for site in [&owner, &tenant] {
            for pin in ["1111", "2222"] {
                assert_eq!(site.decide(ask(pin)).await["result"], "granted", "{pin}");
            }
            assert_eq!(reasons(&site.decide(ask("3333")).await), ["pin_wrong"]);
        }
        // Wrong ones count at both: after five, neither PIN helps for a while.
        for _ in 0..5 {
            owner.decide(ask("3333")).await;
        }
        for site in [&owner, &tenant] {
            assert_eq!(reasons(&site.decide(ask("2222")).await), ["pin_locked_out"]);
        }
    })
    .await;
}

#[tokio::test]
async fn pins_and_codes_that_only_the_other_place_knows_count_too() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        owner.patch(&one("/locks", &lock), json!({"pin": "always"})).await.expect(200);
        let ann = tenant.person("Ann").await;
        let card = json!({"bits": 56, "value": "a1"});
        let card = json!({"kind": "card", "person_id": id(&ann), "card": card, "pin": "2222"});
        tenant.made("/credentials", card).await;
        let code = json!({"kind": "code", "person_id": id(&ann), "code": "246810", "pin": "3333"});
        tenant.made("/credentials", code).await;
        tenant.grant(&ann, &lock).await;
        let ask = |pin: &str| {
            let card = json!({"bits": 56, "value": "a1"});
            json!({"lock_id": id(&lock), "card": card, "pin": pin})
        };
        let enter = |code: &str| json!({"lock_id": id(&lock), "code": code, "pin": "3333"});

        // The reader asks its own place, which does not know the card.
        for _ in 0..4 {
            assert_eq!(reasons(&owner.decide(ask("0000")).await), ["credential_unknown"]);
        }
        assert_eq!(owner.decide(ask("2222")).await["result"], "granted", "and ends the count");
        for _ in 0..5 {
            assert_eq!(reasons(&owner.decide(ask("0000")).await), ["credential_unknown"]);
        }
        assert_eq!(reasons(&owner.decide(ask("2222")).await), ["credential_unknown"]);
        assert_eq!(reasons(&tenant.decide(ask("2222")).await), ["pin_locked_out"]);

        // A good code ends the count of unknown ones, whosever it is.
        for _ in 0..3 {
            for unknown in ["100001", "100002", "100003"] {
                assert_eq!(reasons(&owner.decide(enter(unknown)).await), ["credential_unknown"]);
            }
            assert_eq!(owner.decide(enter("246810")).await["result"], "granted");
        }

        let world = world.restarted().await;
        let again = |site: &Site| site.seen_by(&world.again(&site.actor));
        let (owner, tenant) = (again(&owner), again(&tenant));
        assert_eq!(reasons(&owner.decide(ask("2222")).await), ["credential_unknown"]);
        assert_eq!(reasons(&tenant.decide(ask("2222")).await), ["pin_locked_out"]);
        assert_eq!(owner.decide(enter("246810")).await["result"], "granted");
    })
    .await;
}

#[tokio::test]
async fn taking_a_lock_back_closes_the_rights_of_the_other_place() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        let (tim, olga) = (tenant.person("Tim").await, owner.person("Olga").await);
        tenant.card(&tim, "71").await;
        owner.card(&olga, "01").await;
        let kept = owner.grant(&olga, &lock).await;
        let grant = tenant.grant(&tim, &lock).await;
        let level = tenant.level("All", &[&lock]).await;
        tenant.level_grant(&tim, &level).await;
        let held = tenant.list("/keys").await;
        assert_eq!(held.len(), 2);
        let path = format!("{}?place_id={}", shares(&lock), tenant.place);

        let before = world.revisions().await;
        let plan = owner.delete(&format!("{path}&dry_run=true")).await.expect(200);
        assert!(
            !plan.to_string().contains(id(&tim)),
            "the tenant's people are the tenant's: {plan}"
        );
        assert_eq!(world.revisions().await, before);
        let digest = format!("\"{}\"", plan["digest"].as_str().unwrap());
        owner.matching("DELETE", &path, &digest, None).await.expect(204);

        tenant.missing(&one("/locks", &lock)).await;
        let closed = tenant.get(&one("/grants", &grant)).await;
        assert_eq!(
            (&closed["state"], &closed["closed_reason"]),
            (&json!("revoked"), &json!("unshared"))
        );
        assert_eq!(tenant.get(&one("/access-levels", &level)).await["lock_ids"], json!([]));
        let keys = tenant.list("/keys").await;
        assert_eq!(field(&keys, "id"), field(&held, "id"));
        assert_eq!(field(&keys, "state"), ["revoked", "revoked"]);
        assert_eq!(reasons(&owner.present(&lock, "71").await), ["credential_unknown"]);
        assert!(owner.opens(&lock, "01").await);
        assert_eq!(owner.get(&one("/grants", &kept)).await["state"], "active");
        assert_eq!(owner.list(&shares(&lock)).await, Vec::<Value>::new());
        assert_eq!(tenant.list("/shared-locks").await, Vec::<Value>::new());
        let ask =
            tenant.post("/decisions", json!({"lock_id": id(&lock), "person_id": id(&tim)})).await;
        ask.problem(404, "not_found");
        // Offered again and accepted, the old rights stay closed.
        owner.made(&shares(&lock), json!({"place_id": tenant.place})).await;
        tenant.acted(&format!("/shared-locks/{}/accept", id(&lock))).await;
        assert_eq!(reasons(&tenant.present(&lock, "71").await), ["no_grant"]);
        let world = world.restarted().await;
        let tenant = Site { actor: world.nobody().with(tenant.actor.token), place: tenant.place };
        assert_eq!(
            reasons(&tenant.present(&lock, "71").await),
            ["no_grant"],
            "also after a restart"
        );
        let missing = owner.delete(&shares(&lock)).await;
        assert_eq!(pointers(&missing.problem(422, "invalid")), ["?place_id"]);
    })
    .await;
}

#[tokio::test]
async fn a_place_gives_back_what_it_borrows() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let lock = shared(&owner, &tenant, "Gate").await;
        let (tim, olga) = (tenant.person("Tim").await, owner.person("Olga").await);
        tenant.card(&tim, "71").await;
        owner.card(&olga, "01").await;
        let grant = tenant.grant(&tim, &lock).await;
        owner.grant(&olga, &lock).await;
        let path = |site: &Site| format!("{}?place_id={}", shares(&lock), site.place);
        // Whose own it is has nobody to give it back to; nor does the tenant take it from others.
        owner.delete(&path(&owner)).await.problem(404, "not_found");
        let others = tenant.delete(&path(&owner)).await;
        assert!((400..500).contains(&others.status), "{}", others.text);
        assert!(tenant.opens(&lock, "71").await);

        tenant.delete(&path(&tenant)).await.expect(204);
        tenant.missing(&one("/locks", &lock)).await;
        let closed = tenant.get(&one("/grants", &grant)).await;
        assert_eq!(
            (&closed["state"], &closed["closed_reason"]),
            (&json!("revoked"), &json!("unshared"))
        );
        assert_eq!(owner.list(&shares(&lock)).await, Vec::<Value>::new());
        assert_eq!(reasons(&owner.present(&lock, "71").await), ["credential_unknown"]);
        assert!(owner.opens(&lock, "01").await);
        tenant.delete(&path(&tenant)).await.problem(404, "not_found");
        let again = owner.made(&shares(&lock), json!({"place_id": tenant.place})).await;
        assert_eq!(again["state"], "offered");
    })
    .await;
}

#[tokio::test]
async fn shares_and_shared_locks_come_in_pages() {
    on_each_engine(|world| async move {
        let (owner, tenant) = two(&world).await;
        let mut locks = Vec::new();
        for name in ["A", "B", "C"] {
            let lock = owner.lock(name).await;
            owner.made(&shares(&lock), json!({"place_id": tenant.place})).await;
            locks.push(lock);
        }
        let third = world.here().neighbour("Third").await;
        owner.made(&shares(&locks[0]), json!({"place_id": third.place})).await;
        for (site, path, many) in
            [(&tenant, "/shared-locks".to_owned(), 3), (&owner, shares(&locks[0]), 2)]
        {
            let whole = site.list(&path).await;
            assert_eq!(whole.len(), many);
            assert_eq!(site.all(&path, 1).await, whole, "{path}");
            let page = site.get(&format!("{path}?limit=1")).await;
            assert_eq!((&page["items"], &page["has_more"]), (&json!(whole[..1]), &json!(true)));
        }
        // What was offered first is taken back between two pages.
        let page = tenant.get("/shared-locks?limit=1").await;
        let with = format!("{}?place_id={}", shares(&locks[0]), tenant.place);
        owner.delete(&with).await.expect(204);
        let next = page["next"].as_str().unwrap();
        let rest = tenant.get(&format!("/shared-locks?after={next}")).await;
        assert_eq!(field(rest["items"].as_array().unwrap(), "name"), ["B", "C"]);
    })
    .await;
}
