//! What devices are given to carry.

use claviger_app::offline::{CardTask, CurrentList, EventsFrom, HeldKey, SyncAnswer, Taken};
use serde_json::{Value, json};

use super::base64;

/// What a device is given.
pub(crate) fn carried(answer: &SyncAnswer) -> Value {
    let all = |row: &[Vec<u8>]| row.iter().map(|bytes| base64(bytes)).collect::<Vec<_>>();
    let locks = answer.locks.iter().map(|lock| {
        json!({
            "lock_id": lock.lock.to_string(),
            "name": lock.name,
            "public_key": base64(&lock.public_key),
        })
    });
    json!({
        "locks": locks.collect::<Vec<_>>(),
        "keys": all(&answer.keys),
        "erase": answer.erase.iter().map(held).collect::<Vec<_>>(),
        "lists": all(&answer.lists),
        "certificates": all(&answer.certificates),
        "fresh": all(&answer.fresh),
        "acknowledgements": all(&answer.acknowledgements),
        "events_from": answer.events_from.iter().map(events_from).collect::<Vec<_>>(),
    })
}

fn events_from(it: &EventsFrom) -> Value {
    json!({
        "lock_id": it.lock.to_string(),
        "log_epoch": it.log_epoch.to_string(),
        "from_seq": it.from_seq,
    })
}

fn held(key: &HeldKey) -> Value {
    json!({
        "lock_id": key.lock.to_string(),
        "class": key.class.number(),
        "serial": key.serial,
    })
}

/// The list that a lock should have.
pub(crate) fn current_list(it: &CurrentList) -> Value {
    let told = it.told.map(
        |told| json!({"epoch": told.epoch, "version": told.version, "at": told.at.to_string()}),
    );
    json!({
        "epoch": it.epoch,
        "version": it.version,
        "made_at": it.made_at.to_string(),
        "list": base64(&it.list),
        "certificate": base64(&it.issuer),
        "epoch_certificate": it.epoch_certificate.as_ref().map(|it| base64(it)),
        "shown": told,
    })
}

/// A card that must be brought to an updater.
pub(crate) fn card_task(task: &CardTask) -> Value {
    let locks = task.locks.iter();
    let locks = locks.map(|(id, due)| json!({"lock_id": id.to_string(), "reason": due.as_str()}));
    json!({
        "credential_id": task.credential.to_string(),
        "person_id": task.person.map(|id| id.to_string()),
        "locks": locks.collect::<Vec<_>>(),
    })
}

/// What a lock is to be told, and asked.
pub(crate) fn brought(taken: &Taken) -> Value {
    let all = taken.acknowledgements.iter().map(|bytes| base64(bytes));
    json!({
        "acknowledgements": all.collect::<Vec<_>>(),
        "events_from": taken.events_from.iter().map(events_from).collect::<Vec<_>>(),
    })
}
