//! The JSON of phones and of locks with no network, as far as the simulator speaks it. Bytes are
//! base64. No logic, and nothing here is read from the server's crates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_offline::Id;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that travel as base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes).map_err(serde::de::Error::custom)
    }
}

/// The body of `POST P/devices/sync`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct SyncBody {
    pub(crate) acknowledged: Vec<HeldKey>,
    pub(crate) hellos: Vec<Hello>,
    pub(crate) nonces: Vec<DrawnNonce>,
    pub(crate) reports: Vec<Report>,
    pub(crate) receipts: Vec<Bytes>,
    pub(crate) events: Vec<Bytes>,
    pub(crate) lists: Vec<CarriedList>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CarriedList {
    pub(crate) list: Bytes,
    pub(crate) epoch_certificate: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HeldKey {
    pub(crate) lock_id: String,
    pub(crate) class: u8,
    pub(crate) serial: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hello {
    pub(crate) lock_id: String,
    pub(crate) epoch: u16,
    pub(crate) version: u32,
    pub(crate) list_limit: u16,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct DrawnNonce {
    pub(crate) lock_id: String,
    pub(crate) nonce: Bytes,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) lock_id: String,
    pub(crate) code: u8,
}

/// The answer of `POST P/devices/sync`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct SyncAnswer {
    pub(crate) locks: Vec<KeyedLock>,
    pub(crate) keys: Vec<Bytes>,
    pub(crate) lists: Vec<Bytes>,
    pub(crate) certificates: Vec<Bytes>,
    pub(crate) fresh: Vec<Bytes>,
    pub(crate) acknowledgements: Vec<Bytes>,
    pub(crate) events_from: Vec<EventsFrom>,
}

/// From which event of a log on a lock is to be asked.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EventsFrom {
    pub(crate) lock_id: String,
    pub(crate) log_epoch: String,
    pub(crate) from_seq: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KeyedLock {
    pub(crate) lock_id: String,
    pub(crate) public_key: Bytes,
}

/// The answer of `POST P/devices/enrol`.
#[derive(Debug, Deserialize)]
pub(crate) struct Enrolled {
    pub(crate) device_id: String,
    pub(crate) token: String,
}

/// The answer of `POST P/locks/{id}/commission`.
#[derive(Debug, Deserialize)]
pub(crate) struct Commissioned {
    pub(crate) record: Bytes,
}

/// The answer of `GET P/locks/{id}/revocation-list`.
#[derive(Debug, Deserialize)]
pub(crate) struct CurrentList {
    pub(crate) epoch: u16,
    pub(crate) version: u32,
    pub(crate) list: Bytes,
    pub(crate) certificate: Bytes,
    pub(crate) epoch_certificate: Option<Bytes>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A revocation, as `GET P/revocations` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) id: String,
    pub(crate) cause: String,
    pub(crate) locks_total: usize,
    pub(crate) locks_confirmed: usize,
    pub(crate) latest_possible_use: Option<String>,
    pub(crate) open_ended: bool,
    pub(crate) locks: Vec<AtLock>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AtLock {
    pub(crate) lock_id: String,
    pub(crate) state: String,
    pub(crate) latest_possible_use: Option<String>,
    pub(crate) open_ended: bool,
}

/// The answer of a dry run, as far as it is asked for whom it hits besides.
#[derive(Debug, Deserialize)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) digest: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Plan {
    pub(crate) side_effects: Vec<SideEffect>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct SideEffect {
    pub(crate) credential_id: String,
    pub(crate) lock_id: String,
}

/// An event, as `GET P/events` shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) lock_id: String,
    pub(crate) credential_id: Option<String>,
}

/// An id as the API writes it.
pub(crate) fn id_text(id: &Id) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]).join("-")
}

/// The bytes of an id.
pub(crate) fn id_bytes(text: &str) -> Option<Id> {
    let hex = text.replace('-', "");
    let byte = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..16).map(byte).collect();
    bytes?.try_into().ok().filter(|_| hex.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let text = "01890000-0000-7000-8000-0000000000ff";
        assert_eq!(id_bytes(text).map(|id| id_text(&id)).as_deref(), Some(text));
        for wrong in ["", "0189", "01890000-0000-7000-8000-0000000000fg", "x"] {
            assert_eq!(id_bytes(wrong), None, "{wrong}");
        }
    }
}
