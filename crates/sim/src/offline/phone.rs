//! A phone: its key pair, what it keeps, and what it carries between locks and their server. With
//! the server it speaks HTTP, with a lock the phone's side of a session.

use claviger_offline::Id;
use claviger_offline::cbor::Writer;
use claviger_offline::cose::{Kind, PublicKey, Signed, sign};
use claviger_offline::lock::code::Code;
use claviger_offline::session::message::{Answered, Said};
use claviger_offline::statement::{Command, Open};
use p256::ecdsa::SigningKey;
use reqwest::Method;
use tokio::io::{AsyncRead, AsyncWrite};

use super::lock::{Seeded, cose_key};
use super::talk::Talk;
use super::wallet::Wallet;
use super::wire::{Bytes, DrawnNonce, Enrolled, Hello, Report, SyncAnswer, SyncBody, id_text};
use crate::client::{Client, ClientError};
use crate::rng::Rng;

/// A lock that has lost what it held says so in its hello.
const LOST: u8 = 2;
/// A person who has just pressed the button on the phone's screen.
const OPEN: Command = Command { close: false, intent: true };

/// How an app of the phone behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// It carries what it is given.
    Honest,
    /// It uses its keys and keeps lists to itself.
    Withholds,
    /// It carries what it is given and opens nothing.
    PassesBy,
}

/// What came of one visit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Whether the lock proved who it is.
    pub(crate) is_met: bool,
    /// What became of the list.
    pub(crate) list: Option<u8>,
    /// What became of the key, each time it was shown.
    pub(crate) keys: Vec<u8>,
}

impl Visit {
    /// How often the bolt was moved, as the phone was told.
    pub(crate) fn opened(&self) -> u64 {
        self.keys.iter().filter(|code| **code == Code::Done.number()).count() as u64
    }
}

/// A phone.
pub(crate) struct Phone {
    secret: SigningKey,
    pub(crate) public: PublicKey,
    chance: Seeded,
    /// The credential that it is.
    pub(crate) device: String,
    token: String,
    pub(crate) wallet: Wallet,
    /// What it has to bring.
    pub(crate) bag: SyncBody,
    pub(crate) manners: Manners,
    /// Receipts that the server has taken.
    pub(crate) brought: Vec<Bytes>,
    /// In what its server broke the protocol.
    pub(crate) breaches: Vec<String>,
}

/// A signed object of a payload.
pub(crate) fn signed(
    kind: Kind,
    by: &SigningKey,
    write: impl FnOnce(&mut Writer<'_>),
) -> Option<Vec<u8>> {
    let (mut room, mut out) = ([0; 1024], [0; 1200]);
    let mut writer = Writer::new(&mut room);
    write(&mut writer);
    sign(kind, by, writer.done()?, &mut out).map(<[u8]>::to_vec)
}

impl Phone {
    /// A phone of a seed, enrolled for a person.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub(crate) async fn enrol(
        client: &Client,
        person: &str,
        seeds: &[u64],
    ) -> Result<Phone, ClientError> {
        let mut phone = Phone::new(seeds);
        let body = serde_json::json!({
            "person_id": person, "public_key": Bytes(cose_key(&phone.public)),
        });
        let path = client.in_place("devices/enrol");
        let made: Enrolled = client.ask(Method::POST, &path, &body).await?;
        (phone.device, phone.token) = (made.device_id, made.token);
        Ok(phone)
    }

    /// A phone that no server knows.
    pub(crate) fn new(seeds: &[u64]) -> Phone {
        let mut chance = Seeded(Rng::new(seeds));
        let secret = loop {
            // One draw in 2^32 is no key.
            if let Ok(secret) = SigningKey::from_slice(&chance.secret()) {
                break secret;
            }
        };
        Phone {
            public: PublicKey::of(&secret),
            secret,
            chance,
            device: String::new(),
            token: String::new(),
            wallet: Wallet::default(),
            bag: SyncBody::default(),
            manners: Manners::Honest,
            brought: Vec::new(),
            breaches: Vec::new(),
        }
    }

    /// Calls the server: brings what locks gave it, keeps what it is given, and says that it does.
    /// How many keys came.
    ///
    /// # Errors
    /// The server refuses or does not answer; what is to be brought stays.
    pub(crate) async fn sync(&mut self, client: &Client) -> Result<usize, ClientError> {
        let answer = self.call(client).await?;
        self.bag.lists = self.wallet.unknown_to(&answer);
        let held = self.wallet.keep(&answer, &self.public).unwrap_or_else(|breach| {
            self.breaches.push(breach.to_owned());
            Vec::new()
        });
        let came = held.len();
        if came > 0 {
            self.bag.acknowledged = held;
            self.call(client).await?;
        }
        Ok(came)
    }

    async fn call(&mut self, client: &Client) -> Result<SyncAnswer, ClientError> {
        let path = client.in_place("devices/sync");
        let body = serde_json::to_value(&self.bag)
            .map_err(|source| ClientError::Unreadable { what: path.clone(), source })?;
        let answer = client.elsewhere(Method::POST, &path, Some(&self.token), &body).await?;
        self.brought.append(&mut self.bag.receipts);
        self.bag = SyncBody::default();
        Ok(answer)
    }

    /// A secret for one session.
    pub(crate) fn session_secret(&mut self) -> [u8; 32] {
        self.chance.secret()
    }

    /// Goes to the lock at the other end of a link: delivers what it has for it, shows its key,
    /// takes along what happened there. `online` is the server, where the phone reaches it.
    pub(crate) async fn visit(
        &mut self,
        link: &mut (impl AsyncRead + AsyncWrite + Unpin),
        online: Option<&Client>,
    ) -> Visit {
        let mut visit = Visit::default();
        let secret = self.session_secret();
        let known = |lock: &Id| self.wallet.locks.get(lock).copied();
        let Some(mut talk) = Talk::begin(link, &secret, known).await else { return visit };
        visit.is_met = true;
        self.greeted(&talk);
        // Where the link ends early, what was done until then stands.
        let _ = self.work(&mut talk, online, &mut visit).await;
        visit
    }

    fn greeted<L>(&mut self, talk: &Talk<'_, L>) {
        let (lock_id, hello) = (id_text(&talk.lock), talk.hello);
        self.bag.hellos.retain(|known| known.lock_id != lock_id);
        let (epoch, version, list_limit) = (hello.epoch, hello.version, hello.list_limit);
        self.bag.hellos.push(Hello { lock_id, epoch, version, list_limit });
    }

    async fn work<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
        online: Option<&Client>,
        visit: &mut Visit,
    ) -> Option<()> {
        let is_lost = talk.hello.state == LOST;
        if is_lost {
            self.freshen(talk, online).await?;
        }
        if self.manners != Manners::Withholds {
            visit.list = self.deliver(talk, is_lost).await?;
            self.acknowledge(talk).await?;
        }
        if self.manners != Manners::PassesBy {
            self.present(talk, visit).await?;
            let unknown = Code::TimeUnknown.number();
            if visit.keys.last() == Some(&unknown) && self.freshen(talk, online).await? {
                self.present(talk, visit).await?;
            }
        }
        self.collect(talk).await
    }

    /// Has the lock draw, and brings it the server's word for what is newest and what time it is;
    /// whether it took one. A phone that does not reach its server brings it the next time.
    async fn freshen<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
        online: Option<&Client>,
    ) -> Option<bool> {
        if self.fresh(talk).await? {
            return Some(true);
        }
        let Answered::Drawn(nonce) = talk.say(&Said::Draw).await? else { return None };
        let lock_id = id_text(&talk.lock);
        self.bag.nonces.push(DrawnNonce { lock_id, nonce: Bytes(nonce.to_vec()) });
        match online {
            Some(client) if self.sync(client).await.is_ok() => self.fresh(talk).await,
            _ => Some(false),
        }
    }

    /// Says the word that it has for the lock, if any; whether it was taken.
    async fn fresh<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
    ) -> Option<bool> {
        let Some(fresh) = self.wallet.fresh.remove(&talk.lock) else { return Some(false) };
        let issuer = self.wallet.issuer_of(&fresh)?;
        let answer = talk.say(&Said::Fresh { fresh: &fresh, issuer }).await?;
        Some(answer == Answered::Taken(Code::Done.number()))
    }

    /// Delivers its list unless the lock says that it has a newer one. One that the lock has
    /// already is worth its receipt.
    async fn deliver<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
        is_lost: bool,
    ) -> Option<Option<u8>> {
        let Some((list, version)) = self.wallet.list(&talk.lock) else { return Some(None) };
        if version < (talk.hello.epoch, talk.hello.version) && !is_lost {
            return Some(None);
        }
        let issuer = self.wallet.issuer_of(list)?;
        let epoch = self.wallet.epoch_of(&talk.lock);
        let answer = talk.say(&Said::List { list, issuer, epoch }).await?;
        let Answered::List { code, receipt } = answer else { return None };
        let receipt = receipt.map(|receipt| Bytes(receipt.to_vec()));
        self.bag.receipts.extend(receipt);
        Some(Some(code))
    }

    /// Tells the lock which of its events have arrived.
    async fn acknowledge<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
    ) -> Option<()> {
        if let Some(ack) = self.wallet.acks.get(&talk.lock) {
            let issuer = self.wallet.issuer_of(ack)?;
            talk.say(&Said::Ack { ack, issuer }).await?;
        }
        Some(())
    }

    /// Shows the newest key for the lock, if there is one.
    async fn present<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
        visit: &mut Visit,
    ) -> Option<()> {
        let Some(key) = self.wallet.newest(&talk.lock) else { return Some(()) };
        let open = self.command(&key.bytes, talk)?;
        let issuer = self.wallet.issuer_of(&key.bytes)?;
        let said = Said::Key { key: &key.bytes, issuer, open: &open };
        let Answered::Key(code) = talk.say(&said).await? else { return None };
        visit.keys.push(code);
        if code != Code::Done.number() {
            self.bag.reports.push(Report { lock_id: id_text(&talk.lock), code });
        }
        Some(())
    }

    /// The command to open, said over what this session drew, with a key.
    pub(crate) fn command<L>(&self, key: &[u8], talk: &Talk<'_, L>) -> Option<Vec<u8>>
    where
        L: AsyncRead + AsyncWrite + Unpin,
    {
        let key_digest = Signed::read(key).ok()?.digest();
        let (nonce, session) = (*talk.nonce(), *talk.session());
        let open = Open { nonce, lock: talk.lock, key_digest, command: OPEN, session };
        signed(Kind::Open, &self.secret, |it| open.write(it))
    }

    /// Takes events along that its server does not have, as far as it knows.
    async fn collect<L: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        talk: &mut Talk<'_, L>,
    ) -> Option<()> {
        let from = self.wallet.wants_from(&talk.lock, talk.hello.log_epoch);
        for event in talk.events(from).await? {
            if !self.bag.events.contains(&event) {
                self.bag.events.push(event);
            }
        }
        Some(())
    }
}
