//! What devices are given to carry.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::offline::SyncAnswer;
use serde_json::{Value, json};

/// Bytes as texts hold them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

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
        "lists": all(&answer.lists),
        "certificates": all(&answer.certificates),
        "fresh": all(&answer.fresh),
    })
}
