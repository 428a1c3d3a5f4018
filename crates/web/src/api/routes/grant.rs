//! Routes of grants, and of the stored results of batches.

use std::sync::Arc;

use claviger_app::grant::{self as app, GrantFilter, GrantWish, SubjectWish, TargetWish};
use claviger_app::{App, Gone, operation, provision};
use claviger_domain::ids::{Id, Ref};
use claviger_domain::noun::grant::{Grant, GrantEdit, Right, RightState};
use claviger_domain::noun::scope::Scope;
use claviger_domain::provision::Progress;
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::common::{
    After, Answered, Request, Row, Shared, at_place, external, ids_with, invite, object, page,
    paging, problem, reason, upserted, write,
};
use super::schedule;
use crate::api::call::run;
use crate::api::decode::Fields;
use crate::api::encode::{self, GrantView};
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, BATCH_BODY, Param, Route};
use crate::api::shape::{FieldError, Use};
use crate::api::shapes::{self, grant as shape, revocation};

const LIST: &str = "/api/v1/places/{place}/grants";
const ONE: &str = "/api/v1/places/{place}/grants/{id}";

const FILTERS: &[Param] = &[
    Param::may("person_id", shapes::REF, "Only those of this person."),
    Param::may("credential_id", shapes::REF, "Only those of this credential."),
    Param::may("lock_id", shapes::REF, "Only those straight to this lock."),
    Param::may("access_level_id", shapes::REF, "Only those to this level."),
];

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::GrantsRead, Scope::GrantsWrite);
    let shape = &shape::GRANT;
    let rows = vec![
        Route::get(LIST, "list_grants", "List open grants", Answer::Page(shape), run!(list))
            .scope(read)
            .or_sharing()
            .query(FILTERS)
            .doc("Who has not the scope but holds a right to share sees the keys they shared."),
        Route::post(LIST, "create_grant", "Give a right", Answer::Created(shape), run!(create))
            .scope(write)
            .or_sharing()
            .body(shape)
            .dry_run()
            .doc(
                "Who has not the scope but logs in, holds a right to share and a key of their own \
                 that lasts as long gives a key under it.",
            ),
        Route::post(
            "/api/v1/places/{place}/grants/batch",
            "batch_grants",
            "Give and take back many rights",
            Answer::Object(&shape::OPERATION),
            run!(batch),
        )
        .scope(write)
        .body(&shape::BATCH)
        .body_limit(BATCH_BODY)
        .dry_run()
        .doc("All or nothing."),
        Route::get(
            ONE,
            "get_grant",
            "Read a grant, open or closed",
            Answer::Object(shape),
            run!(get),
        )
        .scope(read),
        Route::put(ONE, "put_grant", "Make or replace a grant", shape, run!(put))
            .scope(write)
            .dry_run(),
        Route::patch(ONE, "change_grant", "Change a grant", shape, run!(change))
            .scope(write)
            .dry_run(),
        Route::post(
            "/api/v1/places/{place}/grants/{id}/revoke",
            "revoke_grant",
            "Take a right back",
            Answer::Object(shape),
            run!(revoke),
        )
        .scope(write)
        .or_sharing()
        .body(&shape::REVOKE)
        .dry_run()
        .doc(
            "Who has not the scope but shared this key takes it back. With leave_to_card the \
             right of a card is taken back without a revocation list: it is revocation_pending \
             until its keys are erased from the card (`erase` of a sync) or have ended, the card \
             is among those of `devices/tasks`, and a card that is reported lost meanwhile is \
             refused by the lists.",
        ),
        Route::get(
            "/api/v1/places/{place}/revocations",
            "list_revocations",
            "List revocations at locks that keep keys or lists",
            Answer::Page(&revocation::REVOCATION),
            run!(revocations),
        )
        .scope(read),
        Route::get(
            "/api/v1/places/{place}/revocations/{id}",
            "get_revocation",
            "Read a revocation",
            Answer::Object(&revocation::REVOCATION),
            run!(revocation),
        )
        .scope(read)
        .only_ids(),
        Route::get(
            "/api/v1/places/{place}/operations/{id}",
            "get_operation",
            "Read the result of work that reports per item",
            Answer::Object(&shape::OPERATION),
            run!(operation_of),
        )
        .only_ids(),
    ];
    rows.into_iter().map(|row| row.tag("grants")).collect()
}

/// An open grant as an answer.
pub(super) fn shown(grant: &Grant, state: &PlaceState, app: &App) -> Value {
    shown_with(grant, state, (&Gone::new(), None, None), app)
}

/// A grant as an answer, with the ids of what it speaks of that is gone, why it was closed, and how
/// far its revocation has got.
pub(super) fn shown_with(
    grant: &Grant,
    state: &PlaceState,
    (gone, note, progress): (&Gone, Option<&str>, Option<&Progress>),
    app: &App,
) -> Value {
    let pending = progress.is_some_and(|progress| !progress.is_settled());
    let stands = match app::standing(app, state, grant) {
        RightState::Revoked if pending => RightState::RevocationPending,
        other => other,
    };
    let revocation = progress.map(encode::Progress::of);
    let view = GrantView { grant, state: stands, revocation, note };
    encode::grant(view, &ids_with(state, gone))
}

fn wish(fields: Fields<'_>, pointer: &str) -> Result<GrantWish, Problem> {
    let part = |object: &str, name: &str| {
        fields.inside(object).and_then(|it| it.str(name).map(str::to_owned))
    };
    let reference = |object, name| part(object, name).and_then(|text| Ref::parse(&text));
    let subject = reference("subject", "person_id")
        .map(SubjectWish::Person)
        .or_else(|| reference("subject", "credential_id").map(SubjectWish::Credential))
        .or_else(|| part("subject", "email").map(SubjectWish::Email))
        .or_else(|| part("subject", "phone").map(SubjectWish::Phone));
    let target = reference("target", "lock_id")
        .map(TargetWish::Lock)
        .or_else(|| reference("target", "access_level_id").map(TargetWish::AccessLevel));
    let missing =
        |name: &str| Problem::field(format!("{pointer}/{name}"), "required", "is required");
    Ok(GrantWish {
        subject: subject.ok_or_else(|| missing("subject"))?,
        target: target.ok_or_else(|| missing("target"))?,
        right: fields.word("right", Right::Open, Right::parse).unwrap_or(Right::Open),
        schedule: schedule::wish(fields.schedule("schedule"), &format!("{pointer}/schedule"))?,
        issued_under: fields.reference("issued_under").flatten(),
        invite: fields.bool("invite", false).unwrap_or(false),
        edit: edit(fields),
    })
}

fn edit(fields: Fields<'_>) -> GrantEdit {
    GrantEdit {
        external_id: fields.text("external_id"),
        window: fields.window("valid_from", "valid_until"),
        schedule: None,
        override_lockdown: fields.bool("override_lockdown", false),
        metadata: fields.json("metadata"),
    }
}

fn reply(app: App) -> impl Fn(&Arc<Grant>, &After) -> Reply + Send + Sync + 'static {
    move |grant, after| Reply::object(value(grant, after, &app))
}

fn value(grant: &Grant, after: &After, app: &App) -> Value {
    after.state.map_or(Value::Null, |state| shown(grant, state, app))
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let filter = GrantFilter {
        person: call.query_reference("person_id"),
        credential: call.query_reference("credential_id"),
        lock: call.query_reference("lock_id"),
        level: call.query_reference("access_level_id"),
    };
    let found = app::list(&ctx, place, paging(&call)?, &filter).map_err(problem)?;
    let rows = found.items.iter().map(|it| shown(it, &found.state, &server.app)).collect();
    page(&call, rows, found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (wish, app) = (wish(call.fields(), "")?, server.app.clone());
    let encode = move |it: &Arc<Grant>, after: &After| {
        Reply::created(value(it, after, &app), after.location(it.header.id))
    };
    write(ctx, &call, encode, |ctx| async move { app::create(&ctx, place, wish).await }).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).await.map_err(problem)?;
    let gone = app::speak_of(&ctx, &seen.state, std::slice::from_ref(&seen.value)).await;
    let gone = gone.map_err(problem)?;
    let note = app::note(&ctx, &seen.state, &seen.value).await.map_err(problem)?;
    let progress = provision::of_grant(&server.app, &seen.state, &seen.value).await;
    let progress = progress.map_err(problem)?;
    let aside = (&gone, note.as_deref(), progress.as_ref());
    Ok(Reply::object(shown_with(&seen.value, &seen.state, aside, &server.app)))
}

async fn put(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    invite(&call)?;
    let (external_id, wish) = (external(&call)?, wish(call.fields(), "")?);
    let app = server.app.clone();
    let encode = move |put: &claviger_app::Put<Arc<Grant>>, after: &After| {
        upserted(put, after, |it, after| value(it, after, &app))
    };
    let run = |ctx| async move { app::put(&ctx, place, external_id, wish).await };
    write(ctx, &call, encode, run).await
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let fields = call.fields();
    let schedule = schedule::wish(fields.schedule("schedule"), "/schedule")?;
    let (grant, edit) = (object(&call)?, edit(fields));
    let run = |ctx| async move { app::edit(&ctx, place, grant, edit, schedule).await };
    write(ctx, &call, reply(server.app.clone()), run).await
}

async fn revoke(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let grant = object(&call)?;
    let ctx = ctx.because(reason(&call));
    let before = app::closed_before(&ctx, place, &grant).await.map_err(problem)?;
    // What is closed already keeps the reason it was closed for.
    let (gone, note) = before.unwrap_or_else(|| (Gone::new(), ctx.reason.clone()));
    let app = server.app.clone();
    let encode = move |it: &Arc<Grant>, after: &After| {
        // As it was at that moment, so that whoever asks again is told the same.
        let taken = after.taken_back.and_then(|taken| taken.progress_for(it));
        let pending = || provision::pending(&app, after.state?, it);
        let progress = taken.or_else(pending);
        let aside = (&gone, note.as_deref(), progress.as_ref());
        let shown = after.state.map(|state| shown_with(it, state, aside, &app));
        Reply::object(shown.unwrap_or_default())
    };
    let left = call.fields().bool("leave_to_card", false).unwrap_or(false);
    let run = |ctx| async move { app::revoke(&ctx, place, grant, left).await };
    write(ctx, &call, encode, run).await
}

async fn batch(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let fields = call.fields();
    let empty = Vec::new();
    let bodies = fields.value("create").and_then(Value::as_array).unwrap_or(&empty);
    let mut create = Vec::with_capacity(bodies.len());
    let mut errors: Vec<FieldError> = Vec::new();
    for (at, body) in bodies.iter().enumerate() {
        match wish(Fields::new(body, Use::Create), &format!("/create/{at}")) {
            Ok(wish) => create.push(wish),
            Err(wrong) => errors.extend(wrong.errors),
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let revoke = fields.references("revoke").unwrap_or_default();
    let encode = |it: &operation::Operation, _: &After| Reply::plain(operation_shown(it));
    let run = |ctx| async move { app::batch(&ctx, place, create, revoke).await };
    write(ctx, &call, encode, run).await
}

fn operation_shown(operation: &operation::Operation) -> Value {
    let body: Value = serde_json::from_str(&operation.body).unwrap_or_default();
    json!({
        "id": operation.id.to_string(),
        "kind": operation.kind,
        "state": operation.state,
        "results": body["results"],
        "errors": body["errors"],
    })
}

async fn operation_of(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let id = Id::parse(call.path("id")).ok_or_else(Problem::not_found)?;
    let found = operation::get(&ctx, place, id).await.map_err(problem)?;
    Ok(Reply::plain(operation_shown(&found)))
}

async fn revocations(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let paging = call.paging()?;
    let after = paging.after_number()?;
    let found = provision::list(&ctx, place, after, paging.limit).await.map_err(problem)?;
    let next = found.next.map(|next| next.to_string());
    let items = found.items.iter().map(encode::revocation).collect();
    Ok(Reply::page(paging.answer(items, next.as_deref())))
}

async fn revocation(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let id = Id::parse(call.path("id")).ok_or_else(Problem::not_found)?;
    let found = provision::get(&ctx, place, id).await.map_err(problem)?;
    Ok(Reply::plain(encode::revocation(&found)))
}
