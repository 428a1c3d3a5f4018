//! Doorbells: panels at a lock by which visitors call the people of a list, who have keys to it.
//!
//! A doorbell is a controller whose settings say so; a user of one of its lists is a grant with the
//! source `doorbell`, whose metadata names doorbell and list. What a user is called at the door is
//! about a person and stands in that person's metadata: it is erased with the person.

use std::collections::HashSet;
use std::sync::Arc;

use claviger_domain::command::{controller as rules, grant, person};
use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{
    ControllerNumber, GrantNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::Json;
use claviger_domain::noun::controller::{Controller, ControllerEdit};
use claviger_domain::noun::grant::{Grant, GrantEdit, Right, Source, SourceKind, Subject, Target};
use claviger_domain::noun::lock::LockMode;
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::schedule::Timetable;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_store::timetable;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging, Seen};
use crate::{Written, controller, not_here};

/// The field of a controller's settings that makes it a doorbell, and of a grant's metadata that
/// names one.
const DOORBELL: &str = "doorbell";
/// The field of a person's metadata with what they are called at doorbells, by the grant's id. No
/// name that programs give what they keep there is as long (40 at most): none of theirs is this.
const NAMES: &str = "what a person is called at doorbells, by the id of the key";
/// Where that may stand as well: an object there is read, and moves when it changes.
const SHORT_NAMES: &str = "doorbells";

/// A doorbell.
#[derive(Clone, Debug, PartialEq)]
pub struct Doorbell {
    /// What people call it.
    pub name: String,
    /// Where it hangs.
    pub lock: Id,
    /// What visitors are told.
    pub instructions: Option<String>,
    /// What the sticker at the door says.
    pub sticker: Option<String>,
    /// The lists visitors choose from.
    pub lists: Vec<List>,
}

/// A list of a doorbell.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Its id.
    pub id: Id,
    /// What visitors see.
    pub name: String,
    /// When its users may be called; always where there is nothing.
    pub opening_hours: Option<Arc<Timetable>>,
}

/// Somebody to be put on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Who.
    pub phone: String,
    /// What visitors see.
    pub name: String,
}

/// Somebody on a list.
#[derive(Clone, Debug)]
pub struct User {
    /// The key; its id is the user's.
    pub grant: Arc<Grant>,
    /// On which list.
    pub list: Id,
    /// Who.
    pub person: PersonNumber,
    /// What visitors see, where it is known.
    pub name: Option<String>,
}

/// What a caller sets on a doorbell; an absent field is left as it is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct DoorbellEdit {
    pub name: Option<String>,
    pub instructions: Option<Option<String>>,
    pub sticker: Option<Option<String>>,
}

/// What a caller changes of a list; an absent field is left as it is.
#[derive(Clone, Debug, Default)]
pub struct ListEdit {
    /// What visitors see.
    pub name: Option<String>,
    /// When its users may be called.
    pub opening_hours: Option<Option<Arc<Timetable>>>,
    /// Who comes; whoever is there stays as they are, and so does the first of a number that stands
    /// twice.
    pub add_users: Vec<NewUser>,
    /// Who goes, by the user's id; whoever is not there is passed over.
    pub remove_users: Vec<Id>,
    /// Who is called otherwise, by the user's id.
    pub update_users: Vec<(Id, String)>,
}

fn object(kept: Option<&Json>) -> Map<String, Value> {
    match kept.and_then(|kept| serde_json::from_str(&kept.0).ok()) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The doorbell that a controller is, if it is one.
#[must_use]
pub fn read(controller: &Controller) -> Option<Doorbell> {
    let settings = object(controller.settings.as_ref());
    let kept = settings.get(DOORBELL)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let id = |value: &Value| value.as_str().and_then(Id::parse);
    let list = |value: &Value| {
        let opening_hours = timetable::decode(&value["opening_hours"].to_string());
        Some(List { id: id(&value["id"])?, name: text(&value["name"])?, opening_hours })
    };
    Some(Doorbell {
        name: controller.name.clone(),
        lock: id(&kept["lock_id"])?,
        instructions: text(&kept["instructions"]),
        sticker: text(&kept["sticker"]),
        lists: kept["lists"].as_array()?.iter().filter_map(list).collect(),
    })
}

/// Whether a controller is a doorbell.
#[must_use]
pub fn is_one(controller: &Controller) -> bool {
    read(controller).is_some()
}

fn written(doorbell: &Doorbell) -> ControllerEdit {
    let list = |list: &List| {
        let hours = list.opening_hours.as_ref().map(|it| timetable::encode(it.definition()));
        let hours: Option<Value> = hours.and_then(|it| serde_json::from_str(&it).ok());
        json!({ "id": list.id.to_string(), "name": list.name, "opening_hours": hours })
    };
    let settings = json!({ DOORBELL: {
        "lock_id": doorbell.lock.to_string(),
        "instructions": doorbell.instructions,
        "sticker": doorbell.sticker,
        "lists": doorbell.lists.iter().map(list).collect::<Vec<_>>(),
    }});
    ControllerEdit {
        name: Some(doorbell.name.clone()),
        settings: Some(Some(Json(settings.to_string()))),
        ..ControllerEdit::default()
    }
}

/// The doorbell and the list that a key is of.
fn of_grant(grant: &Grant) -> Option<(Id, Id)> {
    if grant.source.kind != SourceKind::Doorbell {
        return None;
    }
    let kept = object(grant.metadata.as_ref());
    let id = |field: &str| kept.get(DOORBELL)?[field].as_str().and_then(Id::parse);
    Some((id("id")?, id("list_id")?))
}

/// The doorbell that a key is of: its id, and its name while it is there and a doorbell.
#[must_use]
pub fn named_by(state: &PlaceState, grant: &Grant) -> Option<(Id, Option<String>)> {
    let (id, _) = of_grant(grant)?;
    let number = state.resolve(Noun::Controller, &Ref::Id(id));
    let found = number.and_then(|number| state.controllers.get(ControllerNumber(number)));
    let found = found.filter(|controller| read(controller).is_some());
    Some((id, found.map(|controller| controller.name.clone())))
}

/// Everybody on the lists of a doorbell, in the order they came.
#[must_use]
pub fn users(state: &PlaceState, controller: &Controller) -> Vec<User> {
    let lock = read(controller).and_then(|it| state.resolve(Noun::Lock, &Ref::Id(it.lock)));
    let Some(lock) = lock else { return Vec::new() };
    let grants = state.lock_grants(LockNumber(lock)).iter();
    let grants = grants.filter_map(|number| state.grants.get(GrantNumber(number)));
    let user = |grant: &Arc<Grant>| {
        let (doorbell, list) = of_grant(grant)?;
        let Subject::Person(number) = grant.subject else { return None };
        let person = state.people.get(number)?;
        let names = take_names(&mut object(person.details.metadata.as_ref()));
        let name = names.get(&grant.header.id.to_string()).and_then(Value::as_str);
        let name = name.map(str::to_owned);
        let user = User { grant: grant.clone(), list, person: number, name };
        (doorbell == controller.header.id).then_some(user)
    };
    grants.filter_map(user).collect()
}

/// What a person is called at doorbells, taken out of their metadata.
fn take_names(kept: &mut Map<String, Value>) -> Map<String, Value> {
    for field in [NAMES, SHORT_NAMES] {
        if kept.get(field).is_some_and(Value::is_object)
            && let Some(Value::Object(names)) = kept.remove(field)
        {
            return names;
        }
    }
    Map::new()
}

/// An id for a list that is to be made.
#[must_use]
pub fn new_list(ctx: &Context) -> Id {
    crate::random::ids(ctx.app.now()).next_id()
}

fn authorize(ctx: &Context, place: Id) -> Result<PlaceNumber, Error> {
    ctx.authorize(place, Scope::GrantsWrite)?;
    ctx.authorize(place, Scope::ControllersWrite)
}

/// Makes a doorbell; `users` are who is on which list. A number that stands twice in one list is
/// one user, called as the first.
///
/// # Errors
/// A lock that is not there or is not online; as the rules say.
pub async fn create(
    ctx: &Context,
    place: Id,
    doorbell: Doorbell,
    users: Vec<(Id, NewUser)>,
) -> Result<Written<Arc<Controller>>, Error> {
    let place = authorize(ctx, place)?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let number = draft.state.resolve(Noun::Lock, &Ref::Id(doorbell.lock));
        let lock = number.and_then(|number| draft.state.locks.get(LockNumber(number)));
        let lock =
            lock.ok_or_else(|| not_here("/lock_id", "there is no such lock in this place"))?;
        let mode = match crate::lock::owner(&ctx2, lock) {
            Some((_, settings)) => settings.mode,
            None => lock.mode,
        };
        if mode != LockMode::Online {
            let detail = "must be an online lock";
            return Err(Refusal::field("/lock_id", "not_online", detail).into());
        }
        let made = rules::create(draft, &written(&doorbell))?;
        let mut seen = HashSet::new();
        for (list, user) in users.iter().filter(|(list, it)| seen.insert((*list, &it.phone))) {
            add(&ctx2, draft, &made, &doorbell, *list, user)?;
        }
        Ok(made)
    })
    .await
}

/// Gives a user of a list the key, and keeps what they are called.
fn add(
    ctx: &Context,
    draft: &mut Draft,
    controller: &Controller,
    doorbell: &Doorbell,
    list: Id,
    user: &NewUser,
) -> Result<(), Error> {
    let lock = draft.state.resolve(Noun::Lock, &Ref::Id(doorbell.lock));
    let gone = || Refusal::InUse("the lock of the doorbell is gone".to_owned());
    let target = Target::Lock(LockNumber(lock.ok_or_else(gone)?));
    let (id, list) = (controller.header.id.to_string(), list.to_string());
    let metadata = json!({ DOORBELL: { "id": id, "list_id": list } });
    let new = grant::NewGrant {
        receiver: grant::Receiver::Phone(user.phone.clone()),
        target,
        right: Right::Open,
        source: Source { kind: SourceKind::Doorbell, via: ctx.via },
        issued_under: None,
        edit: GrantEdit {
            metadata: Some(Some(Json(metadata.to_string()))),
            ..GrantEdit::default()
        },
    };
    let made = grant::create(draft, &new)?;
    match made.subject {
        Subject::Person(number) => call(draft, number, made.header.id, Some(&user.name)),
        Subject::Credential(_) => Ok(()),
    }
}

/// Keeps what a person is called as a user; names of keys that are taken back go.
fn call(
    draft: &mut Draft,
    number: PersonNumber,
    user: Id,
    name: Option<&str>,
) -> Result<(), Error> {
    let found = person::find(&draft.state, number)?;
    let mut kept = object(found.details.metadata.as_ref());
    let mut names = take_names(&mut kept);
    names.retain(|id, _| {
        let open = Id::parse(id).and_then(|id| draft.state.resolve(Noun::Grant, &Ref::Id(id)));
        open.is_some()
    });
    if let Some(name) = name {
        names.insert(user.to_string(), name.into());
    }
    if !names.is_empty() {
        kept.insert(NAMES.to_owned(), names.into());
    }
    let metadata = (!kept.is_empty()).then(|| Json(Value::Object(kept).to_string()));
    let edit = PersonEdit { metadata: Some(metadata), ..PersonEdit::default() };
    person::edit(draft, number, &edit)?;
    Ok(())
}

/// Takes the keys of users back, with what they are called.
fn remove(draft: &mut Draft, users: &[User]) -> Result<(), Error> {
    for user in users {
        grant::revoke(draft, user.grant.number())?;
        call(draft, user.person, user.grant.header.id, None)?;
    }
    Ok(())
}

/// Takes every key of a controller back, where it is a doorbell.
pub(crate) fn close(draft: &mut Draft, number: ControllerNumber) -> Result<(), Error> {
    let controller = rules::find(&draft.state, number)?.clone();
    let users = users(&draft.state, &controller);
    draft.note("delete", Noun::Controller, Some(controller.header.id), Vec::new());
    remove(draft, &users)
}

/// The doorbell with that id.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, id: Id) -> Result<(Seen<Arc<Controller>>, Doorbell), Error> {
    reads(ctx, place)?;
    let seen = controller::get(ctx, place, &Ref::Id(id))?;
    let doorbell = read(&seen.value).ok_or(Error::not_found(Noun::Controller))?;
    Ok((seen, doorbell))
}

/// A page of doorbells.
///
/// # Errors
/// No such place.
pub fn list(ctx: &Context, place: Id, paging: Paging) -> Result<Page<Arc<Controller>>, Error> {
    reads(ctx, place)?;
    controller::list_where(ctx, place, paging, is_one)
}

/// Doorbells show who has keys and what people are called.
fn reads(ctx: &Context, place: Id) -> Result<(), Error> {
    ctx.authorize(place, Scope::GrantsRead)?;
    ctx.authorize(place, Scope::PeopleRead)?;
    Ok(())
}

/// Changes what a doorbell says of itself.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    id: Id,
    edit: DoorbellEdit,
) -> Result<Written<Arc<Controller>>, Error> {
    change(ctx, place, id, move |draft, controller, mut doorbell| {
        let DoorbellEdit { name, instructions, sticker } = edit.clone();
        doorbell.name = name.unwrap_or(doorbell.name);
        doorbell.instructions = instructions.unwrap_or(doorbell.instructions);
        doorbell.sticker = sticker.unwrap_or(doorbell.sticker);
        Ok(rules::edit(draft, controller.number(), &written(&doorbell))?)
    })
    .await
}

/// Changes a list and who is on it: keys are given and taken back with it.
///
/// # Errors
/// As the rules say; not found; users that are not there or are to be removed too; stale.
pub async fn edit_list(
    ctx: &Context,
    place: Id,
    id: Id,
    list: Id,
    edit: ListEdit,
) -> Result<Written<Arc<Controller>>, Error> {
    let ctx2 = ctx.clone();
    change(ctx, place, id, move |draft, controller, mut doorbell| {
        let mut own = doorbell.lists.iter_mut().filter(|it| it.id == list);
        let found = own.next().ok_or(Error::not_found(Noun::Controller))?;
        found.name = edit.name.clone().unwrap_or_else(|| found.name.clone());
        if let Some(hours) = &edit.opening_hours {
            found.opening_hours.clone_from(hours);
        }
        let users: Vec<User> =
            users(&draft.state, controller).into_iter().filter(|it| it.list == list).collect();
        let (gone, stay): (Vec<User>, Vec<User>) =
            users.into_iter().partition(|it| edit.remove_users.contains(&it.grant.header.id));
        let fields = vec![
            Changed::shown("add_users", edit.add_users.len()),
            Changed::shown("remove_users", gone.len()),
            Changed::shown("update_users", edit.update_users.len()),
        ];
        draft.note("update", Noun::Controller, Some(controller.header.id), fields);
        let number = |phone: &str| draft.state.person_by_phone(phone);
        for (at, user) in edit.add_users.iter().enumerate() {
            if gone.iter().any(|it| Some(it.person) == number(&user.phone)) {
                let (pointer, detail) =
                    (format!("/add_users/{at}/phone"), "is the phone of a user to be removed too");
                return Err(Refusal::field(pointer, "contradiction", detail).into());
            }
        }
        let is_there = |user: &&NewUser| {
            let known = number(&user.phone);
            stay.iter().any(|it| Some(it.person) == known)
        };
        let mut seen = HashSet::new();
        let come = edit.add_users.iter().filter(|it| seen.insert(&it.phone) && !is_there(it));
        let come: Vec<&NewUser> = come.collect();
        remove(draft, &gone)?;
        for (at, (user, name)) in edit.update_users.iter().enumerate() {
            let known = stay.iter().find(|it| it.grant.header.id == *user);
            let missing = || {
                let pointer = format!("/update_users/{at}/id");
                not_here(pointer, "there is no such user on this list")
            };
            call(draft, known.ok_or_else(missing)?.person, *user, Some(name))?;
        }
        for user in come {
            add(&ctx2, draft, controller, &doorbell, list, user)?;
        }
        Ok(rules::edit(draft, controller.number(), &written(&doorbell))?)
    })
    .await
}

/// What a rule on a doorbell comes to.
type Ruled = Result<Arc<Controller>, Error>;

async fn change(
    ctx: &Context,
    place: Id,
    id: Id,
    rule: impl Fn(&mut Draft, &Controller, Doorbell) -> Ruled + Send + 'static,
) -> Result<Written<Arc<Controller>>, Error> {
    authorize(ctx, place)?;
    let scope = Scope::ControllersWrite;
    ctx.change(place, scope, Noun::Controller, Ref::Id(id), move |draft, number| {
        let controller = rules::find(&draft.state, number)?.clone();
        let doorbell = read(&controller).ok_or(Error::not_found(Noun::Controller))?;
        rule(draft, &controller, doorbell)
    })
    .await
}
