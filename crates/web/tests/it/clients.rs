//! API clients: made, changed, rotated, expired, deleted.

use serde_json::{Value, json};

use crate::kit::{field, in_seconds, invalid, one};
use crate::support::{id, on_each_engine};

const LIST: &str = "/api/v1/clients";

fn wish(kind: &str, place: &str) -> Value {
    json!({"name": "Booking", "kind": kind, "scopes": ["people:write", "locks:read"],
        "place_ids": [place]})
}

#[tokio::test]
async fn a_client_shows_its_secret_once_and_works() {
    on_each_engine(|world| async move {
        let it = world.here();
        for kind in ["oauth2", "api_key"] {
            let answer = it.actor.post(LIST, wish(kind, &it.place)).await;
            let location = answer.header("location").to_owned();
            let made = answer.expect(201);
            let secret = made["secret"].as_str().unwrap().to_owned();
            assert!(secret.starts_with("clvk_") && secret.len() == 5 + 36, "{secret}");
            let path = one(LIST, &made);
            assert_eq!(location, path);
            let mut shown = made.clone();
            shown.as_object_mut().unwrap().remove("secret");
            assert_eq!(it.actor.get(&path).await.expect(200), shown);
            let mut scopes: Vec<&str> = crate::kit::texts(&made["scopes"]);
            scopes.sort_unstable();
            assert_eq!(scopes, ["locks:read", "people:write"]);
            let actor = if kind == "api_key" {
                it.actor.with(Some(secret))
            } else {
                it.actor.exchanged(id(&made), &secret).await
            };
            let site = it.seen_by(&actor);
            site.person(if kind == "api_key" { "Ann" } else { "Bo" }).await;
            site.list("/people").await;
            site.post("/locks", json!({"name": "x"})).await.problem(403, "forbidden_scope");
            // What is taken from a client is taken from its tokens at once.
            it.actor.patch(&path, json!({"scopes": ["locks:read"]})).await.expect(200);
            site.actor.get(&site.at("/people")).await.problem(403, "forbidden_scope");
            site.list("/locks").await;
            it.actor.delete(&path).await.expect(204);
            site.actor.get(&site.at("/locks")).await.problem(401, "unauthorized");
            it.actor.get(&path).await.problem(404, "not_found");
        }
        let list = it.actor.get(LIST).await.expect(200);
        assert_eq!(field(list["items"].as_array().unwrap(), "name"), ["set-up"]);
    })
    .await;
}

#[tokio::test]
async fn a_rotated_secret_and_the_former_one_overlap_for_a_day() {
    on_each_engine(|world| async move {
        let it = world.here();
        let made = it.actor.post(LIST, wish("oauth2", &it.place)).await.expect(201);
        let key = it.actor.post(LIST, wish("api_key", &it.place)).await.expect(201);
        let secret = |it: &Value| it["secret"].as_str().unwrap().to_owned();
        let rotated = it.actor.post(&format!("{}/rotate", one(LIST, &made)), json!({})).await;
        let rotated = rotated.expect(200);
        let next = it.actor.post(&format!("{}/rotate", one(LIST, &key)), json!({})).await;
        let next = next.expect(200);
        let until = rotated["previous_valid_until"].as_str().unwrap();
        let (least, most) = (in_seconds(&world, 86_300), in_seconds(&world, 86_400));
        assert!(least.as_str() < until && until <= most.as_str(), "{until}");
        for works in [&made, &rotated] {
            it.actor.exchanged(id(&made), &secret(works)).await;
        }
        for works in [&key, &next] {
            it.seen_by(&it.actor.with(Some(secret(works)))).list("/people").await;
        }
        let world = world.later(86_410).await;
        let nobody = world.nobody();
        let token = |secret: String| {
            json!({
                "grant_type": "client_credentials", "client_id": id(&made),
                "client_secret": secret,
            })
        };
        let refused = nobody.post("/oauth/token", token(secret(&made))).await;
        assert_eq!((refused.status, &refused.body["error"]), (401, &json!("invalid_client")));
        nobody.post("/oauth/token", token(secret(&rotated))).await.expect(200);
        let people = world.at("/people");
        nobody.with(Some(secret(&key))).get(&people).await.problem(401, "unauthorized");
        nobody.with(Some(secret(&next))).get(&people).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_client_ends_when_it_says() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut body = wish("api_key", &it.place);
        body["expires_at"] = json!(in_seconds(&world, -1));
        invalid(it.actor.post(LIST, body.clone()).await, &["/expires_at"]);
        body["expires_at"] = json!(in_seconds(&world, 3000));
        let made = it.actor.post(LIST, body).await.expect(201);
        let key = it.actor.with(Some(made["secret"].as_str().unwrap().to_owned()));
        it.seen_by(&key).list("/people").await;
        let world = world.later(3001).await;
        let again = world.nobody().with(key.token);
        again.get(&world.at("/people")).await.problem(401, "unauthorized");
        // Until it is given more time.
        let path = one(LIST, &made);
        let shown = world.admin.patch(&path, json!({"expires_at": null})).await.expect(200);
        assert_eq!(shown["expires_at"], json!(null));
        again.get(&world.at("/people")).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn wrong_clients_are_refused() {
    on_each_engine(|world| async move {
        let it = world.here();
        let before = world.revisions().await;
        for (name, value, pointer) in [
            ("name", json!(""), "/name"),
            ("kind", json!("basic"), "/kind"),
            ("scopes", json!([]), "/scopes"),
            ("scopes", json!(["people:own"]), "/scopes/0"),
            ("scopes", json!(["people:read", "people:read"]), "/scopes/1"),
            ("place_ids", json!(["external:none"]), "/place_ids/0"),
            ("place_ids", json!(["018bcfe5-6800-7000-8000-000000000001"]), "/place_ids/0"),
            ("controller_id", json!("external:none"), "/controller_id"),
            ("secret", json!("clvk_mine"), "/secret"),
            ("expires_at", json!("tomorrow"), "/expires_at"),
        ] {
            let mut body = wish("oauth2", &it.place);
            body[name] = value;
            invalid(it.actor.post(LIST, body).await, &[pointer]);
        }
        assert_eq!(world.revisions().await, before);
        let made = it.actor.post(LIST, wish("oauth2", &it.place)).await.expect(201);
        invalid(it.actor.patch(&one(LIST, &made), json!({"kind": "api_key"})).await, &["/kind"]);
        it.actor.get(&format!("{LIST}/external:x")).await.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_client_is_named_by_the_callers_own_id_too() {
    on_each_engine(|world| async move {
        let it = world.here();
        let named = |external_id: &str| {
            let mut wish = wish("oauth2", &it.place);
            wish["external_id"] = json!(external_id);
            wish
        };
        let made = it.actor.post(LIST, named("erp")).await.expect(201);
        let taken = it.actor.post(LIST, named("erp")).await.problem(409, "taken");
        assert_eq!(taken["errors"][0]["pointer"], "/external_id");
        let path = format!("{LIST}/external:erp");
        assert_eq!(it.actor.get(&path).await.expect(200)["id"], made["id"]);
        // Whoever may not see it finds nothing by that name either.
        let there = it.neighbour("There").await;
        for (method, path) in [("GET", path.clone()), ("DELETE", path.clone())] {
            let answer = there.actor.send(method, &path, &[], None).await;
            answer.problem(404, "not_found");
        }
        let body = json!({"external_id": "booking"});
        it.actor.patch(&path, body).await.expect(200);
        it.actor.get(&path).await.problem(404, "not_found");
        let path = format!("{LIST}/external:booking");
        it.actor.post(&format!("{path}/rotate"), json!({})).await.expect(200);
        it.actor.delete(&path).await.expect(204);
        it.actor.post(LIST, named("booking")).await.expect(201);
    })
    .await;
}

/// Who may do less than a client can read it, but neither change it nor take it away.
#[tokio::test]
async fn nobody_changes_a_client_that_may_do_more() {
    on_each_engine(|world| async move {
        let it = world.here();
        let make = async |scopes: &[&str]| {
            let body = json!({
                "name": "Strong", "kind": "oauth2", "scopes": scopes, "place_ids": [it.place],
            });
            it.actor.post(LIST, body).await.expect(201)
        };
        let strong = make(&["people:write", "locks:operate"]).await;
        let even = make(&["people:read"]).await;
        let weak = it.key(&["clients:write", "people:write"]).await;
        let path = one(LIST, &strong);
        weak.get(&path).await.expect(200);
        let before = world.revisions().await;
        for body in
            [json!({"name": "x"}), json!({"scopes": ["people:read"]}), json!({"expires_at": null})]
        {
            weak.patch(&path, body).await.problem(403, "escalation");
        }
        weak.delete(&path).await.problem(403, "escalation");
        weak.post(&format!("{path}/rotate"), json!({})).await.problem(403, "escalation");
        assert_eq!(world.revisions().await, before);

        weak.patch(&one(LIST, &even), json!({"name": "x"})).await.expect(200);
        weak.delete(&one(LIST, &even)).await.expect(204);
        it.actor.delete(&path).await.expect(204);
    })
    .await;
}
