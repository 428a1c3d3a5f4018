//! What controllers are told, and how their lists stand. Here alone codes and PINs are written out:
//! the controller that asks must store them.

use claviger_app::provision::{
    Change, Command, CommandKind, Content, ControllerState, ControllerStatus, Progressed, Reach,
    SyncAnswer, SystemState, SystemStatus,
};
use claviger_domain::ids::{Id, Noun};
use claviger_domain::provision::{CredentialEntry, Entry, ItemKey, ItemKind, LockEntry, Way};
use claviger_domain::time::Window;
use serde_json::{Map, Value, json};

use super::{Ids, at, base64, card, definition, id, id_of, maybe_at};

/// The answer to a controller's call.
pub(crate) fn sync(answer: &SyncAnswer) -> Value {
    let asked: &[&str] = if answer.asks_inventory { &["inventory"] } else { &[] };
    json!({
        "seq": answer.seq,
        "stale": answer.stale,
        "now": at(answer.now),
        "event_seq": answer.event_seq,
        "changes": answer.changes.iter().map(change).collect::<Vec<_>>(),
        "more": answer.more,
        "commands": answer.commands.iter().map(command).collect::<Vec<_>>(),
        "ask": asked,
    })
}

fn command(command: &Command) -> Value {
    let kind = match command.kind {
        CommandKind::Unlock => "unlock",
    };
    json!({
        "id": id(command.id),
        "kind": kind,
        "lock": command.lock.0,
        "expires_at": at(command.expires_at),
    })
}

fn schedule_id(id: Id) -> String {
    ItemKey { kind: ItemKind::Schedule, id }.text()
}

fn change(change: &Change) -> Value {
    let (name, value) = match &change.content {
        None => ("remove", json!({ "kind": change.kind.as_str(), "id": change.id })),
        Some(content) => match &content.entry {
            Entry::Lock(entry) => ("lock", lock(entry)),
            Entry::Schedule(times) => {
                let schedule = definition(times.definition());
                ("schedule", json!({ "id": change.id, "schedule": schedule }))
            }
            Entry::Credential(entry) => ("credential", credential(entry, content)),
        },
    };
    let mut all = Map::new();
    all.insert("version".into(), change.version.into());
    all.insert(name.into(), value);
    Value::Object(all)
}

fn lock(entry: &LockEntry) -> Value {
    let lock = &entry.lock;
    json!({
        "id": id(lock.header.id),
        "lock": lock.header.number,
        "name": lock.name,
        "time_zone": entry.zone.name(),
        "posture": lock.posture.as_str(),
        "pin": lock.pin.as_str(),
        "pin_schedule": entry.pin_schedule.map(schedule_id),
        "unlock_schedule": entry.unlock_schedule.map(schedule_id),
    })
}

fn credential(entry: &CredentialEntry, content: &Content) -> Value {
    let credential = &entry.credential;
    let session = credential.session.map(|hints| {
        json!({
            "start_within_s": hints.start_within_s,
            "log_off_after_s": hints.log_off_after_s,
        })
    });
    json!({
        "id": id(credential.header.id),
        "number": credential.header.number,
        "kind": credential.kind.as_str(),
        "priority": credential.priority,
        "cards": credential.parts.iter().map(card).collect::<Vec<_>>(),
        "code": content.code.as_ref().map(|code| code.0.as_str()),
        "pin": content.pin.as_ref().map(|pin| pin.0.as_str()),
        "public_key": credential.public_key.as_ref().map(|key| base64(key)),
        "session": session,
        "is_admin": credential.is_admin,
        "access": entry.ways.iter().map(way).collect::<Vec<_>>(),
    })
}

fn way(way: &Way) -> Value {
    let window = Window::from(way.window);
    json!({
        "locks": way.locks.iter().map(|lock| lock.0).collect::<Vec<_>>(),
        "valid_from": maybe_at(window.from),
        "valid_until": maybe_at(window.until),
        "schedules": way.schedules.iter().map(|it| schedule_id(*it)).collect::<Vec<_>>(),
        "override_lockdown": way.override_lockdown,
    })
}

/// How a controller stands.
pub(crate) fn controller_status(status: &ControllerStatus) -> Value {
    let state = match status.state {
        ControllerState::Ok => "ok",
        ControllerState::Failing => "failing",
        ControllerState::Offline => "offline",
    };
    json!({
        "state": state,
        "last_seen_at": maybe_at(status.last_seen_at),
        "pending": status.pending,
        "stored": status.stored,
        "not_stored": status.not_stored,
    })
}

/// How far a credential has got.
pub(crate) fn credential_status(systems: &[SystemStatus], ids: Ids<'_>) -> Value {
    let status = match Reach::of(systems) {
        Reach::NotApplied => "not_applied",
        Reach::Pending => "pending",
        Reach::PartiallyApplied => "partially_applied",
        Reach::Applied => "applied",
        Reach::Failed => "failed",
    };
    let system = |system: &SystemStatus| {
        let (status, since, code) = match &system.state {
            SystemState::Pending => ("pending", None, None),
            SystemState::Applied { at } => ("applied", Some(*at), None),
            SystemState::Failed { code, at } => ("failed", Some(*at), Some(code)),
            SystemState::NotStored => ("not_stored", None, None),
        };
        let locks = system.locks.iter().map(|lock| id_of(ids, Noun::Lock, Some(*lock)));
        json!({
            "controller_id": id_of(ids, Noun::Controller, system.controller),
            "lock_ids": locks.collect::<Vec<_>>(),
            "status": status,
            "since": maybe_at(since),
            "code": code,
        })
    };
    let systems: Vec<Value> = systems.iter().map(system).collect();
    json!({ "status": status, "systems": systems })
}

/// A revocation.
pub(crate) fn revocation(it: &Progressed) -> Value {
    let progress = &it.progress;
    let locks = progress.locks.iter().map(|lock| {
        json!({
            "lock_id": id(lock.lock),
            "state": lock.state.as_str(),
            "latest_possible_use": maybe_at(lock.latest),
            "open_ended": lock.open_ended,
        })
    });
    json!({
        "id": id(it.revocation.id),
        "cause": it.revocation.cause,
        "locks_total": progress.locks.len(),
        "locks_confirmed": progress.confirmed(),
        "latest_possible_use": maybe_at(progress.latest()),
        "open_ended": progress.is_open_ended(),
        "locks": locks.collect::<Vec<_>>(),
    })
}
