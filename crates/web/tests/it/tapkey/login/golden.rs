//! Log-ins as programs of the vendor's page do them, with the exchanges kept in `golden.txt`: a web
//! program in the manner of Authlib, one in that of Spring, a page with PKCE.

use serde_json::{Value, json};

use super::super::{basic, credentials};
use super::{AUTHORIZE, Browser, Program, TOKEN, VERIFIER, account, form, registered, text};
use crate::golden::{Exchanges, compare_file};
use crate::support::{World, on_each_engine};

struct Record {
    world: World,
    exchanges: Exchanges,
}

impl Record {
    /// Sends a form, with these headers, to the token endpoint.
    async fn token(&mut self, fields: &[(&str, &str)], header: Option<&str>) -> Value {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(header.map(|header| ("authorization", header)));
        let answer = self.world.nobody().send("POST", TOKEN, &headers, Some(form(fields))).await;
        let sent: serde_json::Map<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        self.exchanges.keep("POST", "/connect/token", &Value::Object(sent), &answer);
        answer.body
    }

    async fn get(&mut self, token: &Value, path: &str) {
        let actor = self.world.nobody().with(Some(text(token, "access_token").to_owned()));
        let answer = actor.get(&self.exchanges.full(path)).await;
        self.exchanges.keep("GET", path, &Value::Null, &answer);
    }

    async fn put(&mut self, token: &Value, path: &str, body: Value) {
        let actor = self.world.nobody().with(Some(text(token, "access_token").to_owned()));
        let answer = actor.put(&self.exchanges.full(path), body.clone()).await;
        self.exchanges.keep("PUT", path, &body, &answer);
    }

    /// A code through both pages, in the words of the pages.
    async fn code(&mut self, asked: &[(&str, &str)]) -> String {
        let mut browser = Browser::of(&self.world);
        let page = browser.opens(asked).await.is(200);
        self.exchanges.say(&format!("GET /connect/authorize\n{asked:#?}\n{}\n", page.words()));
        let filled = [("login", super::EMAIL), ("password", super::PASSWORD)];
        let question = browser.fills(&page, &filled).await.is(200);
        self.exchanges.say(&format!("{}\n", question.words()));
        let mut sent = browser.fills(&question, &[("answer", "yes")]).await.sent();
        self.exchanges.say(&format!("{sent:#?}\n\n"));
        sent.remove("code").unwrap()
    }

    /// What the HowTo samples send for themselves.
    async fn by_itself(&mut self, service: &Value) {
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", text(service, "client_id")),
            ("client_secret", text(service, "client_secret")),
            ("scope", "read:owneraccounts"),
        ];
        let tokens = self.token(&own, None).await;
        self.get(&tokens, "/api/v1/owners").await;
    }
}

#[tokio::test]
async fn programs_of_the_page_log_people_in_as_they_always_did() {
    on_each_engine(|world| async move {
        account(&world).await;
        let web = registered(&world, "oauth2").await;
        let page = registered(&world, "public").await;
        let service = credentials(&world, &world.place).await;
        let owner = format!("/api/v1/owners/{}", world.place);
        let mut record = Record { world, exchanges: Exchanges::with("tapkey") };
        let secret = web.secret.clone().unwrap();

        // Authlib: Basic as it is, a state, the tokens kept whole in a cookie.
        let scope = "offline_access read:logs read:owneraccounts read:core:entities";
        let code = record.code(&web.asks(&[("scope", scope), ("state", "xyz")])).await;
        let raw = basic(&web.id, &secret);
        let back = ("redirect_uri", super::BACK);
        let exchange = [("grant_type", "authorization_code"), back, ("code", code.as_str())];
        let tokens = record.token(&exchange, Some(&raw)).await;
        assert!(tokens.to_string().len() < 3800, "fits into a cookie");
        record.get(&tokens, "/api/v1/owners/").await;
        record.get(&tokens, &format!("{owner}/contacts")).await;
        for _ in 0..2 {
            let refresh = text(&tokens, "refresh_token");
            let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
            let again = record.token(&again, Some(&raw)).await;
            record.get(&again, "/api/v1/owners").await;
        }

        // Spring: both parts percent-encoded, the scope of the first log-in narrowed later.
        let code = record.code(&web.asks(&[("scope", "read:owneraccounts")])).await;
        let encoded: String = web.id.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let exchange = [("grant_type", "authorization_code"), ("code", code.as_str()), back];
        let tokens = record.token(&exchange, Some(&basic(&encoded, &secret))).await;
        record.get(&tokens, "/api/v1/owners").await;

        // A page: no secret, no state, two slashes; it refreshes at once and goes on with the
        // first.
        let code = record.code(&page.asks(&[("scope", "read:owneraccounts offline_access")])).await;
        let Program { id, .. } = &page;
        let exchange = [
            ("grant_type", "authorization_code"),
            ("client_id", id),
            ("code", &code),
            back,
            ("code_verifier", VERIFIER),
        ];
        let tokens = record.token(&exchange, None).await;
        let refresh = [
            ("grant_type", "refresh_token"),
            ("client_id", id),
            ("refresh_token", text(&tokens, "refresh_token")),
            ("redirect_uri", "http://localhost:4200/"),
            ("code_verifier", VERIFIER),
        ];
        record.token(&refresh, None).await;
        record.get(&tokens, "/api/v1/owners").await;

        // An owner account, which people alone make.
        let code = record.code(&web.asks(&[("scope", "write:owneraccounts")])).await;
        let exchange = [("grant_type", "authorization_code"), back, ("code", code.as_str())];
        let tokens = record.token(&exchange, Some(&raw)).await;
        record.put(&tokens, "/api/v1/owners", json!({ "name": "Acme" })).await;
        record.get(&tokens, "/api/v1/owners").await;

        record.by_itself(&service).await;
        compare_file("tapkey/login", &record.exchanges.into_text());
    })
    .await;
}

#[tokio::test]
async fn the_address_may_be_written_with_two_slashes_and_in_capitals() {
    on_each_engine(|world| async move {
        let program = registered(&world, "public").await;
        for path in ["/compat/tapkey//connect/authorize", "/compat/tapkey/Connect/Authorize/"] {
            let path = format!("{path}?{}", form(&program.asks(&[])));
            let answer = world.nobody().get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.text.contains("type=\"password\""));
        }
        assert_eq!(AUTHORIZE, "/compat/tapkey/connect/authorize");
    })
    .await;
}
