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

use claviger_offline::cose::{Kind, Signed};
use claviger_offline::event::Sealed;
use claviger_offline::lock::Answer;
use claviger_offline::receipt::Receipt;
use claviger_offline::session::message::{Answered, Said};

use board::{Bench, LINK, issuer_bytes, list_of};
use build::{again, one_of_each, seeds, written};

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
    let mut room = [Sealed { lock: [0; 16], log_epoch: 0, seq: 0, sealed: [0; 36] }; 2];
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
fn a_lock_takes_nothing_that_was_made_up() {
    let mut bench = Bench::new();
    let before = (bench.lock.held().version, bench.flash.sectors.clone());
    let good: Vec<Vec<u8>> = one_of_each().into_iter().map(|it| it.1).collect();
    let count = driver::feed(&seeds(), &[], |input| {
        if good.iter().any(|it| it == input) {
            return;
        }
        bench.ticks_ms += 3_000;
        let issuer = &good[2][..];
        let code = bench.with(|lock, board| lock.apply_list(board, input, issuer, None));
        assert!(code.number() != 20, "{code:?}");
        let answer = bench.with(|lock, board| lock.present(board, &LINK, input, issuer, &good[5]));
        assert!(matches!(answer, Answer::Silent { .. }), "{answer:?}");
        let answer = bench.with(|lock, board| lock.present(board, &LINK, &good[0], issuer, input));
        assert!(matches!(answer, Answer::Silent { .. }), "{answer:?}");
        let answer =
            bench.with(|lock, board| lock.present(board, &LINK, &good[0], input, &good[5]));
        assert!(matches!(answer, Answer::Silent { .. }), "{answer:?}");
        let after = (bench.lock.held().version, bench.flash.sectors.clone());
        assert!(before == after, "something was written");
    });
    println!("{count} inputs");
}
