//! A lock decides, takes lists, and keeps its word through cuts of power and lost pages.

use std::collections::BTreeMap;

use claviger_offline::certificate::Epoch;
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed, envelope};
use claviger_offline::event::{Event, EventKey, Sealed};
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::Section;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::flash::Layout;
use claviger_offline::lock::record::Commissioning;
use claviger_offline::lock::{Answer, Board, Lock, Status};
use claviger_offline::statement::{Ack, Command, Open};
use claviger_offline::times::{Span, Times};

use super::board::{
    Bench, IDENTITY, LINK, SECRET, SETTINGS, issuer_bytes, list_of, open_of, record,
};
use super::build::{self, DAY, HOLDER, ISSUER, LOCK, MONDAY, ROOT, issuer, signed};

const ACT: Command = Command { close: false, intent: true };

/// A lenient key that always holds and needs nothing but list 1.
fn key(serial: u32) -> Key<'static> {
    Key { serial, min_list: 1, flags: Flags::default(), times: Times::ALWAYS, ..build::key() }
}

fn floor(floor: u32) -> [Section<'static>; 1] {
    [Section { class: Class::Phone, floor, ranges: Items::NONE, bitmap_gap: 0, bitmap: &[] }]
}

fn silent(answer: Answer) -> Option<(Code, bool)> {
    match answer {
        Answer::Silent { code, bad_signature } => Some((code, bad_signature)),
        _ => None,
    }
}

#[test]
fn a_key_opens_until_a_list_refuses_it() {
    let mut bench = Bench::new();
    assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT));
    assert_eq!(bench.apply(&list_of(1, 2, &floor(4))), Code::Applied);
    assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT));
    assert_eq!(bench.present(&key(4), ACT), Answer::No(Code::Revoked));
    assert_eq!(bench.apply(&list_of(1, 3, &floor(5))), Code::Applied);
    assert_eq!(bench.present(&key(5), ACT), Answer::No(Code::Revoked));
    let (receipt, receipt_key) = bench.lock.receipt().unwrap();
    assert_eq!((receipt.epoch, receipt.version), (1, 3));
    let bytes = build::written(|it| receipt.write(receipt_key, it));
    assert!(claviger_offline::receipt::Receipt::read(&bytes).unwrap().0.version == 3);
}

#[test]
fn each_step_has_its_answer() {
    let mut bench = Bench::new();
    let no = |bench: &mut Bench, key: Key<'_>| bench.present(&key, ACT);
    let later = Key { epoch: 2, ..key(9) };
    assert_eq!(no(&mut bench, later), Answer::No(Code::NeedList));
    assert_eq!(no(&mut bench, Key { min_list: 2, ..key(9) }), Answer::No(Code::NeedList));
    let strict = Flags { strict_time: true, ..Flags::default() };
    assert_eq!(no(&mut bench, Key { flags: strict, ..key(9) }), Answer::No(Code::TimeUnknown));
    let near = Flags { require_proximity: true, ..Flags::default() };
    assert_eq!(no(&mut bench, Key { flags: near, ..key(9) }), Answer::Move(ACT));
    let intent = Flags { require_intent: true, ..Flags::default() };
    let idle = Command { close: true, intent: false };
    let demanding = Key { flags: intent, ..key(9) };
    assert_eq!(bench.present(&demanding, idle), Answer::No(Code::NoIntent));
    assert_eq!(bench.present(&key(9), idle), Answer::Move(idle));

    // With the time known, within a second or two.
    let noon = MONDAY + DAY / 2;
    assert_eq!(bench.freshen(&list_of(1, 1, &[]), noon, 500), Code::Done);
    let now = bench.lock.now(bench.ticks_ms);
    assert_eq!((now.lo, now.hi), (noon, Some(noon + 2)));
    let strict_key = Key { flags: strict, ..key(9) };
    assert_eq!(no(&mut bench, strict_key), Answer::Move(ACT));
    assert_eq!(no(&mut bench, Key { exp: noon, ..key(9) }), Answer::No(Code::Expired));
    assert_eq!(no(&mut bench, Key { nbf: noon + 900, ..key(9) }), Answer::No(Code::NotYet));
    let morning = [Span { start: MONDAY, end: noon }];
    let times = Times { absolute: Items::Values(&morning), ..Times::ALWAYS };
    let closed = Key { times, ..key(9) };
    assert_eq!(no(&mut bench, closed), Answer::No(Code::OutsideSchedule));
    // The moment it ends is somewhere within what the lock knows.
    let soon = bench.lock.now(bench.ticks_ms).lo + 5;
    assert_eq!(no(&mut bench, Key { exp: soon, ..strict_key }), Answer::No(Code::TimeUnknown));
    assert_eq!(no(&mut bench, Key { exp: soon + 3, ..key(9) }), Answer::Move(ACT));
    let codes: Vec<u8> = bench.events().0.iter().map(|(_, it)| it.code).collect();
    for code in [Code::NeedList, Code::TimeUnknown, Code::Expired, Code::Done, Code::ClockSet] {
        assert!(codes.contains(&code.number()), "{code:?} is not among {codes:?}");
    }
}

#[test]
fn strangers_learn_nothing_and_change_nothing() {
    let mut bench = Bench::new();
    let mut ask = |key: &[u8], issuer: &[u8], open: &[u8]| {
        bench.ticks_ms += 3_000;
        let before = bench.flash.sectors.clone();
        let answer = bench.with(|lock, board| lock.present(board, &LINK, key, issuer, open));
        assert!(before == bench.flash.sectors, "something was recorded");
        silent(answer)
    };
    let good = signed(Kind::Key, ISSUER, |it| key(5).write(it));
    let (certificate, open) = (issuer_bytes(), open_of(&good, ACT));
    let bad = Some((Code::NotForMe, true));
    let no = Some((Code::NotForMe, false));
    let forged = signed(Kind::Key, 9, |it| key(5).write(it));
    assert_eq!(ask(&forged, &certificate, &open_of(&forged, ACT)), no, "another kid");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(ask(&flipped, &certificate, &open), bad, "a bad signature");
    let own = signed(Kind::Issuer, 9, |it| issuer().write(it));
    assert_eq!(ask(&good, &own, &open), bad, "an issuer of nobody's");
    let elsewhere = claviger_offline::certificate::Issuer { place: [9; 16], ..issuer() };
    let elsewhere = signed(Kind::Issuer, ROOT, |it| elsewhere.write(it));
    assert_eq!(ask(&good, &elsewhere, &open), bad, "another place's");
    let old = claviger_offline::certificate::Issuer { generation: 0, ..issuer() };
    let old = signed(Kind::Issuer, ROOT, |it| old.write(it));
    assert_eq!(ask(&good, &old, &open), bad, "an old generation");
    let late = claviger_offline::certificate::Issuer { nbf: MONDAY + 1, ..issuer() };
    let late = signed(Kind::Issuer, ROOT, |it| late.write(it));
    assert_eq!(ask(&good, &late, &open), bad, "not yet an issuer then");
    let short = claviger_offline::certificate::Issuer { exp: MONDAY + DAY, ..issuer() };
    let short = signed(Kind::Issuer, ROOT, |it| short.write(it));
    assert_eq!(ask(&good, &short, &open), no, "a key that outlives its issuer");
    let other = Key { lock: [9; 16], ..key(5) };
    let other = signed(Kind::Key, ISSUER, |it| other.write(it));
    assert_eq!(ask(&other, &certificate, &open_of(&other, ACT)), no, "another lock's");
    let second = signed(Kind::Key, ISSUER, |it| key(6).write(it));
    assert_eq!(ask(&good, &certificate, &open_of(&second, ACT)), no, "a command for another key");
    assert_eq!(ask(&good, &certificate, &certificate).unwrap().0, Code::Malformed);
    assert_eq!(ask(&certificate, &good, &open).unwrap().0, Code::Malformed);
    let said = Open::read(Signed::read(&open).unwrap().payload).unwrap();
    let heard = Open { session: [9; 32], ..said };
    let heard = signed(Kind::Open, HOLDER, |it| heard.write(it));
    assert_eq!(ask(&good, &certificate, &heard), no, "a command of another session");
    let before = Open { nonce: [9; 16], ..said };
    let before = signed(Kind::Open, HOLDER, |it| before.write(it));
    assert_eq!(ask(&good, &certificate, &before), no, "a command over another nonce");
    let own = signed(Kind::Open, 9, |it| said.write(it));
    assert_eq!(ask(&good, &certificate, &own), bad, "a command by somebody else");
    let kid = build::public(HOLDER).kid();
    let (_, signature) = own.split_last_chunk::<64>().unwrap();
    let mut room = [0; 300];
    let payload = Signed::read(&own).unwrap().payload;
    let named = envelope(&kid, payload, signature, &mut room).unwrap();
    assert_eq!(ask(&good, &certificate, named), bad, "the same in the holder's name");
    assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT), "nothing else was wrong");
}

#[test]
fn versions_go_up_only() {
    let mut bench = Bench::new();
    let (two, three) = (list_of(1, 2, &floor(2)), list_of(1, 3, &floor(3)));
    assert_eq!(bench.apply(&three), Code::Applied);
    assert_eq!(bench.apply(&two), Code::Older);
    assert_eq!(bench.apply(&three), Code::Same);
    let twin = list_of(1, 3, &floor(1));
    assert_eq!(bench.apply(&twin), Code::Conflict);
    let codes: Vec<u8> = bench.events().0.iter().map(|(_, it)| it.code).collect();
    assert!(codes.contains(&Code::Conflict.number()), "a cloned signer is alarming");
    let forged = signed(Kind::List, 9, |it| build::list().write(it));
    assert_eq!(bench.apply(&forged), Code::NotForMe);
    assert_eq!(bench.present(&key(3), ACT), Answer::No(Code::Revoked));
    let long = [0xff; 500];
    let long = Section { bitmap: &long, ..floor(3)[0] };
    assert_eq!(bench.apply(&list_of(1, 4, &[long])), Code::TooLong);
    assert_eq!(bench.lock.held().version, 3);
}

fn epoch(change: impl FnOnce(&mut Epoch)) -> Vec<u8> {
    let mut epoch = build::epoch();
    change(&mut epoch);
    signed(Kind::Epoch, ROOT, |it| epoch.write(it))
}

#[test]
fn an_epoch_begins_with_a_certificate_of_the_root() {
    let mut bench = Bench::new();
    let list = list_of(2, 1, &[]);
    assert_eq!(bench.apply(&list), Code::NoEpoch);
    for wrong in [
        epoch(|it| it.place = [9; 16]),
        epoch(|it| it.lock = Some([9; 16])),
        epoch(|it| it.epoch = 3),
        signed(Kind::Epoch, ISSUER, |it| build::epoch().write(it)),
    ] {
        assert_eq!(bench.apply_with(&list, Some(&wrong)), Code::NoEpoch);
    }
    assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT));
    let right = epoch(|it| it.lock = None);
    assert_eq!(bench.apply_with(&list, Some(&right)), Code::Applied);
    assert_eq!(bench.apply(&list_of(1, 99, &[])), Code::Older);
    assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT), "keys from epoch 1 on");
    assert_eq!(bench.present(&Key { epoch: 0, ..key(5) }, ACT), Answer::No(Code::OldEpoch));
    assert_eq!(bench.lock.record().unwrap().epoch, 2);
}

#[test]
fn a_leaked_issuer_is_cut_off() {
    let mut bench = Bench::new();
    // The thief signs a list far in the future: the lock believes it is later than it is.
    let thief = claviger_offline::list::List {
        iat: MONDAY + 300 * DAY,
        lock: LOCK,
        epoch: 1,
        version: 1_000,
        sections: Items::NONE,
    };
    assert_eq!(bench.apply(&signed(Kind::List, ISSUER, |it| thief.write(it))), Code::Applied);
    assert_eq!(bench.present(&key(5), ACT), Answer::No(Code::Expired));
    let next =
        claviger_offline::certificate::Issuer { generation: 2, key: build::public(5), ..issuer() };
    let next = signed(Kind::Issuer, ROOT, |it| next.write(it));
    let raise = epoch(|it| {
        (it.epoch, it.keys_from, it.min_generation, it.reset_time) = (2, 2, 2, true);
        it.iat = MONDAY + 10;
    });
    let list = claviger_offline::list::List {
        iat: MONDAY + 20,
        lock: LOCK,
        epoch: 2,
        version: 1,
        sections: Items::NONE,
    };
    let list = signed(Kind::List, 5, |it| list.write(it));
    bench.ticks_ms += 60_000;
    let code = bench.with(|lock, board| lock.apply_list(board, &list, &next, Some(&raise)));
    assert_eq!(code, Code::Applied);
    assert_eq!(bench.lock.now(bench.ticks_ms).lo, MONDAY + 20);
    // Whatever the thief signs now is nobody's.
    assert_eq!(bench.apply(&list_of(2, 7, &[])), Code::NotForMe);
    let stolen = Key { epoch: 2, ..key(5) };
    assert_eq!(silent(bench.present(&stolen, ACT)), Some((Code::NotForMe, true)));
    bench.boot();
    assert_eq!(bench.lock.now(0).lo, MONDAY + 20);
    assert_eq!(silent(bench.present(&stolen, ACT)), Some((Code::NotForMe, true)));
}

#[test]
fn a_cut_at_any_byte_leaves_the_state_before_or_after() {
    let mut bench = Bench::new();
    assert_eq!(bench.apply(&list_of(1, 2, &floor(2))), Code::Applied);
    bench.boot();
    let raise = epoch(|it| it.lock = None);
    for (list, epoch) in [(list_of(1, 3, &floor(3)), None), (list_of(2, 1, &floor(3)), Some(raise))]
    {
        let (flash, random) = (bench.flash.clone(), bench.random.clone());
        let mut seen = [0; 2];
        for power in (1..2_000).step_by(3) {
            (bench.flash, bench.random) = (flash.clone(), random.clone());
            bench.boot();
            bench.flash.power = Some(power);
            let code = bench.apply_with(&list, epoch.as_deref());
            let finished = bench.flash.power != Some(0);
            let receipt = bench.lock.receipt().is_some() && code == Code::Applied;
            bench.boot();
            let held = bench.lock.held();
            assert_eq!(bench.lock.status(), Status::Held, "cut after {power}");
            let after = (held.epoch, held.version) != (1, 2);
            assert!(after || !receipt, "a receipt for what is forgotten, cut after {power}");
            seen[usize::from(after)] += 1;
            let refused = bench.present(&key(3), ACT) == Answer::No(Code::Revoked);
            assert_eq!(refused, after, "cut after {power}");
            assert_eq!(bench.present(&key(2), ACT), Answer::No(Code::Revoked));
            let record = bench.lock.record().unwrap();
            assert_eq!(record.epoch, bench.lock.held().epoch, "cut after {power}");
            if finished {
                break;
            }
        }
        assert!(seen[0] > 40 && seen[1] > 3, "{seen:?}");
        (bench.flash, bench.random) = (flash, random);
        bench.boot();
    }
}

/// Which sectors of the ring hold a page that ends later than the others.
fn newest(bench: &Bench) -> usize {
    let ring = 2..2 + usize::from(SETTINGS.layout.ring);
    let sequence = |at: &usize| bench.flash.sectors[*at][4..8].to_vec();
    ring.filter(|at| bench.flash.sectors[*at][4] != 0xff).max_by_key(sequence).unwrap()
}

#[test]
fn a_lost_page_opens_to_nobody_until_the_server_has_spoken() {
    for all in [false, true] {
        let mut bench = Bench::new();
        let lists: Vec<Vec<u8>> = (2..5).map(|it| list_of(1, it, &floor(it))).collect();
        for list in &lists {
            assert_eq!(bench.apply(list), Code::Applied);
        }
        let log_epoch = bench.lock.held().log_epoch;
        match all {
            true => (2..6).for_each(|at| bench.flash.sectors[at].fill(0)),
            false => {
                let newest = newest(&bench);
                bench.flash.sectors[newest][20] ^= 1;
            }
        }
        bench.boot();
        assert_eq!(bench.lock.status(), Status::Lost);
        assert!(bench.lock.receipt().is_none());
        assert_ne!(bench.lock.held().log_epoch, log_epoch);
        assert_eq!(bench.present(&key(9), ACT), Answer::No(Code::StateLost));
        for list in &lists {
            assert_eq!(bench.apply(list), Code::NotFresh, "no list comes back by itself");
        }
        // The server's word for an older list would be a lie; for the newest it counts.
        assert_eq!(bench.freshen(&lists[2], MONDAY + 100, 3_600_000), Code::Done);
        assert_eq!(bench.apply(&lists[0]), Code::NotFresh);
        assert_eq!(bench.lock.now(bench.ticks_ms).hi, None, "too late to set the clock");
        assert_eq!(bench.apply(&lists[2]), Code::Applied);
        assert_eq!(bench.present(&key(4), ACT), Answer::No(Code::Revoked));
        assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT));
        bench.boot();
        assert_eq!(bench.lock.status(), Status::Held);
        assert_eq!(bench.present(&key(4), ACT), Answer::No(Code::Revoked));
        assert_eq!(bench.events().0[0].1.code, Code::StateLost.number());
    }
}

#[test]
fn zeros_that_were_half_erased_are_no_page() {
    let mut bench = Bench::new();
    for at in 2..6 {
        bench.flash.sectors[at].fill(0);
        bench.flash.sectors[at][..8].fill(0xff);
    }
    bench.boot();
    let list = list_of(1, 2, &[]);
    assert_eq!(bench.freshen(&list, MONDAY + 100, 0), Code::Done);
    assert_eq!(bench.apply(&list), Code::Applied);
}

#[test]
fn the_epoch_survives_the_loss_of_all_pages() {
    let mut bench = Bench::new();
    let raise = epoch(|it| (it.keys_from, it.min_generation) = (2, 1));
    assert_eq!(bench.apply_with(&list_of(2, 1, &[]), Some(&raise)), Code::Applied);
    (2..6).for_each(|at| bench.flash.sectors[at].fill(0));
    bench.boot();
    let old = list_of(1, 50, &[]);
    assert_eq!(bench.freshen(&old, MONDAY + 100, 0), Code::Done);
    assert_eq!(bench.apply(&old), Code::Older);
    let new = list_of(2, 1, &[]);
    assert_eq!(bench.freshen(&new, MONDAY + 100, 0), Code::Done);
    assert_eq!(bench.apply(&new), Code::Applied);
    assert_eq!(bench.present(&key(5), ACT), Answer::No(Code::OldEpoch));
}

#[test]
fn one_copy_of_the_record_is_enough_and_none_is_nobody_s() {
    for copy in 0..2 {
        let mut bench = Bench::new();
        bench.flash.sectors[copy].fill(0x5a);
        bench.boot();
        assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT));
        bench.flash.sectors[1 - copy].fill(0x5a);
        bench.boot();
        assert_eq!(bench.present(&key(5), ACT), Answer::Move(ACT), "the other was mended");
        (0..2).for_each(|copy| bench.flash.sectors[copy].fill(0));
        bench.boot();
        assert_eq!(bench.lock.status(), Status::Uncommissioned);
        assert_eq!(silent(bench.present(&key(5), ACT)), Some((Code::Uncommissioned, false)));
        assert_eq!(bench.apply(&list_of(1, 9, &[])), Code::Uncommissioned);
    }
}

#[test]
fn commissioning_needs_the_button_and_happens_once() {
    let mut bench = Bench::blank();
    let (certificate, list) = (issuer_bytes(), list_of(1, 1, &[]));
    let told = Commissioning { record: record(), issuer: &certificate, list: &list };
    let mut commission = |told: &Commissioning<'_>, button| {
        bench.with(|lock, board| lock.commission(board, told, button))
    };
    assert_eq!(commission(&told, false), Code::Refused);
    let forged = list_of(1, 1, &[]);
    let stranger = signed(Kind::Issuer, 9, |it| issuer().write(it));
    let forged = Commissioning { issuer: &stranger, list: &forged, ..told.clone() };
    assert_eq!(commission(&forged, true), Code::NotForMe);
    assert_eq!(commission(&told, true), Code::Done);
    assert_eq!(commission(&told, true), Code::Refused, "no second one without a reset");
    let told = Commissioning { record: record(), issuer: &certificate, list: &list };
    for power in (1..4_000).step_by(7) {
        let mut bench = Bench::blank();
        bench.flash.power = Some(power);
        let code = bench.with(|lock, board| lock.commission(board, &told, true));
        let finished = bench.flash.power != Some(0);
        bench.boot();
        let status = bench.lock.status();
        assert!(matches!(status, Status::Held | Status::Uncommissioned), "{status:?}, {power}");
        assert!(status == Status::Held || code != Code::Done, "cut after {power}");
        if status == Status::Uncommissioned {
            let again = bench.with(|lock, board| lock.commission(board, &told, true));
            assert_eq!(again, Code::Done, "cut after {power}");
        }
        if finished {
            break;
        }
    }
}

/// What a server has of the log of a lock.
#[derive(Default)]
struct Server {
    events: BTreeMap<u32, (u8, u32)>,
    declared: Vec<(u32, u32)>,
}

impl Server {
    /// Events are brought; each number is of one event for ever, and none is missing.
    fn take(&mut self, bench: &mut Bench, round: u32) {
        // The next event says what the last boot has skipped.
        assert_eq!(bench.present(&key(7), ACT), Answer::Move(ACT));
        let (events, lost) = bench.events();
        self.declared.extend(lost);
        for (seq, event) in &events {
            let what = (event.code, event.serial);
            let before = self.events.insert(*seq, what);
            assert!(before.is_none_or(|it| it == what), "number {seq} twice, round {round}");
        }
        let last = events.last().unwrap().0;
        for seq in 1..=last {
            let declared = self.declared.iter().any(|it| (it.0..=it.1).contains(&seq));
            let known = declared || self.events.contains_key(&seq);
            assert!(known, "number {seq} of {last} is missing, round {round}");
        }
    }
}

#[test]
fn every_event_arrives_or_is_declared_lost_whatever_is_cut() {
    let mut bench = Bench::new();
    let mut server = Server::default();
    let mut power = 40;
    for round in 0..100_u32 {
        // Cuts move through all bytes of a slot and a page.
        bench.flash.power = Some(power);
        power = 40 + (power * 7 + 13) % 1_500;
        for serial in 1..=12 {
            if bench.present(&key(round * 100 + serial), ACT) != Answer::Move(ACT) {
                break;
            }
        }
        bench.boot();
        assert_eq!(bench.lock.status(), Status::Held, "round {round}");
        if round % 3 == 0 {
            server.take(&mut bench, round);
        }
        if round % 10 == 9 {
            server.take(&mut bench, round);
            let last = bench.lock.next_seq() - 1;
            let log_epoch = bench.lock.held().log_epoch;
            let ack = |log_epoch, up_to_seq| {
                let ack = Ack { iat: MONDAY, lock: LOCK, log_epoch, up_to_seq };
                signed(Kind::Ack, ISSUER, |it| ack.write(it))
            };
            let certificate = issuer_bytes();
            for (ack, code) in
                [(ack(log_epoch ^ 1, last), Code::NotForMe), (ack(log_epoch, last), Code::Done)]
            {
                bench.ticks_ms += 3_000;
                let taken = bench.with(|lock, board| lock.take_ack(board, &ack, &certificate));
                assert_eq!(taken, code);
            }
        }
    }
    assert!(server.events.len() > 200, "{} events", server.events.len());
    assert!(!server.declared.is_empty());
}

#[test]
fn what_is_left_of_earlier_logs_is_told_a_few_at_a_time_and_around_again() {
    let mut bench = Bench::new();
    for serial in 1..=7 {
        assert_eq!(bench.present(&key(serial), ACT), Answer::Move(ACT));
    }
    let list = list_of(1, 1, &[]);
    let (earlier, log_epoch) = (bench.events().0, bench.lock.held().log_epoch);
    (2..6).for_each(|at| bench.flash.sectors[at].fill(0));
    bench.boot();
    assert_eq!(bench.freshen(&list, MONDAY + 100, 0), Code::Done);
    assert_eq!(bench.apply(&list), Code::Applied);
    assert_eq!(bench.present(&key(8), ACT), Answer::Move(ACT));
    assert_ne!(bench.lock.held().log_epoch, log_epoch);

    let event_key = EventKey::of(&SECRET, &LOCK);
    let mut told = || -> Vec<(u32, Event)> {
        let mut room = [Sealed::NONE; 3];
        let count = bench.with(|lock, board| lock.events(board, 0, &mut room));
        let few = room[..count].iter();
        few.map(|it| {
            assert_eq!(it.log_epoch, log_epoch, "of the log that ended");
            (it.seq, it.open(&event_key).unwrap())
        })
        .collect()
    };
    for round in 0..2 {
        let mut all = Vec::new();
        for _ in 0..earlier.len() {
            all.extend(told());
            if all.len() >= earlier.len() {
                break;
            }
        }
        assert_eq!(all, earlier, "round {round}");
    }
    let now = bench.events().0;
    assert!(now.iter().any(|(_, it)| it.serial == 8), "the log that is written: {now:?}");
    assert!(!now.iter().any(|(_, it)| (1..8).contains(&it.serial) && it.code == 0), "{now:?}");
}

#[test]
fn a_lock_does_not_begin_on_too_little() {
    let mut bench = Bench::blank();
    let Bench { flash, random, .. } = &mut bench;
    let mut board = Board { flash, random, ticks_ms: 0 };
    let layout = Layout { ring: 3, log: 3 };
    let small = claviger_offline::lock::Settings { layout, ..SETTINGS };
    assert!(Lock::boot(&mut board, &IDENTITY, small).is_err());
    assert!(Lock::boot(&mut board, &[0; 32], SETTINGS).is_err());
    assert!(size_of::<Lock>() < 2048, "{} bytes", size_of::<Lock>());
}
