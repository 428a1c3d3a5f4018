//! Whatever bytes arrive are read or refused: no panic, and what is read is written as it came.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout)]

#[path = "../it/board.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod board;
#[path = "../it/build.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod build;
#[path = "../../../web/tests/fuzz/driver.rs"]
mod driver;

use claviger_offline::cose::{Kind, PublicKey, Signed};
use claviger_offline::event::Sealed;
use claviger_offline::key::{Flags, Key};
use claviger_offline::lock::Answer;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::record::Commissioning;
use claviger_offline::receipt::Receipt;
use claviger_offline::session::message::{Answered, Said};
use claviger_offline::session::{Greeted, LENGTH, MOST_FRAME, Session, Step};
use claviger_offline::statement::Command;
use claviger_offline::times::Times;

use board::{Bench, LINK, issuer_bytes, list_of, open_of, record};
use build::{ISSUER, again, one_of_each, seeds, signed, written};

#[test]
fn payloads_and_objects() {
    let count = driver::feed(&seeds(), &[], |input| {
        for kind in Kind::ALL {
            if let Some(written) = again(kind, input) {
                assert_eq!(written, input, "{kind:?} is not written as it was read");
            }
        }
        if let Ok(signed) = Signed::read(input) {
            let end = input.len() - 64;
            assert_eq!(&input[end..], signed.signature);
        }
    });
    println!("{count} inputs");
}

#[test]
fn messages_receipts_and_events() {
    let (list, issuer) = (list_of(1, 2, &[]), issuer_bytes());
    let all = [
        Said::List { list: &list, issuer: &issuer, epoch: Some(&issuer) },
        Said::Key { key: &list, issuer: &issuer, open: &list },
        Said::Draw,
        Said::Events(7),
    ];
    let mut seeds: Vec<Vec<u8>> = all.iter().map(|said| written(|it| said.write(it))).collect();
    let mut bench = Bench::new();
    let mut room = [Sealed::NONE; 2];
    let count = bench.with(|lock, board| lock.events(board, 1, &mut room));
    let events = claviger_offline::items::Items::Values(&room[..count]);
    seeds.push(written(|it| Answered::Events(events).write(it)));
    let (receipt, key) = bench.lock.receipt().unwrap();
    let receipt = written(|it| receipt.write(key, it));
    let answered = Answered::List { code: 20, receipt: Some(&receipt) };
    seeds.push(written(|it| answered.write(it)));
    seeds.push(receipt.clone());
    let count = driver::feed(&seeds, &[], |input| {
        if let Ok(said) = Said::read(input) {
            assert_eq!(written(|it| said.write(it)), input);
        }
        if let Ok(answered) = Answered::read(input) {
            assert_eq!(written(|it| answered.write(it)), input);
        }
        if let Ok(sealed) = Sealed::read(input) {
            assert_eq!(written(|it| sealed.write(it)), input);
        }
        let _ = Receipt::read(input);
    });
    println!("{count} inputs");
}

#[test]
fn records_of_a_commissioning() {
    let (list, issuer) = (list_of(1, 1, &[]), issuer_bytes());
    let told = Commissioning { record: record(), issuer: &issuer, list: &list };
    let seed = written(|it| told.write(it));
    let mut bench = Bench::blank();
    let mut taken = 0_u32;
    let count = driver::feed(&[seed], &[], |input| {
        let Ok(Said::Commission(told)) = Said::read(input) else { return };
        assert_eq!(written(|it| told.write(it)), input);
        let code = bench.with(|lock, board| lock.commission(board, &told, true));
        if code == Code::Done {
            // Whatever it is made, it still is when its power comes back.
            bench.boot();
            assert_eq!(bench.lock.record(), Some(&told.record));
            bench = Bench::blank();
            taken += 1;
        }
    });
    assert!(taken > 0, "none was taken");
    println!("{count} inputs");
}

#[test]
fn frames_of_a_handshake() {
    let (mut bench, mut out) = (Bench::new(), [0; MOST_FRAME + LENGTH]);
    let (session, length) = bench.with(|_, board| Session::begin(board, &mut out));
    let first = out[LENGTH..length].to_vec();
    let secret = [0x21; 32];
    let greeted = || Greeted::by(&first, &secret).ok().unwrap();
    let second = greeted().frame().to_vec();
    let answers = |bench: &mut Bench, mut session: Session, frame: &[u8], out: &mut _| {
        let step = bench.with(|it, board| session.receive(it, board, (true, true), frame, out));
        let again = bench.with(|it, board| session.receive(it, board, (true, true), frame, out));
        assert_eq!(again, Step::End, "a frame of the handshake counts once");
        step
    };
    let step = answers(&mut bench, session, &second, &mut out);
    assert!(matches!(step, Step::Send(_)), "{step:?}");
    let third = out[LENGTH..LENGTH + 104].to_vec();
    assert!(greeted().named(&third).is_ok());
    let seeds = [first.clone(), second.clone(), third.clone()];
    let count = driver::feed(&seeds, &[], |input| {
        let is_first = input.len() == first.len() && input[..3] == first[..3];
        assert_eq!(Greeted::by(input, &secret).is_ok(), is_first);
        assert_eq!(greeted().named(input).is_ok(), input == third);
        let (session, _) = bench.with(|_, board| Session::begin(board, &mut out));
        match answers(&mut bench, session, input, &mut out) {
            Step::Send(_) => {
                let is_second = input.len() == second.len() && input[..4] == second[..4];
                assert!(is_second && p256_point(&input[4..]), "it is no frame 2");
            }
            Step::End => assert!(input != second),
            other => panic!("{other:?}"),
        }
    });
    println!("{count} inputs");
}

/// Whether x and y are of a point of the curve.
fn p256_point(xy: &[u8]) -> bool {
    PublicKey(xy.try_into().unwrap()).is_point()
}

/// What a lock takes, so that it is one changed bit that makes the difference.
struct Taken {
    list: Vec<u8>,
    issuer: Vec<u8>,
    key: Vec<u8>,
    open: Vec<u8>,
}

impl Taken {
    fn new() -> Self {
        let (flags, times) = (Flags::default(), Times::ALWAYS);
        let key = Key { serial: 9, min_list: 1, flags, times, ..build::key() };
        let key = signed(Kind::Key, ISSUER, |it| key.write(it));
        let open = open_of(&key, Command { close: false, intent: true });
        Self { list: list_of(1, 2, &[]), issuer: issuer_bytes(), key, open }
    }
}

fn present(bench: &mut Bench, [key, issuer, open]: [&[u8]; 3]) -> Answer {
    bench.ticks_ms += 3_000;
    bench.with(|lock, board| lock.present(board, &LINK, key, issuer, open))
}

fn apply(bench: &mut Bench, list: &[u8], issuer: &[u8]) -> Code {
    bench.ticks_ms += 3_000;
    bench.with(|lock, board| lock.apply_list(board, list, issuer, None))
}

#[test]
fn a_lock_takes_nothing_that_was_made_up() {
    let Taken { list, issuer, key, open } = Taken::new();
    let mut taking = Bench::new();
    assert!(matches!(present(&mut taking, [&key, &issuer, &open]), Answer::Move(_)));
    assert_eq!(apply(&mut taking, &list, &issuer), Code::Applied);

    let mut bench = Bench::new();
    let before = (bench.lock.held().version, bench.flash.sectors.clone());
    let mut good = [&list, &issuer, &key, &open].map(Clone::clone).to_vec();
    let seeds = [&seeds()[..], &good].concat();
    good.extend(one_of_each().into_iter().map(|(_, object)| object));
    let [list, issuer, key, open] = [&list[..], &issuer, &key, &open];
    let count = driver::feed(&seeds, &[], |input| {
        if good.iter().any(|it| it == input) {
            return;
        }
        let code = apply(&mut bench, input, issuer);
        assert!(code != Code::Applied && code != Code::Same, "{code:?}");
        let code = apply(&mut bench, list, input);
        assert!(code != Code::Applied && code != Code::Same, "{code:?}");
        for parts in [[input, issuer, open], [key, input, open], [key, issuer, input]] {
            let answer = present(&mut bench, parts);
            assert!(matches!(answer, Answer::Silent { .. }), "{answer:?}");
            let spent = Answer::Silent { code: Code::Refused, bad_signature: false };
            assert!(answer != spent, "it was not looked at");
        }
        let after = (bench.lock.held().version, bench.flash.sectors.clone());
        assert!(before == after, "something was written");
    });
    println!("{count} inputs");
}
