//! A door with a lock that decides by the real crate, on flash in memory.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_offline::cbor::{Reader, Writer};
use claviger_offline::cose::Signed;
use claviger_offline::event::Sealed;
use claviger_offline::list::List;
use claviger_offline::lock::code::Code;
use claviger_offline::lock::flash::{Flash, FlashFailed, Layout};
use claviger_offline::lock::record::Commissioning;
use claviger_offline::lock::{Answer, Board, Link, Lock, Random, Settings};
use claviger_offline::receipt::MOST_BYTES;
use claviger_offline::statement::Command;
use serde_json::{Value, json};

use super::phone::Phone;
use crate::kit::{Site, one};
use crate::support::id;

pub(super) const SETTINGS: Settings =
    Settings { layout: Layout { ring: 4, log: 3 }, list_limit: 512, drift_ppm: 100 };
const SECTOR: usize = 1024;
pub(crate) const NONCE: [u8; 16] = [0x31; 16];
pub(crate) const SESSION: [u8; 32] = [0x32; 32];

pub(crate) struct Memory {
    pub(super) sectors: Vec<Vec<u8>>,
    /// Bytes that may still change before the power fails.
    pub(super) power: Option<usize>,
}

impl Memory {
    fn erased() -> Memory {
        let sectors = vec![vec![0xff; SECTOR]; SETTINGS.layout.sectors().into()];
        Memory { sectors, power: None }
    }

    /// How many of some bytes get through, and whether all do.
    fn spend(&mut self, bytes: usize) -> (usize, Result<(), FlashFailed>) {
        match &mut self.power {
            None => (bytes, Ok(())),
            Some(left) if *left > bytes => {
                *left -= bytes;
                (bytes, Ok(()))
            }
            Some(left) => (std::mem::take(left), Err(FlashFailed)),
        }
    }
}

impl Flash for Memory {
    fn sector_bytes(&self) -> usize {
        SECTOR
    }

    fn read(&mut self, sector: u16, at: usize, into: &mut [u8]) -> Result<(), FlashFailed> {
        if self.power == Some(0) {
            return Err(FlashFailed);
        }
        into.copy_from_slice(&self.sectors[usize::from(sector)][at..at + into.len()]);
        Ok(())
    }

    fn program(&mut self, sector: u16, at: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        let (through, done) = self.spend(bytes.len());
        let room = &mut self.sectors[usize::from(sector)][at..at + through];
        room.copy_from_slice(&bytes[..through]);
        done
    }

    fn erase(&mut self, sector: u16) -> Result<(), FlashFailed> {
        let (through, done) = self.spend(SECTOR / 8);
        self.sectors[usize::from(sector)][..through * 8].fill(0xff);
        done
    }
}

/// Numbers that nobody needs to be unable to foretell.
pub(crate) struct Counting(u8);

impl Random for Counting {
    fn fill(&mut self, into: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        into.fill(self.0);
    }
}

pub(crate) struct Door {
    pub(super) flash: Memory,
    pub(super) random: Counting,
    pub(super) ticks_ms: u64,
    /// How long each word takes.
    pub(super) patience_ms: u64,
    pub(super) lock: Lock,
    /// The lock as the API shows it.
    pub(crate) shown: Value,
}

impl Door {
    /// A lock of a place, commissioned.
    pub(crate) async fn at(it: &Site, name: &str, seed: u8) -> Door {
        Door::with(it, json!({"name": name, "mode": "offline_keys"}), seed).await
    }

    pub(crate) async fn with(it: &Site, body: Value, seed: u8) -> Door {
        let shown = it.made("/locks", body).await;
        let (mut flash, mut random) = (Memory::erased(), Counting(seed));
        let mut board = Board { flash: &mut flash, random: &mut random, ticks_ms: 0 };
        let lock = Lock::boot(&mut board, &[seed; 32], SETTINGS).unwrap();
        let mut door = Door { flash, random, ticks_ms: 0, patience_ms: 3_000, lock, shown };
        let body = json!({"public_key": door.public_key()});
        let path = format!("{}/commission", one("/locks", &door.shown));
        let told = it.post(&path, body).await.expect(200);
        assert_eq!(door.commission(&told), Code::Done);
        door
    }

    /// Somebody has opened it and made it forget whose it is.
    pub(crate) fn reset(&mut self, seed: u8) {
        self.flash = Memory::erased();
        let mut board = Board { flash: &mut self.flash, random: &mut self.random, ticks_ms: 0 };
        self.lock = Lock::boot(&mut board, &[seed; 32], SETTINGS).unwrap();
    }

    /// It gets another board, and is commissioned again.
    pub(crate) async fn commissioned_again(&mut self, it: &Site, seed: u8) {
        let body = json!({"public_key": self.public_key(), "recommission": true});
        let path = format!("{}/commission", one("/locks", &self.shown));
        let told = it.post(&path, body).await.expect(200);
        self.reset(seed);
        assert_eq!(self.commission(&told), Code::Done);
    }

    pub(super) fn board<T>(
        &mut self,
        what: impl FnOnce(&mut Lock, &mut Board<'_, Memory, Counting>) -> T,
    ) -> T {
        // Patience: what a lock does to strangers is tried elsewhere.
        self.ticks_ms += self.patience_ms;
        let Door { flash, random, ticks_ms, lock, .. } = self;
        what(lock, &mut Board { flash, random, ticks_ms: *ticks_ms })
    }

    pub(crate) fn public_key(&self) -> String {
        let mut room = [0; 80];
        let mut writer = Writer::new(&mut room);
        self.lock.public_key().write(&mut writer);
        STANDARD.encode(writer.done().unwrap())
    }

    pub(crate) fn commission(&mut self, told: &Value) -> Code {
        let record = STANDARD.decode(told["record"].as_str().unwrap()).unwrap();
        let mut reader = Reader::new(&record);
        reader.array(10).unwrap();
        assert_eq!(reader.uint::<u8>(), Ok(0));
        let told = Commissioning::read(&mut reader).unwrap();
        self.board(|lock, board| lock.commission(board, &told, true))
    }

    pub(crate) fn id(&self) -> &str {
        id(&self.shown)
    }

    /// The epoch and version of the list it holds.
    pub(crate) fn holds(&self) -> (u16, u32) {
        (self.lock.held().epoch, self.lock.held().version)
    }

    /// What it says when a phone comes.
    pub(crate) fn hello(&self) -> Value {
        let (epoch, version) = self.holds();
        json!({"lock_id": self.id(), "epoch": epoch, "version": version, "list_limit": 512})
    }

    /// A phone hands over its list for this lock, and gets the lock's receipt.
    pub(crate) fn take_list(&mut self, phone: &mut Phone) -> Code {
        let Some((list, _)) = phone.list_for(self.id()) else { return Code::Refused };
        self.take_any_list(phone, &list)
    }

    /// A courier, whose phone it is, fetches the list for this lock and brings it.
    pub(crate) async fn take_fetched(&mut self, it: &Site, phone: &mut Phone) -> Code {
        let path = format!("{}/revocation-list", one("/locks", &self.shown));
        let fetched = it.get(&path).await;
        let certificates = [&fetched["certificate"], &fetched["epoch_certificate"]];
        let certificates: Vec<_> = certificates.into_iter().filter(|it| !it.is_null()).collect();
        let mut given = json!({"lists": [fetched["list"]], "certificates": certificates});
        ["keys", "locks", "events_from"].into_iter().for_each(|none| given[none] = json!([]));
        phone.keep(&given);
        self.take_list(phone)
    }

    /// A phone hands over a list that it has from somewhere.
    pub(crate) fn take_any_list(&mut self, phone: &mut Phone, list: &[u8]) -> Code {
        let Some(issuer) = phone.issuer_of(list) else { return Code::Refused };
        let epoch = phone.epoch_for(self.id());
        let apply = |lock: &mut Lock, board: &mut Board<'_, Memory, Counting>| {
            lock.apply_list(board, list, &issuer, epoch.as_deref())
        };
        let code = self.board(apply);
        phone.receipts.extend(self.receipt());
        code
    }

    pub(crate) fn receipt(&self) -> Option<String> {
        let (receipt, key) = self.lock.receipt()?;
        let mut room = [0; MOST_BYTES];
        let mut writer = Writer::new(&mut room);
        receipt.write(key, &mut writer);
        writer.done().map(|bytes| STANDARD.encode(bytes))
    }

    /// What the phone's newest key for this lock does.
    pub(crate) fn answers(&mut self, phone: &Phone) -> Code {
        phone.key_for(self.id()).map_or(Code::Refused, |key| self.answers_key(phone, &key))
    }

    pub(crate) fn answers_key(&mut self, phone: &Phone, key: &[u8]) -> Code {
        let issuer = phone.issuer_of(key).unwrap();
        self.answers_with(phone, key, &issuer)
    }

    pub(crate) fn answers_with(&mut self, phone: &Phone, key: &[u8], issuer: &[u8]) -> Code {
        self.obeys(phone, (key, issuer), false)
    }

    /// What the phone's newest key does when it is to close.
    pub(crate) fn closes(&mut self, phone: &Phone) -> Code {
        let key = phone.key_for(self.id()).unwrap();
        self.obeys(phone, (&key, &phone.issuer_of(&key).unwrap()), true)
    }

    fn obeys(&mut self, phone: &Phone, (key, issuer): (&[u8], &[u8]), close: bool) -> Code {
        let lock: [u8; 16] = phone.bytes_of(self.id());
        let command = Command { close, intent: true };
        let open = phone.commands(lock, Signed::read(key).unwrap().digest(), command);
        let link = Link {
            nonce: NONCE,
            session: phone.session(),
            near: true,
            patient: false,
            waited: false,
        };
        match self.board(|lock, board| lock.present(board, &link, key, issuer, &open)) {
            Answer::Move(_) => Code::Done,
            Answer::No(code) | Answer::Silent { code, .. } => code,
            other => panic!("{other:?}"),
        }
    }
}

impl Door {
    /// Its events of this log, as they travel.
    pub(crate) fn events(&mut self, from: u32) -> Vec<String> {
        let mut room = [Sealed::NONE; 16];
        let count = self.board(|lock, board| lock.events(board, from, &mut room));
        room[..count].iter().map(Door::travelling).collect()
    }

    /// All of its events of this log from a number on.
    pub(crate) fn all_events(&mut self, from: u32) -> Vec<String> {
        let (mut all, mut next) = (Vec::new(), from);
        loop {
            let mut room = [Sealed::NONE; 16];
            let count = self.board(|lock, board| lock.events(board, next, &mut room));
            all.extend(room[..count].iter().map(Door::travelling));
            let Some(last) = room[..count].last() else { return all };
            next = last.seq + 1;
        }
    }

    /// The log that it writes.
    pub(crate) fn log_epoch(&self) -> u64 {
        self.lock.held().log_epoch
    }

    /// The number that its next event has.
    pub(crate) fn next_event(&self) -> u32 {
        self.lock.next_seq()
    }

    /// Takes a list that somebody made, with that certificate.
    pub(crate) fn takes_list_by(&mut self, list: &[u8], issuer: &[u8]) -> Code {
        self.board(|lock, board| lock.apply_list(board, list, issuer, None))
    }

    /// An event as it travels.
    pub(super) fn travelling(sealed: &Sealed) -> String {
        let mut out = [0; claviger_offline::event::MOST_BYTES];
        let mut writer = Writer::new(&mut out);
        sealed.write(&mut writer);
        STANDARD.encode(writer.done().unwrap())
    }

    /// Takes the server's word for which events have arrived; up to which.
    pub(crate) fn acknowledged(&mut self, phone: &Phone, ack: &Value) -> u32 {
        let ack = STANDARD.decode(ack.as_str().unwrap()).unwrap();
        let issuer = phone.issuer_of(&ack).unwrap();
        let code = self.board(|lock, board| lock.take_ack(board, &ack, &issuer));
        assert_eq!(code, Code::Done);
        self.lock.held().acked
    }
}

/// The lock and version of a signed list.
pub(crate) fn list_of(bytes: &[u8]) -> ([u8; 16], (u16, u32)) {
    let list = List::read(Signed::read(bytes).unwrap().payload).unwrap();
    (list.lock, (list.epoch, list.version))
}
