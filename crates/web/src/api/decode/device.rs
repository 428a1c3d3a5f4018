//! What devices say of themselves and of the locks they have met.

use claviger_app::offline::{CarriedList, HeldKey, Hello, Report, SyncWish};
use claviger_domain::ids::Id;
use claviger_domain::offline::KeyClass;
use serde_json::Value;

use super::{Fields, bytes};

fn small<T: TryFrom<u64>>(value: &Value, name: &str) -> Option<T> {
    T::try_from(value.get(name)?.as_u64()?).ok()
}

fn lock(value: &Value) -> Option<Id> {
    Id::parse(value.get("lock_id")?.as_str()?)
}

fn held(value: &Value) -> Option<HeldKey> {
    let class = KeyClass::of(small(value, "class")?)?;
    Some(HeldKey { lock: lock(value)?, class, serial: small(value, "serial")? })
}

fn hello(value: &Value) -> Option<Hello> {
    Some(Hello {
        lock: lock(value)?,
        epoch: small(value, "epoch")?,
        version: small(value, "version")?,
        list_limit: small(value, "list_limit")?,
    })
}

fn nonce(value: &Value) -> Option<(Id, [u8; 16])> {
    Some((lock(value)?, bytes(value.get("nonce")?)?.try_into().ok()?))
}

fn report(value: &Value) -> Option<Report> {
    Some(Report { lock: lock(value)?, code: small(value, "code")? })
}

fn carried(value: &Value) -> Option<CarriedList> {
    let epoch_certificate = value.get("epoch_certificate").and_then(bytes);
    Some(CarriedList { list: bytes(value.get("list")?)?, epoch_certificate })
}

/// Reads a call.
pub(crate) fn wish(fields: Fields<'_>) -> SyncWish {
    SyncWish {
        device: fields.reference("device_id").flatten(),
        acknowledged: fields.list("acknowledged", held).unwrap_or_default(),
        erased: fields.list("erased", held).unwrap_or_default(),
        hellos: fields.list("hellos", hello).unwrap_or_default(),
        nonces: fields.list("nonces", nonce).unwrap_or_default(),
        reports: fields.list("reports", report).unwrap_or_default(),
        receipts: fields.list("receipts", bytes).unwrap_or_default(),
        lists: fields.list("lists", carried).unwrap_or_default(),
        events: fields.list("events", bytes).unwrap_or_default(),
    }
}
