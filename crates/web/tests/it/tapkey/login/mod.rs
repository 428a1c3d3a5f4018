//! People log in on behalf of programs, in a browser that keeps cookies and runs no script.

mod ends;
mod exchange;
mod golden;
mod origins;
mod pages;
mod tokens;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{TOKEN, basic, text};
use crate::support::{Actor, Answer, World, id};

pub(crate) const AUTHORIZE: &str = "/compat/tapkey/connect/authorize";
pub(crate) const BACK: &str = "https://app.example.org/done?from=claviger";
pub(crate) const EMAIL: &str = "admin@localhost";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// What the verifier comes to (RFC 7636, appendix B).
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const OWN: (&str, &str) = ("origin", "http://localhost:8080");

/// A form or a query of these fields.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let part = |byte: u8| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(part).collect()
    };
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The account of the first administrator.
pub(crate) async fn account(world: &World) {
    let redeem = json!({ "setup_code": world.setup_code, "password": PASSWORD });
    world.nobody().post("/api/v1/account/invitation", redeem).await.expect(201);
}

/// A session of that account: the header of its cookie.
pub(crate) async fn session(world: &World) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = world.nobody().post("/api/v1/session", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// A call of whoever has that session.
pub(crate) async fn by(
    world: &World,
    session: &str,
    method: &str,
    path: &str,
    body: Value,
) -> Answer {
    let headers = [("cookie", session), OWN];
    let sent = (!body.is_null()).then(|| body.to_string());
    world.nobody().send(method, path, &headers, sent).await
}

/// A program that an administrator registers natively.
pub(crate) async fn registered(world: &World, kind: &str) -> Program {
    let body = json!({
        "name": "Booking <app>", "kind": kind, "scopes": [], "place_ids": [world.place],
        "redirect_uris": [BACK, "org.example.app:/done"],
    });
    let made = world.admin.post("/api/v1/clients", body).await.expect(201);
    assert_eq!(made["secret"].is_null(), kind == "public");
    Program { id: id(&made).to_owned(), secret: made["secret"].as_str().map(str::to_owned) }
}

/// A program that people let act for them.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

impl Program {
    /// What it says when it asks for something.
    pub(crate) fn asks<'p>(&'p self, more: &[(&'p str, &'p str)]) -> Vec<(&'p str, &'p str)> {
        let mut asked = vec![
            ("client_id", self.id.as_str()),
            ("redirect_uri", BACK),
            ("response_type", "code"),
        ];
        if self.secret.is_none() {
            asked.extend([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
        }
        for (name, value) in more {
            asked.retain(|(known, _)| known != name);
            asked.push((name, value));
        }
        asked
    }

    /// A code for a scope, through both pages.
    pub(crate) async fn code(&self, world: &World, scope: &str) -> String {
        let mut browser = Browser::of(world);
        let asked = self.asks(&[("scope", scope), ("state", "s t&=1")]);
        let answer = browser.allows(&asked).await;
        answer.sent().remove("code").unwrap_or_else(|| panic!("no code: {}", answer.text))
    }

    /// Asks the token endpoint, with the secret in the header where there is one.
    pub(crate) async fn token(&self, world: &World, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let header = self.secret.as_ref().map(|secret| basic(&self.id, secret));
        let mut headers = vec![form_type];
        match &header {
            Some(header) => headers.push(("authorization", header)),
            None => fields.push(("client_id", &self.id)),
        }
        world.nobody().send("POST", TOKEN, &headers, Some(form(&fields))).await
    }

    pub(crate) async fn exchanges(&self, world: &World, code: &str) -> Answer {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        if self.secret.is_none() {
            fields.push(("code_verifier", VERIFIER));
        }
        self.token(world, &fields).await
    }

    pub(crate) async fn refreshes(&self, world: &World, token: &str, scope: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        let used = if scope.is_empty() { &fields[..2] } else { &fields[..] };
        self.token(world, used).await
    }

    /// Tokens for a scope, through both pages.
    pub(crate) async fn tokens(&self, world: &World, scope: &str) -> Value {
        let code = self.code(world, scope).await;
        self.exchanges(world, &code).await.expect(200)
    }
}

/// Whoever holds the access token of an answer.
pub(crate) fn holder(world: &World, tokens: &Value) -> Actor {
    world.nobody().with(Some(text(tokens, "access_token").to_owned()))
}

/// A browser at one server.
pub(crate) struct Browser {
    actor: Actor,
    cookies: BTreeMap<String, String>,
    pub(crate) origin: &'static str,
}

impl Browser {
    pub(crate) fn of(world: &World) -> Browser {
        Browser { actor: world.nobody(), cookies: BTreeMap::new(), origin: OWN.1 }
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<String>) -> Shown {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("cookie", cookies.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            headers.push(("origin", self.origin));
        }
        let answer = self.actor.send(method, path, &headers, body).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Shown(answer)
    }

    /// Follows a program's link.
    pub(crate) async fn opens(&mut self, asked: &[(&str, &str)]) -> Shown {
        self.send("GET", &format!("{AUTHORIZE}?{}", form(asked)), None).await
    }

    /// Sends the form of a page with these fields filled in.
    pub(crate) async fn fills(&mut self, page: &Shown, filled: &[(&str, &str)]) -> Shown {
        let mut fields = page.fields();
        fields.extend(filled.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.send("POST", AUTHORIZE, Some(form(&fields))).await
    }

    /// The page that asks, after a log-in.
    pub(crate) async fn asked(&mut self, asked: &[(&str, &str)]) -> Shown {
        let page = self.opens(asked).await.is(200);
        self.fills(&page, &[("login", EMAIL), ("password", PASSWORD)]).await.is(200)
    }

    /// Logs in and allows what is asked.
    pub(crate) async fn allows(&mut self, asked: &[(&str, &str)]) -> Shown {
        let page = self.asked(asked).await;
        self.fills(&page, &[("answer", "yes")]).await
    }
}

/// What a browser shows.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Answer);

impl std::ops::Deref for Shown {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.0
    }
}

impl Shown {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Shown {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The page without its markup.
    pub(crate) fn words(&self) -> String {
        let body = self.text.split_once("<body>").map_or("", |(_, body)| body);
        let pieces = body.split('<').filter_map(|piece| piece.split_once('>'));
        let words = pieces.map(|(_, text)| text.trim()).filter(|text| !text.is_empty());
        plain(&words.collect::<Vec<_>>().join(" "))
    }

    /// The fields that its form sends without showing them.
    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        let inputs = self.text.split("<input type=\"hidden\" name=\"").skip(1);
        let pair = |input: &str| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (plain(name), plain(rest.split_once('"').unwrap().0))
        };
        inputs.map(pair).collect()
    }

    /// What a program is sent: by the address, or by a form.
    #[track_caller]
    pub(crate) fn sent(&self) -> BTreeMap<String, String> {
        if self.status == 200 {
            let action = format!("action=\"{BACK}\"");
            assert!(self.text.contains(&action), "{}", self.text);
            return self.fields();
        }
        assert_eq!(self.status, 303, "{}", self.text);
        let location = self.header("location");
        let query = location.strip_prefix(&format!("{BACK}&"));
        let query = query.unwrap_or_else(|| panic!("sent to {location}"));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), decoded(value))
        };
        query.split('&').map(pair).collect()
    }
}

/// A text of HTML as it is read.
fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(&after[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &after[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What a verifier comes to.
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(claviger_app::sha256(verifier.as_bytes()))
}

/// A refusal of the token endpoint.
#[track_caller]
pub(crate) fn denied(answer: Answer, status: u16, error: &str) {
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("www-authenticate").is_empty(), status != 401);
    let body = answer.expect(status);
    assert_eq!(body["error"], error, "{body}");
    assert!(body["error_description"].as_str().is_some_and(|it| it.len() > 5), "{body}");
}
