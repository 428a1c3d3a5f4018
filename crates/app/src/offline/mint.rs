//! Keys, made when a device asks for them.

use std::collections::BTreeSet;

use claviger_domain::ids::{CredentialNumber, GrantNumber, LockNumber, PlaceNumber};
use claviger_domain::noun::grant::Target;
use claviger_domain::offline::{
    Alarm, Erasure, Issued, KeyClass, KeyTimes, OfflineLock, Right, Serial, Wanted, wanted,
};
use claviger_domain::state::PlaceState;
use claviger_offline::cose::{Kind, PublicKey};
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::times::{Span, Times, Weekly, Zone};

use super::commission::public_key;
use super::faults::{Slip, planted};
use super::list::class_of;
use super::signer::Issuer;
use crate::error::Error;

/// The grants of a device that reach locks, with the locks' numbers in their place.
pub(super) fn reached(
    state: &PlaceState,
    device: CredentialNumber,
) -> BTreeSet<(LockNumber, GrantNumber)> {
    let person = state.credentials.get(device).and_then(|it| it.person);
    let persons = person.map(|person| state.person_reach(person));
    let mut found = BTreeSet::new();
    for reach in persons.into_iter().chain([state.credential_reach(device)]) {
        for grant in reach.iter().filter(|it| it.opens()).map(|it| it.grant()) {
            match state.grants.get(grant).map(|grant| grant.target) {
                Some(Target::Lock(lock)) => {
                    found.insert((lock, grant));
                }
                Some(Target::AccessLevel(level)) => {
                    found.extend(state.level_locks(level).map(|it| (it.lock, grant)));
                }
                None => {}
            }
        }
    }
    found
}

/// What a device gets for a right.
pub(super) enum Made {
    /// Nothing.
    Nothing,
    /// A key, as it is sent.
    Key(Vec<u8>),
    /// Nothing, and somebody must look at why.
    Alarm(&'static str),
}

/// What a device gets for a right, made where there is none.
pub(super) fn key_for(
    issuer: &Issuer,
    lock: &mut OfflineLock,
    (grant, device, number): (GrantNumber, CredentialNumber, LockNumber),
    tenant: &PlaceState,
    right: &Right<'_>,
    iat: i64,
) -> Result<Made, Error> {
    let holder = (tenant.place.number(), grant, device);
    match wanted(lock, holder, right, iat) {
        Wanted::Nothing => Ok(Made::Nothing),
        Wanted::Again(key) => Ok(as_sent(lock, key)),
        Wanted::Refused(alarm) => Ok(Made::Alarm(match alarm {
            Alarm::TooManyMints => "a device asks for more keys than anybody needs",
            Alarm::NoSerials => "the epoch has no serials left",
        })),
        Wanted::Mint { class, serial, fitted } => {
            let Some(public) = public_key(right.holder) else { return Ok(Made::Nothing) };
            // A card brings no list: it must do with the one that its lock has shown.
            let (epoch, min_list) = match (class, lock.told) {
                (KeyClass::Card, Some(told))
                    if told.epoch >= lock.keys_from && !planted(Slip::CardsNeedNewest) =>
                {
                    (told.epoch, told.version)
                }
                _ => (lock.epoch, lock.refusing),
            };
            let mut issued = Issued {
                class,
                serial,
                epoch,
                place: holder.0,
                grant,
                device,
                lock: number,
                iat,
                exp: fitted.exp,
                min_list,
                flags: right.flags,
                times: match planted(Slip::AnyHours) {
                    true => KeyTimes::default(),
                    false => fitted.times,
                },
                holder: right.holder.to_vec(),
                bytes: Vec::new(),
                refused: false,
                owed: false,
                erasure: Erasure::None,
            };
            issued.bytes = signed(issuer, lock, &issued, public, right)?;
            let bytes = issued.bytes.clone();
            lock.put(issued);
            Ok(Made::Key(bytes))
        }
    }
}

/// A key as it was made before.
fn as_sent(lock: &OfflineLock, key: Serial) -> Made {
    lock.issued(key).map_or(Made::Nothing, |key| Made::Key(key.bytes.clone()))
}

/// The key that a device was given for a right and does not hold yet, where nothing may be signed.
pub(super) fn key_again(
    lock: &OfflineLock,
    holder: (PlaceNumber, GrantNumber, CredentialNumber),
    right: &Right<'_>,
) -> Made {
    match wanted(lock, holder, right, lock.signed) {
        Wanted::Again(key) => as_sent(lock, key),
        _ => Made::Nothing,
    }
}

fn seconds(at: i64) -> Result<u64, Error> {
    u64::try_from(at).map_err(|_| Error::Internal)
}

fn span(span: &(i64, i64)) -> Result<Span, Error> {
    Ok(Span { start: seconds(span.0.max(0))?, end: seconds(span.1)? })
}

/// Signs a key that opens exactly when the engine does.
fn signed(
    issuer: &Issuer,
    lock: &OfflineLock,
    issued: &Issued,
    holder: PublicKey,
    right: &Right<'_>,
) -> Result<Vec<u8>, Error> {
    let KeyTimes { clock, weekly, absolute, closed } = &issued.times;
    let weekly: Vec<Weekly> = weekly
        .iter()
        .map(|it| Weekly { days: it.days, start_min: it.from_min, end_min: it.to_min })
        .collect();
    let absolute = absolute.iter().map(span).collect::<Result<Vec<_>, _>>()?;
    let closed = closed.iter().map(span).collect::<Result<Vec<_>, _>>()?;
    let times = Times {
        zone: Zone {
            offset_before_min: clock.before_min,
            transition_at: seconds(clock.change_s)?,
            offset_after_min: clock.after_min,
        },
        weekly: Items::Values(&weekly),
        absolute: Items::Values(&absolute),
        closed: Items::Values(&closed),
    };
    let is_right = planted(Slip::AnyHours) || opens_as(&times, issued, right);
    if !is_right || seconds(issued.exp)? > issuer.exp {
        tracing::error!(lock = %lock.id, serial = issued.serial, "a key is not as it should be");
        return Err(Error::Internal);
    }
    let key = Key {
        exp: seconds(issued.exp)?,
        nbf: seconds(issued.iat)?,
        iat: seconds(issued.iat)?,
        holder,
        lock: lock.id.0,
        class: class_of(issued.class),
        epoch: issued.epoch,
        serial: issued.serial,
        min_list: issued.min_list,
        flags: Flags::of(issued.flags).ok_or(Error::Internal)?,
        times,
    };
    issuer.key.sign(Kind::Key, |it| key.write(it))
}

/// Whether times, read as a lock reads them, hold exactly when the right does over the key's life:
/// asked on both sides of every change of either.
fn opens_as(times: &Times<'_>, issued: &Issued, right: &Right<'_>) -> bool {
    let (open, known_until) = right.spans(issued.iat, issued.exp);
    let as_made = issued.times.spans(issued.iat, issued.exp);
    let edges = open.iter().chain(&as_made).flat_map(|it| [it.0, it.1]);
    let around = edges.flat_map(|edge| [edge - 1, edge]).chain([issued.iat, issued.exp - 1]);
    let inside = around.filter(|at| (issued.iat..issued.exp).contains(at));
    known_until >= issued.exp
        && inside.into_iter().all(|at| {
            let opens = open.iter().any(|it| it.0 <= at && at < it.1);
            u64::try_from(at).is_ok_and(|at| times.holds(at) == opens)
        })
}
