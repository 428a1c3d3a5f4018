//! A place with one of everything in it, and for every route of the router's own table a request
//! about those things: what the tests walk that must miss no route.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use claviger_web::Listed;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, World, id};

/// One of everything, by name.
#[derive(Clone, Debug)]
pub(crate) struct Furniture {
    ids: BTreeMap<&'static str, String>,
    /// What the external ids begin with.
    tag: &'static str,
}

/// A request about furniture.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) method: &'static str,
    /// Segments between slashes.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

/// A COSE_Key: the point of P-256 that all others are multiples of.
const PUBLIC_KEY: &str = concat!(
    "pAECIAEhWCBrF9Hy4SxCR/i85uVjpEDydwN9gS3rM6D0oTlF2JjCliJY",
    "IE/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1",
);

/// Routes about a lock that was commissioned.
const TOLD: &[&str] = &["get_revocation_list", "bring_receipts", "bring_events"];

/// Nouns whose furniture has an external id.
const NAMED: &[&str] = &[
    "place",
    "person",
    "spare_person",
    "credential",
    "phone",
    "controller",
    "schedule",
    "lock",
    "spare_lock",
    "keyed_lock",
    "told_lock",
    "level",
    "grant",
    "sharing",
    "webhook",
];

impl Furniture {
    /// The id of that thing.
    #[track_caller]
    pub(crate) fn at(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// The same things by their external ids, where they have any.
    pub(crate) fn by_external_id(&self) -> Furniture {
        let mut named = self.clone();
        for (name, id) in &mut named.ids {
            if NAMED.contains(name) {
                *id = format!("external:{}-{name}", self.tag);
            }
        }
        named
    }

    /// The same with another thing of that name.
    pub(crate) fn with(&self, name: &'static str, object: &Value) -> Furniture {
        let mut other = self.clone();
        other.ids.insert(name, id(object).to_owned());
        other
    }

    /// A path in the place.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/api/v1/places/{}{path}", self.at("place"))
    }
}

/// Puts one of everything into a place of which `actor` may do everything.
pub(crate) async fn furnish(actor: &Actor, place: &str, tag: &'static str) -> Furniture {
    let mut ids = BTreeMap::new();
    let mut has = |name: &'static str, object: &Value| -> String {
        let own = id(object).to_owned();
        ids.insert(name, own.clone());
        own
    };
    let at = |path: &str| format!("/api/v1/places/{place}{path}");
    let make = async |path: &str, body: Value| actor.post(&at(path), body).await.expect(201);
    let named = |name: &str| format!("{tag}-{name}");

    let own = json!({"external_id": named("place"), "name": format!("House {tag}")});
    let own = actor.patch(&at(""), own).await.expect(200);
    has("place", &own);
    let email = format!("{tag}@example.org");
    let person = json!({"external_id": named("person"), "first_name": tag, "email": email});
    let person = has("person", &make("/people", person).await);
    let spare = json!({"external_id": named("spare_person"), "first_name": "Spare"});
    has("spare_person", &make("/people", spare).await);
    let credential = json!({
        "external_id": named("credential"), "kind": "card", "person_id": person,
        "card": {"bits": 32, "value": "0badcafe"}, "is_admin": true,
    });
    let credential = has("credential", &make("/credentials", credential).await);
    let phone = json!({
        "external_id": named("phone"), "kind": "phone", "person_id": person,
        "phone": {"public_key": PUBLIC_KEY},
    });
    has("phone", &make("/credentials", phone).await);
    let controller = json!({"external_id": named("controller"), "name": "Panel"});
    let controller = has("controller", &make("/controllers", controller).await);
    let schedule = make("/schedules", weekly(&named("schedule"))).await;
    let schedule = has("schedule", &schedule);
    let lock = json!({
        "external_id": named("lock"), "name": format!("Door {tag}"), "controller_id": controller,
    });
    let lock = has("lock", &make("/locks", lock).await);
    let spare = json!({"external_id": named("spare_lock"), "name": "Shed"});
    let spare = has("spare_lock", &make("/locks", spare).await);
    let keyed = json!({
        "external_id": named("keyed_lock"), "name": "Boat house", "mode": "offline_keys",
    });
    has("keyed_lock", &make("/locks", keyed).await);
    let told = json!({
        "external_id": named("told_lock"), "name": "Jetty", "mode": "offline_keys",
    });
    let told = has("told_lock", &make("/locks", told).await);
    let commission = at(&format!("/locks/{told}/commission"));
    actor.post(&commission, json!({"public_key": PUBLIC_KEY})).await.expect(200);
    let level = json!({
        "external_id": named("level"), "name": "Staff", "lock_ids": [lock, spare],
        "schedule": {"id": schedule},
    });
    let level = has("level", &make("/access-levels", level).await);
    let grant = json!({
        "external_id": named("grant"),
        "subject": {"person_id": person}, "target": {"lock_id": lock},
    });
    let grant = make("/grants", grant).await;
    has("grant", &grant);
    let sharing = json!({
        "external_id": named("sharing"), "right": "share",
        "subject": {"person_id": person}, "target": {"lock_id": lock},
    });
    has("sharing", &make("/grants", sharing).await);
    // A direct grant's key has the grant's id.
    has("key", &grant);
    let batch = json!({"create": [
        {"subject": {"credential_id": credential}, "target": {"access_level_id": level}},
    ]});
    has("operation", &actor.post(&at("/grants/batch"), batch).await.expect(200));
    let webhook = json!({
        "external_id": named("webhook"), "url": "https://example.org/hook", "lock_ids": [lock],
    });
    let webhook = has("webhook", &make("/webhooks", webhook).await);
    has("changed", &json!({"id": webhook}));
    actor.post(&at(&format!("/webhooks/{webhook}/test")), json!({})).await.expect(202);
    let deliveries = at(&format!("/webhooks/{webhook}/deliveries"));
    has("delivery", &actor.get(&deliveries).await.expect(200)["items"][0]);
    let client = json!({
        "name": "reader", "kind": "api_key", "scopes": ["people:read"], "place_ids": [place],
    });
    has("client", &actor.post("/api/v1/clients", client).await.expect(201));
    let card = json!({"bits": 32, "value": "0badcafe"});
    let asked = json!({"lock_id": lock, "card": card});
    let decided = actor.post(&at("/decisions"), asked).await.expect(200);
    assert_eq!(decided["result"], "granted", "{decided}");
    has("event", &json!({"id": decided["event_id"]}));

    // A neighbour that offers a lock and has been offered one, with nobody in common.
    let neighbour = json!({"name": format!("Neighbour {tag}")});
    let neighbour = actor.post("/api/v1/places", neighbour).await.expect(201);
    has("neighbour", &neighbour);
    let key = actor.makes_key(&["locks:write"], &[id(&neighbour)]).await;
    let gate = format!("/api/v1/places/{}/locks", id(&neighbour));
    let gate = key.post(&gate, json!({"name": "Gate"})).await.expect(201);
    let shares = format!("/api/v1/places/{}/locks/{}/shares", id(&neighbour), id(&gate));
    let offer = key.post(&shares, json!({"place_id": place})).await.expect(201);
    assert_eq!(offer["state"], "offered");
    has("offered", &gate);
    let only_here = actor.makes_key(&["locks:write"], &[place]).await;
    let shares = at(&format!("/locks/{spare}/shares"));
    let offer = only_here.post(&shares, json!({"place_id": id(&neighbour)})).await.expect(201);
    assert_eq!(offer["state"], "offered");
    // A right at a lock whose list was never fetched: what takes it back is a revocation.
    let listing = make("/controllers", json!({"name": "Listing"})).await;
    let listed = json!({"name": "Vault", "mode": "allow_list", "controller_id": id(&listing)});
    let listed = make("/locks", listed).await;
    let given = json!({"subject": {"person_id": person}, "target": {"lock_id": id(&listed)}});
    let given = make("/grants", given).await;
    actor.post(&at(&format!("/grants/{}/revoke", id(&given))), json!({})).await.expect(200);
    let revocations = actor.get(&at("/revocations")).await.expect(200);
    has("revocation", &revocations["items"][0]);
    Furniture { ids, tag }
}

fn weekly(external_id: &str) -> Value {
    json!({
        "external_id": external_id, "name": "Always",
        "weekly": [{
            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "from": "00:00", "to": "24:00",
        }],
    })
}

/// What `{id}` in a path names.
fn noun_of(route: &Listed) -> &'static str {
    let list = route.path.split("/{id}").next().unwrap().rsplit('/').next().unwrap();
    match list {
        "people" => "person",
        "credentials" => "credential",
        "locks" => "lock",
        "shared-locks" => "offered",
        "controllers" => "controller",
        "access-levels" => "level",
        "grants" => "grant",
        "keys" => "key",
        "schedules" => "schedule",
        "webhooks" => "webhook",
        "clients" => "client",
        "operations" => "operation",
        "revocations" => "revocation",
        other => panic!("what does an id of {other} name?"),
    }
}

/// Requests that use every position of the route in which an id may stand. `turn` keeps what must
/// be unique apart.
pub(crate) fn samples(route: &Listed, things: &Furniture, turn: usize) -> Vec<Sample> {
    let path: Vec<String> = route
        .path
        .split('/')
        .map(|part| match part {
            "{place}" => things.at("place").to_owned(),
            "{id}" if route.method == "PUT" => format!("external:made-{turn}"),
            "{id}" if route.operation == "unshare_lock" => things.at("spare_lock").to_owned(),
            "{id}" if route.operation == "commission_lock" => things.at("keyed_lock").to_owned(),
            "{id}" if TOLD.contains(&route.operation) => things.at("told_lock").to_owned(),
            "{id}" => things.at(noun_of(route)).to_owned(),
            part => part.to_owned(),
        })
        .collect();
    let sample = |query, body| Sample { method: route.method, path: path.clone(), query, body };
    let queries = queries(route, things);
    if !queries.is_empty() {
        return queries.into_iter().map(|query| sample(query, None)).collect();
    }
    let bodies = bodies(route.operation, things, turn);
    assert_eq!(bodies.is_empty(), !route.body, "a body for {}", route.operation);
    if bodies.is_empty() {
        return vec![sample(Vec::new(), None)];
    }
    bodies.into_iter().map(|body| sample(Vec::new(), Some(body))).collect()
}

fn queries(route: &Listed, things: &Furniture) -> Vec<Vec<(&'static str, String)>> {
    let one = |name: &'static str, of: &str| vec![(name, things.at(of).to_owned())];
    match route.operation {
        "list_credentials" => vec![one("person_id", "person")],
        "list_grants" => vec![
            one("person_id", "person"),
            one("credential_id", "credential"),
            one("lock_id", "lock"),
            one("access_level_id", "level"),
        ],
        "list_keys" => vec![
            one("person_id", "person"),
            one("lock_id", "lock"),
            one("access_level_id", "level"),
        ],
        "list_events" => vec![one("person_id", "person"), one("lock_id", "lock")],
        "events_complete" => vec![one("lock_id", "lock")],
        "list_changes" => vec![one("object_id", "changed")],
        "unshare_lock" => vec![one("place_id", "neighbour")],
        "schedule_occurrences" => vec![vec![
            ("from", "2026-03-01T00:00:00Z".to_owned()),
            ("until", "2026-03-08T00:00:00Z".to_owned()),
        ]],
        _ => Vec::new(),
    }
}

fn bodies(operation: &str, things: &Furniture, turn: usize) -> Vec<Value> {
    let of = |name: &str| things.at(name);
    let schedule = json!({"id": of("schedule")});
    let password = "correct horse battery";
    let grants = [
        json!({
            "subject": {"person_id": of("person")}, "target": {"lock_id": of("spare_lock")},
            "schedule": schedule,
        }),
        json!({
            "subject": {"credential_id": of("credential")},
            "target": {"access_level_id": of("level")},
        }),
        json!({
            "subject": {"person_id": of("person")}, "target": {"lock_id": of("lock")},
            "issued_under": of("sharing"),
        }),
    ];
    let lock = json!({
        "name": "Door", "controller_id": of("controller"),
        "pin_schedule": schedule, "unlock_schedule": schedule,
    });
    let card = json!({"bits": 64, "value": format!("{:x}", 0xabcd_0000 + turn)});
    let credential = json!({"kind": "card", "person_id": of("person"), "card": card});
    match operation {
        "token" => vec![json!({
            "grant_type": "client_credentials", "client_id": of("client"), "client_secret": "no",
        })],
        "log_in" => vec![json!({"email": "nobody@example.org", "password": password})],
        "change_password" => vec![json!({"old": password, "new": "another long password"})],
        "reset_password" => vec![json!({"email": "nobody@example.org"})],
        "redeem_invitation" => vec![json!({"setup_code": "clvo_no", "password": password})],
        "create_place" => vec![json!({"name": "Annexe", "parent_id": of("place")})],
        "change_place" => vec![json!({"language": "sv"})],
        "create_person" | "put_person" => vec![json!({"first_name": "Bo"})],
        "change_person" => vec![json!({"note": "x"})],
        "create_credential" | "put_credential" => vec![credential],
        "change_credential" => vec![json!({"person_id": of("person")})],
        "create_lock" | "put_lock" => vec![lock],
        "change_lock" => vec![lock],
        "unlock" => vec![json!({"person_id": of("person")})],
        "set_posture" => vec![json!({"posture": "normal", "lock_ids": [of("lock")]})],
        "share_lock" => vec![json!({"place_id": of("neighbour")})],
        "sync_controller" => vec![json!({"seq": turn})],
        "commission_lock" => vec![json!({"public_key": PUBLIC_KEY})],
        "enrol_device" => vec![
            json!({"person_id": of("person"), "public_key": PUBLIC_KEY}),
            json!({"credential_id": of("phone"), "public_key": PUBLIC_KEY}),
        ],
        "bring_receipts" => vec![json!({"receipts": []})],
        "bring_events" => vec![json!({"events": []})],
        "sync_device" => vec![json!({"device_id": of("phone")})],
        "create_controller" => vec![json!({"name": "Gateway"})],
        "change_controller" => vec![json!({"name": "Panel 2"})],
        "create_access_level" | "put_access_level" | "change_access_level" => {
            vec![json!({"name": "Staff", "lock_ids": [of("lock")], "schedule": schedule})]
        }
        "modify_access_level" => vec![json!({
            "add_people": [of("person")], "remove_people": [of("spare_person")],
            "add_locks": [of("lock")], "remove_locks": [of("spare_lock")],
        })],
        "create_grant" | "put_grant" => grants.to_vec(),
        "change_grant" => vec![json!({"schedule": schedule})],
        "batch_grants" => {
            let batch = |grant: &Value| json!({"create": [grant], "revoke": [of("grant")]});
            grants.iter().map(batch).collect()
        }
        "create_schedule" | "put_schedule" => {
            let mut body = weekly("");
            body.as_object_mut().unwrap().remove("external_id");
            vec![body]
        }
        "change_schedule" => vec![json!({"name": "At all times"})],
        "enrol" => vec![
            json!({"event_id": of("event"), "credential_id": of("credential")}),
            json!({"event_id": of("event"), "card": {"bits": 32, "value": "0badcafe"}}),
        ],
        "decide" => vec![
            json!({"lock_id": of("lock"), "credential_id": of("credential")}),
            json!({"lock_id": of("lock"), "person_id": of("person")}),
        ],
        "create_webhook" => {
            vec![json!({"url": "https://example.org/other", "lock_ids": [of("lock")]})]
        }
        "change_webhook" => vec![json!({"lock_ids": [of("lock")]})],
        "replay_delivery" => vec![json!({"delivery_id": of("delivery")})],
        "create_client" => vec![json!({
            "name": "a program", "kind": "oauth2", "scopes": ["people:read"],
            "place_ids": [of("place")], "controller_id": of("controller"),
        })],
        "change_client" => vec![json!({"place_ids": [of("place")]})],
        "hold_person" | "hold_place" => vec![json!({"until": tomorrow(), "reason": "A claim"})],
        "suspend_person"
        | "resume_person"
        | "invite_person"
        | "release_person"
        | "forget_person"
        | "release_place"
        | "report_credential_lost"
        | "revoke_grant"
        | "test_webhook"
        | "rotate_client" => vec![json!({})],
        _ => Vec::new(),
    }
}

/// An instant to come, the same all along.
fn tomorrow() -> &'static str {
    static TOMORROW: LazyLock<String> = LazyLock::new(|| {
        claviger_app::Clock::default().now().plus(24 * 3600 * 1_000_000).to_string()
    });
    &TOMORROW
}

/// In which order things go away: what another still uses goes later.
pub(crate) fn rank(route: &Listed) -> usize {
    let order = [
        "unshare_lock",
        "batch_grants",
        "revoke_grant",
        "delete_webhook",
        "delete_credential",
        "delete_person",
        "delete_access_level",
        "delete_lock",
        "delete_schedule",
        "delete_controller",
        "rotate_client",
        "delete_client",
    ];
    order.iter().position(|it| *it == route.operation).map_or(0, |at| at + 1)
}

impl Sample {
    pub(crate) fn url(&self) -> String {
        let path = self.path.join("/");
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    pub(crate) async fn send(&self, actor: &Actor) -> Answer {
        let body = self.body.as_ref().map(Value::to_string);
        actor.send(self.method, &self.url(), &[], body).await
    }

    /// This request with, in turn, each one thing of `other` in place of its own: with the name of
    /// the position. Both must be samples of one route, in the same order.
    pub(crate) fn hybrids(&self, other: &Sample, route: &Listed) -> Vec<(String, Sample)> {
        let mut found = Vec::new();
        let names: Vec<&str> = route.path.split('/').collect();
        for (at, part) in other.path.iter().enumerate() {
            if self.path[at] != *part {
                let mut hybrid = self.clone();
                hybrid.path[at].clone_from(part);
                found.push((names[at].to_owned(), hybrid));
            }
        }
        for (at, (name, value)) in other.query.iter().enumerate() {
            if self.query[at].1 != *value {
                let mut hybrid = self.clone();
                hybrid.query[at].1.clone_from(value);
                found.push((format!("?{name}"), hybrid));
            }
        }
        if let (Some(own), Some(theirs)) = (&self.body, &other.body) {
            let mut pointers = BTreeSet::new();
            differences(own, theirs, String::new(), &mut pointers);
            for pointer in pointers {
                let mut hybrid = self.clone();
                let value = theirs.pointer(&pointer).unwrap().clone();
                *hybrid.body.as_mut().unwrap().pointer_mut(&pointer).unwrap() = value;
                found.push((pointer, hybrid));
            }
        }
        found
    }
}

fn differences(one: &Value, other: &Value, at: String, found: &mut BTreeSet<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one.iter().for_each(|(name, value)| {
            differences(value, &other[name], format!("{at}/{name}"), found)
        }),
        (Value::Array(one), Value::Array(other)) => one
            .iter()
            .zip(other)
            .enumerate()
            .for_each(|(n, (one, other))| differences(one, other, format!("{at}/{n}"), found)),
        _ if one != other => {
            found.insert(at);
        }
        _ => {}
    }
}

/// Everything a place holds, as its own administrator reads it, and every revision there is.
pub(crate) async fn fingerprint(world: &World, actor: &Actor, things: &Furniture) -> Vec<Value> {
    let mut seen = Vec::new();
    for list in [
        "",
        "/people",
        "/credentials",
        "/locks",
        "/controllers",
        "/access-levels",
        "/grants",
        "/keys",
        "/schedules",
        "/events",
        "/changes",
        "/webhooks",
        "/shared-locks",
        "/revocations",
    ] {
        seen.push(actor.get(&things.path(list)).await.expect(200));
    }
    let deliveries = format!("/webhooks/{}/deliveries", things.at("webhook"));
    seen.push(actor.get(&things.path(&deliveries)).await.expect(200));
    seen.push(actor.get("/api/v1/clients").await.expect(200));
    seen.push(revisions(world).await);
    seen
}

/// The revision of every place and of the directory: the same while nothing is stored.
pub(crate) async fn revisions(world: &World) -> Value {
    let mut all = world.app.storage().revisions().await.unwrap();
    all.sort_unstable_by_key(|(place, _)| place.0);
    all.into_iter().map(|(place, revision)| json!([place.0, revision])).collect()
}
