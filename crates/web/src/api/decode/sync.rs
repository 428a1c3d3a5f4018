//! What a controller says when it calls.

use claviger_app::provision::{CommandReport, EventWish, LockReport, SyncWish};
use claviger_domain::ids::{Id, LockNumber};
use claviger_domain::noun::event::{EventKind, Method};
use claviger_domain::provision::{Inventoried, ItemKey, ItemKind, Reported, Strange};
use claviger_domain::reason::{Reason, Reasons};
use claviger_domain::time::Instant;
use serde_json::Value;

use super::{Fields, credential};

/// The most changes that are answered unless the call says otherwise.
const CHANGES: usize = 100;

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_u64()
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

fn lock(value: &Value) -> Option<LockNumber> {
    u32::try_from(number(value, "lock")?).ok().map(LockNumber)
}

/// Why something was refused; none where it was not.
fn refused(value: &Value) -> Option<String> {
    let code = text(value, "code").unwrap_or("refused");
    (text(value, "result") == Some("refused")).then(|| code.to_owned())
}

fn reported(value: &Value) -> Option<Reported> {
    Some(Reported { version: number(value, "version")?, refused: refused(value) })
}

fn command(value: &Value) -> Option<CommandReport> {
    Some(CommandReport { id: Id::parse(text(value, "id")?)?, refused: refused(value) })
}

/// An item of the inventory, or what it is that is of no form of ours.
fn inventoried(value: &Value) -> Option<Result<Inventoried, Strange>> {
    let (kind, id) = (ItemKind::parse(text(value, "kind")?)?, text(value, "id")?);
    let version = number(value, "version")?;
    let key = ItemKey::parse(kind, id).filter(|key| key.text() == id);
    let key = key.ok_or_else(|| Strange { kind, id: id.to_owned(), version });
    Some(key.map(|key| Inventoried { key, version }))
}

fn event(value: &Value) -> Option<EventWish> {
    let reasons = value.get("reasons").and_then(Value::as_array).into_iter().flatten();
    let reasons: Reasons = reasons.filter_map(|it| Reason::parse(it.as_str()?)).collect();
    Some(EventWish {
        seq: number(value, "seq")?,
        kind: EventKind::parse(text(value, "kind")?)?,
        lock: lock(value)?,
        occurred_at: Instant::parse(text(value, "occurred_at")?)?,
        method: text(value, "method").and_then(Method::parse),
        reasons,
        credential: text(value, "credential_id").and_then(Id::parse),
        card: value.get("card").and_then(credential::part).map(|part| part.card),
    })
}

fn lock_report(value: &Value) -> Option<LockReport> {
    let battery = number(value, "battery_percent").and_then(|it| u8::try_from(it).ok());
    Some(LockReport { lock: lock(value)?, battery_percent: battery })
}

/// Reads a call.
pub(crate) fn wish(fields: Fields<'_>) -> SyncWish {
    let small = |name| fields.value(name).and_then(Value::as_u64);
    let items = fields.value("inventory").and_then(Value::as_array);
    let mut foreign = Vec::new();
    let inventory = items.map(|items| {
        let items = items.iter().filter_map(inventoried);
        items.filter_map(|it| it.map_err(|it| foreign.push(it)).ok()).collect()
    });
    SyncWish {
        seq: small("seq").unwrap_or_default(),
        received: small("received"),
        wait_s: small("wait_s").and_then(|it| u32::try_from(it).ok()).unwrap_or_default(),
        acknowledged: fields.list("acknowledged", reported).unwrap_or_default(),
        commands: fields.list("commands", command).unwrap_or_default(),
        digest: fields.str("digest").map(str::to_ascii_lowercase),
        inventory,
        foreign,
        events: fields.list("events", event).unwrap_or_default(),
        locks: fields.list("locks", lock_report).unwrap_or_default(),
        max_changes: small("max_changes").map_or(CHANGES, |it| usize::try_from(it).unwrap_or(1)),
    }
}
