//! What a controller decides by its list equals what the engine grants, and what is sent, lost,
//! refused and repaired in any order ends in the list that should be. The evaluator here reads the
//! items alone, as `docs/controllers.md` says.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::command::grant::{NewGrant, Receiver};
use claviger_domain::command::{controller, credential, grant, lock, person};
use claviger_domain::decision::{Decision, Presented, decide};
use claviger_domain::ids::{
    ControllerNumber, CredentialNumber, GrantNumber, LockNumber, PlaceNumber,
};
use claviger_domain::noun::controller::ControllerEdit;
use claviger_domain::noun::grant::{GrantEdit, Right, Source, SourceKind, Target, Via};
use claviger_domain::noun::lock::{Capacity, LockEdit, LockMode, PinRule, Posture as Put};
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::schedule::ScheduleRef;
use claviger_domain::offline::{LockKey, OfflineLock};
use claviger_domain::provision::{
    self, Affected, AtList, CredentialEntry, Desired, Due, Entry, Holdings, Inventoried, Item,
    ItemKey, ItemKind, List, ListKey, LockEntry, LockState, Reported, Revocation, Scribe, Site,
    Strange, Taken,
};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, MINUTE, SECOND, Window};

use super::build::{Built, MADE_AT, Way, build, draft, subject};
use super::generate::{self, Random};
use super::world::{self, Held, PinGiven, Question, World};

const CONTROLLER: ControllerNumber = ControllerNumber(1);

/// Not a cryptographic hash: nobody here makes two texts meet.
fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut halves = [0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15];
    for (half, odd) in halves.iter_mut().zip([0x0100_0000_01b3_u64, 0xff51_afd7_ed55_8ccd]) {
        for byte in bytes {
            *half = (*half ^ u64::from(*byte)).wrapping_mul(odd).rotate_left(23);
        }
    }
    let mut out = [0; 16];
    out[..8].copy_from_slice(&halves[0].to_be_bytes());
    out[8..].copy_from_slice(&halves[1].to_be_bytes());
    out
}

/// Puts every lock behind one controller, in the place that owns them.
fn behind(built: &mut Built, capacity: Option<u32>) {
    let place = |state: &PlaceState, locks: &[u32]| {
        let mut draft = draft(state);
        let edit = ControllerEdit {
            name: Some("Panel".to_owned()),
            capacity: Some(capacity),
            ..ControllerEdit::default()
        };
        let made = controller::create(&mut draft, &edit).unwrap().number();
        assert_eq!(made, CONTROLLER);
        for number in locks {
            let edit = LockEdit {
                mode: Some(LockMode::AllowList),
                controller: Some(Some(made)),
                ..LockEdit::default()
            };
            lock::edit(&mut draft, LockNumber(*number), &edit).unwrap();
        }
        draft.finish().0
    };
    let locks = built.owner_locks.clone();
    match &built.owner {
        Some(owner) => built.owner = Some(place(owner, &locks)),
        None => built.state = place(&built.state, &locks),
    }
}

fn site(built: &Built) -> Site<'_> {
    let owner = built.owner.as_ref().unwrap_or(&built.state);
    Site::of(owner, CONTROLLER, |number| {
        (number == built.state.place.number()).then_some(&built.state)
    })
}

fn empty(site: &Site<'_>) -> List {
    List::new(site.key)
}

/// A controller that decides by the items of a list.
struct Alone<'d> {
    items: &'d BTreeMap<ItemKey, Item>,
}

impl Alone<'_> {
    fn lock(&self, lock: LockNumber) -> Option<&LockEntry> {
        self.items.values().find_map(|item| match &item.entry {
            Entry::Lock(entry) if entry.lock.number() == lock => Some(entry),
            _ => None,
        })
    }

    fn holds(&self, schedule: &claviger_domain::ids::Id, at: &LockEntry, now: Instant) -> bool {
        let key = ItemKey { kind: ItemKind::Schedule, id: *schedule };
        let Entry::Schedule(times) = &self.items[&key].entry else { panic!("not a schedule") };
        times.compiled().is_open(now, &at.zone)
    }

    fn found(&self, presented: Presented, built: &Built) -> Vec<&CredentialEntry> {
        let all = self.items.values().filter_map(|item| match &item.entry {
            Entry::Credential(entry) => Some(entry),
            _ => None,
        });
        all.filter(|it| match presented {
            Presented::Card(card) | Presented::Typed(card) => {
                it.credential.parts.iter().any(|part| part.card == card)
            }
            Presented::Code(tag) => it.credential.code.as_ref().is_some_and(|code| code.tag == tag),
            Presented::Credential(number) => {
                it.credential.number() == number && it.place == built.state.place.number()
            }
            Presented::Person(_) => false,
        })
        .collect()
    }

    fn opens(&self, lock: LockNumber, built: &Built, question: &Question) -> bool {
        let now = question.now;
        let Some(at) = self.lock(lock) else { return false };
        let held_open = at.unlock_schedule.is_some_and(|it| self.holds(&it, at, now));
        match at.lock.posture {
            Put::Disabled => return false,
            Put::FreeAccess => return true,
            Put::Normal if held_open => return true,
            Put::Normal | Put::Lockdown => {}
        }
        let asks = at.lock.pin != PinRule::Never
            && at.pin_schedule.is_none_or(|it| self.holds(&it, at, now));
        let lockdown = at.lock.posture == Put::Lockdown;
        self.found(built.presented(question), built).into_iter().any(|it| {
            let pin = match (asks, it.credential.pin.is_some() && it.needs_pin) {
                (false, _) => true,
                (true, false) => at.lock.pin == PinRule::IfSet,
                (true, true) => question.pin == PinGiven::Right,
            };
            let mut ways = it.ways.iter().filter(|way| way.locks.contains(&lock));
            let open = |way: &provision::Way| {
                Window::from(way.window).holds(now)
                    && way.schedules.iter().all(|schedule| self.holds(schedule, at, now))
            };
            // In lockdown some way must override it, and some way must be open.
            let mut overridden = it.ways.iter().filter(|way| way.locks.contains(&lock));
            let lifted = !lockdown || overridden.any(|way| way.override_lockdown && open(way));
            pin && lifted && ways.any(open)
        })
    }
}

/// A question as somebody before a door asks it, with no try locked out.
fn plain(question: &Question) -> Question {
    let pin = match question.pin {
        PinGiven::Asked => PinGiven::Right,
        other => other,
    };
    Question { pin, pin_locked: false, codes_locked: false, ..*question }
}

fn agrees(built: &Built, desired: &Desired, questions: &[Question]) -> usize {
    let alone = Alone { items: &desired.items };
    let mut let_in = 0;
    for question in questions.iter().map(plain) {
        if matches!(question.held, Held::Person(_)) {
            continue;
        }
        let decision: Decision<'_> = decide(built.door(question.lock), &built.request(&question));
        let lock = LockNumber(built.owner_locks[question.lock]);
        let alone = alone.opens(lock, built, &question);
        assert_eq!(alone, decision.granted, "{question:?}: {:?}", decision.reasons);
        let_in += usize::from(alone);
    }
    let_in
}

#[test]
fn a_controller_alone_decides_as_the_engine_does() {
    let let_in = std::cell::Cell::new(0);
    generate::on_worlds(2_000_000..2_000_300, |random: &mut Random, world: &World, questions| {
        for way in [
            Way { inline: random.once_in(2), ..Way::default() },
            Way { shared: true, detours: true, ..Way::default() },
        ] {
            let mut built = build(world, way);
            behind(&mut built, None);
            let site = site(&built);
            // Derived before any of the questions is asked: what is over by then has no say.
            let first = questions.iter().map(|question| question.now).min().unwrap();
            let desired = provision::desired(&site, &empty(&site), first, digest);
            let_in.set(let_in.get() + agrees(&built, &desired, questions));
        }
    });
    assert!(let_in.get() > 200, "only {} were let in", let_in.get());
}

/// The controller's side: items it has stored, with their versions.
#[derive(Default)]
struct Panel {
    stored: BTreeMap<ItemKey, (u64, Item)>,
}

impl Panel {
    /// No more stand in it for a lock than it has room for.
    fn keeps_to(&self, small: &[(LockNumber, usize)]) {
        for (lock, most) in small {
            let opens = |item: &Item| item.ways().iter().any(|way| way.reaches(*lock));
            let opening = self.stored.values().filter(|(_, item)| opens(item)).count();
            assert!(opening <= *most, "{opening} open {lock:?}");
        }
    }
}

/// The locks that have room for so many only.
fn capacities(site: &Site<'_>) -> Vec<(LockNumber, usize)> {
    let room = site.owner.locks.iter().filter_map(|lock| match lock.capacity {
        Some(Capacity::Credentials(most)) => Some((lock.number(), most as usize)),
        _ => None,
    });
    room.collect()
}

/// Every lock has room for so many.
fn make_small(built: &mut Built, most: u32) {
    let capacity = Some(Some(Capacity::Credentials(most)));
    for number in built.owner_locks.clone() {
        let edit = LockEdit { capacity, ..LockEdit::default() };
        built.step(|draft, _| lock::edit(draft, LockNumber(number), &edit).map(drop)).unwrap();
    }
}

/// What is sent for a difference.
fn going(site: &Site<'_>, desired: &Desired, due: &Due, now: Instant) -> Option<Item> {
    let (item, scribe) = (desired.items.get(&due.key)?, Scribe::new(digest, now));
    Some(provision::without(site, &scribe, item, &due.without))
}

/// One call: what the server sends, and what becomes of it.
fn exchange(
    random: &mut Random,
    (built, list, panel): (&Built, &mut List, &mut Panel),
    seq: u64,
    now: Instant,
    kind: bool,
) -> bool {
    let site = site(built);
    let desired = provision::desired(&site, list, now, digest);
    // The controller's list is wrong now and then, and it is asked for what it holds.
    if !kind && random.once_in(6) {
        if let Some(key) = panel.stored.keys().next().copied() {
            panel.stored.remove(&key);
        }
        let inventory: Vec<Inventoried> = panel
            .stored
            .iter()
            .map(|(key, (version, _))| Inventoried { key: *key, version: *version })
            .collect();
        list.take_inventory(&inventory, &[], |key| site.record(key), now);
    }
    let small = capacities(&site);
    let received = if !kind && random.once_in(3) { 0 } else { u64::MAX };
    let queue = provision::queue(&site, &desired, list, received, now, digest);
    let due = queue.due.len();
    list.sweep(|key| desired.items.contains_key(&key));
    let mut reports = Vec::new();
    for due in queue.due.into_iter().take(1 + random.below(8)) {
        let (key, item) = (due.key, going(&site, &desired, &due, now));
        let item = item.as_ref();
        let version = list.send(key, item, seq, now);
        if !kind && random.once_in(4) {
            continue; // The answer is lost.
        }
        // What it has stored it does not refuse when it is sent again.
        let stored = panel.stored.get(&key).is_some_and(|(it, _)| *it == version);
        let refused = !kind && !stored && random.once_in(4);
        if !refused {
            match item {
                Some(item) => panel.stored.insert(key, (version, item.clone())),
                None => {
                    let names = |(_, it): &(u64, Item)| it.names().any(|id| id == key.id);
                    assert!(!panel.stored.values().any(names), "{key:?} is named and removed");
                    panel.stored.remove(&key)
                }
            };
            panel.keeps_to(&small);
        }
        if kind || !random.once_in(4) {
            let refused = refused.then(|| "no".to_owned());
            reports.push(Reported { version, refused });
        }
    }
    list.report(&reports, now);
    due == 0 && queue.next_at.is_none()
}

#[test]
fn whatever_happens_the_list_becomes_what_it_should_be() {
    generate::on_worlds(3_000_000..3_000_120, |random: &mut Random, world: &World, questions| {
        let capacity = random.once_in(2).then_some(2);
        let mut built = build(world, Way::default());
        behind(&mut built, capacity);
        let small = random.once_in(2);
        if small {
            make_small(&mut built, 1 + random.below(2) as u32);
        }
        let mut now = questions.iter().map(|question| question.now).min().unwrap();
        let mut list = empty(&site(&built));
        let mut panel = Panel::default();
        for seq in 1..=20 {
            change(random, &mut built);
            exchange(random, (&built, &mut list, &mut panel), seq, now, false);
            now = now.plus(20 * SECOND);
        }
        let mut done = false;
        for seq in 21..200 {
            now = now.plus(61 * MINUTE);
            done = exchange(random, (&built, &mut list, &mut panel), seq, now, true);
            if done {
                break;
            }
        }
        assert!(done, "it never comes to rest");
        let site = site(&built);
        let desired = provision::desired(&site, &list, now, digest);
        let prints = |items: &BTreeMap<ItemKey, Item>| -> BTreeMap<ItemKey, [u8; 16]> {
            items.iter().map(|(key, item)| (*key, item.print)).collect()
        };
        let stored = panel.stored.iter().map(|(key, (_, item))| (*key, item.clone())).collect();
        assert_eq!(prints(&stored), prints(&desired.items));
        let credentials = stored.keys().filter(|key| key.kind == ItemKind::Credential).count();
        assert!(capacity.is_none_or(|most| credentials <= most as usize));
        if capacity.is_none() && !small {
            let later: Vec<Question> =
                questions.iter().map(|question| Question { now, ..*question }).collect();
            agrees(&built, &desired, &later);
        }
    });
}

/// Calls, and what comes to nothing, until there is nothing more to say.
fn come_to_rest(built: &Built, list: &mut List, panel: &mut Panel, mut now: Instant) -> Instant {
    let mut random = Random(1);
    for seq in list.version + 100.. {
        now = now.plus(61 * MINUTE);
        if exchange(&mut random, (built, list, panel), seq, now, true) {
            return now;
        }
        assert!(seq < list.version + 300, "it never comes to rest");
    }
    now
}

/// So many cards and locks, each card with a right at the lock of the same number.
fn cards_at_locks(count: usize) -> Built {
    let mut world = World::empty("Europe/Stockholm");
    for number in 0..count {
        world.credentials.push(world::Credential {
            person: None,
            kind: world::Kind::Card,
            parts: vec![(40, number as u128 + 1)],
            code: 0,
            pin: false,
            valid: (None, None),
            condition: world::Condition::Active,
            session: None,
        });
        world.locks.push(world::Lock {
            posture: world::Posture::Normal,
            pin: world::Rule::Never,
            pin_times: None,
            unlock: None,
            zone: None,
        });
        world.grants.push(at(number, number));
    }
    build(&world, Way::default())
}

/// The right of a card at a lock.
fn at(card: usize, lock: usize) -> world::Grant {
    world::Grant {
        who: world::Who::Credential(card),
        at: world::Where::Lock(lock),
        share: false,
        window: (None, None),
        times: None,
        overrides: false,
    }
}

#[test]
fn what_changes_places_between_full_locks_loses_the_old_right_at_once() {
    for (count, capacity) in [(2, None), (3, None), (3, Some(3))] {
        let mut built = cards_at_locks(count);
        behind(&mut built, capacity);
        make_small(&mut built, 1);
        let (mut list, mut panel) = (empty(&site(&built)), Panel::default());
        let now = come_to_rest(&built, &mut list, &mut panel, MADE_AT);
        for (number, grant) in built.grants.clone().into_iter().enumerate() {
            let next = built.locks[(number + 1) % count];
            move_to(&mut built, grant, next);
        }
        {
            let site = site(&built);
            let desired = provision::desired(&site, &list, now, digest);
            let due = provision::queue(&site, &desired, &list, u64::MAX, now, digest).due;
            let going = due.iter().map(|due| going(&site, &desired, due, now).unwrap());
            assert_eq!(going.filter(|item| item.ways().is_empty()).count(), count);
        }
        come_to_rest(&built, &mut list, &mut panel, now);
        let site = site(&built);
        let desired = provision::desired(&site, &list, now, digest);
        assert!(desired.cut.is_empty());
        for (key, item) in desired.items {
            assert_eq!(panel.stored[&key].1.print, item.print);
        }
    }
}

#[test]
fn nobody_keeps_a_place_at_a_lock_who_is_not_stored() {
    let mut built = cards_at_locks(2);
    behind(&mut built, Some(1));
    make_small(&mut built, 1);
    let first = GrantNumber(built.grants[0]);
    built.step(|draft, _| grant::revoke(draft, first).map(drop)).unwrap();
    let (mut list, mut panel) = (empty(&site(&built)), Panel::default());
    let now = come_to_rest(&built, &mut list, &mut panel, MADE_AT);
    assert_eq!(panel.stored.keys().filter(|key| key.kind == ItemKind::Credential).count(), 1);
    // Both may open the first lock now: by its number the first would go before.
    for card in [0, 1] {
        let subject = subject(&built, world::Who::Credential(card));
        let wish = NewGrant {
            receiver: Receiver::Known(subject),
            target: Target::Lock(LockNumber(built.locks[0])),
            right: Right::Open,
            source: Source { kind: SourceKind::Direct, via: Via::Native },
            issued_under: None,
            edit: GrantEdit::default(),
        };
        built.step(|draft, _| grant::create(draft, &wish).map(drop)).unwrap();
    }
    come_to_rest(&built, &mut list, &mut panel, now);
    let there = may_open(&list, LockNumber(built.locks[0]));
    assert_eq!(there.len(), 1, "whoever is stored has the place");
    let site = site(&built);
    let desired = provision::desired(&site, &list, now, digest);
    assert_eq!(desired.cut.values().collect::<Vec<_>>(), [&provision::Cut::Whole]);
}

#[test]
fn a_lock_that_is_refused_keeps_the_schedules_it_names() {
    let refused = std::cell::Cell::new(0);
    generate::on_worlds(7_000_000..7_000_060, |random: &mut Random, world: &World, _| {
        let mut built = build(world, Way::default());
        behind(&mut built, None);
        let (mut list, mut panel) = (empty(&site(&built)), Panel::default());
        let now = come_to_rest(&built, &mut list, &mut panel, MADE_AT);
        for _ in 0..6 {
            change(random, &mut built);
        }
        // Locks are refused, and nothing else.
        let site = site(&built);
        let desired = provision::desired(&site, &list, now, digest);
        for seq in 1..10 {
            let queue = provision::queue(&site, &desired, &list, u64::MAX, now, digest);
            for due in queue.due {
                let item = going(&site, &desired, &due, now);
                let (key, version) = (due.key, list.send(due.key, item.as_ref(), seq, now));
                let no = (key.kind == ItemKind::Lock).then(|| "no".to_owned());
                refused.set(refused.get() + usize::from(no.is_some()));
                list.report(&[Reported { version, refused: no.clone() }], now);
                match item.filter(|_| no.is_none()) {
                    Some(item) => drop(panel.stored.insert(key, (version, item))),
                    None if no.is_none() => drop(panel.stored.remove(&key)),
                    None => {}
                }
            }
        }
        let named = panel.stored.values().flat_map(|(_, item)| item.names());
        for id in named {
            let key = ItemKey { kind: ItemKind::Schedule, id };
            assert!(panel.stored.contains_key(&key), "{id:?} is named and gone");
        }
    });
    assert!(refused.get() > 20, "only {} were refused", refused.get());
}

#[test]
fn what_is_of_no_form_of_ours_waits_after_a_refusal_and_is_shown() {
    let mut built = cards_at_locks(1);
    behind(&mut built, None);
    let site = site(&built);
    let (mut list, mut now) = (empty(&site), MADE_AT);
    let strange = Strange { kind: ItemKind::Credential, id: "17".to_owned(), version: 4 };
    list.take_inventory(&[], std::slice::from_ref(&strange), |_| None, now);
    let desired = provision::desired(&site, &list, now, digest);
    let foreign = |list: &List, now| {
        let queue = provision::queue(&site, &desired, list, u64::MAX, now, digest);
        (queue.foreign.len(), queue.next_at)
    };
    for (pause, failing) in [(10, false), (20, false), (40, true)] {
        assert_eq!(foreign(&list, now).0, 1);
        let version = list.foreign()[0].version;
        list.send_away(version, now).unwrap();
        list.report(&[Reported { version, refused: Some("in_use".to_owned()) }], now);
        assert_eq!(foreign(&list, now), (0, Some(now.plus(pause * SECOND))));
        assert_eq!(list.is_failing(Some(&desired), now), failing);
        now = now.plus(pause * SECOND);
    }
    // Told once more that it is there, it is as often refused as it was.
    list.take_inventory(&[], &[strange], |_| None, now);
    assert!(list.is_failing(Some(&desired), now));
    let version = list.foreign()[0].version;
    list.report(&[Reported { version, refused: None }], now);
    assert_eq!((foreign(&list, now).0, list.is_failing(Some(&desired), now)), (0, false));
}

#[test]
fn what_was_sent_by_a_clock_that_was_ahead_is_not_waited_for() {
    let mut built = cards_at_locks(1);
    behind(&mut built, None);
    let site = site(&built);
    let (mut list, ahead) = (empty(&site), MADE_AT.plus(120 * MINUTE));
    let desired = provision::desired(&site, &list, MADE_AT, digest);
    let due =
        |list: &List, now| provision::queue(&site, &desired, list, u64::MAX, now, digest).due.len();
    let all: Vec<ItemKey> = desired.items.keys().copied().collect();
    let sent: Vec<u64> =
        all.iter().map(|key| list.send(*key, desired.items.get(key), 1, ahead)).collect();
    assert_eq!((due(&list, ahead), due(&list, MADE_AT)), (0, all.len()));
    let no = |version: &u64| Reported { version: *version, refused: Some("no".to_owned()) };
    list.report(&sent.iter().map(no).collect::<Vec<_>>(), ahead);
    assert_eq!((due(&list, ahead), due(&list, MADE_AT)), (0, all.len()));
}

#[test]
fn what_is_sent_names_only_what_is_there() {
    let named = std::cell::Cell::new(0);
    generate::on_worlds(6_000_000..6_000_100, |random: &mut Random, world: &World, questions| {
        let mut built = build(world, Way { inline: random.once_in(2), ..Way::default() });
        behind(&mut built, None);
        let now = questions.iter().map(|question| question.now).min().unwrap();
        let mut list = empty(&site(&built));
        for seq in 1..30 {
            change(random, &mut built);
            let site = site(&built);
            let desired = provision::desired(&site, &list, now, digest);
            let queue = provision::queue(&site, &desired, &list, u64::MAX, now, digest);
            let mut reports = Vec::new();
            for due in queue.due.into_iter().take(1 + random.below(5)) {
                let (key, item) = (due.key, going(&site, &desired, &due, now));
                let item = item.as_ref();
                let names = item.map_or(0, |item| item.names().count());
                assert!(item.is_none_or(|item| list.has_named(item)), "{item:?}");
                named.set(named.get() + names);
                let version = list.send(key, item, seq, now);
                reports.push(Reported { version, refused: None });
            }
            list.report(&reports, now);
        }
    });
    assert!(named.get() > 100, "only {} were named", named.get());
}

/// Takes something away, or gives it.
fn change(random: &mut Random, built: &mut Built) {
    let pick = |random: &mut Random, all: &[u32]| (!all.is_empty()).then(|| *random.pick(all));
    let person = pick(random, &built.people.clone());
    let grant_number = pick(random, &built.grants.clone());
    let card = pick(random, &built.credentials.clone());
    match random.below(7) {
        0 => {
            if let Some(number) = person {
                let state = *random.pick(&[PersonState::Active, PersonState::Suspended]);
                built
                    .step(|draft, _| person::set_state(draft, number.into(), state).map(drop))
                    .unwrap();
            }
        }
        1 => {
            if let Some(number) = grant_number {
                built.step(|draft, _| grant::revoke(draft, GrantNumber(number)).map(drop)).ok();
            }
        }
        2 => {
            if let Some(number) = card {
                built
                    .step(|draft, _| {
                        credential::report_lost(draft, CredentialNumber(number)).map(drop)
                    })
                    .unwrap();
            }
        }
        3 => {
            let lock = *random.pick(&built.locks.clone());
            if let Some(number) = grant_number {
                move_to(built, number, lock);
            }
        }
        4 if built.owner.is_none() => {
            let schedule = pick(random, &built.times.clone()).filter(|_| !random.once_in(3));
            let schedule = Some(schedule.map(|it| ScheduleRef::Named(it.into())));
            let edit = match random.once_in(2) {
                true => LockEdit { pin_schedule: schedule, ..LockEdit::default() },
                false => LockEdit { unlock_schedule: schedule, ..LockEdit::default() },
            };
            let lock = LockNumber(*random.pick(&built.owner_locks.clone()));
            built.step(|draft, _| lock::edit(draft, lock, &edit).map(drop)).unwrap();
        }
        _ => {}
    }
}

/// Closes a grant and gives the same right at a lock instead.
fn move_to(built: &mut Built, number: u32, lock: u32) {
    let Some(known) = built.state.grants.get(GrantNumber(number)).cloned() else { return };
    let wish = NewGrant {
        receiver: Receiver::Known(known.subject),
        target: Target::Lock(LockNumber(lock)),
        right: known.right,
        source: known.source,
        issued_under: None,
        edit: GrantEdit { window: known.window.into(), ..GrantEdit::default() },
    };
    built.step(|draft, built| {
        grant::revoke(draft, known.number()).unwrap();
        built.grants.push(grant::create(draft, &wish).unwrap().header.number);
    });
}

/// What is held, of everything the panel may hold.
fn may_open(list: &List, lock: LockNumber) -> BTreeSet<[u8; 16]> {
    let rows = list.rows().filter(|row| row.key.kind == ItemKind::Credential);
    rows.filter(|row| row.opens(lock)).map(|row| row.key.id.0).collect()
}

/// Whoever may still be let in, and should not, is in what was taken back.
fn nobody_is_forgotten(built: &Built, list: &List, taken: &Taken, now: Instant) {
    let site = site(built);
    let should = provision::desired(&site, &empty(&site), now, digest);
    for number in &built.owner_locks {
        let lock = LockNumber(*number);
        let wanted = should.items.values();
        let wanted = wanted.filter(|item| item.ways().iter().any(|way| way.reaches(lock)));
        let wanted: BTreeSet<[u8; 16]> = wanted.map(|item| item.key.id.0).collect();
        let known = taken.lists.iter();
        let known = known.filter(|at| !at.ended.contains_key(&lock));
        let known = known.filter(|at| at.locks.iter().any(|(it, _)| *it == lock));
        let known: BTreeSet<[u8; 16]> =
            known.flat_map(|at| at.items.iter().map(|id| id.0)).collect();
        let over = |id: &[u8; 16]| {
            let row = list.credential(claviger_domain::ids::Id(*id)).unwrap();
            row.held().all(|(_, held)| held.ways.iter().all(|way| way.window.until <= now.0))
        };
        for id in may_open(list, lock).difference(&wanted) {
            assert!(known.contains(id) || over(id), "{id:?} at {lock:?} is forgotten");
        }
    }
}

/// Whether something held of what was taken back may open a lock now.
fn opened(list: &List, at: &AtList, lock: LockNumber, now: Instant) -> bool {
    let rows = at.items.iter().filter_map(|id| list.credential(*id));
    let mut ways = rows.flat_map(|row| row.held()).flat_map(|(_, held)| held.ways.iter());
    ways.any(|way| way.reaches(lock) && way.window.until > now.0)
}

/// One list and no locks.
struct Only<'l>(&'l List);

impl Holdings for Only<'_> {
    fn list(&self, key: ListKey) -> Option<&List> {
        (key == self.0.key).then_some(self.0)
    }

    fn lock(&self, _: LockKey) -> Option<&OfflineLock> {
        None
    }
}

#[test]
fn what_is_taken_back_is_pending_until_the_list_has_followed() {
    let (revoked, untold) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    generate::on_worlds(4_000_000..4_000_150, |random: &mut Random, world: &World, questions| {
        let mut built = build(world, Way::default());
        behind(&mut built, None);
        let mut now = questions.iter().map(|question| question.now).min().unwrap();
        let mut list = empty(&site(&built));
        let mut panel = Panel::default();
        for seq in 1..=random.below(4) as u64 {
            let kind = random.once_in(2);
            exchange(random, (&built, &mut list, &mut panel), seq, now, kind);
        }
        let before = built.clone();
        let written = built.writes.len();
        for _ in 0..3 {
            change(random, &mut built);
        }
        let writes = &built.writes[written..];
        let taken = {
            let affected = Affected { list: &list, before: site(&before), after: site(&built) };
            let concern = provision::concern(&before.state, &built.state, writes);
            provision::taken(&before.state, writes, &concern, &[affected], now, digest)
        };
        nobody_is_forgotten(&built, &list, &taken, now);
        if taken == Taken::default() {
            return;
        }
        if taken.lists.iter().all(AtList::is_over) {
            let may = |at: &AtList| at.locks.iter().any(|(lock, _)| opened(&list, at, *lock, now));
            assert!(!taken.lists.iter().any(may), "something is held of it");
            untold.set(untold.get() + 1);
            return;
        }
        revoked.set(revoked.get() + 1);
        let revocation = Revocation {
            id: claviger_domain::ids::Id([1; 16]),
            place: PlaceNumber(7),
            revision: built.state.revision,
            at: now,
            cause: "test".to_owned(),
            taken,
            settled_at: None,
        };
        for at in &revocation.taken.lists {
            list.doubt(at.items.iter().copied(), at.after);
        }
        let states = |list: &List, now| -> BTreeSet<LockState> {
            let progress = revocation.progress(&Only(list), now);
            progress.locks.iter().map(|lock| lock.state).collect()
        };
        assert!(states(&list, now).contains(&LockState::Pending));
        for seq in 10..200 {
            now = now.plus(61 * MINUTE);
            if exchange(random, (&built, &mut list, &mut panel), seq, now, true) {
                break;
            }
        }
        assert!(!states(&list, now).contains(&LockState::Pending));
    });
    assert!(revoked.get() > 20, "only {} were taken back", revoked.get());
    assert!(untold.get() > 5, "only {} had never been sent", untold.get());
}

#[test]
fn who_is_stored_is_not_pushed_out_by_newcomers() {
    let newcomers = std::cell::Cell::new(0);
    generate::on_worlds(5_000_000..5_000_100, |random: &mut Random, world: &World, questions| {
        let mut built = build(world, Way::default());
        behind(&mut built, None);
        let now = questions[0].now;
        // Those with the lower numbers come last, whom an order by numbers alone would prefer.
        let late: Vec<u32> = built.people[..built.people.len().div_ceil(2)].to_vec();
        let set = |built: &mut Built, state: PersonState| {
            for number in &late {
                let number = (*number).into();
                built.step(|draft, _| person::set_state(draft, number, state).map(drop)).unwrap();
            }
        };
        set(&mut built, PersonState::Suspended);
        let mut list = empty(&site(&built));
        let mut panel = Panel::default();
        make_small(&mut built, 1);
        for seq in 1..100 {
            let now = now.plus(seq as i64 * MINUTE);
            if exchange(random, (&built, &mut list, &mut panel), seq, now, true) {
                break;
            }
        }
        set(&mut built, PersonState::Active);
        let site = site(&built);
        let again = provision::desired(&site, &list, now, digest);
        newcomers.set(newcomers.get() + again.cut.keys().filter(|id| !list.holds(**id)).count());
        for row in list.rows().filter(|row| row.key.kind == ItemKind::Credential && row.is_held()) {
            let stored = &row.confirmed.as_ref().unwrap().held;
            let wanted = again.items.get(&row.key).map(|item| item.print);
            // What ended by itself meanwhile leaves.
            let over = stored.ways.iter().any(|way| way.window.until <= now.plus(100 * MINUTE).0);
            assert!(over || wanted == Some(stored.print), "{:?} flaps", row.key);
        }
    });
    assert!(newcomers.get() > 20, "only {} found no room", newcomers.get());
}
