//! Routes of people.

use claviger_app::decision::{AccessRow, of_person};
use claviger_app::invitation;
use claviger_app::person::{self as app, PersonFilter};
use claviger_domain::noun::grant::Subject;
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::scope::Scope;
use serde_json::{Value, json};

use super::common::{
    Answered, Known, Request, Row, Server, Shared, at_place, external, invite, object, page,
    page_of, paging, problem, reason, write,
};
use crate::api::call::{Handler, run};
use crate::api::decode::person as decode;
use crate::api::encode;
use crate::api::format::Format;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Param, Route};
use crate::api::shape::Kind;
use crate::api::shapes::{self, ACTION, access, person as shape};

const LIST: &str = "/api/v1/places/{place}/people";
const ONE: &str = "/api/v1/places/{place}/people/{id}";

const FILTERS: &[Param] = &[
    Param::may("email", Kind::Is(Format::Email), "Only the person with this address."),
    Param::may("phone", Kind::Is(Format::Phone), "Only the person with this number."),
    Param::may("external_id", Kind::Is(Format::ExternalId), "Only the person with this id."),
    Param::may("state", Kind::Enum(PersonState::WORDS), "Only people in this state."),
];

pub(super) const AT: &[Param] =
    &[Param::may("at", shapes::INSTANT, "As of this instant; now unless given.")];

pub(super) fn table() -> Vec<Row> {
    let (read, write) = (Scope::PeopleRead, Scope::PeopleWrite);
    let shape = &shape::PERSON;
    let rows = vec![
        Route::get(LIST, "list_people", "List people", Answer::Page(shape), run!(list))
            .scope(read)
            .query(FILTERS),
        Route::post(LIST, "create_person", "Make a person", Answer::Created(shape), run!(create))
            .scope(write)
            .body(shape),
        Route::get(ONE, "get_person", "Read a person", Answer::Object(shape), run!(get))
            .scope(read),
        Route::put(ONE, "put_person", "Make or replace a person", shape, run!(put)).scope(write),
        Route::patch(ONE, "change_person", "Change a person", shape, run!(change))
            .scope(write)
            .or_roles()
            .doc("To set the role and nothing else, `roles:write` is enough."),
        Route::delete(ONE, "delete_person", "Delete a person", run!(delete))
            .scope(write)
            .dry_run()
            .doc("Personal data goes, grants close, the person's credentials are deleted."),
        action(
            "/api/v1/places/{place}/people/{id}/suspend",
            ("suspend_person", "Suspend a person"),
            run!(suspend),
        )
        .dry_run(),
        action(
            "/api/v1/places/{place}/people/{id}/resume",
            ("resume_person", "Resume a person"),
            run!(resume),
        )
        .dry_run(),
        action(
            "/api/v1/places/{place}/people/{id}/invite",
            ("invite_person", "Send a person an invitation, or send it again"),
            run!(send_invitation),
        )
        .if_match()
        .doc(
            "By mail to their address, with a one-time password that is good for seven days; the \
             invitation before is void. Refused (`in_use`) once they have logged in, and for a \
             minute after the last one. Answers the same whether or not they have an account.",
        ),
        Route::get(
            "/api/v1/places/{place}/people/{id}/access",
            "person_access",
            "Every lock the person has a right at",
            Answer::Page(&access::ACCESS),
            run!(access),
        )
        .scope(Scope::GrantsRead)
        .query(AT),
    ];
    rows.into_iter().map(|row| row.tag("people")).collect()
}

/// An action on a person, answered with the person.
fn action(
    path: &'static str,
    (operation_id, summary): (&'static str, &'static str),
    handler: Handler<Server, Known>,
) -> Row {
    let answer = Answer::Object(&shape::PERSON);
    let row = Route::post(path, operation_id, summary, answer, handler);
    row.scope(Scope::PeopleWrite).body(&ACTION)
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let filter = PersonFilter {
        email: call.text("email").map(str::to_owned),
        phone: call.text("phone").map(str::to_owned),
        external_id: call.text("external_id").map(str::to_owned),
        state: call.word("state", PersonState::parse),
        ..PersonFilter::default()
    };
    let found = app::list(&ctx, place, paging(&call)?, &filter).map_err(problem)?;
    page(&call, found.items.iter().map(|it| encode::person(it)).collect(), found.next)
}

async fn create(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (edit, invite) = (decode::edit(call.fields()), invite(&call)?);
    let encode = |person: &std::sync::Arc<_>, after: &super::common::After| {
        let person: &claviger_domain::noun::person::Person = person;
        Reply::created(encode::person(person), after.location(person.header.id))
    };
    let run = |ctx| async move { app::create(&ctx, place, edit, invite).await };
    write(ctx, &call, encode, run).await
}

async fn get(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::get(&ctx, place, &object(&call)?).map_err(problem)?;
    Ok(Reply::object(encode::person(&seen.value)))
}

async fn put(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    invite(&call)?;
    let (external_id, edit) = (external(&call)?, decode::edit(call.fields()));
    let run = |ctx| async move { app::put(&ctx, place, external_id, edit).await };
    write(
        ctx,
        &call,
        |put, after| super::common::upserted(put, after, |it, _| encode::person(it)),
        run,
    )
    .await
}

async fn change(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (person, edit) = (object(&call)?, decode::edit(call.fields()));
    let run = |ctx| async move { app::edit(&ctx, place, person, edit).await };
    write(ctx, &call, |it: &std::sync::Arc<_>, _| Reply::object(encode::person(it)), run).await
}

async fn delete(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let person = object(&call)?;
    let run = |ctx| async move { app::delete(&ctx, place, person).await };
    write(ctx, &call, |(): &(), _| Reply::empty(), run).await
}

async fn suspend(server: Shared, call: Request) -> Answered {
    set_state(server, call, PersonState::Suspended).await
}

async fn send_invitation(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let person = object(&call)?;
    let run = |ctx| async move { invitation::send(&ctx, place, person).await };
    write(ctx, &call, |it: &std::sync::Arc<_>, _| Reply::object(encode::person(it)), run).await
}

async fn resume(server: Shared, call: Request) -> Answered {
    set_state(server, call, PersonState::Active).await
}

async fn set_state(server: Shared, call: Request, state: PersonState) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (person, ctx) = (object(&call)?, ctx.because(reason(&call)));
    let run = |ctx| async move { app::set_state(&ctx, place, person, state).await };
    write(ctx, &call, |it: &std::sync::Arc<_>, _| Reply::object(encode::person(it)), run).await
}

/// A page of rows of access.
pub(super) fn access_page(call: &Request, rows: &[AccessRow]) -> Answered {
    let row = |row: &AccessRow| -> Value {
        let id = row.subject_id.to_string();
        let (person, credential) = match row.subject {
            Subject::Person(_) => (Some(id), None),
            Subject::Credential(_) => (None, Some(id)),
        };
        json!({
            "person_id": person,
            "credential_id": credential,
            "lock_id": row.lock.to_string(),
            "grant_ids": row.grants.iter().map(|id| id.to_string()).collect::<Vec<_>>(),
            "opens": row.opens,
            "reasons": row.reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>(),
        })
    };
    let position = |row: &AccessRow| match row.subject {
        Subject::Person(person) => [row.lock_number.0, 0, person.0],
        Subject::Credential(credential) => [row.lock_number.0, 1, credential.0],
    };
    page_of(call, rows, position, row)
}

async fn access(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let rows = of_person(&ctx, place, &object(&call)?, call.instant("at")).await;
    access_page(&call, &rows.map_err(problem)?)
}
