//! Each message in each state of a lock and of its session, two after one another (three with
//! `CLAVIGER_LONG=1`), against a table of its own; and each frame that is none ends the session.

use std::collections::BTreeSet;

use claviger_offline::class::Class;
use claviger_offline::cose::Kind;
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::{List, Section};
use claviger_offline::lock::Status;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::record::Commissioning;
use claviger_offline::session::message::{Answered, Said};
use claviger_offline::session::{Greeted, LENGTH, MOST_FRAME, MOST_SAID, Session, Step};
use claviger_offline::statement::{Ack, Command, Fresh, Open};
use claviger_offline::times::Times;

use super::board::{Bench, Memory, SETTINGS, issuer_bytes, list_of, record};
use super::build::{self, HOLDER, ISSUER, LOCK, MONDAY, NONCE, signed};
use super::session::{Talk, frames};

const STRANGER: u8 = 9;

/// How a lock and its session begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    Blank,
    Held,
    Lost,
    Faulty,
    /// Others have spent the budget of verifications.
    Spent,
    /// So many signatures were bad on this link that it must wait.
    Waiting,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Commission,
    CommissionWithoutButton,
    /// Lists of epoch 1: 2, 3, another 3, 4; one of a stranger and one that is too long.
    Old,
    Same,
    Other,
    Next,
    Strangers,
    Long,
    /// The first list of epoch 2, with its certificate and without.
    Epoch,
    EpochBare,
    /// A key that is right; one that list 4 refuses, one that needs list 9, another's.
    Key,
    KeyOfSix,
    KeyAhead,
    KeyStolen,
    Draw,
    Fresh,
    FreshOfOther,
    Events,
    FormerEvents,
    Ack,
    AckOfOther,
}

const WORDS: [Word; 21] = [
    Word::Commission,
    Word::CommissionWithoutButton,
    Word::Old,
    Word::Same,
    Word::Other,
    Word::Next,
    Word::Strangers,
    Word::Long,
    Word::Epoch,
    Word::EpochBare,
    Word::Key,
    Word::KeyOfSix,
    Word::KeyAhead,
    Word::KeyStolen,
    Word::Draw,
    Word::Fresh,
    Word::FreshOfOther,
    Word::Events,
    Word::FormerEvents,
    Word::Ack,
    Word::AckOfOther,
];
const _: () = assert!(WORDS.len() == Word::AckOfOther as usize + 1);

/// A list as the table knows it: its epoch and version, and which of two it is.
type Paper = ((u16, u32), bool);

fn paper(word: Word) -> Paper {
    match word {
        Word::Commission | Word::CommissionWithoutButton => ((1, 1), false),
        Word::Old => ((1, 2), false),
        Word::Same => ((1, 3), false),
        Word::Other => ((1, 3), true),
        Word::Next => ((1, 4), false),
        Word::Strangers | Word::Long => ((1, 9), false),
        _ => ((2, 1), false),
    }
}

/// What answers depend on.
struct Table {
    status: Status,
    holds: Paper,
    spent: bool,
    waits: bool,
    /// A key of this session has been judged.
    judged: bool,
    /// There is a nonce to say a command over.
    nonce: bool,
    /// There is one to say a statement over.
    drawn: bool,
    /// A lock that lost its state was told that list 4 is newest.
    told: bool,
}

impl Table {
    fn of(begins: Begins) -> Self {
        let status = match begins {
            Begins::Blank => Status::Uncommissioned,
            Begins::Lost => Status::Lost,
            Begins::Faulty => Status::Faulty,
            Begins::Held | Begins::Spent | Begins::Waiting => Status::Held,
        };
        let (spent, waits) = (begins == Begins::Spent, begins == Begins::Waiting);
        let holds = ((1, 3), false);
        let (judged, nonce, drawn, told) = (waits, true, false, false);
        Self { status, holds, spent, waits, judged, nonce, drawn, told }
    }

    fn takes_words(&self) -> bool {
        !self.waits && matches!(self.status, Status::Held | Status::Lost)
    }

    /// What is told, where a code is.
    fn answer(&mut self, word: Word) -> Option<Code> {
        let done = |is: bool| if is { Code::Done } else { Code::Refused };
        Some(match word {
            Word::Commission | Word::CommissionWithoutButton => {
                let is_blank = self.status == Status::Uncommissioned && !self.waits;
                let becomes = is_blank && word == Word::Commission;
                if becomes {
                    (self.status, self.holds) = (Status::Held, paper(word));
                }
                done(becomes)
            }
            Word::Key | Word::KeyOfSix | Word::KeyAhead | Word::KeyStolen => self.key(word),
            Word::Fresh | Word::FreshOfOther => match self.takes_words() {
                false => Code::Refused,
                true if !self.drawn || word == Word::FreshOfOther => Code::NotFresh,
                true if self.spent => Code::Refused,
                true => {
                    self.drawn = false;
                    self.told |= self.status == Status::Lost;
                    Code::Done
                }
            },
            Word::Ack => done(self.takes_words() && !self.spent),
            Word::AckOfOther => Code::Refused,
            Word::Draw => {
                (self.nonce, self.drawn) = (true, true);
                return None;
            }
            Word::Events | Word::FormerEvents => return None,
            _ => self.list(word),
        })
    }

    fn list(&mut self, word: Word) -> Code {
        let list = paper(word);
        if !self.takes_words() {
            return Code::Refused;
        }
        let is_lost = self.status == Status::Lost;
        if is_lost && !(self.told && word == Word::Next) {
            return Code::NotFresh;
        }
        match list.0.cmp(&self.holds.0) {
            _ if is_lost => {}
            std::cmp::Ordering::Less => return Code::Older,
            std::cmp::Ordering::Equal if list == self.holds => return Code::Same,
            _ => {}
        }
        match word {
            Word::Long => Code::TooLong,
            _ if self.spent => Code::Refused,
            Word::EpochBare => Code::NoEpoch,
            Word::Strangers => Code::Refused,
            _ if !is_lost && list.0 == self.holds.0 => Code::Refused,
            _ => {
                (self.status, self.holds) = (Status::Held, list);
                Code::Applied
            }
        }
    }

    fn key(&mut self, word: Word) -> Code {
        if self.waits || !self.nonce {
            return Code::Refused;
        }
        let is_first = !std::mem::replace(&mut self.judged, true);
        // The first key of a session has a turn of its own, after a while.
        if !self.takes_words() || self.spent && !is_first || word == Word::KeyStolen {
            return Code::Refused;
        }
        let version = self.holds.0;
        match word {
            _ if self.status == Status::Lost => Code::StateLost,
            Word::KeyAhead if version < (1, 9) => Code::NeedList,
            Word::KeyOfSix if version == (1, 4) => Code::Revoked,
            _ => {
                self.nonce = false;
                Code::Done
            }
        }
    }
}

/// A section that refuses a floor, and rows of eight.
fn section(class: Class, floor: u32, bitmap: &[u8]) -> [Section<'_>; 1] {
    let bitmap_gap = u32::from(!bitmap.is_empty());
    [Section { class, floor, ranges: Items::NONE, bitmap_gap, bitmap }]
}

/// Everything that is said, signed once.
struct Papers {
    lists: Vec<(Word, Vec<u8>)>,
    keys: Vec<(Word, Vec<u8>)>,
    issuer: Vec<u8>,
    strangers: Vec<u8>,
    epoch: Vec<u8>,
}

impl Papers {
    fn new() -> Self {
        let long = [1; 500];
        let (next, other, long) = (
            section(Class::Phone, 7, &[]),
            section(Class::Card, 1, &[]),
            section(Class::Card, 1, &long[..]),
        );
        let lists = [
            (Word::Commission, list_of(1, 1, &[])),
            (Word::Old, list_of(1, 2, &[])),
            (Word::Same, list_of(1, 3, &[])),
            (Word::Other, list_of(1, 3, &other)),
            (Word::Next, list_of(1, 4, &next)),
            (Word::Long, list_of(1, 9, &long)),
            (Word::Epoch, list_of(2, 1, &[])),
            (Word::EpochBare, list_of(2, 1, &[])),
        ];
        let by_stranger =
            List { iat: MONDAY, lock: LOCK, epoch: 1, version: 9, sections: Items::Values(&[]) };
        let by_stranger = signed(Kind::List, STRANGER, |it| by_stranger.write(it));
        let key = |serial, min_list| {
            let (flags, times) = (Flags::default(), Times::ALWAYS);
            let key = Key { serial, min_list, flags, times, ..build::key() };
            signed(Kind::Key, ISSUER, |it| key.write(it))
        };
        let keys = [
            (Word::Key, key(9, 1)),
            (Word::KeyOfSix, key(6, 1)),
            (Word::KeyAhead, key(9, 9)),
            (Word::KeyStolen, key(9, 1)),
        ];
        // Whoever is nobody says to be an issuer of the place.
        let strangers = claviger_offline::certificate::Issuer {
            key: build::public(STRANGER),
            ..build::issuer()
        };
        Self {
            lists: lists.into_iter().chain([(Word::Strangers, by_stranger)]).collect(),
            keys: keys.to_vec(),
            issuer: issuer_bytes(),
            strangers: signed(Kind::Issuer, STRANGER, |it| strangers.write(it)),
            epoch: signed(Kind::Epoch, build::ROOT, |it| build::epoch().write(it)),
        }
    }

    fn of(papers: &[(Word, Vec<u8>)], word: Word) -> &[u8] {
        &papers.iter().find(|it| it.0 == word).unwrap().1
    }

    fn list(&self, word: Word) -> &[u8] {
        Self::of(&self.lists, word)
    }

    /// The flash of a lock that holds list 3.
    fn flash(&self) -> Memory {
        let mut bench = Bench::new();
        assert_eq!(bench.apply(self.list(Word::Same)), Code::Applied);
        bench.flash
    }

    fn begin(&self, flash: &Memory, begins: Begins) -> (Bench, Talk) {
        let mut bench = Bench::blank();
        if begins != Begins::Blank {
            bench.flash = flash.clone();
        }
        if begins == Begins::Lost {
            let (from, count) = (SETTINGS.layout.ring_from(), SETTINGS.layout.ring);
            (from..from + count).for_each(|it| bench.flash.sectors[usize::from(it)].fill(0));
        }
        bench.boot();
        if begins == Begins::Faulty {
            bench.flash.power = Some(0);
            assert_eq!(bench.apply(self.list(Word::Next)), Code::Faulty);
            bench.flash.power = None;
        }
        let mut talk = Talk::new(&mut bench);
        if begins == Begins::Waiting {
            for _ in 0..5 {
                assert_eq!(self.say(&mut bench, &mut talk, Word::KeyStolen), Some(Code::Refused));
            }
        }
        if begins == Begins::Spent {
            use claviger_offline::lock::budget::Turn;
            let now = bench.ticks_ms;
            while bench.lock.budget().turn(now, false) == Turn::Go {}
        }
        (bench, talk)
    }

    /// Says a word; the code that is told, where one is.
    fn say(&self, bench: &mut Bench, talk: &mut Talk, word: Word) -> Option<Code> {
        let issuer = &self.issuer[..];
        let nonce = *talk.phone.nonce();
        match word {
            Word::Commission | Word::CommissionWithoutButton => {
                let list = self.list(Word::Commission);
                let told = Commissioning { record: record(), issuer, list };
                let button = word == Word::Commission;
                tell(bench, talk, &Said::Commission(told), button)
            }
            Word::Key | Word::KeyOfSix | Word::KeyAhead | Word::KeyStolen => {
                let key = Self::of(&self.keys, word);
                let open = Open {
                    nonce,
                    lock: LOCK,
                    key_digest: claviger_offline::cose::Signed::read(key).unwrap().digest(),
                    command: Command { close: false, intent: true },
                    session: *talk.phone.session(),
                };
                let by = if word == Word::KeyStolen { STRANGER } else { HOLDER };
                let open = signed(Kind::Open, by, |it| open.write(it));
                tell(bench, talk, &Said::Key { key, issuer, open: &open }, true)
            }
            Word::Draw => tell(bench, talk, &Said::Draw, true),
            Word::Fresh | Word::FreshOfOther => {
                let list = self.list(Word::Next);
                let digest = claviger_offline::cose::Signed::read(list).unwrap().digest();
                let nonce = if word == Word::Fresh { nonce } else { NONCE };
                let iat = MONDAY + 100;
                let fresh = Fresh { iat, lock: LOCK, nonce, epoch: 1, version: 4, digest };
                let fresh = signed(Kind::Fresh, ISSUER, |it| fresh.write(it));
                tell(bench, talk, &Said::Fresh { fresh: &fresh, issuer }, true)
            }
            Word::Events => tell(bench, talk, &Said::Events(1), true),
            Word::FormerEvents => tell(bench, talk, &Said::Events(0), true),
            Word::Ack | Word::AckOfOther => {
                let log_epoch = bench.lock.held().log_epoch ^ u64::from(word == Word::AckOfOther);
                let ack = Ack { iat: MONDAY + 5, lock: LOCK, log_epoch, up_to_seq: 3 };
                let ack = signed(Kind::Ack, ISSUER, |it| ack.write(it));
                tell(bench, talk, &Said::Ack { ack: &ack, issuer }, true)
            }
            _ => {
                let issuer = if word == Word::Strangers { &self.strangers } else { issuer };
                let epoch = (word == Word::Epoch).then_some(&self.epoch[..]);
                tell(bench, talk, &Said::List { list: self.list(word), issuer, epoch }, true)
            }
        }
    }
}

/// Says something, waits where the lock says so, and looks at the form of the answer.
fn tell(bench: &mut Bench, talk: &mut Talk, said: &Said<'_>, button: bool) -> Option<Code> {
    let (mut out, mut room) = ([0; MOST_FRAME + LENGTH], [0; MOST_SAID]);
    let mut frame = [0; MOST_FRAME + LENGTH];
    let frame = talk.phone.say(said, &mut frame).unwrap().to_vec();
    let session = &mut talk.session;
    let mut receive = |bench: &mut Bench| {
        let near = (true, button);
        bench.with(|lock, board| session.receive(lock, board, near, &frame[2..], &mut out))
    };
    let mut step = receive(bench);
    if let Step::Wait(ms) = step {
        bench.ticks_ms += ms;
        step = receive(bench);
    }
    let (length, moves) = match step {
        Step::Send(length) => (length, false),
        Step::Move(_, length) => (length, true),
        _ => panic!("{step:?} to {said:?}"),
    };
    let answer = talk.phone.hear(&frames(&out[..length])[0], &mut room).unwrap();
    let code = match (said, &answer) {
        (Said::Draw, Answered::Drawn(_)) | (Said::Events(_), Answered::Events(_)) => None,
        (Said::Key { .. }, Answered::Key(code)) => Some(*code),
        (Said::Fresh { .. } | Said::Ack { .. }, Answered::Taken(code)) => Some(*code),
        (Said::List { .. } | Said::Commission(_), Answered::List { code, receipt }) => {
            let due = [Code::Done, Code::Applied, Code::Same].map(Code::number).contains(code);
            assert_eq!(receipt.is_some(), due, "a receipt goes with what is held: {code}");
            Some(*code)
        }
        _ => panic!("{answer:?} to {said:?}"),
    };
    let is_key = matches!(said, Said::Key { .. });
    assert_eq!(moves, is_key && code == Some(Code::Done.number()), "{said:?}");
    let known = [
        Code::Done,
        Code::Refused,
        Code::NeedList,
        Code::Revoked,
        Code::StateLost,
        Code::Applied,
        Code::Same,
        Code::Older,
        Code::NoEpoch,
        Code::NotFresh,
        Code::TooLong,
    ];
    code.map(|code| *known.iter().find(|it| it.number() == code).unwrap())
}

/// Whether an answer leaves the flash as it was. Of what a holder presented there is an event, and
/// of a second list with the version of the one that is held.
fn leaves_all(word: Word, code: Option<Code>) -> bool {
    let refused = [Code::Refused, Code::Older, Code::Same, Code::NotFresh, Code::NoEpoch];
    let is_no = code.is_none_or(|it| refused.contains(&it) || it == Code::TooLong);
    is_no && !matches!(word, Word::Same | Word::Other)
}

const BEGINNINGS: [Begins; 6] =
    [Begins::Blank, Begins::Held, Begins::Lost, Begins::Faulty, Begins::Spent, Begins::Waiting];

/// Says every row of so many words to a lock that begins so; all codes that were told.
fn say_all(papers: &Papers, flash: &Memory, begins: Begins, depth: u32) -> BTreeSet<u8> {
    let mut told = BTreeSet::new();
    for number in 0..WORDS.len().pow(depth) {
        let at = |place: u32| WORDS[number / WORDS.len().pow(place) % WORDS.len()];
        let words: Vec<Word> = (0..depth).map(at).collect();
        let (mut bench, mut talk) = papers.begin(flash, begins);
        let mut table = Table::of(begins);
        for (at, word) in words.iter().enumerate() {
            let before = bench.flash.sectors.clone();
            let expected = table.answer(*word);
            let code = papers.say(&mut bench, &mut talk, *word);
            let so_far = &words[..=at];
            assert_eq!(code, expected, "{begins:?}, then {so_far:?}");
            if leaves_all(*word, code) {
                assert!(bench.flash.sectors == before, "{begins:?}, then {so_far:?}");
            }
            let held = bench.lock.held();
            assert_eq!(bench.lock.status(), table.status, "{begins:?}, then {so_far:?}");
            if table.status == Status::Held {
                assert_eq!((held.epoch, held.version), table.holds.0, "{so_far:?}");
            }
            told.extend(code.map(Code::number));
        }
    }
    told
}

#[test]
fn each_message_in_each_state_is_answered_as_the_table_says() {
    let papers = Papers::new();
    let flash = papers.flash();
    let depth = if std::env::var_os("CLAVIGER_LONG").is_some() { 3 } else { 2 };
    let told: BTreeSet<u8> = std::thread::scope(|scope| {
        let (papers, flash) = (&papers, &flash);
        let begun = BEGINNINGS.map(|it| scope.spawn(move || say_all(papers, flash, it, depth)));
        begun.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(told.len(), 11, "each code is told somewhere: {told:?}");
}

/// All that a phone and a lock may say, as bytes.
fn all_said(papers: &Papers) -> Vec<Vec<u8>> {
    let (issuer, list) = (&papers.issuer[..], papers.list(Word::Next));
    let told = Commissioning { record: record(), issuer, list };
    let said = [
        Said::Commission(told),
        Said::List { list, issuer, epoch: None },
        Said::Key { key: Papers::of(&papers.keys, Word::Key), issuer, open: list },
        Said::Draw,
        Said::Fresh { fresh: list, issuer },
        Said::Events(1),
        Said::Ack { ack: list, issuer },
    ];
    said.iter().map(|said| build::written(|it| said.write(it))).collect()
}

#[test]
fn before_and_after_a_session_no_message_is_one() {
    let papers = Papers::new();
    let flash = papers.flash();
    let mut out = [0; MOST_FRAME + LENGTH];
    for said in all_said(&papers) {
        let (mut bench, mut talk) = papers.begin(&flash, Begins::Held);
        let before = bench.flash.sectors.clone();
        // In plain, when nobody has agreed; then the session is over for the right frame too.
        let (mut session, length) = bench.with(|_, board| Session::begin(board, &mut out));
        let greeted = Greeted::by(&frames(&out[..length])[0], &[0x21; 32]).unwrap();
        for frame in [&said[..], greeted.frame(), &said[..]] {
            let step = super::session::step(&mut bench, &mut session, frame, &mut out);
            assert_eq!(step, Step::End);
        }
        // In plain, once they have.
        let step = super::session::step(&mut bench, &mut talk.session, &said, &mut out);
        assert_eq!(step, Step::End);
        assert!(bench.flash.sectors == before);
    }
}

#[test]
fn no_other_number_and_no_answer_is_a_message() {
    let mut known = Vec::new();
    for number in 0..=u8::MAX {
        for count in 1..=23_u8 {
            let bytes = build::written(|it| {
                it.array(count.into()).uint(number);
                (1..count).for_each(|_| {
                    it.uint(0_u8);
                });
            });
            if Said::read(&bytes).is_ok() {
                known.push((number, count));
            }
        }
    }
    assert_eq!(known, [(9, 1), (13, 2)], "others have parts that are no numbers");
    let answers = [
        Answered::Hello {
            epoch: 1,
            version: 1,
            state: 1,
            list_limit: 512,
            log_epoch: 1,
            next_seq: 1,
        },
        Answered::List { code: 20, receipt: None },
        Answered::Key(0),
        Answered::Drawn(NONCE),
        Answered::Taken(0),
        Answered::Events(Items::NONE),
    ];
    for answer in answers {
        let bytes = build::written(|it| answer.write(it));
        assert!(Said::read(&bytes).is_err(), "{answer:?}");
    }
    for said in all_said(&Papers::new()) {
        assert!(Said::read(&said).is_ok() && Answered::read(&said).is_err(), "{said:?}");
    }
}
