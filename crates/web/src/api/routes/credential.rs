//! Routes of credentials.

use std::sync::Arc;

use claviger_app::credential::{self as app, CredentialFilter, CredentialWish, Digits};
use claviger_app::provision;
use claviger_domain::noun::credential::{Credential, CredentialKind, CredentialState};
use claviger_domain::noun::scope::Scope;
use serde_json::Value;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, external, object, page, paging, problem,
    reason, upserted, with_ids, write,
};
use crate::api::call::run;
use crate::api::decode::{Fields, credential as decode};
use crate::api::encode::{self, ids_of};
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Param, Route};
use crate::api::shape::Kind;
use crate::api::shapes::{self, ACTION, credential as shape};

const LIST: &str = "/api/v1/places/{place}/credentials";
const ONE: &str = "/api/v1/places/{place}/credentials/{id}";

const FILTERS: &[Param] = &[
    Param::may("person_id", shapes::REF, "Only those of this person."),
    Param::may("kind", Kind::Enum(CredentialKind::WORDS), "Only those of this kind."),
    Param::may("state", Kind::Enum(CredentialState::WORDS), "Only those in this state."),
];

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::CredentialsRead, Scope::CredentialsWrite);
    let shape = &shape::CREDENTIAL;
    let rows = vec![
        Route::get(LIST, "list_credentials", "List credentials", Answer::Page(shape), run!(list))
            .scope(read)
            .query(FILTERS),
        Route::post(
            LIST,
            "create_credential",
            "Make a credential",
            Answer::Created(shape),
            run!(create),
        )
        .scope(write)
        .body(shape),
        Route::get(ONE, "get_credential", "Read a credential", Answer::Object(shape), run!(get))
            .scope(read),
        Route::get(
            "/api/v1/places/{place}/credentials/{id}/status",
            "get_credential_status",
            "Read how far a credential has got",
            Answer::Object(&shape::STATUS),
            run!(status),
        )
        .scope(read)
        .doc(
            "At each system that should know it: controllers that keep a list of their own, and \
             the server for locks that ask it.",
        ),
        Route::put(ONE, "put_credential", "Make or replace a credential", shape, run!(put))
            .scope(write)
            .dry_run()
            .doc("PIN and code stay where none is given."),
        Route::patch(ONE, "change_credential", "Change a credential", shape, run!(change))
            .scope(write)
            .dry_run(),
        Route::delete(ONE, "delete_credential", "Delete a credential", run!(delete))
            .scope(write)
            .dry_run(),
        Route::post(
            "/api/v1/places/{place}/credentials/{id}/report-lost",
            "report_credential_lost",
            "Report a credential lost",
            Answer::Object(shape),
            run!(report_lost),
        )
        .scope(write)
        .body(&ACTION)
        .dry_run(),
    ];
    rows.into_iter().map(|row| row.tag("credentials")).collect()
}

fn wish(fields: Fields<'_>) -> CredentialWish {
    let digits = |value: &Value| value.as_str().map(|text| Digits(text.to_owned()));
    CredentialWish {
        edit: decode::edit(fields),
        person: fields.reference("person_id"),
        code: fields.must("code", digits),
        // Absent means as it is for every verb: a PUT keeps the PIN.
        pin: fields.has("pin").then(|| fields.value("pin").and_then(digits)),
    }
}

fn kind(fields: Fields<'_>) -> Result<CredentialKind, Problem> {
    let kind = fields.str("kind").and_then(CredentialKind::parse);
    kind.ok_or_else(|| Problem::field("/kind", "required", "must be card, code or phone"))
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let filter = CredentialFilter {
        person: call.query_reference("person_id"),
        kind: call.word("kind", CredentialKind::parse),
        state: call.word("state", CredentialState::parse),
    };
    let found = app::list(&ctx, place, paging(&call)?, &filter).map_err(problem)?;
    let ids = ids_of(&found.state);
    page(&call, found.items.iter().map(|it| encode::credential(it, &ids)).collect(), found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (kind, wish) = (kind(call.fields())?, wish(call.fields()));
    let code = call.fields().str("code").map(str::to_owned);
    let encode = move |it: &Arc<Credential>, after: &After| {
        let mut shown = with_ids(after, |ids| encode::credential(it, ids));
        if let Some(code) = &code {
            shown["code"] = code.as_str().into();
        }
        Reply::created(shown, after.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, kind, wish).await }).await
}

fn shown(it: &Arc<Credential>, after: &After) -> Reply {
    Reply::object(with_ids(after, |ids| encode::credential(it, ids)))
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(encode::credential(&seen.value, &ids_of(&seen.state))))
}

async fn status(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let credential = object(&call)?;
    let seen = app::get(&ctx, place, &credential).map_err(problem)?;
    let systems = provision::status(&ctx, place, &credential).await.map_err(problem)?;
    Ok(Reply::plain(encode::credential_status(&systems, &ids_of(&seen.state))))
}

async fn put(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (external_id, kind, wish) = (external(&call)?, kind(call.fields())?, wish(call.fields()));
    let encode = |put: &claviger_app::Put<Arc<Credential>>, after: &After| {
        upserted(put, after, |it, after| with_ids(after, |ids| encode::credential(it, ids)))
    };
    let run = |ctx| async move { app::put(&ctx, place, external_id, kind, wish).await };
    write(ctx, &call, encode, run).await
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (credential, wish) = (object(&call)?, wish(call.fields()));
    let run = |ctx| async move { app::edit(&ctx, place, credential, wish).await };
    write(ctx, &call, shown, run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let credential = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, credential).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

async fn report_lost(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (credential, ctx) = (object(&call)?, ctx.because(reason(&call)));
    let run = |ctx| async move { app::report_lost(&ctx, place, credential).await };
    write(ctx, &call, shown, run).await
}
