//! Routes of what a place keeps about a person, for those who administer it and for the person.

use claviger_app::decision::of_caller;
use claviger_app::person::{self as app, Export};
use claviger_app::{invitation, provision};
use claviger_domain::noun::scope::Scope;
use serde_json::{Value, json};

use super::change;
use super::common::{Answered, Request, Row, Server, Shared, at_place, ids_with, object, problem};
use super::person::{AT, access_page};
use crate::api::call::run;
use crate::api::encode::{self, event};
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::{access, person as shape};

pub(super) fn table() -> Vec<Row> {
    let rows = vec![
        Route::get(
            "/api/v1/places/{place}/people/{id}/invitation",
            "invitation_of_person",
            "How the mail of a person's last invitation went",
            Answer::Object(&shape::INVITED),
            run!(invited),
        )
        .scope(Scope::PeopleRead)
        .doc("All of it is null where nothing is known of one. It is known for 14 days at most."),
        Route::get(
            "/api/v1/places/{place}/people/{id}/export",
            "export_person",
            "Everything stored about a person",
            Answer::Object(&shape::EXPORT),
            run!(export),
        )
        .scope(Scope::PeopleRead)
        .doc(
            "What events keep hidden or under a pseudonym is in it too, for it is theirs: it asks \
             for `changes:read` beside what else it shows.",
        ),
        Route::get(
            "/api/v1/places/{place}/me",
            "own_person",
            "How the place knows the caller",
            Answer::Object(&shape::PERSON),
            run!(own),
        )
        .doc("Whoever logs in reads what is theirs, whatever their role. Programs are nobody."),
        Route::get(
            "/api/v1/places/{place}/me/access",
            "own_access",
            "Every lock the caller has a right at",
            Answer::Page(&access::ACCESS),
            run!(own_access),
        )
        .query(AT),
        Route::get(
            "/api/v1/places/{place}/me/export",
            "own_export",
            "Everything stored about the caller",
            Answer::Object(&shape::EXPORT),
            run!(own_export),
        )
        .doc("Ten times a minute at most."),
    ];
    rows.into_iter().map(|row| row.tag("people")).collect()
}

async fn invited(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let report = invitation::report(&ctx, place, &object(&call)?).await.map_err(problem)?;
    Ok(Reply::plain(encode::invited(report.as_ref())))
}

async fn own(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let seen = app::own(&ctx, place).map_err(problem)?;
    Ok(Reply::object(encode::person(&seen.value)))
}

async fn own_access(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    access_page(&call, &of_caller(&ctx, place, call.instant("at")).await.map_err(problem)?)
}

async fn export(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let export = app::export(&ctx, place, &object(&call)?).await.map_err(problem)?;
    Ok(exported(&server, &export))
}

async fn own_export(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let export = app::own_export(&ctx, place).await.map_err(problem)?;
    Ok(exported(&server, &export))
}

fn exported(server: &Server, export: &Export) -> Reply {
    let ids = ids_with(&export.state, &export.gone);
    let grant = |it: &std::sync::Arc<_>| {
        let progress = provision::pending(&server.app, &export.state, it);
        let aside = (&export.gone, export.note(it), progress.as_ref());
        super::grant::shown_with(it, &export.state, aside, &server.app)
    };
    let credentials = export.credentials.iter().map(|it| encode::credential(it, &ids));
    Reply::plain(json!({
        "person": encode::person(&export.person),
        "account_id": export.account.map(|id| id.to_string()),
        "invitation": export.invited.as_ref().map(|it| encode::invited(Some(it))),
        "credentials": credentials.collect::<Value>(),
        "devices": export.devices.iter().map(|it| encode::enrolled(it, &ids)).collect::<Value>(),
        "offline_keys": export.keys.iter().map(|it| encode::held_key(it, &ids)).collect::<Value>(),
        "grants": export.grants.iter().map(grant).collect::<Value>(),
        "events": export.events.iter().map(|it| event(it, &ids)).collect::<Value>(),
        "reasons": export.reasons.iter().map(|it| json!({
            "at": encode::at(it.at),
            "noun": it.noun.as_str(),
            "object_id": it.number.and_then(|number| ids(it.noun, number)).map(|id| id.to_string()),
            "reason": it.words,
        })).collect::<Value>(),
        "changes": export.changes.iter().map(|it| change::shown(it, None)).collect::<Value>(),
    }))
}
