//! A phone and a lock over a stream: they agree, talk, and anything out of order ends it.

use claviger_offline::cose::{Kind, PublicKey, Signed};
use claviger_offline::event::EventKey;
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::lock::card::{CardCommand, NO_SESSION};
use claviger_offline::lock::code::Code;
use claviger_offline::lock::record::Commissioning;
use claviger_offline::lock::{Answer, Link, Status};
use claviger_offline::receipt::{Receipt, ReceiptKey};
use claviger_offline::session::message::{Answered, Said};
use claviger_offline::session::{Greeted, LENGTH, MOST_FRAME, MOST_SAID, Phone, Session, Step};
use claviger_offline::statement::{Ack, Command, Open};
use claviger_offline::times::Times;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;

use super::board::{Bench, LINK, SECRET, issuer_bytes, list_of, record};
use super::build::{self, HOLDER, ISSUER, LOCK, MONDAY, secret, signed};

const ACT: Command = Command { close: false, intent: true };

/// Both ends of a link.
pub(super) struct Talk {
    pub(super) session: Session,
    pub(super) phone: Phone,
    hello: Vec<u8>,
}

pub(super) type Out = [u8; MOST_FRAME + LENGTH];

/// The frames of a stream, without lengths.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (frame, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        frames.push(frame.to_vec());
        bytes = rest;
    }
    frames
}

pub(super) fn step(bench: &mut Bench, session: &mut Session, frame: &[u8], out: &mut Out) -> Step {
    bench.with(|lock, board| session.receive(lock, board, (true, true), frame, out))
}

fn agreed(bench: &mut Bench, known: PublicKey, ephemeral: u8) -> Result<Talk, &'static str> {
    let mut out: Out = [0; MOST_FRAME + LENGTH];
    let (mut session, length) = bench.with(|_, board| Session::begin(board, &mut out));
    let greeted = Greeted::by(&frames(&out[..length])[0], &[ephemeral; 32]).map_err(|_| "greet")?;
    let sent = step(bench, &mut session, greeted.frame(), &mut out);
    let Step::Send(length) = sent else { return Err("the lock hung up") };
    let sent = frames(&out[..length]);
    let named = greeted.named(&sent[0]).map_err(|_| "name")?;
    let expected = bench.lock.record().map_or([0; 16], |it| it.lock);
    assert_eq!(named.lock, expected);
    let mut phone = named.known_by(&known).map_err(|_| "key")?;
    let mut room = [0; MOST_SAID];
    let hello = phone.hear(&sent[1], &mut room).map_err(|_| "not that lock")?;
    let hello = build::written(|it| hello.write(it));
    Ok(Talk { session, phone, hello })
}

impl Talk {
    pub(super) fn new(bench: &mut Bench) -> Self {
        let known = bench.lock.public_key();
        agreed(bench, known, 0x21).unwrap()
    }

    fn say(&mut self, bench: &mut Bench, said: &Said<'_>) -> (Step, Vec<u8>) {
        let (mut out, mut room) = ([0; MOST_FRAME + LENGTH], [0; MOST_SAID]);
        let mut frame = [0; MOST_FRAME + LENGTH];
        let frame = self.phone.say(said, &mut frame).unwrap().to_vec();
        let step = step(bench, &mut self.session, &frame[2..], &mut out);
        let length = match step {
            Step::Send(length) | Step::Move(_, length) => length,
            _ => return (step, Vec::new()),
        };
        let answer = self.phone.hear(&frames(&out[..length])[0], &mut room).unwrap();
        (step, build::written(|it| answer.write(it)))
    }

    fn open(&mut self, bench: &mut Bench, key: &[u8], by: u8) -> (Step, u8) {
        let open = Open {
            nonce: *self.phone.nonce(),
            lock: LOCK,
            key_digest: Signed::read(key).unwrap().digest(),
            command: ACT,
            session: *self.phone.session(),
        };
        let open = signed(Kind::Open, by, |it| open.write(it));
        let (issuer, key) = (issuer_bytes(), key.to_vec());
        let (step, answer) =
            self.say(bench, &Said::Key { key: &key, issuer: &issuer, open: &open });
        match Answered::read(&answer) {
            Ok(Answered::Key(code)) => (step, code),
            _ => (step, u8::MAX),
        }
    }
}

fn key(serial: u32) -> Vec<u8> {
    let key = build::key();
    let key = Key { serial, min_list: 1, flags: Flags::default(), times: Times::ALWAYS, ..key };
    signed(Kind::Key, ISSUER, |it| key.write(it))
}

#[test]
fn a_phone_delivers_opens_and_carries_events_away() {
    let mut bench = Bench::new();
    let mut talk = Talk::new(&mut bench);
    let hello = Answered::read(&talk.hello).unwrap();
    assert!(matches!(hello, Answered::Hello { epoch: 1, version: 1, state: 1, .. }), "{hello:?}");

    let (list, issuer) = (list_of(1, 2, &[]), issuer_bytes());
    let (_, answer) =
        talk.say(&mut bench, &Said::List { list: &list, issuer: &issuer, epoch: None });
    let Ok(Answered::List { code, receipt: Some(receipt) }) = Answered::read(&answer) else {
        panic!("{answer:?}")
    };
    assert_eq!(code, Code::Applied.number());
    let (receipt, mac) = Receipt::read(receipt).unwrap();
    assert!(receipt.is_by(&ReceiptKey::of(&SECRET, &LOCK), &mac) && receipt.version == 2);

    let (step, code) = talk.open(&mut bench, &key(5), HOLDER);
    assert!(matches!(step, Step::Move(ACT, _)) && code == 0, "{step:?}");
    let (step, code) = talk.open(&mut bench, &key(5), HOLDER);
    assert!(matches!(step, Step::Send(_)) && code == Code::Refused.number(), "the nonce is spent");

    let (_, answer) = talk.say(&mut bench, &Said::Events(1));
    let Ok(Answered::Events(events)) = Answered::read(&answer) else { panic!("{answer:?}") };
    let event_key = EventKey::of(&SECRET, &LOCK);
    let codes: Vec<u8> = events.iter().map(|it| it.open(&event_key).unwrap().code).collect();
    assert_eq!(codes, [Code::Commissioned, Code::Applied, Code::Done].map(Code::number));
    let log_epoch = bench.lock.held().log_epoch;
    let ack = Ack { iat: MONDAY + 5, lock: LOCK, log_epoch, up_to_seq: 3 };
    let ack = signed(Kind::Ack, ISSUER, |it| ack.write(it));
    let (_, answer) = talk.say(&mut bench, &Said::Ack { ack: &ack, issuer: &issuer });
    assert_eq!(Answered::read(&answer), Ok(Answered::Taken(0)));
    assert_eq!(bench.lock.held().acked, 3);
    let (_, answer) = talk.say(&mut bench, &Said::Draw);
    assert!(matches!(Answered::read(&answer), Ok(Answered::Drawn(_))));
}

#[test]
fn a_stranger_is_told_nothing_and_must_wait() {
    let mut bench = Bench::new();
    let mut talk = Talk::new(&mut bench);
    for _ in 0..5 {
        assert_eq!(talk.open(&mut bench, &key(5), 9).1, Code::Refused.number());
    }
    let (step, code) = talk.open(&mut bench, &key(5), HOLDER);
    assert!(matches!(step, Step::Send(_)) && code == Code::Refused.number(), "it must wait");
    bench.ticks_ms += 2_001;
    let (step, code) = talk.open(&mut bench, &key(5), HOLDER);
    assert!(matches!(step, Step::Move(..)) && code == 0, "{step:?} {code}");
}

#[test]
fn a_first_key_waits_for_its_turn() {
    let mut bench = Bench::new();
    while bench.lock.budget().turn(0, false) == claviger_offline::lock::budget::Turn::Go {}
    let mut talk = Talk::new(&mut bench);
    let open = |talk: &Talk, key: &[u8]| {
        let open = Open {
            nonce: *talk.phone.nonce(),
            lock: LOCK,
            key_digest: Signed::read(key).unwrap().digest(),
            command: ACT,
            session: *talk.phone.session(),
        };
        signed(Kind::Open, HOLDER, |it| open.write(it))
    };
    let (key, issuer) = (key(5), issuer_bytes());
    let open = open(&talk, &key);
    let (mut out, mut frame) = ([0; MOST_FRAME + LENGTH], [0; MOST_FRAME + LENGTH]);
    let said = Said::Key { key: &key, issuer: &issuer, open: &open };
    let frame = talk.phone.say(&said, &mut frame).unwrap().to_vec();
    let first = step(&mut bench, &mut talk.session, &frame[2..], &mut out);
    let Step::Wait(ms) = first else { panic!("{first:?}") };
    assert!(ms <= 6_000);
    bench.ticks_ms += ms;
    let second = step(&mut bench, &mut talk.session, &frame[2..], &mut out);
    assert!(matches!(second, Step::Move(..)), "{second:?}");
}

#[test]
fn another_lock_cannot_pass_for_this_one() {
    let mut bench = Bench::new();
    assert_eq!(agreed(&mut bench, build::public(9), 0x21).err(), Some("not that lock"));
}

#[test]
fn whatever_is_changed_on_the_way_ends_the_session() {
    let mut bench = Bench::new();
    let mut out: Out = [0; MOST_FRAME + LENGTH];
    for bit in 0..72 * 8 {
        let (mut session, length) = bench.with(|_, board| Session::begin(board, &mut out));
        let greeted = Greeted::by(&frames(&out[..length])[0], &[0x21; 32]).unwrap();
        let mut frame = greeted.frame().to_vec();
        if bit / 8 >= frame.len() {
            break;
        }
        frame[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(step(&mut bench, &mut session, &frame, &mut out), Step::End, "bit {bit}");
    }
    let mut plain = Talk::new(&mut bench);
    let mut frame = [0; MOST_FRAME + LENGTH];
    let frame = plain.phone.say(&Said::Draw, &mut frame).unwrap()[2..].to_vec();
    for bit in 0..frame.len() * 8 {
        let mut talk = Talk::new(&mut bench);
        let mut changed = frame.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(step(&mut bench, &mut talk.session, &changed, &mut out), Step::End, "{bit}");
        assert_eq!(step(&mut bench, &mut talk.session, &frame, &mut out), Step::End, "it is over");
    }
    assert!(matches!(step(&mut bench, &mut plain.session, &frame, &mut out), Step::Send(_)));
    let again = step(&mut bench, &mut plain.session, &frame, &mut out);
    assert_eq!(again, Step::End, "a frame that came before");
}

#[test]
fn a_lock_is_commissioned_over_its_session() {
    let mut bench = Bench::blank();
    let mut talk = Talk::new(&mut bench);
    let hello = Answered::read(&talk.hello).unwrap();
    assert!(matches!(hello, Answered::Hello { state: 0, .. }));
    let (issuer, list) = (issuer_bytes(), list_of(1, 1, &[]));
    let told = Commissioning { record: record(), issuer: &issuer, list: &list };
    let (_, answer) = talk.say(&mut bench, &Said::Commission(told));
    let Ok(Answered::List { code: 0, receipt: Some(receipt) }) = Answered::read(&answer) else {
        panic!("{answer:?}")
    };
    let (receipt, mac) = Receipt::read(receipt).unwrap();
    assert!(receipt.is_by(&ReceiptKey::of(&SECRET, &LOCK), &mac));
    assert_eq!(bench.lock.status(), Status::Held);
}

#[test]
fn a_card_signs_what_the_lock_has_written_for_it() {
    let mut bench = Bench::new();
    let key = key(5);
    let command = CardCommand::open(LOCK, LINK.nonce, &key).unwrap();
    let signature: p256::ecdsa::Signature = secret(HOLDER).sign_prehash(&command.digest()).unwrap();
    // Cards do not care which of the two s they give.
    let (r, s) = signature.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    for signature in [signature, other] {
        let mut out = [0; 300];
        let open = command.signed(&signature.to_bytes().into(), &mut out).unwrap();
        let link = Link { session: NO_SESSION, near: true, ..LINK };
        let answer =
            bench.with(|lock, board| lock.present(board, &link, &key, &issuer_bytes(), open));
        assert_eq!(answer, Answer::Move(ACT));
    }
}

#[test]
fn messages_have_one_encoding() {
    let (list, issuer, key) = (list_of(1, 2, &[]), issuer_bytes(), key(1));
    let told = Commissioning { record: record(), issuer: &issuer, list: &list };
    let all = [
        Said::Commission(told),
        Said::List { list: &list, issuer: &issuer, epoch: None },
        Said::List { list: &list, issuer: &issuer, epoch: Some(&issuer) },
        Said::Key { key: &key, issuer: &issuer, open: &key },
        Said::Draw,
        Said::Fresh { fresh: &list, issuer: &issuer },
        Said::Events(70_000),
        Said::Ack { ack: &list, issuer: &issuer },
    ];
    for said in all {
        let bytes = build::written(|it| said.write(it));
        let again = build::written(|it| Said::read(&bytes).unwrap().write(it));
        assert_eq!(again, bytes);
        for end in 0..bytes.len() {
            assert!(Said::read(&bytes[..end]).is_err(), "{end} of {said:?}");
        }
        assert!(Said::read(&[&bytes[..], &[0]].concat()).is_err());
    }
    let none = Answered::Events(Items::NONE);
    let bytes = build::written(|it| none.write(it));
    assert_eq!(Answered::read(&bytes), Ok(none));
}
