//! Routes of what is kept for longer than the retention, and of what is forgotten sooner.

use std::sync::Arc;

use claviger_app::{person as people, place as places};
use claviger_domain::noun::person::Person;
use claviger_domain::noun::place::Place;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::Instant;
use serde_json::json;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, object, problem, reason, write,
};
use super::place::shown;
use crate::api::call::run;
use crate::api::encode;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::{ACTION, HOLD, person, place};

const FORGET: &str = "At once, whatever the place's retention; the events stay, and count. Also of \
    somebody who is deleted, by their id: to delete and to forget is to erase. Needs people:write \
    too.";

pub(super) fn table() -> Vec<Row> {
    vec![
        Route::post(
            "/api/v1/places/{place}/people/{id}/hold",
            "hold_person",
            "Keep what is known of a person for longer",
            Answer::Object(&person::PERSON),
            run!(hold_person),
        )
        .scope(Scope::EventsWrite)
        .body(&HOLD)
        .tag("people")
        .if_match()
        .doc(
            "For a claim or an inquiry: until then retention forgets nothing about the person, and \
             they cannot be deleted. Said again it has another end. Needs people:write too.",
        ),
        Route::post(
            "/api/v1/places/{place}/people/{id}/release",
            "release_person",
            "End a hold on a person",
            Answer::Object(&person::PERSON),
            run!(release_person),
        )
        .scope(Scope::EventsWrite)
        .body(&ACTION)
        .tag("people")
        .if_match()
        .doc("What is over by the place's retention is forgotten within minutes."),
        Route::post(
            "/api/v1/places/{place}/people/{id}/forget",
            "forget_person",
            "Forget which events concerned a person",
            Answer::Object(&person::FORGOTTEN),
            run!(forget_person),
        )
        .scope(Scope::EventsWrite)
        .body(&ACTION)
        .tag("people")
        .not_idempotent()
        .doc(FORGET),
        Route::post(
            "/api/v1/places/{place}/hold",
            "hold_place",
            "Keep everything of a place for longer",
            Answer::Object(&place::PLACE),
            run!(hold_place),
        )
        .scope(Scope::EventsWrite)
        .body(&HOLD)
        .tag("places")
        .if_match()
        .doc(
            "For a claim or an inquiry: until then retention forgets nothing here, and nobody can \
             be deleted. Said again it has another end. Needs places:write too.",
        ),
        Route::post(
            "/api/v1/places/{place}/release",
            "release_place",
            "End a hold on a place",
            Answer::Object(&place::PLACE),
            run!(release_place),
        )
        .scope(Scope::EventsWrite)
        .body(&ACTION)
        .tag("places")
        .if_match()
        .doc("What is over by the place's retention is forgotten within minutes."),
    ]
}

fn until(call: &Request) -> Option<Instant> {
    call.fields().instant("until").flatten()
}

async fn hold_person(server: Shared, call: Request) -> Answered {
    let until = until(&call);
    set_person(server, call, until).await
}

async fn release_person(server: Shared, call: Request) -> Answered {
    set_person(server, call, None).await
}

async fn set_person(server: Shared, call: Request, until: Option<Instant>) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (person, ctx) = (object(&call)?, ctx.because(reason(&call)));
    let run = |ctx| async move { people::hold(&ctx, place, person, until).await };
    write(ctx, &call, |it: &Arc<Person>, _| Reply::object(encode::person(it)), run).await
}

async fn forget_person(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let ctx = ctx.because(reason(&call));
    let events = people::forget(&ctx, place, object(&call)?).await.map_err(problem)?;
    Ok(Reply::plain(json!({ "events": events })))
}

async fn hold_place(server: Shared, call: Request) -> Answered {
    let until = until(&call);
    set_place(server, call, until).await
}

async fn release_place(server: Shared, call: Request) -> Answered {
    set_place(server, call, None).await
}

async fn set_place(server: Shared, call: Request, until: Option<Instant>) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let (ctx2, ctx) = (ctx.clone(), ctx.because(reason(&call)));
    let encode = move |it: &Arc<Place>, _: &After| Reply::object(shown(&ctx2, it));
    write(ctx, &call, encode, |ctx| async move { places::hold(&ctx, place, until).await }).await
}
