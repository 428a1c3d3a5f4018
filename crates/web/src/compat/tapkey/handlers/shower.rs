//! Grants with what stands around them, the contact or card and the lock, as one answer.

use std::collections::HashMap;
use std::sync::Arc;

use claviger_app::grant::Taken;
use claviger_app::{Context, Gone, Id, lock, offline};
use claviger_domain::ids::{AccessLevelNumber, CredentialNumber, Noun, PersonNumber};
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::grant::{Grant, RightState, Subject, Target};
use claviger_domain::noun::lock::Lock;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use crate::compat::tapkey::wire::{Around, Expanded, ListShown};
use crate::compat::tapkey::{map, wire};

/// What grants show of their locks.
const WITH_GRANTS: Expanded = Expanded { features: true, health: false, joined: None };

/// Shows the grants of one place as it was at one moment.
pub(super) struct Shower {
    ctx: Context,
    owner: Id,
    state: Arc<PlaceState>,
    /// The lists of groups that were shown already.
    groups: HashMap<AccessLevelNumber, ListShown>,
}

impl Shower {
    /// Shows what `state` has; the context may read locks.
    pub(super) fn new(ctx: Context, owner: Id, state: Arc<PlaceState>) -> Shower {
        Shower { ctx, owner, state, groups: HashMap::new() }
    }

    /// A grant; `gone` knows what it speaks of that is deleted.
    pub(super) fn grant(&mut self, grant: &Grant, stands: RightState, gone: &Gone) -> Value {
        let state = self.state.clone();
        let (contact, card) = match grant.subject {
            Subject::Person(number) => (self.contact(number, gone), Value::Null),
            Subject::Credential(number) => (Value::Null, self.card(number, gone)),
        };
        let level = match grant.target {
            Target::AccessLevel(number) => match gone.get(&(Noun::AccessLevel, number.0)) {
                Some(Record::AccessLevel(level)) => Some(&**level),
                _ => state.levels.get(number).map(|level| &**level),
            },
            Target::Lock(_) => None,
        };
        let target = match grant.target {
            Target::Lock(number) => match gone.get(&(Noun::Lock, number.0)) {
                Some(Record::Lock(lock)) => self.lock(lock, WITH_GRANTS),
                _ => {
                    let lock = state.locks.get(number);
                    lock.map_or(Value::Null, |lock| self.lock(lock, WITH_GRANTS))
                }
            },
            Target::AccessLevel(_) => self.group(level),
        };
        let times = map::times(&state, grant, level.and_then(|level| level.schedule.as_ref()));
        wire::grant(grant, (stands, times), Around { contact, card, target })
    }

    fn contact(&self, number: PersonNumber, gone: &Gone) -> Value {
        match (self.state.people.get(number), gone.get(&(Noun::Person, number.0))) {
            (Some(person), _) => wire::contact(person, self.owner),
            (None, Some(gone)) => wire::deleted_contact(gone.header().id, self.owner),
            (None, None) => Value::Null,
        }
    }

    fn card(&self, number: CredentialNumber, gone: &Gone) -> Value {
        match (self.state.credentials.get(number), gone.get(&(Noun::Credential, number.0))) {
            (Some(card), _) | (None, Some(Record::Credential(card))) => {
                wire::card(card, self.owner)
            }
            _ => Value::Null,
        }
    }

    fn group(&mut self, level: Option<&AccessLevel>) -> Value {
        level.map_or(Value::Null, |level| {
            wire::group(level, self.owner, self.list_of_group(level.number()))
        })
    }

    /// A lock.
    pub(super) fn lock(&self, row: &Lock, more: Expanded) -> Value {
        let owned = lock::owner(&self.ctx, row);
        let settings = owned.as_ref().map_or(row, |(_, settings)| settings);
        wire::lock((row, settings), self.owner, self.list_of(row), more)
    }

    fn list_of(&self, lock: &Lock) -> ListShown {
        let list = offline::how_far(&self.ctx.app, &self.state, lock.number());
        let list = list.map(|list| ListShown {
            serial: list.version,
            made_at: Some(list.made_at),
            seen: list.told.map(|told| (told.version, told.at)),
        });
        list.unwrap_or_default()
    }

    /// How far the lists of a group's locks are: their versions together, which grow with each.
    pub(super) fn list_of_group(&mut self, level: AccessLevelNumber) -> ListShown {
        if let Some(list) = self.groups.get(&level) {
            return *list;
        }
        let locks = self.state.level_locks(level);
        let locks = locks.filter_map(|membership| self.state.locks.get(membership.lock));
        let lists = locks.map(|lock| self.list_of(lock));
        let whole = lists.fold(ListShown::default(), |all, list| ListShown {
            serial: all.serial.saturating_add(list.serial),
            made_at: all.made_at.max(list.made_at),
            seen: None,
        });
        self.groups.insert(level, whole);
        whole
    }

    /// What the taking back of a grant comes to.
    pub(super) fn revoked(&mut self, taken: &Taken, dry_run: bool) -> Value {
        let none = Gone::new();
        let hit = taken.side_effects.iter();
        let hit: Vec<Value> =
            hit.map(|(grant, stands)| self.grant(grant, *stands, &none)).collect();
        let lists = taken.lists.iter().map(|list| {
            json!({
                "rclClass": map::list_class(list.class),
                "rclSerialNo": list.version,
                "currentSize": list.entries,
                "maxSize": list.most,
            })
        });
        let shown = self.grant(&taken.grant, taken.stands, &none);
        wire::revocation(dry_run, shown, hit, lists.collect())
    }
}
