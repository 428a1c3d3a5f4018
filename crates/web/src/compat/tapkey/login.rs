//! `/connect/authorize` (RFC 6749, section 4.1.1, with RFC 7636): somebody logs in, is asked
//! whether a program may act for them, and is sent back to the program with the answer.
//!
//! Nobody is ever sent to an address that is not the program's. Forms are taken only from the page
//! of this server that the same browser was shown.

use axum::http::header::{COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_app::consent::{self, Program, Wish};
use claviger_app::session::Login;
use claviger_app::{Error, Via};
use serde_json::Value;

use super::page::{self, Hidden, Page};
use super::scope::{For, granted};
use super::{VENDOR, error::Failure};
use crate::bearer::is_own_origin;
use crate::compat::serve::Call;

/// What a program says, in the order it is passed on in.
const PARAMETERS: [&str; 8] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
];
/// The field of a form that says which browser was shown it.
const SHOWN_TO: &str = "shown_to";
/// The field that names the question that is answered.
const QUESTION: &str = "question";

/// Parameters of a request, in their order.
type Sent = Vec<(String, String)>;

/// The one value of a parameter; an empty one is none (RFC 6749, section 3.1).
fn one<'s>(sent: &'s Sent, name: &str) -> Option<&'s str> {
    let found = sent.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn is_twice(sent: &Sent, name: &str) -> bool {
    sent.iter().filter(|(known, _)| known == name).count() > 1
}

/// Who asks, and where the answer goes.
struct Asked<'s> {
    program: Program,
    redirect_uri: &'s str,
    state: Option<&'s str>,
    as_form: bool,
    sent: &'s Sent,
}

/// Why a program gets no code (RFC 6749, section 4.1.2.1).
type Denied = (&'static str, &'static str);

impl<'s> Asked<'s> {
    /// Finds the program; nobody is sent anywhere before this is done.
    fn find(call: &Call, sent: &'s Sent) -> Result<Asked<'s>, Page> {
        let wrong = |why: &str| page::ended(StatusCode::BAD_REQUEST, why);
        let redirect_uri = one(sent, "redirect_uri");
        let (Some(client), Some(redirect_uri)) = (one(sent, "client_id"), redirect_uri) else {
            return Err(wrong("The program that sent you here did not say who it is."));
        };
        let twice = is_twice(sent, "client_id") || is_twice(sent, "redirect_uri");
        let program = consent::program(&call.app, client, redirect_uri).filter(|_| !twice);
        let program = program.ok_or_else(|| {
            wrong(
                "There is no such program, or it may not have you sent back to the address it \
                 named. Its client_id and one of its redirect_uris must be given exactly.",
            )
        })?;
        let state = one(sent, "state");
        let as_form = one(sent, "response_mode") == Some("form_post");
        Ok(Asked { program, redirect_uri, state, as_form, sent })
    }

    /// What the program asks for.
    fn wish(&self) -> Result<Wish, Denied> {
        let given = |name| one(self.sent, name);
        if PARAMETERS.iter().any(|name| is_twice(self.sent, name)) {
            return Err(("invalid_request", "A parameter stands twice."));
        }
        match given("response_type") {
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "response_type must be code.")),
            None => return Err(("invalid_request", "response_type is required.")),
        }
        if !matches!(given("response_mode"), None | Some("query" | "form_post")) {
            return Err(("invalid_request", "response_mode must be query or form_post."));
        }
        let scope = granted(given("scope"), For::Somebody)
            .ok_or(("invalid_scope", "A scope is asked for that there is not."))?;
        let challenge = self.challenge()?;
        Ok(Wish { via: Via::Tapkey, scope, redirect_uri: self.redirect_uri.to_owned(), challenge })
    }

    fn challenge(&self) -> Result<Option<[u8; 32]>, Denied> {
        let method = one(self.sent, "code_challenge_method");
        let Some(challenge) = one(self.sent, "code_challenge") else {
            let needed = self.program.is_public() || method.is_some();
            let why = "code_challenge is required, with code_challenge_method S256.";
            return if needed { Err(("invalid_request", why)) } else { Ok(None) };
        };
        if method != Some("S256") {
            return Err(("invalid_request", "code_challenge_method must be S256."));
        }
        let decoded = URL_SAFE_NO_PAD.decode(challenge).ok().and_then(|it| it.try_into().ok());
        let why = "code_challenge must be a SHA-256 in base64url without padding.";
        decoded.map(Some).ok_or(("invalid_request", why))
    }

    /// Sends whoever it is back to the program.
    fn back(&self, answer: &[(&'static str, &str)]) -> Response {
        let state = self.state.map(|state| ("state", state));
        let fields: Hidden<'_> = answer.iter().copied().chain(state).collect();
        if self.as_form {
            return page::sent(self.redirect_uri, &fields).into_response();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(fields).finish();
        let mark = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let location = format!("{}{mark}{query}", self.redirect_uri);
        match HeaderValue::try_from(location) {
            Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
            Err(_) => {
                page::ended(StatusCode::BAD_REQUEST, "The answer is too long.").into_response()
            }
        }
    }

    fn denied(&self, (error, description): Denied) -> Response {
        self.back(&[("error", error), ("error_description", description)])
    }

    /// What the program said, for the next form.
    fn passed_on(&self) -> Hidden<'s> {
        let given = PARAMETERS.iter().filter_map(|name| Some((*name, one(self.sent, name)?)));
        given.collect()
    }
}

/// `GET /connect/authorize`.
pub(crate) async fn show(call: Call) -> Result<Response, Failure> {
    let asked = match Asked::find(&call, &call.query) {
        Ok(asked) => asked,
        Err(page) => return Ok(page.into_response()),
    };
    if let Err(denied) = asked.wish() {
        return Ok(asked.denied(denied));
    }
    Ok(log_in_page(&call, &asked, None, StatusCode::OK))
}

/// `POST /connect/authorize`: name and password, or the answer.
pub(crate) async fn submit(call: Call) -> Result<Response, Failure> {
    let sent = fields(&call.body);
    let asked = match Asked::find(&call, &sent) {
        Ok(asked) => asked,
        Err(page) => return Ok(page.into_response()),
    };
    let foreign = is_own_origin(&call.app, &call.parts) == Some(false);
    let shown = browser(&call).zip(one(&sent, SHOWN_TO));
    let is_own =
        shown.is_some_and(|(browser, mark)| consent::is_shown_to(&call.app, browser, mark));
    if foreign || !is_own {
        let why = "This form does not come from the page that your browser was shown. Let it keep \
                   cookies of this server, and start again in the program.";
        return Ok(page::ended(StatusCode::FORBIDDEN, why).into_response());
    }
    if let Some(question) = one(&sent, QUESTION) {
        return Ok(answered(&call, &asked, question).await);
    }
    let wish = match asked.wish() {
        Ok(wish) => wish,
        Err(denied) => return Ok(asked.denied(denied)),
    };
    let (login, password) = (one(&sent, "login"), one(&sent, "password"));
    let login = login.unwrap_or_default().trim();
    let login = match login.contains('@') {
        true => Login::Email(login.to_owned()),
        false => Login::Phone(login.chars().filter(|c| !c.is_whitespace()).collect()),
    };
    let (scope, password) = (wish.scope.clone(), password.unwrap_or_default().to_owned());
    let address = call.address();
    match consent::ask(&call.app, &asked.program, wish, &login, password, address).await {
        Ok(question) => {
            let mut hidden = asked.passed_on();
            let mark = browser(&call).map(|it| consent::shown_to(&call.app, it));
            let mark = mark.unwrap_or_default();
            hidden.extend([(QUESTION, question.secret.as_str()), (SHOWN_TO, mark.as_str())]);
            let page = page::consent(&asked.program, &scope, &question, &hidden);
            Ok(page.towards(asked.redirect_uri).into_response())
        }
        Err(Error::Unauthenticated) => {
            let flaw = "The name or the password is wrong.";
            Ok(log_in_page(&call, &asked, Some(flaw), StatusCode::FORBIDDEN))
        }
        Err(Error::TooMany { retry_after_s }) => {
            let flaw = "This was tried too often. Wait a minute.";
            let mut page = log_in_page(&call, &asked, Some(flaw), StatusCode::TOO_MANY_REQUESTS);
            page.headers_mut().insert(RETRY_AFTER, retry_after_s.into());
            Ok(page)
        }
        Err(Error::Refused(_)) => {
            let flaw = "This is the one-time password of an invitation. Choose a password of your \
                        own first, as the invitation says.";
            Ok(log_in_page(&call, &asked, Some(flaw), StatusCode::FORBIDDEN))
        }
        Err(error) => Ok(failed(&error)),
    }
}

async fn answered(call: &Call, asked: &Asked<'_>, question: &str) -> Response {
    let yes = call.body.get("answer").and_then(Value::as_str) == Some("yes");
    let answer = match consent::answer(&call.app, &asked.program, question, yes).await {
        Ok(answer) => answer,
        Err(Error::Unauthenticated) => {
            let why = "This was answered already, or too late. Start again in the program.";
            return page::ended(StatusCode::BAD_REQUEST, why).into_response();
        }
        Err(error) => return failed(&error),
    };
    let asked =
        Asked { program: asked.program.clone(), redirect_uri: &answer.redirect_uri, ..*asked };
    match &answer.code {
        Some(code) => asked.back(&[("code", code), ("scope", &answer.scope)]),
        None => asked.denied(("access_denied", "Whoever was asked did not allow it.")),
    }
}

/// What the store or the server could not do.
fn failed(error: &Error) -> Response {
    tracing::warn!(%error, "somebody could not log in");
    let why = "The server cannot do this now. Try again.";
    page::ended(StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

/// The fields of a form as parameters.
fn fields(body: &Value) -> Sent {
    let fields = body.as_object().into_iter().flatten();
    let texts = fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    texts.collect()
}

fn log_in_page(call: &Call, asked: &Asked<'_>, flaw: Option<&str>, status: StatusCode) -> Response {
    let known = browser(call).map(str::to_owned);
    let own = known.clone().unwrap_or_else(consent::new_browser);
    let mark = consent::shown_to(&call.app, &own);
    let mut hidden = asked.passed_on();
    hidden.push((SHOWN_TO, &mark));
    let page = page::log_in(&asked.program, &hidden, flaw).towards(asked.redirect_uri);
    let mut response = page.with(status).into_response();
    if known.is_none() {
        let name = cookie(call);
        let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
        let text = format!("{name}={own}; Path=/; HttpOnly; SameSite=Lax{secure}");
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(SET_COOKIE, value);
        }
    }
    response
}

/// The cookie by which a browser is known again. Without TLS, as in tests, browsers keep no cookie
/// that is only for TLS.
fn cookie(call: &Call) -> &'static str {
    match call.reached(&VENDOR).starts_with("https://") {
        true => "__Host-claviger-login",
        false => "claviger-login",
    }
}

/// What a browser that was shown a page before is known by.
fn browser(call: &Call) -> Option<&str> {
    let headers = call.parts.headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut cookies =
        headers.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    let found = cookies.find(|(name, _)| *name == cookie(call));
    found.map(|(_, value)| value).filter(|value| consent::is_browser(value))
}
