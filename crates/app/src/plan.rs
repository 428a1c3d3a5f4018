//! Dry runs: the plan of a command without the command, and the digest that demands exactly it.

use std::collections::BTreeSet;

use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, PlaceNumber};
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::grant::Subject;
use claviger_domain::noun::lock::LockMode;
use claviger_domain::offline::{LockKey, OfflineLock, STRICT_TIME};
use claviger_domain::plan::{Effect, Plan, moved, plan, rezoned};
use claviger_domain::provision::{Holdings, List, ListKey, Revocation};
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, MINUTE, SECOND};

use crate::context::{Context, Expected};
use crate::error::Error;
use crate::offline::faults::{Slip, planted};
use crate::offline::{Cause, Preview, flags_of, preview};
use crate::random::{hex, sha256};
use crate::work::Work;

/// One subject at one lock, by public ids. A person who would only be made by the command is named
/// by address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanRow {
    /// The person.
    pub person: Option<Id>,
    /// Or the credential.
    pub credential: Option<Id>,
    /// Or the e-mail address of somebody not known yet.
    pub email: Option<String>,
    /// Or the phone number of somebody not known yet.
    pub phone: Option<String>,
    /// Where.
    pub lock: Id,
    /// The times before and after; part of the digest, not shown.
    times: String,
}

/// What a command would do to access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Had none, would have some.
    pub gains: Vec<PlanRow>,
    /// Had some, would have none.
    pub losses: Vec<PlanRow>,
    /// Would have some, at other times.
    pub changed: Vec<PlanRow>,
    /// Devices whose keys would be refused although nothing demands it: they need another.
    pub side_effects: Vec<PlanRow>,
    /// Phones that would need to call once for another key, at each lock.
    pub phones_to_sync: Vec<PlanRow>,
    /// Cards that would have to be brought to an updater for another key, at each lock.
    pub card_tasks: Vec<PlanRow>,
    /// The locks with no network that it speaks of, and whether they keep a clock: where they keep
    /// none, hours and ends of rights are not enforced.
    pub offline: Vec<(Id, bool)>,
    /// What it would do at locks with no network.
    pub(crate) preview: Preview,
    /// `plan-<hex>` over the complete plan.
    pub digest: String,
}

impl Planned {
    fn rows(&self) -> [&Vec<PlanRow>; 6] {
        let Planned { gains, losses, changed, side_effects, phones_to_sync, card_tasks, .. } = self;
        [gains, losses, changed, side_effects, phones_to_sync, card_tasks]
    }

    fn rows_mut(&mut self) -> [&mut Vec<PlanRow>; 6] {
        let Planned { gains, losses, changed, side_effects, phones_to_sync, card_tasks, .. } = self;
        [gains, losses, changed, side_effects, phones_to_sync, card_tasks]
    }

    /// How many phones would need to call once.
    #[must_use]
    pub fn phones(&self) -> usize {
        let phones: BTreeSet<Option<Id>> =
            self.phones_to_sync.iter().map(|row| row.credential).collect();
        phones.len()
    }

    /// The plan of what changes nothing.
    pub(crate) fn nothing() -> Planned {
        let mut plan = Planned::default();
        plan.digest = digest(&plan, None);
        plan
    }
}

/// How long a plan with lists in it may be demanded.
const PLAN_LASTS: i64 = 15 * MINUTE;
/// Hexadecimal digits of a digest; before them stands when its lists were planned, where it has
/// any.
const DIGITS: usize = 32;

/// When the lists of an agreed plan were planned; none where it has none.
fn planned_at(agreed: &str) -> Option<Instant> {
    let digits =
        agreed.strip_prefix("plan-").filter(|it| it.is_ascii() && it.len() == DIGITS + 8)?;
    let seconds = i64::from_str_radix(digits.get(..8)?, 16).ok()?;
    Some(Instant(seconds * SECOND))
}

/// The plan of a finished work over all places it touched. The digest is of the whole; what the
/// caller may not see in another place is left out of what is shown.
pub(crate) fn planned(ctx: &Context, work: &Work, at: Instant) -> Planned {
    let mut whole = Planned::default();
    let mut hidden: BTreeSet<PlanRow> = BTreeSet::new();
    for (number, draft) in &work.places {
        let Some(before) = work.before(*number) else { continue };
        let Plan { gains, losses, changed } = plan(&before, &draft.state, draft.writes());
        let rows = |effects: Vec<Effect>| -> Vec<PlanRow> {
            effects.into_iter().filter_map(|it| row(&before, &draft.state, it)).collect()
        };
        let all = [rows(gains), rows(losses), rows(changed)];
        if ctx.scopes_in(*number).is_none() {
            hidden.extend(all.iter().flatten().cloned());
        }
        let [gains, losses, changed] = all;
        whole.gains.extend(gains);
        whole.losses.extend(losses);
        whole.changed.extend(changed);
        for (place, state, effects) in borrowers(work, &before, &draft.state) {
            let rows = effects.into_iter().filter_map(|it| row(&state, &state, it));
            let rows: Vec<PlanRow> = rows.collect();
            if ctx.scopes_in(place).is_none() {
                hidden.extend(rows.iter().cloned());
            }
            whole.changed.extend(rows);
        }
    }
    for rows in [&mut whole.gains, &mut whole.losses, &mut whole.changed] {
        rows.sort();
    }
    let found = preview(&ctx.app, work, at);
    let is_hidden = |place: PlaceNumber| ctx.scopes_in(place).is_none();
    for hit in &found.hits {
        let row = device_row(work, (hit.place, hit.device, hit.lock), hit.serial.to_string());
        let Some((row, _)) = row else { continue };
        hidden.extend(is_hidden(hit.place).then(|| row.clone()));
        whole.side_effects.push(row);
    }
    for due in &found.due {
        let Some((row, kind)) = device_row(work, *due, String::new()) else { continue };
        hidden.extend(is_hidden(due.0).then(|| row.clone()));
        match kind {
            CredentialKind::Card => whole.card_tasks.push(row),
            CredentialKind::Phone | CredentialKind::Code => whole.phones_to_sync.push(row),
        }
    }
    whole.digest = digest(&whole, found.makes_lists.then_some(at));
    whole.preview = found;
    for rows in whole.rows_mut() {
        rows.retain(|row| !hidden.contains(row));
    }
    whole.offline = offline_locks(work, &whole);
    whole
}

/// Of the locks that a plan speaks of those with no network, and whether they keep a clock.
fn offline_locks(work: &Work, plan: &Planned) -> Vec<(Id, bool)> {
    let state = |place: PlaceNumber| {
        let draft = work.places.get(&place).map(|draft| draft.state.clone());
        draft.or_else(|| work.before(place))
    };
    let mut states: Vec<PlaceState> = Vec::new();
    for (place, draft) in &work.places {
        states.extend([draft.state.clone()].into_iter().chain(work.before(*place)));
    }
    let keeps_clock = |id: &Id| {
        let found = states.iter().find_map(|it| Some((it, it.number_of(Noun::Lock, *id)?)));
        let (tenant, number) = found?;
        let lock = tenant.locks.get(LockNumber(number))?;
        let lock = match lock.borrowed {
            Some((owner, number)) => state(owner)?.locks.get(number)?.clone(),
            None => lock.clone(),
        };
        let is_offline = lock.mode == LockMode::OfflineKeys;
        is_offline.then(|| (*id, flags_of(&lock) & STRICT_TIME != 0))
    };
    let all = plan.rows().into_iter().flatten();
    let locks: BTreeSet<Id> = all.map(|row| row.lock).collect();
    locks.iter().filter_map(keeps_clock).collect()
}

/// What it does in the places that borrow locks when these go by another zone.
fn borrowers(
    work: &Work,
    before: &PlaceState,
    after: &PlaceState,
) -> Vec<(PlaceNumber, PlaceState, Vec<Effect>)> {
    let mut found = Vec::new();
    for (lock, was, is) in rezoned(before, after) {
        for share in after.lock_shares(lock.number()).iter() {
            let share = after.shares.get(share);
            let borrower = share.and_then(|it| Some((it.place, it.as_lock?)));
            let Some((place, number)) = borrower else { continue };
            let Some(state) = work.before(place) else { continue };
            let effects = moved(&state, number, was, is);
            found.push((place, state, effects));
        }
    }
    found
}

fn row(before: &PlaceState, after: &PlaceState, effect: Effect) -> Option<PlanRow> {
    let Effect { pair, times } = effect;
    let lock = |state: &PlaceState| state.locks.get(pair.lock).map(|lock| lock.header.id);
    let mut row = PlanRow {
        person: None,
        credential: None,
        email: None,
        phone: None,
        lock: lock(before).or_else(|| lock(after))?,
        times,
    };
    match pair.subject {
        Subject::Person(number) => match (before.people.get(number), after.people.get(number)) {
            (Some(person), _) => row.person = Some(person.header.id),
            (None, Some(person)) => {
                row.email.clone_from(&person.details.email);
                row.phone.clone_from(&person.details.phone);
            }
            (None, None) => return None,
        },
        Subject::Credential(number) => {
            let credential =
                before.credentials.get(number).or_else(|| after.credentials.get(number))?;
            row.credential = Some(credential.header.id);
        }
    }
    Some(row)
}

/// A device of a place at a lock, and what it is.
fn device_row(
    work: &Work,
    (place, device, lock): (PlaceNumber, CredentialNumber, Id),
    times: String,
) -> Option<(PlanRow, CredentialKind)> {
    let state = work.before(place)?;
    let known = state.credentials.get(device)?;
    let credential = Some(known.header.id);
    let row = PlanRow { person: None, credential, email: None, phone: None, lock, times };
    Some((row, known.kind))
}

/// SHA-256 over every row in order; lists are never cut here. Before it stands when its lists were
/// planned.
fn digest(plan: &Planned, at: Option<Instant>) -> String {
    let mut text = String::new();
    for (name, rows) in [
        ("gains", &plan.gains),
        ("losses", &plan.losses),
        ("changed", &plan.changed),
        ("side_effects", &plan.side_effects),
        ("phones_to_sync", &plan.phones_to_sync),
        ("card_tasks", &plan.card_tasks),
    ] {
        let is_of_lists = ["side_effects", "phones_to_sync", "card_tasks"].contains(&name);
        if is_of_lists && at.is_none() {
            continue;
        }
        text.push_str(name);
        for row in rows {
            let who = row
                .person
                .or(row.credential)
                .map(|id| id.to_string())
                .or_else(|| row.email.clone())
                .or_else(|| row.phone.clone());
            text.push_str(&format!("\n{} {} {}", who.unwrap_or_default(), row.lock, row.times));
        }
        text.push('\n');
    }
    let hex = hex(&sha256(text.as_bytes())[..16]);
    let at = at.map(|at| format!("{:08x}", at.seconds() & 0xffff_ffff));
    format!("plan-{}{hex}", at.unwrap_or_default())
}

/// Refuses a command whose plan is not the one that was agreed to; says as of when that had its
/// lists planned, where it has any: what is done is planned as of then too.
pub(crate) fn check(ctx: &Context, work: &Work) -> Result<Option<Instant>, Error> {
    let Some(Expected::Plan(agreed)) = &ctx.expected else { return Ok(None) };
    let at = planned_at(agreed);
    let lasts = at.is_none_or(|at| at <= work.now && work.now < at.plus(PLAN_LASTS));
    let same = planned(ctx, work, at.unwrap_or(work.now)).digest == *agreed;
    let any = planted(Slip::AnyPlan);
    if lasts && same || any { Ok(at) } else { Err(Error::Refused(Refusal::PlanChanged)) }
}

/// Runs a wish for its plan only.
pub(crate) fn dry_run<T>(
    ctx: &Context,
    wish: impl Fn(&mut Work) -> Result<T, Error>,
) -> Result<Planned, Error> {
    let source = ctx.app.world();
    let secrets = ctx.app.store().secrets().clone();
    let mut work = Work::new(&**source, ctx.app.now(), ctx.caller.actor(), secrets);
    wish(&mut work)?;
    Ok(planned(ctx, &work, work.now))
}

impl crate::work::Source for crate::world::World {
    fn place(&self, number: PlaceNumber) -> Option<PlaceState> {
        self.cell(number).map(|cell| PlaceState::clone(&cell.state()))
    }

    fn directory(&self) -> claviger_domain::state::Directory {
        claviger_domain::state::Directory::clone(&self.directory())
    }

    fn list(&self, key: ListKey) -> Option<List> {
        self.lists().list(key).cloned()
    }

    fn concerned(&self, place: PlaceNumber) -> Vec<ListKey> {
        let lists = self.lists();
        let found = lists.lists.values().filter(|list| list.concerns(place));
        found.map(|list| list.key).collect()
    }

    fn offline(&self, key: LockKey) -> Option<OfflineLock> {
        self.lists().lock(key).cloned()
    }

    fn offline_at(&self, place: PlaceNumber) -> Vec<LockKey> {
        let lists = self.lists();
        let found = lists.offline.values().filter(|lock| lock.concerns(place));
        found.map(|lock| lock.key).collect()
    }

    fn each_open(&self, place: PlaceNumber, each: &mut dyn FnMut(&Revocation)) {
        let lists = self.lists();
        let own = lists.revocations.range((place, 0)..=(place, u64::MAX));
        own.for_each(|(_, revocation)| each(revocation));
    }

    fn has_told(&self, cause: Cause, now: Instant) -> bool {
        self.was_told(cause, now)
    }
}
