//! Access keys: given and taken by one call, listed.

use claviger_app::grant::{self, Exchange, Giving, Taking, Whom};
use claviger_app::{Error, Id, Written};
use claviger_domain::ids::Ref;
use claviger_domain::noun::grant::Grant;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::{Instant, Window};
use serde_json::{Value, json};

use super::said::{details, flag, optional};
use super::{Answered, Listing, answer, at_domain, fields_of, id_of};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::parakey::error::{Failure, refuse};
use crate::compat::parakey::{map, wire};
use crate::compat::serve::Call;

/// `POST /access-keys`: deletes, then inserts, all or nothing.
pub(crate) async fn manage(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let wish = exchange(&body, own, &mut wrongs);
    refuse(wrongs)?;
    match grant::exchange(&ctx, own, wish).await? {
        Written::Planned(_) => Err(Error::Internal.into()),
        Written::Done { value, state, .. } => {
            let state = state.ok_or(Error::Internal)?;
            let shown = |grants: &[std::sync::Arc<_>]| -> Value {
                grants.iter().filter_map(|grant| wire::access_key(grant, &state)).collect()
            };
            let body = json!({ "insert": shown(&value.given), "delete": shown(&value.taken) });
            Ok(answer(&call, &body))
        }
    }
}

/// What is asked for, as far as it can be read.
pub(crate) fn exchange(body: &Fields<'_>, own: Id, wrongs: &mut Wrongs) -> Exchange {
    flag(body, "sendPush", wrongs);
    let invite = flag(body, "sendInvitationEmail", wrongs) == Some(true);
    let mut wish = Exchange::default();
    for (at, item) in items(body, "delete", wrongs).iter().enumerate() {
        let item = Fields::at(item, body.item("delete", at), wrongs);
        let level = access(&item, own, wrongs);
        let (person, _) = user(&item, wrongs);
        let window = window(&item, wrongs);
        // Without dates all of the user's keys to the access are meant.
        let window = Some(window).filter(|window| *window != Window::ALWAYS);
        wish.take.extend(level.zip(person).map(|(level, person)| Taking { level, person, window }));
    }
    for (at, item) in items(body, "insert", wrongs).iter().enumerate() {
        let item = Fields::at(item, body.item("insert", at), wrongs);
        let level = access(&item, own, wrongs);
        let (person, fields) = user(&item, wrongs);
        let window = window(&item, wrongs);
        let is_right = !window.is_empty();
        wrongs.check(is_right, &item.name("expirationDate"), "must be after startDate");
        let edit = fields.as_ref().map(|user| details(user, wrongs)).unwrap_or_default();
        let password = fields.as_ref().and_then(|user| optional(user, "password", wrongs));
        let Some((level, person)) = level.zip(person) else { continue };
        let password = password.map(|it| claviger_app::credential::Digits(it.to_owned()));
        wish.give.push(Giving { level, person, window, details: edit, password, invite });
    }
    wish
}

fn items<'v>(body: &Fields<'v>, list: &str, wrongs: &mut Wrongs) -> &'v [Value] {
    match body.get(list) {
        None | Some(Value::Null) => &[],
        Some(_) => body.list(list, wrongs).unwrap_or_default(),
    }
}

/// The object of an item with that name.
fn object<'v>(item: &Fields<'v>, name: &str, wrongs: &mut Wrongs) -> Option<Fields<'v>> {
    let Some(value) = item.get(name) else {
        wrongs.add(item.name(name), "is required");
        return None;
    };
    Some(Fields::at(value, item.name(name), wrongs))
}

/// The access of an item: by its id or by its alias. One of another domain is not there.
fn access(item: &Fields<'_>, own: Id, wrongs: &mut Wrongs) -> Option<Ref> {
    let access = object(item, "access", wrongs)?;
    let [id, other, alias] = ["id", "accessId", "aliasId"].map(|it| optional(&access, it, wrongs));
    let same = id.zip(other).is_none_or(|(id, other)| id == other);
    let domain = optional(item, "domainId", wrongs).or(optional(&access, "domainId", wrongs));
    let elsewhere = domain.is_some_and(|domain| map::id(domain) != own);
    match (id.or(other), alias) {
        _ if elsewhere => Some(map::nothing()),
        (Some(id), None) if same => Some(Ref::Id(map::id(id))),
        (None, Some(alias)) => Some(map::alias(alias)),
        (None, None) => {
            wrongs.add(item.name("access"), "must have id or aliasId");
            None
        }
        _ => {
            wrongs.add(item.name("access"), "must have one of id and aliasId, not both");
            None
        }
    }
}

/// The user of an item: by id or by address, with the fields that say more.
fn user<'v>(item: &Fields<'v>, wrongs: &mut Wrongs) -> (Option<Whom>, Option<Fields<'v>>) {
    let Some(user) = object(item, "user", wrongs) else { return (None, None) };
    let [id, email] = ["id", "email"].map(|it| optional(&user, it, wrongs));
    let whom = match (id, email) {
        (Some(id), None) => Some(Whom::Id(map::id(id))),
        (None, Some(email)) => {
            let right = claviger_domain::text::is_email(email);
            wrongs.check(right, &user.name("email"), "must be one e-mail address");
            Some(Whom::Email(email.to_owned()))
        }
        _ => {
            wrongs.add(item.name("user"), "must have one of id and email");
            None
        }
    };
    (whom, Some(user))
}

fn window(item: &Fields<'_>, wrongs: &mut Wrongs) -> Window {
    let mut date = |name: &str| -> Option<Instant> {
        let at = map::instant(optional(item, name, wrongs)?);
        let right = "must be a date such as 2023-01-01T07:30:00.000Z";
        wrongs.check(at.is_some(), &item.name(name), right);
        at
    };
    Window { from: date("startDate"), until: date("expirationDate") }
}

/// `GET /access-keys`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, &["createdAt"])?;
    let state = ctx.read(own, Scope::GrantsRead)?;
    let about = |grant: &Grant| (grant.header.created_at, String::new());
    let grants = state.grants.iter().map(|grant| &**grant);
    Ok(listing.answer(&call, grants, about, |grant| wire::access_key(grant, &state)).await)
}

/// `GET /access-keys/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let state = ctx.read(own, Scope::GrantsRead)?;
    let number = state.resolve(claviger_domain::ids::Noun::Grant, &Ref::Id(id_of(&call)));
    let grant = number.and_then(|it| state.grants.get(claviger_domain::ids::GrantNumber(it)));
    let shown = grant.and_then(|grant| wire::access_key(grant, &state));
    Ok(answer(&call, &shown.ok_or_else(|| Failure::missing("accessKeyNotFound"))?))
}
