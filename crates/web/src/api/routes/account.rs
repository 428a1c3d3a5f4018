//! Routes of log-in: tokens for programs, sessions and passwords for people.

use axum::http::HeaderValue;
use axum::http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use claviger_app::auth::{self, TokenError};
use claviger_app::session::{self, Login, Session};
use claviger_app::{account, invitation};
use claviger_domain::noun::scope::Scope;
use serde_json::json;

use super::common::{Answered, COOKIE, Request, Row, Shared, address, context, page_of, problem};
use crate::api::call::run;
use crate::api::decode::Fields;
use crate::api::encode;
use crate::api::problem::{Code, Problem};
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::account as shape;
use crate::bearer::basic;

pub(super) fn table() -> Vec<Row> {
    let rows = vec![
        Route::post(
            "/oauth/token",
            "token",
            "Exchange client credentials for an access token",
            Answer::Object(&shape::TOKEN),
            run!(token),
        )
        .open()
        .oauth()
        .body(&shape::TOKEN_REQUEST),
        Route::post(
            "/api/v1/session",
            "log_in",
            "Log in",
            Answer::Created(&shape::SESSION),
            run!(log_in),
        )
        .open()
        .not_idempotent()
        .body(&shape::LOG_IN),
        Route::delete("/api/v1/session", "log_out", "Log out", run!(log_out)).untagged(),
        Route::get(
            "/api/v1/sessions",
            "list_sessions",
            "List the caller's log-ins",
            Answer::Page(&shape::SESSION_ROW),
            run!(sessions),
        ),
        Route::delete("/api/v1/sessions", "log_out_everywhere", "End every log-in", run!(end_all))
            .untagged(),
        Route::post(
            "/api/v1/account/password",
            "change_password",
            "Change the caller's password",
            Answer::Empty,
            run!(change_password),
        )
        .not_idempotent()
        .body(&shape::PASSWORD),
        Route::post(
            "/api/v1/account/password-reset",
            "reset_password",
            "Have a secret mailed, then set a password by it",
            Answer::TwoSteps,
            run!(reset),
        )
        .open()
        .not_idempotent()
        .body(&shape::RESET)
        .doc("Answers the same whether or not there is such an account."),
        Route::post(
            "/api/v1/account/invitation",
            "redeem_invitation",
            "Redeem an invitation or a set-up code",
            Answer::Created(&shape::SESSION),
            run!(redeem),
        )
        .open()
        .not_idempotent()
        .body(&shape::INVITATION),
    ];
    rows.into_iter().map(|row| row.tag("log-in")).collect()
}

async fn token(server: Shared, call: Request) -> Answered {
    let fields = call.fields();
    let text = |name| fields.str(name).map(str::to_owned);
    let given =
        basic(&call.parts.headers).or_else(|| Some((text("client_id")?, text("client_secret")?)));
    let (id, secret) =
        given.ok_or_else(|| invalid_client("The client's id and secret are missing."))?;
    let scope = text("scope");
    let made = auth::token(&server.app, &id, &secret, scope.as_deref(), address(&call.parts)).await;
    let token = made.map_err(|error| match error {
        TokenError::InvalidClient => invalid_client("No client has this id and secret."),
        TokenError::InvalidScope => {
            let detail = "The scope names something the client may not do, or nothing known.";
            Problem::new(Code::ForbiddenScope, detail)
        }
        TokenError::Other(error) => problem(error),
    })?;
    let scopes: Vec<&str> = token.scopes.iter().map(Scope::as_str).collect();
    Ok(Reply::plain(json!({
        "access_token": token.access_token,
        "token_type": "Bearer",
        "expires_in": token.expires_in_s,
        "scope": scopes.join(" "),
    })))
}

/// RFC 6749, section 5.2: the answer names the scheme a client may prove itself by.
fn invalid_client(detail: &str) -> Problem {
    let basic = HeaderValue::from_static("Basic realm=\"claviger\"");
    Problem::new(Code::Unauthorized, detail).with_header(WWW_AUTHENTICATE, basic)
}

fn login(fields: Fields<'_>) -> Result<Login, Problem> {
    let email = fields.str("email").map(|it| Login::Email(it.to_owned()));
    let login = email.or_else(|| fields.str("phone").map(|it| Login::Phone(it.to_owned())));
    login.ok_or_else(|| Problem::field("/email", "required", "give email or phone"))
}

fn begun(session: &Session) -> Reply {
    let places: Vec<_> = session
        .places
        .iter()
        .map(|(id, role)| json!({ "place_id": id.to_string(), "role": role.as_str() }))
        .collect();
    let body = json!({
        "account_id": session.account.to_string(),
        "expires_at": encode::at(session.expires_at),
        "places": places,
    });
    let reply = Reply::created(body, "/api/v1/session".to_owned());
    with_cookie(reply, &session.secret, "")
}

fn with_cookie(reply: Reply, secret: &str, more: &str) -> Reply {
    let text = format!("{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax{more}");
    match HeaderValue::try_from(text) {
        Ok(value) => reply.header(SET_COOKIE, value),
        Err(_) => reply,
    }
}

async fn log_in(server: Shared, call: Request) -> Answered {
    let fields = call.fields();
    let (login, password) = (login(fields)?, fields.must_text("password").unwrap_or_default());
    let begun_session = session::begin(&server.app, &login, password, address(&call.parts)).await;
    Ok(begun(&begun_session.map_err(problem)?))
}

async fn log_out(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let only = call.caller()?.session;
    session::end(&ctx, only).await.map_err(problem)?;
    Ok(with_cookie(Reply::empty(), "", "; Max-Age=0"))
}

async fn sessions(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let current = call.caller()?.session;
    let row = |it: &session::SessionRow| {
        json!({
            "id": it.id.to_string(),
            "created_at": encode::at(it.created_at),
            "expires_at": encode::at(it.expires_at),
            "current": Some(it.id) == current,
        })
    };
    page_of(&call, &session::list(&ctx), |it| [it.number, 0, 0], row)
}

async fn end_all(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    session::end(&ctx, None).await.map_err(problem)?;
    Ok(with_cookie(Reply::empty(), "", "; Max-Age=0"))
}

async fn change_password(server: Shared, call: Request) -> Answered {
    let ctx = context(&server, &call)?;
    let fields = call.fields();
    let text = |name| fields.must_text(name).unwrap_or_default();
    let done = account::change_password(&ctx, text("old"), text("new"), address(&call.parts)).await;
    done.map_err(problem)?;
    Ok(Reply::empty())
}

async fn reset(server: Shared, call: Request) -> Answered {
    let (fields, address) = (call.fields(), address(&call.parts));
    let Some(secret) = fields.str("secret") else {
        account::request_reset(&server.app, login(fields)?, address);
        return Ok(Reply::accepted(None));
    };
    let password = fields.must_text("password").unwrap_or_default();
    account::reset_password(&server.app, secret, password, address).await.map_err(problem)?;
    Ok(Reply::empty())
}

async fn redeem(server: Shared, call: Request) -> Answered {
    let fields = call.fields();
    let password = fields.must_text("password").unwrap_or_default();
    let (app, address) = (&server.app, address(&call.parts));
    let session = match (fields.str("setup_code"), fields.str("secret")) {
        (Some(code), _) => account::redeem_setup_code(app, code, password, address).await,
        (None, secret) => {
            invitation::redeem(app, secret.unwrap_or_default(), password, address).await
        }
    };
    Ok(begun(&session.map_err(problem)?))
}
