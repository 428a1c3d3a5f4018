//! Keys: credentials with a serial number, and what they open by rights of their own.

use std::collections::HashSet;

use claviger_app::credential::rights::{self, RightsWish};
use claviger_app::credential::{self, CredentialWish, Digits};
use claviger_app::grant::TargetWish;
use claviger_app::{Context, Error, Id};
use claviger_domain::ids::{CredentialNumber, Noun, Ref};
use claviger_domain::noun::credential::{Credential, CredentialEdit, CredentialKind, SessionHints};
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{MOST_NAME, MOST_TEXT, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::WindowEdit;

use super::{Answered, all_named, at_account, done, list, made, those_there};
use crate::compat::serve::Call;
use crate::compat::trackunit::error::Failure;
use crate::compat::trackunit::params::Params;
use crate::compat::trackunit::{map, wire};

/// `GetKey`: one, or all of the account.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    let wanted = params.id("id");
    params.refuse()?;
    let state = ctx.read(account, Scope::CredentialsRead)?;
    let now = call.app.now();
    let mut found = Vec::new();
    for credential in state.credentials.iter() {
        if wanted.is_some_and(|number| credential.header.number != number) {
            continue;
        }
        if let Some(serial) = serial(&ctx, account, credential)? {
            found.push(wire::key(credential, &serial, &state, now));
        }
    }
    match wanted {
        Some(number) if found.is_empty() => {
            Err(Failure::missing(map::not_found(Noun::Credential), "id", &number.to_string()))
        }
        _ => Ok(list(found)),
    }
}

/// The serial number of a credential, where it has one.
fn serial(ctx: &Context, account: Id, credential: &Credential) -> Result<Option<String>, Failure> {
    Ok(match credential.kind {
        CredentialKind::Card => map::serial(&credential.parts),
        CredentialKind::Code => credential::code_of(ctx, account, credential)?.map(|it| it.0),
        CredentialKind::Phone => None,
    })
}

/// What is said of a key, but for its rights: checked as far as it can be alone.
struct Said {
    name: Option<String>,
    serial: Option<String>,
    texts: Vec<(&'static str, String)>,
    start_within_s: Option<u32>,
    log_off_after_s: Option<u32>,
    edit: CredentialEdit,
}

impl Said {
    fn of(params: &mut Params) -> Said {
        let name = params.line("name", MOST_NAME);
        let blank = name.as_ref().is_some_and(|name| name.trim().is_empty());
        params.wrongs.check(!blank, "name", "must not be empty");
        let serial = params
            .read("serialNumber", map::SERIAL, |text| map::part(text).map(|_| text.to_uppercase()));
        let mut texts: Vec<_> = name.iter().map(|name| ("name", name.clone())).collect();
        for field in map::CONTACT.into_iter().filter(|field| *field != "name") {
            let text = match field {
                "note" => params.prose(field, MOST_TEXT),
                _ => params.line(field, MOST_NAME),
            };
            texts.extend(text.map(|text| (field, text)));
        }
        let until = params.instant("expirationDate").map(Some);
        let edit = CredentialEdit {
            is_admin: params.flag("isAdmin"),
            valid: WindowEdit { from: None, until },
            ..CredentialEdit::default()
        };
        Said {
            name,
            serial,
            texts,
            start_within_s: params.read("keyValid", &map::one_of_valid(), map::key_valid),
            log_off_after_s: params.read("keyExpire", &map::one_of_expire(), map::key_expire),
            edit,
        }
    }

    /// The wish, for a key that was so; for a new one where there is none.
    fn wish(
        self,
        former: Option<&Credential>,
        shown: Option<&str>,
    ) -> Result<CredentialWish, Failure> {
        let mut edit = self.edit;
        if !self.texts.is_empty() {
            let contact = former.map(map::contact).unwrap_or_default();
            edit.contact = Some(map::with_texts(contact, self.texts));
        }
        // What people call it follows the name, unless somebody gave it another.
        let follows = former.is_none_or(|it| it.label.is_none() || it.label == Some(map::name(it)));
        if let Some(name) = self.name.filter(|_| follows) {
            edit.label = Some(Some(name));
        }
        if former.is_none() || self.start_within_s.is_some() || self.log_off_after_s.is_some() {
            let known = former.and_then(|it| it.session).unwrap_or(map::HINTS);
            edit.session = Some(Some(SessionHints {
                start_within_s: self.start_within_s.unwrap_or(known.start_within_s),
                log_off_after_s: self.log_off_after_s.unwrap_or(known.log_off_after_s),
            }));
        }
        let mut code = None;
        match self.serial.filter(|serial| Some(serial.as_str()) != shown) {
            Some(serial) if former.is_some_and(|it| it.kind == CredentialKind::Code) => {
                let digits = serial.len() >= 4 && serial.bytes().all(|it| it.is_ascii_digit());
                let reason = "must be 4 to 16 decimal digits, as this key is a code";
                if !digits {
                    return Err(Failure::field("serialNumber", reason));
                }
                code = Some(Digits(serial));
            }
            Some(serial) => {
                let mut parts = former.map(|it| it.parts.clone()).unwrap_or_default();
                let part = map::part(&serial);
                match map::shown_part(&parts) {
                    Some(at) => parts.splice(at..=at, part).for_each(drop),
                    None => parts.extend(part),
                }
                edit.parts = Some(parts);
            }
            None => {}
        }
        Ok(CredentialWish { edit, code, ..CredentialWish::default() })
    }
}

/// `CreateKey`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["name", "serialNumber"]);
    let said = Said::of(&mut params);
    let [units, groups] = ["units", "groups"].map(|name| params.ids(name).unwrap_or_default());
    params.refuse()?;
    let state = ctx.read(account, Scope::CredentialsRead)?;
    let targets = targets(
        all_named(&state, Noun::Lock, &units, "units")?,
        all_named(&state, Noun::AccessLevel, &groups, "groups")?,
    );
    let wish = said.wish(None, None)?;
    let written = rights::create(&ctx, account, CredentialKind::Card, wish, targets).await?;
    made(written, |credential| credential.header.number)
}

fn targets(units: Vec<Ref>, groups: Vec<Ref>) -> Vec<TargetWish> {
    let units = units.into_iter().map(TargetWish::Lock);
    units.chain(groups.into_iter().map(TargetWish::AccessLevel)).collect()
}

/// `UpdateKey`: all of it or nothing.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["id"]);
    let id = params.id("id");
    let said = Said::of(&mut params);
    let clear = params.flag("clear").unwrap_or_default();
    let [add_units, remove_units] = both(&mut params, "addUnits", "removeUnits", clear);
    let [add_groups, remove_groups] = both(&mut params, "addGroups", "removeGroups", clear);
    params.refuse()?;
    let state = ctx.read(account, Scope::CredentialsRead)?;
    let (former, key) = named(&state, id.unwrap_or_default(), "id")?;
    let rights = RightsWish {
        clear,
        add: targets(
            all_named(&state, Noun::Lock, &add_units, "addUnits")?,
            all_named(&state, Noun::AccessLevel, &add_groups, "addGroups")?,
        ),
        remove: targets(
            those_there(&state, Noun::Lock, &remove_units),
            those_there(&state, Noun::AccessLevel, &remove_groups),
        ),
    };
    let shown = serial(&ctx, account, former)?;
    let wish = said.wish(Some(former), shown.as_deref())?;
    // What is merged with what was read must not undo what another wrote since.
    let mut ctx = ctx;
    ctx.expected = Some(claviger_app::Expected::Revisions(vec![former.header.revision]));
    rights::edit(&ctx, account, key, wish, rights).await?;
    Ok(done())
}

/// The ids to put in and those to take out: nothing in both, and nothing to take out where all is.
pub(super) fn both(params: &mut Params, add: &str, remove: &str, clear: bool) -> [Vec<u32>; 2] {
    let lists = [add, remove].map(|name| params.ids(name).unwrap_or_default());
    let out: HashSet<u32> = lists[1].iter().copied().collect();
    let twice = lists[0].iter().any(|number| out.contains(number));
    params.wrongs.check(!twice, add, &format!("has an id that stands in {remove} too"));
    let excess = clear && !lists[1].is_empty();
    params.wrongs.check(!excess, remove, "is not taken beside clear");
    lists
}

/// The key that a parameter names; a credential that is no key here is not there.
///
/// # Errors
/// 404.
pub(super) fn named<'s>(
    state: &'s PlaceState,
    number: u32,
    parameter: &str,
) -> Result<(&'s Credential, Ref), Failure> {
    let key = state.credentials.get(CredentialNumber(number)).filter(|it| map::is_key(it));
    let missing =
        || Failure::missing(map::not_found(Noun::Credential), parameter, &number.to_string());
    key.map(|key| (&**key, Ref::Id(key.header.id))).ok_or_else(missing)
}

/// The key that a parameter names, one that is deleted too: of that it is not kept which card it
/// was, but that it was one, or a code.
///
/// # Errors
/// 404.
pub(super) async fn that_was(
    ctx: &Context,
    account: Id,
    number: u32,
    parameter: &str,
) -> Result<Ref, Failure> {
    let missing =
        || Failure::missing(map::not_found(Noun::Credential), parameter, &number.to_string());
    match credential::of_number(ctx, account, CredentialNumber(number)).await {
        Ok(key) if map::is_key(&key) => Ok(Ref::Id(key.header.id)),
        Ok(gone) if gone.header.is_deleted() && gone.kind != CredentialKind::Phone => {
            Ok(Ref::Id(gone.header.id))
        }
        Ok(_) | Err(Error::Refused(Refusal::NotFound(_))) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// `DeleteKey`.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["id"]);
    let id = params.id("id");
    params.refuse()?;
    let state = ctx.read(account, Scope::CredentialsRead)?;
    let (_, key) = named(&state, id.unwrap_or_default(), "id")?;
    credential::retire(&ctx, account, key).await?;
    Ok(done())
}
