//! Hostile phones: each attack does one thing wrong at a lock, and must leave the lock as it was
//! and learn no more than its hello tells anybody. What a robber has is what phones have: lists,
//! keys of their own and of others, certificates, and keys that nobody trusts.

use claviger_offline::cbor::Writer;
use claviger_offline::certificate::Issuer;
use claviger_offline::cose::{Kind, Signed, envelope, sig_structure};
use claviger_offline::items::Items;
use claviger_offline::key::Key;
use claviger_offline::list::List;
use claviger_offline::lock::code::Code;
use claviger_offline::session::MOST_FRAME;
use claviger_offline::session::message::{Answered, Said};
use claviger_offline::statement::Fresh;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use tokio::io::DuplexStream;

use super::link::{framed, pair, send};
use super::lock::{Imprint, VirtualLock};
use super::phone::{Phone, signed};
use super::talk::Talk;
use crate::rng::Rng;

/// The links that robbers talk over.
type Robbery<'l> = Talk<'l, DuplexStream>;
/// A year, in seconds.
const YEAR_S: u64 = 31_536_000;

/// One thing done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attack {
    /// A list that stops in the middle.
    Truncated,
    /// A frame that stops in the middle.
    CutOff,
    /// A frame longer than frames are.
    Oversized,
    /// A list longer than the lock has room for.
    TooLong,
    /// The second word before the first.
    Reordered,
    /// A sealed frame said twice.
    Repeated,
    /// A sealed frame of another session.
    OtherSession,
    /// A holder's command, over what another session drew.
    OldCommand,
    /// Another's key, with the robber's own command.
    StolenKey,
    /// A key for another lock.
    WrongLock,
    /// A list for another lock.
    WrongList,
    /// A list and who signed it, of another place.
    WrongPlace,
    /// Things said to be what they are not.
    WrongKind,
    /// A statement of next year that nobody signed.
    FutureTime,
    /// A list older than the lock's.
    OlderList,
    /// Another list with the version of the lock's.
    EqualVersion,
    /// A newer list that nobody signed.
    ForgedList,
}

impl Attack {
    pub(crate) const ALL: [Attack; 17] = [
        Attack::Truncated,
        Attack::CutOff,
        Attack::Oversized,
        Attack::TooLong,
        Attack::Reordered,
        Attack::Repeated,
        Attack::OtherSession,
        Attack::OldCommand,
        Attack::StolenKey,
        Attack::WrongLock,
        Attack::WrongList,
        Attack::WrongPlace,
        Attack::WrongKind,
        Attack::FutureTime,
        Attack::OlderList,
        Attack::EqualVersion,
        Attack::ForgedList,
    ];
}

/// What a robber has got hold of, beside the phone.
pub(crate) struct Loot<'a> {
    /// A phone with a good key for the lock: its key, and a command or a sealed frame of it.
    pub(crate) victim: &'a mut Phone,
    /// The list that the lock has.
    pub(crate) list: Vec<u8>,
    /// One that it had before, where there was one.
    pub(crate) older: Option<Vec<u8>>,
    /// A list of another lock of the place.
    pub(crate) other: Vec<u8>,
}

/// What a robber was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The lock hung up.
    End,
    /// A kind of answer and its code.
    Code(u8, u8),
    /// Anything else.
    Data,
}

/// What a lock was before an attack, and what the robber heard.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) before: Imprint,
    pub(crate) heard: Vec<Heard>,
}

/// Plays an attack. None where the robber lacks what it needs.
pub(crate) async fn play(
    attack: Attack,
    robber: &mut Phone,
    loot: &mut Loot<'_>,
    lock: &mut VirtualLock,
    rng: &mut Rng,
) -> Option<Played> {
    let stolen = match attack {
        Attack::OldCommand | Attack::OtherSession => {
            Some(steal(attack, loot.victim, lock, rng).await?)
        }
        _ => None,
    };
    let before = lock.imprint();
    let (mut mine, theirs) = pair(rng);
    let secret = robber.session_secret();
    let known = *robber.wallet.locks.get(&lock.id())?;
    let robbing = async {
        let mut heard = Vec::new();
        let talk = Talk::begin(&mut mine, &secret, |_| Some(known)).await;
        let tried = match talk {
            Some(mut talk) => {
                let tools = Tools { robber, loot, stolen };
                tools.attack(attack, &mut talk, &mut heard).await
            }
            None => None,
        };
        // The lock hears that the link has ended.
        drop(mine);
        tried.map(|()| heard)
    };
    let (_, heard) = tokio::join!(lock.serve(theirs, false), robbing);
    Some(Played { before, heard: heard? })
}

/// Has the victim say something at the lock and takes it from the air before it arrives.
async fn steal(
    attack: Attack,
    victim: &mut Phone,
    lock: &mut VirtualLock,
    rng: &mut Rng,
) -> Option<Vec<u8>> {
    let (mut mine, theirs) = pair(rng);
    let secret = victim.session_secret();
    let known = *victim.wallet.locks.get(&lock.id())?;
    let stealing = async {
        let taken = match Talk::begin(&mut mine, &secret, |_| Some(known)).await {
            Some(mut talk) if attack == Attack::OtherSession => talk.seal(&Said::Draw),
            Some(talk) => {
                let key = victim.wallet.newest(&talk.lock)?;
                victim.command(&key.bytes, &talk)
            }
            None => None,
        };
        drop(mine);
        taken
    };
    tokio::join!(lock.serve(theirs, false), stealing).1
}

/// What was harmed or learnt; nothing if all is well.
pub(crate) fn harm(played: &Played, after: &Imprint) -> Option<String> {
    let told: Vec<u8> =
        [Code::Refused, Code::Older, Code::NotFresh, Code::TooLong].map(Code::number).to_vec();
    let learnt = played.heard.iter().find(|heard| match heard {
        Heard::End => false,
        Heard::Code(_, code) => !told.contains(code),
        Heard::Data => true,
    });
    match learnt {
        Some(heard) => Some(format!("the lock told {heard:?}")),
        None if played.before != *after => Some("the lock is not as it was".to_owned()),
        None => None,
    }
}

/// What an attack is made with.
struct Tools<'t, 'a> {
    robber: &'t mut Phone,
    loot: &'t mut Loot<'a>,
    stolen: Option<Vec<u8>>,
}

/// A payload in an envelope that names `kid` and is signed by a key that nobody trusts.
fn forged(kind: Kind, kid: &[u8; 8], write: impl FnOnce(&mut Writer<'_>)) -> Option<Vec<u8>> {
    let nobody = SigningKey::from_slice(&[0x13; 32]).ok()?;
    let (mut room, mut hashed, mut out) = ([0; 1024], [0; 1200], [0; 1200]);
    let mut writer = Writer::new(&mut room);
    write(&mut writer);
    let payload = writer.done()?;
    let to_sign = sig_structure(kind, kid, payload, &mut hashed)?;
    let signature: Signature = nobody.sign(to_sign);
    envelope(kid, payload, &signature.to_bytes().into(), &mut out).map(<[u8]>::to_vec)
}

impl Tools<'_, '_> {
    /// Does it; none where the robber lacks what it takes.
    async fn attack(
        mut self,
        attack: Attack,
        talk: &mut Robbery<'_>,
        heard: &mut Vec<Heard>,
    ) -> Option<()> {
        let list = self.loot.list.clone();
        let issuer = self.loot.victim.wallet.issuer_of(&list)?.to_vec();
        match attack {
            Attack::Truncated => {
                let cut = &list[..list.len() / 2];
                say_list(talk, cut, &issuer, heard).await
            }
            Attack::CutOff => {
                let frame = talk.seal(&Said::Draw)?;
                send(talk.link, &frame[..frame.len() / 2]).await?;
                heard.push(Heard::End);
                Some(())
            }
            Attack::Oversized => raw(talk, &framed(&[0; MOST_FRAME + 1]), heard).await,
            Attack::TooLong => {
                let long = self.forged_list(&list, 1, 600)?;
                say_list(talk, &long, &issuer, heard).await
            }
            Attack::Reordered => {
                talk.seal(&Said::Draw)?;
                let second = talk.seal(&Said::Draw)?;
                raw(talk, &second, heard).await
            }
            Attack::Repeated => {
                let frame = talk.seal(&Said::Draw)?;
                send(talk.link, &frame).await?;
                talk.hear().await?;
                raw(talk, &frame, heard).await
            }
            Attack::OtherSession => {
                let frame = self.stolen.take()?;
                raw(talk, &frame, heard).await
            }
            Attack::OldCommand | Attack::StolenKey | Attack::WrongLock => {
                self.key(attack, talk, heard).await
            }
            Attack::WrongList => {
                let other = self.loot.other.clone();
                say_list(talk, &other, &issuer, heard).await
            }
            Attack::WrongPlace => self.wrong_place(talk, heard).await,
            Attack::WrongKind => self.wrong_kind(talk, &list, &issuer, heard).await,
            Attack::FutureTime => self.future(talk, &issuer, heard).await,
            Attack::OlderList => {
                let older = self.loot.older.clone()?;
                say_list(talk, &older, &issuer, heard).await
            }
            Attack::EqualVersion => {
                let other = self.forged_list(&list, 0, 1)?;
                say_list(talk, &other, &issuer, heard).await
            }
            Attack::ForgedList => {
                let newer = self.forged_list(&list, 1, 1)?;
                say_list(talk, &newer, &issuer, heard).await
            }
        }
    }

    /// A list with a version that is so much higher, a time of its own and so long a bitmap, which
    /// names the signer of another.
    fn forged_list(&self, like: &[u8], higher: u32, bitmap: usize) -> Option<Vec<u8>> {
        use claviger_offline::class::Class;
        use claviger_offline::list::Section;
        let signed = Signed::read(like).ok()?;
        let like = List::read(signed.payload).ok()?;
        let bits = vec![1; bitmap];
        let section = Section {
            class: Class::Phone,
            floor: 0,
            ranges: Items::NONE,
            bitmap_gap: 0,
            bitmap: &bits,
        };
        let sections = [section];
        let list = List {
            iat: like.iat + 1,
            version: like.version + higher,
            sections: Items::Values(&sections),
            ..like
        };
        forged(Kind::List, signed.kid, |it| list.write(it))
    }

    async fn key(
        &mut self,
        attack: Attack,
        talk: &mut Robbery<'_>,
        heard: &mut Vec<Heard>,
    ) -> Option<()> {
        let victim = &*self.loot.victim;
        let key = match attack {
            Attack::WrongLock => {
                let mut keys = victim.wallet.keys.iter().filter(|(lock, _)| **lock != talk.lock);
                keys.next()?.1.last()?
            }
            _ => victim.wallet.newest(&talk.lock)?,
        };
        let open = match attack {
            Attack::OldCommand => self.stolen.take()?,
            Attack::WrongLock => victim.command(&key.bytes, talk)?,
            _ => self.robber.command(&key.bytes, talk)?,
        };
        let issuer = victim.wallet.issuer_of(&key.bytes)?;
        say(talk, &Said::Key { key: &key.bytes, issuer, open: &open }, heard).await
    }

    /// All that a place of the robber's own would sign.
    async fn wrong_place(&self, talk: &mut Robbery<'_>, heard: &mut Vec<Heard>) -> Option<()> {
        let own = SigningKey::from_slice(&[0x17; 32]).ok()?;
        let public = claviger_offline::cose::PublicKey::of(&own);
        let held = List::read(Signed::read(&self.loot.list).ok()?.payload).ok()?;
        let iat = held.iat;
        let issuer = Issuer {
            exp: iat + YEAR_S,
            nbf: iat - 1,
            iat,
            key: public,
            place: [0x55; 16],
            generation: 1,
        };
        let issuer = signed(Kind::Issuer, &own, |it| issuer.write(it))?;
        let list = List { version: held.version + 1, sections: Items::NONE, ..held };
        let list = signed(Kind::List, &own, |it| list.write(it))?;
        say_list(talk, &list, &issuer, heard).await?;
        let key = self.loot.victim.wallet.newest(&talk.lock)?;
        let payload = Signed::read(&key.bytes).ok()?.payload;
        let key = Key { holder: self.robber.public, ..Key::read(payload).ok()? };
        let key = signed(Kind::Key, &own, |it| key.write(it))?;
        let open = self.robber.command(&key, talk)?;
        say(talk, &Said::Key { key: &key, issuer: &issuer, open: &open }, heard).await
    }

    async fn wrong_kind(
        &self,
        talk: &mut Robbery<'_>,
        list: &[u8],
        issuer: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Option<()> {
        let key = self.loot.victim.wallet.newest(&talk.lock)?.bytes.clone();
        say_list(talk, &key, issuer, heard).await?;
        say_list(talk, issuer, issuer, heard).await?;
        let words = [
            Said::Key { key: list, issuer, open: &key },
            Said::Key { key: &key, issuer: list, open: list },
            Said::Fresh { fresh: list, issuer },
            Said::Ack { ack: &key, issuer },
        ];
        for word in &words {
            say(talk, word, heard).await?;
        }
        Some(())
    }

    /// The time a year ahead, over the very nonce that the lock drew.
    async fn future(
        &self,
        talk: &mut Robbery<'_>,
        issuer: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Option<()> {
        let signed = Signed::read(&self.loot.list).ok()?;
        let held = List::read(signed.payload).ok()?;
        let Answered::Drawn(nonce) = talk.say(&Said::Draw).await? else { return None };
        let fresh = Fresh {
            iat: held.iat + YEAR_S,
            lock: talk.lock,
            nonce,
            epoch: held.epoch,
            version: held.version,
            digest: signed.digest(),
        };
        let fresh = forged(Kind::Fresh, signed.kid, |it| fresh.write(it))?;
        say(talk, &Said::Fresh { fresh: &fresh, issuer }, heard).await
    }
}

async fn say_list(
    talk: &mut Robbery<'_>,
    list: &[u8],
    issuer: &[u8],
    heard: &mut Vec<Heard>,
) -> Option<()> {
    say(talk, &Said::List { list, issuer, epoch: None }, heard).await
}

/// Says a word and notes the answer; none where it does not fit into a frame.
async fn say(talk: &mut Robbery<'_>, said: &Said<'_>, heard: &mut Vec<Heard>) -> Option<()> {
    let frame = talk.seal(said)?;
    if heard.last() != Some(&Heard::End) {
        raw(talk, &frame, heard).await?;
    }
    Some(())
}

/// Sends bytes and notes the answer.
async fn raw(talk: &mut Robbery<'_>, bytes: &[u8], heard: &mut Vec<Heard>) -> Option<()> {
    // A lock that hangs up reads no further.
    let _ = send(talk.link, bytes).await;
    heard.push(match talk.hear().await {
        None => Heard::End,
        Some(Answered::List { code, receipt: None }) => Heard::Code(6, code),
        Some(Answered::Key(code)) => Heard::Code(8, code),
        Some(Answered::Taken(code)) => Heard::Code(12, code),
        Some(_) => Heard::Data,
    });
    Some(())
}

#[cfg(test)]
mod tests;
