//! The session that docs/devices.md shows, byte for byte, so that makers can check theirs.

use claviger_offline::cbor::Writer;
use claviger_offline::cose::{Kind, PublicKey, Signed};
use claviger_offline::lock::flash::Layout;
use claviger_offline::lock::{Board, Lock, Random, Settings};
use claviger_offline::session::{Session, Step};
use claviger_offline::statement::{Command, Open};

use super::*;
use crate::offline::flash::Memory;
use crate::offline::maker::{LOCKS, issuer, key, list, record, secret};
use crate::offline::phone::signed;

const DOCUMENT: &str = include_str!("../../../../../docs/devices.md");
const IDENTITY: u8 = 0x66;
const HOLDER: u8 = 0x03;
const EPHEMERAL: u8 = 0x21;

/// Draws bytes that are all alike: 01 the first time, 02 the second, and so on.
struct Counting(u8);

impl Random for Counting {
    fn fill(&mut self, into: &mut [u8]) {
        self.0 += 1;
        into.fill(self.0);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Rows as the document has them: what it is, and its bytes in lines of 32.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn row(&mut self, what: &str, bytes: &[u8]) {
        let hex = hex(bytes);
        let lines = hex.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line));
        for (at, line) in lines.enumerate() {
            let what = if at == 0 { what } else { "" };
            self.0 += &format!("    {what:<28}{line}\n");
        }
    }
}

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut room = [0; 2048];
    let mut writer = Writer::new(&mut room);
    write(&mut writer);
    writer.done().unwrap().to_vec()
}

/// A lock on its board.
struct Bench {
    flash: Memory,
    random: Counting,
    lock: Lock,
}

impl Bench {
    fn new() -> Bench {
        let settings =
            Settings { layout: Layout { ring: 4, log: 2 }, list_limit: 512, drift_ppm: 100 };
        let (mut flash, mut random) = (Memory::new(settings.layout.sectors()), Counting(0));
        let mut board = Board { flash: &mut flash, random: &mut random, ticks_ms: 0 };
        let mut lock = Lock::boot(&mut board, &[IDENTITY; 32], settings).unwrap();
        let (issuer, first) = (issuer(), list(0, 1));
        let code = lock.commission(&mut board, &record(&issuer, &first), true);
        assert_eq!(code.number(), 0);
        Bench { flash, random, lock }
    }

    fn with<T>(
        &mut self,
        what: impl FnOnce(&mut Lock, &mut Board<'_, Memory, Counting>) -> T,
    ) -> T {
        let Bench { flash, random, lock } = self;
        what(lock, &mut Board { flash, random, ticks_ms: 1000 })
    }

    /// The lock takes a frame with its length; what it sends.
    fn take(&mut self, session: &mut Session, frame: &[u8]) -> (Step, Vec<u8>) {
        let mut out = [0; MOST_FRAME + LENGTH];
        let frame = &frame[LENGTH..];
        let step =
            self.with(|lock, board| session.receive(lock, board, (true, false), frame, &mut out));
        match step {
            Step::Send(length) | Step::Move(_, length) => (step, out[..length].to_vec()),
            _ => panic!("{step:?}"),
        }
    }
}

#[test]
fn the_session_of_the_document_is_what_a_lock_does() {
    let mut shown = Shown::default();
    let mut bench = Bench::new();
    let known = PublicKey::of(&secret(IDENTITY));
    assert_eq!(bench.lock.public_key(), known);
    shown.row("the lock's id", &LOCKS[0]);
    shown.row("its secret key", &[IDENTITY; 32]);
    shown.row("the phone's secret key", &[HOLDER; 32]);
    shown.row("the phone's ephemeral one", &[EPHEMERAL; 32]);

    let mut out = [0; MOST_FRAME + LENGTH];
    let (mut session, length) = bench.with(|_, board| Session::begin(board, &mut out));
    let first = out[..length].to_vec();
    shown.row("1 L>P", &first);
    let greeted = Greeted::by(&first[LENGTH..], &[EPHEMERAL; 32]).unwrap();
    let second = framed(greeted.frame());
    shown.row("2 P>L", &second);
    let (_, sent) = bench.take(&mut session, &second);
    shown.row("the lock's ephemeral one", &[bench.random.0; 32]);
    let third = LENGTH + usize::from(u16::from_be_bytes([sent[0], sent[1]]));
    shown.row("3 L>P", &sent[..third]);
    let named = greeted.named(&sent[LENGTH..third]).unwrap();
    assert_eq!(named.lock, LOCKS[0]);
    let mut phone = named.known_by(&known).unwrap();
    shown.row("the session's hash", phone.session());
    shown.row("4 L>P", &sent[third..]);
    let mut room = [0; MOST_SAID];
    let hello = phone.hear(&sent[third + LENGTH..], &mut room).unwrap();
    shown.row("  opens to", &written(|it| hello.write(it)));

    let (key, issuer) = (key(0, PublicKey::of(&secret(HOLDER)), 1), issuer());
    let open = Open {
        nonce: *phone.nonce(),
        lock: LOCKS[0],
        key_digest: Signed::read(&key).unwrap().digest(),
        command: Command { close: false, intent: true },
        session: *phone.session(),
    };
    let open = signed(Kind::Open, &secret(HOLDER), |it| open.write(it)).unwrap();
    let said = Said::Key { key: &key, issuer: &issuer, open: &open };
    shown.row("P says", &written(|it| said.write(it)));
    let mut room_out = [0; MOST_FRAME + LENGTH];
    let frame = phone.say(&said, &mut room_out).unwrap().to_vec();
    shown.row("  sealed, its last 16 bytes", &frame[frame.len() - 16..]);
    let (step, answer) = bench.take(&mut session, &frame);
    assert!(matches!(step, Step::Move(command, _) if !command.close && command.intent));
    shown.row("L>P, and the bolt moves", &answer);
    let mut room = [0; MOST_SAID];
    let answer = phone.hear(&answer[LENGTH..], &mut room).unwrap();
    assert_eq!(answer, Answered::Key(0));
    shown.row("  opens to", &written(|it| answer.write(it)));
    assert!(DOCUMENT.contains(&shown.0), "docs/devices.md must show:\n{}", shown.0);
}
