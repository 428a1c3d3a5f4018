//! Locks with no network, the keys that were signed for them, and the devices that hold keys.
//!
//! `times` of a key is JSON: `[[before, change, after], [[days, from, to]..], [[start, end]..],
//! [[start, end]..]]`. Must not hold the secret of a lock or device in plain.

use std::collections::BTreeMap;

use claviger_domain::ids::{CredentialNumber, GrantNumber, LockNumber, PlaceNumber};
use claviger_domain::offline::{
    Erasure, Issued, KeyClass, KeyTimes, LockKey, Log, Mark, Numbers, OfflineLock, STRICT_TIME,
    Serial, Told, Unknown, WallClock,
};
use claviger_domain::schedule::WeeklyWindow;
use claviger_domain::time::Instant;
use serde_json::{Value as Json, json};

use crate::cells::{Cells, Tools, put};
use crate::lists::{cell, number};
use crate::{Batch, Part, Row, Statement, Store, StoreError, Value, values};

/// What a commit writes of one lock with no network: how it stands, and the keys that changed.
#[derive(Clone, Debug)]
pub struct OfflineWrite {
    /// The lock as it is then.
    pub lock: OfflineLock,
    /// The keys.
    pub changed: Vec<Serial>,
}

/// A device that was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its place.
    pub place: PlaceNumber,
    /// The credential that it is.
    pub credential: CredentialNumber,
    /// SHA-256 of its secret.
    pub token: [u8; 32],
    /// When.
    pub enrolled_at: Instant,
    /// When it last called, told at most once a day.
    pub seen_at: Option<Instant>,
}

const LOCK_COLUMNS: &str = "place, lock, id, public_key, secret, epoch, keys_from, version, \
     refusing, iat, list, list_limit, floors, tops, told_epoch, told_version, told_at, unknown, \
     logs, certificate, epoch_due, list_due, ahead_epoch, ahead_version, gap_since, signed, \
     told_iat, mark_log, mark_next, mark_at, known_before, former_secret";
const UPSERT: &str = "insert into offline_locks \
     (place, lock, id, public_key, secret, epoch, keys_from, version, refusing, iat, list, \
      list_limit, floors, tops, told_epoch, told_version, told_at, unknown, logs, \
      certificate, epoch_due, list_due, ahead_epoch, ahead_version, gap_since, signed, told_iat, \
      mark_log, mark_next, mark_at, known_before, former_secret) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
             ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32) \
     on conflict (place, lock) do update set \
     public_key = excluded.public_key, secret = excluded.secret, epoch = excluded.epoch, \
     keys_from = excluded.keys_from, version = excluded.version, refusing = excluded.refusing, \
     iat = excluded.iat, list = excluded.list, list_limit = excluded.list_limit, \
     floors = excluded.floors, tops = excluded.tops, told_epoch = excluded.told_epoch, \
     told_version = excluded.told_version, told_at = excluded.told_at, \
     unknown = excluded.unknown, logs = excluded.logs, certificate = excluded.certificate, \
     epoch_due = excluded.epoch_due, \
     list_due = excluded.list_due, ahead_epoch = excluded.ahead_epoch, \
     ahead_version = excluded.ahead_version, gap_since = excluded.gap_since, \
     signed = excluded.signed, told_iat = excluded.told_iat, \
     mark_log = excluded.mark_log, mark_next = excluded.mark_next, mark_at = excluded.mark_at, \
     known_before = excluded.known_before, former_secret = excluded.former_secret";
const KEY_COLUMNS: &str = "place, lock, class, serial, epoch, of_place, grant_number, device, \
     of_lock, iat, exp, min_list, flags, times, holder, bytes, refused, owed, erasure";
const KEPT: &str = "exists (select 1 from offline_locks \
     where offline_locks.place = issued_keys.place and offline_locks.lock = issued_keys.lock \
     and (issued_keys.exp >= offline_locks.iat - ?1 \
     or issued_keys.flags & ?2 = 0 and issued_keys.exp > offline_locks.told_iat))";
const PUT: &str = "insert into issued_keys \
     (place, lock, class, serial, epoch, of_place, grant_number, device, of_lock, iat, exp, \
      min_list, flags, times, holder, bytes, refused, owed, erasure) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
             ?19) \
     on conflict (place, lock, class, serial) do update set \
     holder = excluded.holder, bytes = excluded.bytes, refused = excluded.refused, \
     owed = excluded.owed, erasure = excluded.erasure";
const ENROL: &str = "insert into devices (place, credential, token, enrolled_at, seen_at) \
     values (?1, ?2, ?3, ?4, ?5) on conflict (place, credential) do update set \
     token = excluded.token, enrolled_at = excluded.enrolled_at, seen_at = excluded.seen_at";
const CERTIFY: &str = "insert into issuers (place, generation, certificate) values (?1, ?2, ?3) \
     on conflict (place, generation) do update set certificate = excluded.certificate";

/// Appends what a part says of locks with no network and of devices.
pub(crate) fn append(batch: &mut Batch, part: &Part) {
    for OfflineWrite { lock, changed } in &part.offline {
        batch.run(UPSERT, lock_row(lock));
        let keys = changed.iter().filter_map(|key| lock.issued(*key));
        let rows: Vec<Vec<Value>> = keys.map(|key| key_row(lock.key, key)).collect();
        if !rows.is_empty() {
            batch.many(PUT, rows);
        }
    }
    for device in &part.devices {
        let token = device.token.to_vec();
        let mut row = values![device.place, device.credential, token, device.enrolled_at];
        put!(row, device.seen_at);
        batch.run(ENROL, row);
    }
}

fn lock_row(lock: &OfflineLock) -> Vec<Value> {
    let told = lock.told.as_ref();
    let unknown = lock.unknown.iter();
    let unknown = unknown.map(|it| json!([it.class.number(), it.first, it.last, it.exp]));
    let unknown: Vec<Json> = unknown.collect();
    let logs = lock.logs.iter().map(|(log, it)| json!([log, it.known(), it.lost()]));
    let logs: Vec<Json> = logs.collect();
    let text = |rows: Vec<Json>| (!rows.is_empty()).then(|| Json::Array(rows).to_string());
    let LockKey { place, lock: number } = lock.key;
    let mut out = values![place, number, lock.id, lock.public_key.clone(), lock.secret.clone()];
    put!(out, i64::from(lock.epoch), i64::from(lock.keys_from), lock.version, lock.refusing);
    put!(out, lock.iat, lock.list.clone(), lock.list_limit);
    put!(out, json!(lock.floors).to_string(), json!(lock.tops).to_string());
    put!(out, told.map(|it| i64::from(it.epoch)), told.map(|it| it.version), told.map(|it| it.at));
    put!(out, text(unknown), text(logs), lock.certificate.clone(), lock.epoch_due, lock.list_due);
    put!(out, lock.ahead.map(|it| i64::from(it.0)), lock.ahead.map(|it| it.1), lock.gap_since);
    put!(out, lock.signed, told.map_or(0, |it| it.iat));
    let mark = lock.mark.as_ref();
    put!(out, mark.map(|it| it.log), mark.map(|it| it.next), mark.map(|it| it.at));
    put!(out, lock.known_before, lock.former_secret.clone());
    out
}

fn key_row(lock: LockKey, key: &Issued) -> Vec<Value> {
    let mut out = values![lock.place, lock.lock, key.class.as_str(), key.serial];
    put!(out, i64::from(key.epoch), key.place, key.grant, key.device, key.lock, key.iat, key.exp);
    put!(out, key.min_list, i64::from(key.flags), times(&key.times), key.holder.clone());
    put!(out, key.bytes.clone(), key.refused, key.owed, key.erasure.as_str());
    out
}

fn times(times: &KeyTimes) -> String {
    let KeyTimes { clock, weekly, absolute, closed } = times;
    let weekly: Vec<Json> =
        weekly.iter().map(|it| json!([it.days, it.from_min, it.to_min])).collect();
    json!([[clock.before_min, clock.change_s, clock.after_min], weekly, absolute, closed])
        .to_string()
}

fn read_times(value: &Json) -> Option<KeyTimes> {
    let small = |value: &Json| i16::try_from(value.as_i64()?).ok();
    let minute = |value: &Json| u16::try_from(value.as_u64()?).ok();
    let spans = |value: &Json| -> Option<Vec<(i64, i64)>> {
        let rows = value.as_array()?.iter();
        rows.map(|it| Some((it.get(0)?.as_i64()?, it.get(1)?.as_i64()?))).collect()
    };
    let clock = value.get(0)?;
    let weekly = value.get(1)?.as_array()?.iter().map(|it| {
        Some(WeeklyWindow {
            days: u8::try_from(it.get(0)?.as_u64()?).ok()?,
            from_min: minute(it.get(1)?)?,
            to_min: minute(it.get(2)?)?,
        })
    });
    Some(KeyTimes {
        clock: WallClock {
            before_min: small(clock.get(0)?)?,
            change_s: clock.get(1)?.as_i64()?,
            after_min: small(clock.get(2)?)?,
        },
        weekly: weekly.collect::<Option<_>>()?,
        absolute: spans(value.get(2)?)?,
        closed: spans(value.get(3)?)?,
    })
}

fn by_class(value: &Json) -> Option<[u32; KeyClass::COUNT]> {
    let numbers = value.as_array()?.iter().map(number).collect::<Option<Vec<u32>>>()?;
    numbers.try_into().ok()
}

fn read_unknown(value: &Json) -> Option<Vec<Unknown>> {
    let rows = value.as_array()?.iter().map(|it| {
        Some(Unknown {
            class: KeyClass::of(u8::try_from(number(it.get(0)?)?).ok()?)?,
            first: number(it.get(1)?)?,
            last: number(it.get(2)?)?,
            exp: it.get(3)?.as_i64()?,
        })
    });
    rows.collect()
}

/// The logs of a lock: each its name, the numbers that are known, and of those the lost ones.
fn read_logs(value: &Json) -> Option<BTreeMap<u64, Log>> {
    let rows = |value: &Json| -> Option<Vec<Numbers>> {
        let rows = value.as_array()?.iter();
        rows.map(|row| Some((number(row.get(0)?)?, number(row.get(1)?)?))).collect()
    };
    let logs = value.as_array()?.iter().map(|it| {
        let lost = it.get(2).map_or_else(|| Some(Vec::new()), rows);
        Some((it.get(0)?.as_u64()?, Log::kept(rows(it.get(1)?)?, lost?)))
    });
    logs.collect()
}

fn read_lock(row: Row, tools: &mut Tools) -> Result<OfflineLock, StoreError> {
    let mut cells = Cells::new("offline_locks", row.into_values(), tools);
    let key = LockKey { place: PlaceNumber(cells.fit()?), lock: LockNumber(cells.fit()?) };
    let mut lock = OfflineLock::new(key, cells.id()?, 0);
    lock.public_key = cells.bytes()?;
    lock.secret = cells.bytes()?;
    lock.epoch = cells.fit()?;
    lock.keys_from = cells.fit()?;
    lock.version = cells.fit()?;
    lock.refusing = cells.fit()?;
    lock.iat = cells.int()?;
    lock.list = cells.bytes()?;
    lock.list_limit = cells.opt()?;
    lock.floors = cell(&mut cells, by_class)?.unwrap_or_default();
    lock.tops = cell(&mut cells, by_class)?.unwrap_or_default();
    let (epoch, version, at) = (cells.opt()?, cells.opt()?, cells.opt_instant()?);
    if let (Some(epoch), Some(version), Some(at)) = (epoch, version, at) {
        lock.told = Some(Told { epoch, version, at, iat: 0 });
    }
    lock.unknown = cell(&mut cells, read_unknown)?.unwrap_or_default();
    lock.logs = cell(&mut cells, read_logs)?.unwrap_or_default();
    lock.certificate = cells.bytes()?;
    lock.epoch_due = cells.bool()?;
    lock.list_due = cells.bool()?;
    lock.ahead = cells.opt()?.zip(cells.opt()?);
    lock.gap_since = cells.opt_instant()?;
    lock.signed = cells.int()?;
    let iat = cells.int()?;
    lock.told.iter_mut().for_each(|told| told.iat = iat);
    let (log, next, at) = (cells.opt_int()?, cells.opt()?, cells.opt_instant()?);
    if let (Some(log), Some(next), Some(at)) = (log, next, at) {
        lock.mark = Some(Mark { log: log.cast_unsigned(), next, at });
    }
    lock.known_before = cells.opt_instant()?;
    lock.former_secret = cells.opt_bytes()?;
    Ok(lock)
}

fn read_key(row: Row, tools: &mut Tools) -> Result<(LockKey, Issued), StoreError> {
    let mut cells = Cells::new("issued_keys", row.into_values(), tools);
    let key = LockKey { place: PlaceNumber(cells.fit()?), lock: LockNumber(cells.fit()?) };
    let issued = Issued {
        class: cells.word(KeyClass::parse)?,
        serial: cells.fit()?,
        epoch: cells.fit()?,
        place: PlaceNumber(cells.fit()?),
        grant: GrantNumber(cells.fit()?),
        device: CredentialNumber(cells.fit()?),
        lock: LockNumber(cells.fit()?),
        iat: cells.int()?,
        exp: cells.int()?,
        min_list: cells.fit()?,
        flags: cells.fit()?,
        times: cell(&mut cells, read_times)?.unwrap_or_default(),
        holder: cells.bytes()?,
        bytes: cells.bytes()?,
        refused: cells.bool()?,
        owed: cells.bool()?,
        erasure: cells.word(Erasure::parse)?,
    };
    Ok((key, issued))
}

impl Store {
    /// All locks with no network, with the keys that ended no longer than so many seconds before
    /// the newest list of their lock was made, and those that may open until the lock is known to
    /// have heard that they have ended (`OfflineLock::forget`). The clock is not asked.
    ///
    /// # Errors
    /// As for any read.
    pub async fn offline_locks(&self, remembered_s: i64) -> Result<Vec<OfflineLock>, StoreError> {
        let locks = Statement::new(format!("select {LOCK_COLUMNS} from offline_locks"), []);
        let keys = format!("select {KEY_COLUMNS} from issued_keys where {KEPT}");
        let strict = i64::from(STRICT_TIME);
        let statements = vec![locks, Statement::new(keys, values![remembered_s, strict])];
        let mut answers = self.db.snapshot(statements).await?.into_iter();
        let (rows, keys) = (answers.next().unwrap_or_default(), answers.next());
        let mut tools = Tools::default();
        let mut locks = BTreeMap::new();
        for row in rows {
            let lock = read_lock(row, &mut tools)?;
            locks.insert(lock.key, lock);
        }
        for row in keys.unwrap_or_default() {
            let (key, issued) = read_key(row, &mut tools)?;
            if let Some(lock) = locks.get_mut(&key) {
                lock.load(issued);
            }
        }
        Ok(locks.into_values().collect())
    }

    /// What the root has said of issuers, where it is kept elsewhere: by place and generation.
    ///
    /// # Errors
    /// As for any read.
    pub async fn issuers(&self) -> Result<BTreeMap<(PlaceNumber, u32), Vec<u8>>, StoreError> {
        let sql = "select place, generation, certificate from issuers";
        let rows = self.db.read(Statement::new(sql, [])).await?;
        let mut tools = Tools::default();
        let issuer = |row: Row| {
            let mut cells = Cells::new("issuers", row.into_values(), &mut tools);
            Ok(((PlaceNumber(cells.fit()?), cells.fit()?), cells.bytes()?))
        };
        rows.into_iter().map(issuer).collect()
    }

    /// Keeps what the root has said of issuers.
    ///
    /// # Errors
    /// As for any write.
    pub async fn keep_issuers(
        &self,
        issuers: Vec<(PlaceNumber, u32, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for (place, generation, certificate) in issuers {
            batch.run(CERTIFY, values![place, generation, certificate]);
        }
        self.db.write(batch).await.map(drop)
    }

    /// All devices.
    ///
    /// # Errors
    /// As for any read.
    pub async fn devices(&self) -> Result<Vec<Device>, StoreError> {
        let sql = "select place, credential, token, enrolled_at, seen_at from devices";
        let rows = self.db.read(Statement::new(sql, [])).await?;
        let mut tools = Tools::default();
        let device = |row: Row| {
            let mut cells = Cells::new("devices", row.into_values(), &mut tools);
            Ok(Device {
                place: PlaceNumber(cells.fit()?),
                credential: CredentialNumber(cells.fit()?),
                token: cells.array()?,
                enrolled_at: cells.instant()?,
                seen_at: cells.opt_instant()?,
            })
        };
        rows.into_iter().map(device).collect()
    }
}
