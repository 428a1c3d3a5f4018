//! Users of identity providers: a token of the provider's is exchanged for one here, and nothing
//! that is forged, over, or for somebody else is.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::{Tapkey, refused};
use super::{Program, denied, holder, registered};
use crate::kit::{Site, invalid};
use crate::scopes::all_scopes;
use crate::support::{Answer, World, id, on_each_engine};

const CLAIM: &str = "http://tapkey.net/oauth/token_exchange/client_id";
const GRANT: &str = "http://tapkey.net/oauth/token_exchange";

struct Provider(KeyPair);

impl Provider {
    fn new(size: KeySize) -> Provider {
        Provider(KeyPair::generate(size).unwrap())
    }

    fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let body = lines.join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    fn signs(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        self.0.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn rs256() -> Value {
    json!({ "alg": "RS256", "typ": "JWT" })
}

/// What a provider says of one of its users, for an hour.
fn claims(world: &World, program: &Program) -> Value {
    let now = world.app.now().seconds();
    json!({
        "iss": "https://id.example.org", "aud": "claviger", "sub": "user-1", "iat": now,
        "exp": now + 3600, CLAIM: program.id,
    })
}

async fn exchanged(world: &World, program: &Program, token: &str) -> Answer {
    let scope = "write:core:entities read:user handle:keys register:mobiles offline_access";
    exchanged_for(world, program, token, scope).await
}

async fn exchanged_for(world: &World, program: &Program, token: &str, scope: &str) -> Answer {
    let fields = [
        ("grant_type", GRANT),
        ("provider", "1"),
        ("scope", scope),
        ("subject_token_type", "jwt"),
        ("subject_token", token),
        ("audience", "tapkey_api"),
        ("requested_token_type", "access_token"),
    ];
    program.token(world, &fields).await
}

async fn register(world: &World, provider: &Provider) {
    let one = json!({
        "id": "1", "issuer": "https://id.example.org", "audience": "claviger",
        "public_key": provider.pem(),
    });
    world.admin.patch(&world.at(""), json!({ "identity_providers": [one] })).await.expect(200);
}

/// A user of the provider, an administrator of the place.
async fn user(world: &World) -> Value {
    let body = json!({
        "display_name": "Ann", "role": "administrator",
        "identity": { "provider": "1", "subject": "user-1" },
    });
    world.made("/people", body).await
}

async fn contacts(world: &World, tokens: &Value) -> Answer {
    let it = Site { actor: world.admin.clone(), place: world.place.clone() };
    let actor = holder(world, tokens);
    Tapkey { it, actor, credentials: Value::Null }.get("/contacts").await
}

#[tokio::test]
async fn a_providers_user_acts_as_who_they_are_in_the_place() {
    let provider = Provider::new(KeySize::Rsa2048);
    let provider = &provider;
    on_each_engine(|world| async move {
        register(&world, provider).await;
        let ann = user(&world).await;
        for kind in ["public", "oauth2"] {
            let program = registered(&world, kind).await;
            let mut said = claims(&world, &program);
            let answer = exchanged(&world, &program, &provider.signs(&rs256(), &said)).await;
            assert_eq!(answer.header("cache-control"), "no-store");
            let tokens = answer.expect(200);
            let scope = "write:core:entities read:user handle:keys register:mobiles";
            assert_eq!(tokens["scope"], scope);
            assert_eq!(
                (&tokens["expires_in"], &tokens["refresh_token"]),
                (&json!(3600), &json!(null))
            );
            contacts(&world, &tokens).await.expect(200);
            said["aud"] = json!(["other", "claviger"]);
            exchanged(&world, &program, &provider.signs(&rs256(), &said)).await.expect(200);

            // As a guest they have no role, suspended or without their identity they are nobody.
            let path = world.at(&format!("/people/{}", id(&ann)));
            world.admin.patch(&path, json!({ "role": "guest" })).await.expect(200);
            refused(&contacts(&world, &tokens).await, 401, "Unauthorized", &["no role"]);
            world.admin.patch(&path, json!({ "role": "administrator" })).await.expect(200);
            world.admin.post(&format!("{path}/suspend"), json!({})).await.expect(200);
            refused(&contacts(&world, &tokens).await, 401, "Unauthorized", &["not known"]);
            world.admin.post(&format!("{path}/resume"), json!({})).await.expect(200);
            contacts(&world, &tokens).await.expect(200);
            // Elsewhere they are nobody either, and natively the token is nothing.
            let actor = holder(&world, &tokens);
            for parent in [Value::Null, json!(world.place)] {
                let other = json!({ "name": "Other", "parent_id": parent });
                let other = world.admin.post("/api/v1/places", other).await.expect(201);
                let elsewhere = format!("/compat/tapkey/api/v1/owners/{}", id(&other));
                refused(&actor.get(&elsewhere).await, 401, "Unauthorized", &["no role"]);
            }
            actor.get(&world.at("/people")).await.problem(401, "unauthorized");
        }
        let program = registered(&world, "public").await;
        let token = provider.signs(&rs256(), &claims(&world, &program));
        let tokens = exchanged(&world, &program, &token).await.expect(200);
        let world = world.restarted().await;
        contacts(&world, &tokens).await.expect(200);
        world.admin.patch(&world.at(""), json!({ "identity_providers": [] })).await.expect(200);
        refused(&contacts(&world, &tokens).await, 401, "Unauthorized", &["not known"]);
        denied(exchanged(&world, &program, &token).await, 400, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_with_the_identity_and_with_the_providers_key() {
    let (provider, other) = (Provider::new(KeySize::Rsa2048), Provider::new(KeySize::Rsa2048));
    let (provider, other) = (&provider, &other);
    on_each_engine(|world| async move {
        register(&world, provider).await;
        let ann = user(&world).await;
        let program = registered(&world, "public").await;
        let token = provider.signs(&rs256(), &claims(&world, &program));
        let tokens = exchanged(&world, &program, &token).await.expect(200);
        let path = world.at(&format!("/people/{}", id(&ann)));
        for subject in ["user-2", "user-1"] {
            let identity = json!({ "identity": { "provider": "1", "subject": subject } });
            world.admin.patch(&path, identity).await.expect(200);
            let answer = contacts(&world, &tokens).await;
            match subject {
                "user-1" => drop(answer.expect(200)),
                _ => refused(&answer, 401, "Unauthorized", &["not known"]),
            }
        }
        register(&world, other).await;
        refused(&contacts(&world, &tokens).await, 401, "Unauthorized", &["not known"]);
    })
    .await;
}

#[tokio::test]
async fn nobody_gives_by_a_program_a_role_they_could_not_give() {
    let provider = Provider::new(KeySize::Rsa2048);
    let provider = &provider;
    on_each_engine(|world| async move {
        register(&world, provider).await;
        let ann = user(&world).await;
        let (chief, bo) = ("administrator", "guest");
        let chief = world.made("/people", json!({ "display_name": "C", "role": chief })).await;
        let bo = world.made("/people", json!({ "display_name": "B", "role": bo })).await;
        let program = registered(&world, "oauth2").await;
        let token = provider.signs(&rs256(), &claims(&world, &program));
        let scope = "read:owneraccount:permissions write:owneraccount:permissions";
        let path = world.at(&format!("/people/{}", id(&ann)));
        let owner = format!("/compat/tapkey/api/v1/owners/{}/permissions", world.place);
        for role in ["installer", "guest_manager"] {
            world.admin.patch(&path, json!({ "role": role })).await.expect(200);
            let tokens = exchanged_for(&world, &program, &token, scope).await.expect(200);
            let actor = holder(&world, &tokens);
            let before = world.revisions().await;
            for whom in [&ann, &bo] {
                let wish = json!({ "contactId": id(whom), "role": "Admin" });
                assert_eq!(actor.put(&owner, wish).await.status, 403, "{role}");
            }
            let others = format!("{owner}/{}", id(&chief));
            assert_eq!(actor.delete(&others).await.status, 403, "{role}");
            assert_eq!(world.revisions().await, before);
        }
        world.admin.patch(&path, json!({ "role": "administrator" })).await.expect(200);
        let tokens = exchanged_for(&world, &program, &token, scope).await.expect(200);
        let wish = json!({ "contactId": id(&bo), "role": "Admin" });
        holder(&world, &tokens).put(&owner, wish).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_or_for_somebody_else_gives_nothing_and_says_nothing() {
    let provider = Provider::new(KeySize::Rsa2048);
    let provider = &provider;
    on_each_engine(|world| async move {
        register(&world, provider).await;
        user(&world).await;
        let now = world.app.now().seconds();
        let mut texts = Vec::new();
        for changes in [
            vec![("iss", json!("https://id.example.com"))],
            vec![("iss", Value::Null)],
            vec![("aud", json!("other"))],
            vec![("aud", json!([]))],
            vec![("aud", Value::Null)],
            vec![("sub", json!("user-2"))],
            vec![("sub", json!(""))],
            vec![("sub", json!(1))],
            vec![("sub", Value::Null)],
            vec![(CLAIM, json!(super::super::NOBODYS))],
            vec![(CLAIM, Value::Null)],
            vec![("exp", json!(now - 1))],
            vec![("exp", json!(now))],
            vec![("exp", json!("soon"))],
            vec![("exp", Value::Null)],
            vec![("iat", Value::Null)],
            vec![("iat", json!(now + 120)), ("exp", json!(now + 600))],
            vec![("nbf", json!(now + 120))],
            vec![("nbf", json!("now"))],
            vec![("exp", json!(now + 87_000))],
            vec![("exp", json!(i64::MAX))],
            vec![("iat", json!(i64::MIN)), ("exp", json!(now + 60))],
        ] {
            // A program of its own each time: failures of one are counted.
            let program = registered(&world, "public").await;
            let mut said = claims(&world, &program);
            for (name, value) in changes {
                match value {
                    Value::Null => drop(said.as_object_mut().unwrap().remove(name)),
                    value => said[name] = value,
                }
            }
            let token = provider.signs(&rs256(), &said);
            let answer = exchanged(&world, &program, &token).await;
            texts.push(answer.text.clone());
            denied(answer, 400, "invalid_grant");
        }
        assert!(texts.iter().all(|it| *it == texts[0]), "{texts:?}");
    })
    .await;
}

#[tokio::test]
async fn what_the_provider_did_not_sign_so_gives_nothing_and_says_nothing() {
    let (provider, other) = (Provider::new(KeySize::Rsa2048), Provider::new(KeySize::Rsa2048));
    let (provider, other) = (&provider, &other);
    on_each_engine(|world| async move {
        register(&world, provider).await;
        user(&world).await;
        let mut texts = Vec::new();
        for forge in FORGES {
            let program = registered(&world, "public").await;
            let good = provider.signs(&rs256(), &claims(&world, &program));
            let answer = exchanged(&world, &program, &forge(&good, other, &provider.pem())).await;
            texts.push(answer.text.clone());
            denied(answer, 400, "invalid_grant");
            exchanged(&world, &program, &good).await.expect(200);
        }
        for header in [
            json!({ "alg": "RS384" }),
            json!({ "alg": "rs256" }),
            json!({ "alg": "RS256", "crit": ["b64"], "b64": true }),
            json!({}),
        ] {
            let program = registered(&world, "public").await;
            let token = provider.signs(&header, &claims(&world, &program));
            denied(exchanged(&world, &program, &token).await, 400, "invalid_grant");
        }
        assert!(texts.iter().all(|it| *it == texts[0]), "{texts:?}");
        // Guesses are slowed down.
        let program = registered(&world, "public").await;
        for _ in 0..10 {
            denied(exchanged(&world, &program, "a.b.c").await, 400, "invalid_grant");
        }
        assert_eq!(exchanged(&world, &program, "a.b.c").await.status, 429);
    })
    .await;
}

/// Makes a forged token of a good one, with another provider and the right one's key.
type Forge = fn(&str, &Provider, &str) -> String;

const FORGES: [Forge; 9] = [
    |good: &str, _: &Provider, _: &str| good.rsplit_once('.').unwrap().0.to_owned() + ".",
    |good, _, _| good.rsplit_once('.').unwrap().0.to_owned(),
    |good, _, _| good.replacen('.', ".e30", 1),
    |good, _, _| {
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        format!("{signed}.{first}{}", &signature[1..])
    },
    |_, _, _| "a.b.c".to_owned(),
    |_, _, _| "x".repeat(20_000),
    |good, other, _| {
        let part = good.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        other.signs(&rs256(), &claims)
    },
    |good, _, _| with_header(good, &json!({ "alg": "none" }), |_| Vec::new()),
    |good, _, pem| {
        with_header(good, &json!({ "alg": "HS256" }), |signed| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pem.as_bytes());
            aws_lc_rs::hmac::sign(&key, signed).as_ref().to_vec()
        })
    },
];

/// A token with another header, signed in another way.
fn with_header(token: &str, header: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn a_request_that_lacks_something_is_told_what() {
    on_each_engine(|world| async move {
        let program = registered(&world, "public").await;
        let good = [
            ("grant_type", GRANT),
            ("provider", "1"),
            ("subject_token_type", "jwt"),
            ("subject_token", "a.b.c"),
        ];
        for (name, value, error) in [
            ("provider", "", "invalid_request"),
            ("subject_token", "", "invalid_request"),
            ("subject_token_type", "", "invalid_request"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt", "invalid_request"),
            ("requested_token_type", "id_token", "invalid_request"),
            ("audience", "other", "invalid_request"),
            ("scope", "manage:contacts", "invalid_scope"),
            ("provider", "2", "invalid_grant"),
        ] {
            let mut fields = good.to_vec();
            fields.retain(|(known, _)| *known != name);
            fields.push((name, value));
            denied(program.token(&world, &fields).await, 400, error);
        }
    })
    .await;
}

#[tokio::test]
async fn providers_are_registered_by_who_gives_roles_and_with_keys_that_hold() {
    let small = Provider::new(KeySize::Rsa2048);
    let large = Provider::new(KeySize::Rsa8192);
    let (small, large) = (&small, &large);
    on_each_engine(|world| async move {
        let one = |key: &str| {
            let issuer = "https://id.example.org";
            json!({ "id": "1", "issuer": issuer, "audience": "a", "public_key": key })
        };
        let set = |list: Value| json!({ "identity_providers": list });
        let private = small.pem().replace("PUBLIC", "PRIVATE");
        for key in [large.pem(), private, "x".to_owned(), small.pem().replace('M', "N")] {
            let answer = world.admin.patch(&world.at(""), set(json!([one(&key)]))).await;
            invalid(answer, &["/identity_providers/0/public_key"]);
        }
        let twice = json!([one(&small.pem()), one(&small.pem())]);
        let answer = world.admin.patch(&world.at(""), set(twice)).await;
        invalid(answer, &["/identity_providers/1/id"]);
        let good = set(json!([one(&small.pem())]));
        for scopes in [
            &["places:write"][..],
            &["places:write", "roles:write"],
            &["places:write", "clients:write"],
        ] {
            let key = world.here().key(scopes).await;
            let answer = key.patch(&world.at(""), good.clone()).await;
            answer.problem(403, "forbidden_scope");
            let mut place = good.clone();
            place["name"] = json!("Annex");
            let answer = key.post("/api/v1/places", place).await;
            answer.problem(403, "forbidden_scope");
        }
        let all = ["places:write", "clients:write", "roles:write"];
        // Whom they vouch for may be made an administrator yet.
        let key = world.here().key(&all).await;
        key.patch(&world.at(""), good.clone()).await.problem(403, "escalation");
        let mut place = good.clone();
        place["name"] = json!("Annex");
        key.post("/api/v1/places", place).await.problem(403, "escalation");
        let all = all_scopes(&world.admin).await;
        let most: Vec<&str> =
            all.iter().map(String::as_str).filter(|it| *it != "organization:write").collect();
        let key = world.here().key(&most).await;
        let made = key.patch(&world.at(""), good.clone()).await.expect(200);
        assert_eq!(made["identity_providers"], good["identity_providers"]);
        // A contact may be one of its users.
        let program = Tapkey::at(&world).await;
        let body = json!({ "ipId": "1", "ipUserId": "user-9" });
        program.call("PUT", "/contacts", body).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_token_of_the_providers_gives_no_end_of_ours() {
    let provider = Provider::new(KeySize::Rsa2048);
    let provider = &provider;
    on_each_engine(|world| async move {
        register(&world, provider).await;
        user(&world).await;
        let (program, other) =
            (registered(&world, "public").await, registered(&world, "public").await);
        let token = provider.signs(&rs256(), &claims(&world, &program));
        for _ in 0..10 {
            let tries = (0..100).map(|_| exchanged(&world, &program, &token));
            for answer in futures_util::future::join_all(tries).await {
                answer.expect(200);
            }
        }
        let answer = exchanged(&world, &program, &token).await;
        assert!(!answer.header("retry-after").is_empty());
        denied(answer, 429, "slow_down");
        let of_other = provider.signs(&rs256(), &claims(&world, &other));
        exchanged(&world, &other, &of_other).await.expect(200);
        let world = world.later(3601).await;
        let token = provider.signs(&rs256(), &claims(&world, &program));
        exchanged(&world, &program, &token).await.expect(200);
    })
    .await;
}
