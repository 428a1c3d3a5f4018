//! Dry runs: the plan of a command without the command, and the digest that demands exactly it.

use std::collections::BTreeSet;

use claviger_domain::ids::{Id, PlaceNumber};
use claviger_domain::noun::grant::Subject;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::plan::{Effect, Plan, plan};
use claviger_domain::provision::{Holdings, List, ListKey};
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;

use crate::context::{Context, Expected};
use crate::error::Error;
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
    /// `plan-<hex>` over the complete plan.
    pub digest: String,
}

impl Planned {
    /// The plan of what changes nothing.
    pub(crate) fn nothing() -> Planned {
        let mut plan = Planned::default();
        plan.digest = digest(&plan);
        plan
    }
}

/// The plan of a finished work over all places it touched. The digest is of the whole; what the
/// caller may not see in another place is left out of what is shown.
pub(crate) fn planned(ctx: &Context, work: &Work) -> Planned {
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
    }
    for rows in [&mut whole.gains, &mut whole.losses, &mut whole.changed] {
        rows.sort();
    }
    whole.digest = digest(&whole);
    for rows in [&mut whole.gains, &mut whole.losses, &mut whole.changed] {
        rows.retain(|row| !hidden.contains(row));
    }
    whole
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

/// SHA-256 over every row in order; lists are never cut here.
fn digest(plan: &Planned) -> String {
    let mut text = String::new();
    for (name, rows) in
        [("gains", &plan.gains), ("losses", &plan.losses), ("changed", &plan.changed)]
    {
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
    format!("plan-{}", hex(&sha256(text.as_bytes())[..16]))
}

/// Refuses a command whose plan is not the one that was agreed to.
pub(crate) fn check(ctx: &Context, work: &Work) -> Result<(), Error> {
    match &ctx.expected {
        Some(Expected::Plan(agreed)) if planned(ctx, work).digest != *agreed => {
            Err(Error::Refused(Refusal::PlanChanged))
        }
        _ => Ok(()),
    }
}

/// Runs a wish for its plan only.
pub(crate) fn dry_run<T>(
    ctx: &Context,
    wish: impl Fn(&mut Work) -> Result<T, Error>,
) -> Result<Planned, Error> {
    let source = ctx.app.world();
    let mut work = Work::new(&**source, ctx.app.now(), ctx.caller.actor());
    wish(&mut work)?;
    Ok(planned(ctx, &work))
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
}
