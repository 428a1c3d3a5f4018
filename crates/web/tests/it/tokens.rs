//! The token endpoint, as RFC 6749 has it: sections 2.3.1, 4.4 and 5.

use serde_json::{Value, json};

use crate::support::{Answer, World, id, on_each_engine};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

struct Program {
    id: String,
    secret: String,
}

async fn program(world: &World) -> Program {
    let body = json!({
        "name": "p", "kind": "oauth2", "scopes": ["people:write", "locks:read", "events:read"],
        "place_ids": [world.place],
    });
    let made = world.admin.post("/api/v1/clients", body).await.expect(201);
    Program { id: id(&made).to_owned(), secret: made["secret"].as_str().unwrap().to_owned() }
}

async fn ask(world: &World, headers: &[(&str, &str)], body: &str) -> Answer {
    world.nobody().send("POST", "/oauth/token", headers, Some(body.to_owned())).await
}

/// Base64, written out so that the test does not trust the library under test.
fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) & 63;
            out.push(if at > chunk.len() { '=' } else { char::from(alphabet[index as usize]) });
        }
    }
    out
}

#[track_caller]
fn is_token(answer: Answer, scope: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.body;
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"], "{body}");
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(body["scope"], scope);
    body["access_token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn is_error(answer: Answer, status: u16, error: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.body["error"], error, "{}", answer.text);
    let names: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["error", "error_description"], "{}", answer.text);
    let description = answer.body["error_description"].as_str().unwrap();
    assert!(description.len() > 5 && !description.contains(['"', '\\']), "{description}");
    answer.body
}

#[tokio::test]
async fn a_token_is_asked_for_by_form_by_json_and_by_basic() {
    on_each_engine(|world| async move {
        let Program { id, secret } = program(&world).await;
        let all = "people:write locks:read events:read";
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let form_token = is_token(ask(&world, &[FORM], &form).await, all);
        let json = json!({
            "grant_type": "client_credentials", "client_id": id, "client_secret": secret,
        });
        let json_token = is_token(ask(&world, &[], &json.to_string()).await, all);
        let basic = format!("Basic {}", base64(&format!("{id}:{secret}")));
        let header = ("authorization", basic.as_str());
        let body = "grant_type=client_credentials";
        let basic_token = is_token(ask(&world, &[FORM, header], body).await, all);
        let basic_json = is_token(
            ask(&world, &[header], &json!({"grant_type": "client_credentials"}).to_string()).await,
            all,
        );
        // Section 2.3.1: both halves are form-encoded before they are joined.
        let encoded = format!("basic {}", base64(&format!("{}:{secret}", id.replace('-', "%2D"))));
        let header = ("authorization", encoded.as_str());
        is_token(ask(&world, &[FORM, header], body).await, all);
        let charset = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
        is_token(ask(&world, &[charset], &form).await, all);
        // Unknown parameters are passed over.
        is_token(ask(&world, &[FORM], &format!("{form}&resource=x&audience=y")).await, all);

        let tokens = [form_token, json_token, basic_token, basic_json];
        for (at, token) in tokens.iter().enumerate() {
            assert!(!tokens[..at].contains(token), "each is another");
            let me = world.admin.with(Some(token.clone())).get("/api/v1/me").await.expect(200);
            assert_eq!(me["id"], id.as_str());
            let names = ["people:write", "locks:read", "events:read"];
            assert_eq!(me["scopes"], json!(names));
        }
    })
    .await;
}

#[tokio::test]
async fn a_scope_narrows_and_never_widens() {
    on_each_engine(|world| async move {
        let Program { id, secret } = program(&world).await;
        let form = |scope: &str| {
            format!(
                "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scope}"
            )
        };
        let token = is_token(ask(&world, &[FORM], &form("people:read")).await, "people:read");
        let actor = world.admin.with(Some(token));
        actor.get(&world.at("/people")).await.expect(200);
        actor.get(&world.at("/locks")).await.problem(403, "forbidden_scope");
        let answer = actor.post(&world.at("/people"), json!({"first_name": "A"})).await;
        answer.problem(403, "forbidden_scope");
        is_token(
            ask(&world, &[FORM], &form("events:read+people:write")).await,
            "people:write events:read",
        );
        for scope in ["nonsense", "people:read+nonsense", "locks:write", "people:admin", "*"] {
            is_error(ask(&world, &[FORM], &form(scope)).await, 400, "invalid_scope");
        }
    })
    .await;
}

#[tokio::test]
async fn errors_are_those_of_the_standard() {
    on_each_engine(|world| async move {
        let Program { id, secret } = program(&world).await;
        let credentials = format!("client_id={id}&client_secret={secret}");
        let ok = "grant_type=client_credentials";
        for wrong in [
            format!("{ok}&client_id={id}&client_secret=clvk_no"),
            format!("{ok}&client_id=nobody&client_secret={secret}"),
            format!("{ok}&client_id={id}"),
            ok.to_owned(),
        ] {
            let answer = ask(&world, &[FORM], &wrong).await;
            assert!(answer.header("www-authenticate").starts_with("Basic"), "{wrong}");
            is_error(answer, 401, "invalid_client");
        }
        let basic = format!("Basic {}", base64(&format!("{id}:wrong")));
        let answer = ask(&world, &[FORM, ("authorization", &basic)], ok).await;
        assert!(answer.header("www-authenticate").starts_with("Basic"));
        is_error(answer, 401, "invalid_client");
        for unreadable in ["Basic", "Basic !!!", "Basic YQ==", "Bearer x"] {
            let answer = ask(&world, &[FORM, ("authorization", unreadable)], ok).await;
            is_error(answer, 401, "invalid_client");
        }
        for kind in ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"] {
            let body = format!("grant_type={kind}&{credentials}");
            is_error(ask(&world, &[FORM], &body).await, 400, "unsupported_grant_type");
        }
        for (headers, body) in [
            (&[FORM][..], credentials.clone()),
            (&[FORM], format!("{ok}&{ok}&{credentials}")),
            (&[], "{ malformed".to_owned()),
            (&[], "[]".to_owned()),
            (&[], json!({"grant_type": 1}).to_string()),
            (&[("content-type", "text/plain")], format!("{ok}&{credentials}")),
            (&[FORM], String::new()),
        ] {
            is_error(ask(&world, headers, &body).await, 400, "invalid_request");
        }
        let get = world.nobody().get("/oauth/token").await;
        assert_eq!((get.status, get.header("allow")), (405, "POST"));
        // What failed here counts for nobody else, and the right request still works.
        is_token(
            ask(&world, &[FORM], &format!("{ok}&{credentials}")).await,
            "people:write locks:read events:read",
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_outlives_a_restart_and_no_answer_holds_the_secret() {
    on_each_engine(|world| async move {
        let Program { id, secret } = program(&world).await;
        let actor = world.nobody().exchanged(&id, &secret).await;
        let token = actor.token.clone().unwrap();
        let world = world.restarted().await;
        world.admin.with(Some(token.clone())).get("/api/v1/me").await.expect(200);
        for path in
            ["/api/v1/clients".to_owned(), format!("/api/v1/clients/{id}"), world.at("/changes")]
        {
            let shown = world.admin.get(&path).await;
            assert_eq!(shown.status, 200, "{path}");
            assert!(!shown.text.contains(&secret) && !shown.text.contains(&token), "{path}");
        }
    })
    .await;
}
