//! Access keys: made or changed, taken away, asked how far they have got.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use claviger_app::credential::{self, LevelsWish, Named};
use claviger_app::person::made_up_name;
use claviger_app::{Context, Error, Id, Put, Seen, Written, provision};
use claviger_domain::ids::Ref;
use claviger_domain::noun::credential::{Credential, CredentialKind};
use claviger_domain::time::{Instant, WindowEdit};
use std::sync::Arc;

use super::{Answered, at_place, fields_of};
use crate::compat::fields::{Fields, Given, Wrongs};
use crate::compat::intserv::error::{Failure, refuse};
use crate::compat::intserv::map::Specification;
use crate::compat::intserv::{map, wire};
use crate::compat::serve::Call;

const KNOWN: [&str; 7] =
    ["id", "key", "pin", "valid_from_date", "valid_to_date", "access_levels", "person"];

/// How long names are that are made up.
const NAMES: [usize; 2] = [7, 6];

/// `POST /accesskeys/add`.
pub(crate) async fn add(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call, &KNOWN);
    let id = map::id(&body, "id", &mut wrongs);
    let key = map::key(&body, &mut wrongs);
    if !is_given(&body, "id") && !is_given(&body, "key") {
        wrongs.add("key", "is required where there is no id");
    }
    let pin = map::pin(&body, &mut wrongs);
    let sets_pin = matches!(pin, Some(Some(_)));
    let is_code = matches!(key, Some(Specification::Code(_))) && id.is_none();
    wrongs.check(!(is_code && sets_pin), "pin", NO_PIN);
    let resets = call.options.intserv.omitted_dates_reset;
    let [from, until] = ["valid_from_date", "valid_to_date"].map(|name| {
        let given = map::instant(&body, name, &mut wrongs);
        if resets && !body.has(name) { Some(None) } else { given }
    });
    check_window(from, until, &mut wrongs);
    let levels = map::ids(&body, "access_levels", &mut wrongs);
    let (person, names) = person(&body, &mut wrongs);
    refuse(wrongs)?;
    if let Some(id) = id {
        let known = shown(&ctx, place, &Named::Id(id))?;
        if known.value.kind == CredentialKind::Code && sets_pin {
            return Err(Failure::field("pin", NO_PIN));
        }
    }
    let named = match (id, key) {
        (Some(id), _) => Some(Named::Id(id)),
        (None, Some(Specification::Card(parts))) => Some(Named::Card(parts)),
        (None, Some(Specification::Code(code))) => code.map(Named::Code),
        (None, None) => return Err(Error::Internal.into()),
    };
    let valid = WindowEdit { from, until };
    let wish = LevelsWish { named, pin, valid, levels, person, names };
    match credential::put_with_levels(&ctx, place, wish).await? {
        Written::Done { value: Put::Created(made) | Put::Replaced(made), state, .. } => {
            let state = state.ok_or(Error::Internal)?;
            let code = credential::code_of(&ctx, place, &made)?;
            Ok(axum::Json(wire::access_key(&made, code.as_ref(), &state)).into_response())
        }
        Written::Planned(_) => Err(Error::Internal.into()),
    }
}

const NO_PIN: &str = "must not be set for a key of type code, which identifies by itself";

fn is_given(body: &Fields<'_>, name: &str) -> bool {
    body.get(name).is_some_and(|value| !value.is_null())
}

fn check_window(from: Given<Instant>, until: Given<Instant>, wrongs: &mut Wrongs) {
    if let (Some(Some(from)), Some(Some(until))) = (from, until) {
        wrongs.check(from < until, "valid_to_date", "must be after valid_from_date");
    }
}

/// Whose a new key is to be, and the names of somebody new.
fn person(body: &Fields<'_>, wrongs: &mut Wrongs) -> (Option<Id>, [String; 2]) {
    let made_up = NAMES.map(made_up_name);
    let Some(value) = body.get("person").filter(|value| !value.is_null()) else {
        return (None, made_up);
    };
    let fields = Fields::at(value, body.name("person"), wrongs);
    fields.only(&["id", "first_name", "last_name"], wrongs);
    let id = map::id(&fields, "id", wrongs);
    let [first, last] = made_up;
    let names = [("first_name", first), ("last_name", last)].map(|(name, made_up)| {
        fields.sized(name, 0, 32, wrongs);
        let given = map::text(&fields, name, wrongs).map(str::trim);
        given.filter(|given| !given.is_empty()).map_or(made_up, str::to_owned)
    });
    (id, names)
}

/// The credential that is named, if it can be said here.
fn shown(ctx: &Context, place: Id, named: &Named) -> Result<Seen<Arc<Credential>>, Failure> {
    let seen = credential::find(ctx, place, named)?;
    if map::is_key(&seen.value) { Ok(seen) } else { Err(Failure::no_key()) }
}

/// `POST /accesskeys/remove`.
pub(crate) async fn remove(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call, &["id", "key"]);
    let id = map::id(&body, "id", &mut wrongs);
    let key = map::key(&body, &mut wrongs);
    let named = match (id, key) {
        (Some(id), _) => Some(Named::Id(id)),
        (None, Some(Specification::Card(parts))) => Some(Named::Card(parts)),
        (None, Some(Specification::Code(Some(code)))) => Some(Named::Code(code)),
        (None, Some(Specification::Code(None))) => {
            wrongs.add("key.identification", "is required");
            None
        }
        (None, None) => {
            let given = is_given(&body, "id") || is_given(&body, "key");
            wrongs.check(given, "id", "or key is required");
            None
        }
    };
    refuse(wrongs)?;
    let named = named.ok_or(Error::Internal)?;
    shown(&ctx, place, &named)?;
    credential::delete_named(&ctx, place, named).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /accesskeys/status`.
pub(crate) async fn status(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call, &["id"]);
    wrongs.check(is_given(&body, "id"), "id", "is required");
    let id = map::id(&body, "id", &mut wrongs);
    refuse(wrongs)?;
    let id = id.ok_or(Error::Internal)?;
    let seen = shown(&ctx, place, &Named::Id(id))?;
    let systems = map::once(provision::status(&ctx, place, &Ref::Id(id)).await?);
    Ok(axum::Json(wire::status(&seen.value, &systems, &seen.state)).into_response())
}
