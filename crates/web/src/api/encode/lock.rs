//! Locks and what stands around them as answers.

use claviger_domain::ids::Noun;
use claviger_domain::noun::access_level::AccessLevel;
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::lock::{Capacity, Lock, Share};
use serde_json::{Value, json};

use super::{Ids, free, id, id_of, maybe_at, object, schedule_ref};
use claviger_domain::state::PlaceState;

/// A lock as one place sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockView<'a> {
    /// The row in that place: what its answers are numbered and stamped by.
    pub(crate) row: &'a Lock,
    /// The owner's row, from which settings are read; the same one in the owner's place.
    pub(crate) settings: &'a Lock,
    /// The owner's place, where schedules and the controller of `settings` are.
    pub(crate) owner: &'a PlaceState,
}

/// A lock. Where it belongs to another place, named schedules are written out and its controller is
/// not told: both are that place's.
pub(crate) fn lock(view: LockView<'_>, ids: Ids<'_>) -> Value {
    let LockView { row, settings, owner } = view;
    let borrowed = row.borrowed.is_some();
    let capacity = settings.capacity.map(|capacity| match capacity {
        Capacity::Entries(n) => json!({ "entries": n }),
        Capacity::ListBytes(n) => json!({ "list_bytes": n }),
        Capacity::Credentials(n) => json!({ "credentials": n }),
    });
    let schedule = |it| schedule_ref(it, ids, borrowed.then_some(owner));
    let controller = settings.controller.filter(|_| !borrowed);
    let fields = json!({
        "name": settings.name,
        "description": settings.description,
        "model": settings.model,
        "mode": settings.mode.as_str(),
        "posture": settings.posture.as_str(),
        "pin": settings.pin.as_str(),
        "pin_schedule": schedule(settings.pin_schedule.as_ref()),
        "unlock_schedule": schedule(settings.unlock_schedule.as_ref()),
        "privacy": settings.privacy.as_str(),
        "when_unrecorded": settings.when_unrecorded.as_str(),
        "time_zone": settings.zone.as_ref().map(|zone| zone.name()),
        "controller_id": id_of(ids, Noun::Controller, controller),
        "capacity": capacity,
        "capabilities": free(settings.capabilities.as_ref()),
        "metadata": free(row.metadata.as_ref()),
        "health": {
            "battery_percent": settings.health.battery_percent,
            "last_seen_at": maybe_at(settings.health.last_seen_at),
        },
    });
    object(&row.header, fields)
}

/// A controller; `status` says how it stands.
pub(crate) fn controller(controller: &Controller, status: Value) -> Value {
    let fields = json!({
        "name": controller.name,
        "capacity": controller.capacity,
        "settings": free(controller.settings.as_ref()),
        "status": status,
    });
    object(&controller.header, fields)
}

/// A share, as its owner sees it; `ids` must know the other place too.
pub(crate) fn share(share: &Share, ids: Ids<'_>) -> Value {
    let fields = json!({
        "place_id": id_of(ids, Noun::Place, Some(share.place)),
        "lock_id": id_of(ids, Noun::Lock, Some(share.lock)),
        "state": share.state.as_str(),
    });
    object(&share.header, fields)
}

/// An access level with its locks and how many people hold an open grant to it.
pub(crate) fn access_level(
    level: &AccessLevel,
    state: &PlaceState,
    ids: Ids<'_>,
    people_count: usize,
) -> Value {
    let locks = state.level_locks(level.number());
    let locks = locks.filter_map(|membership| ids(Noun::Lock, membership.lock.0)).map(id);
    let fields = json!({
        "name": level.name,
        "description": level.description,
        "lock_ids": locks.collect::<Vec<_>>(),
        "schedule": schedule_ref(level.schedule.as_ref(), ids, None),
        "api_enabled": level.api_enabled,
        "allow_sharing": level.allow_sharing,
        "metadata": free(level.metadata.as_ref()),
        "people_count": people_count,
    });
    object(&level.header, fields)
}
