//! One end of a session with a lock, over a stream: the greeting, then one answer for each word.
//! What is said is for others to choose.

use claviger_offline::cbor::Writer;
use claviger_offline::cose::PublicKey;
use claviger_offline::event::MOST_BYTES;
use claviger_offline::session::message::{Answered, MOST_EVENTS, Said};
use claviger_offline::session::{Greeted, LENGTH, MOST_FRAME, MOST_SAID, Phone};
use claviger_offline::{Digest, Id, Nonce};
use tokio::io::{AsyncRead, AsyncWrite};

use super::link::{framed, read_frame, send};
use super::wire::Bytes;

/// What a lock says of itself, without proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) epoch: u16,
    pub(crate) version: u32,
    /// 0 nobody's, 1 holds a list, 2 has lost what it held, 3 faulty.
    pub(crate) state: u8,
    pub(crate) list_limit: u16,
    pub(crate) log_epoch: u64,
    pub(crate) next_seq: u32,
}

/// A session with a lock that has proven who it is.
pub(crate) struct Talk<'l, L> {
    pub(crate) link: &'l mut L,
    phone: Phone,
    room: [u8; MOST_SAID],
    /// Who the lock is.
    pub(crate) lock: Id,
    pub(crate) hello: Hello,
}

impl<'l, L: AsyncRead + AsyncWrite + Unpin> Talk<'l, L> {
    /// Greets the lock at the other end. `secret` is for this session alone; `known` gives the
    /// public key of a lock that the phone has keys for. None where the lock is another, or
    /// nobody's business, or the link ends.
    pub(crate) async fn begin(
        link: &'l mut L,
        secret: &[u8; 32],
        known: impl FnOnce(&Id) -> Option<PublicKey>,
    ) -> Option<Self> {
        let first = read_frame(link).await?;
        let greeted = Greeted::by(&first, secret).ok()?;
        send(link, &framed(greeted.frame())).await?;
        let third = read_frame(link).await?;
        let named = greeted.named(&third).ok()?;
        let lock = named.lock;
        let mut phone = named.known_by(&known(&lock)?).ok()?;
        let mut room = [0; MOST_SAID];
        let fourth = read_frame(link).await?;
        let answer = phone.hear(&fourth, &mut room).ok()?;
        let Answered::Hello { epoch, version, state, list_limit, log_epoch, next_seq } = answer
        else {
            return None;
        };
        let hello = Hello { epoch, version, state, list_limit, log_epoch, next_seq };
        Some(Talk { link, phone, room, lock, hello })
    }

    /// What a command is said over.
    pub(crate) fn nonce(&self) -> &Nonce {
        self.phone.nonce()
    }

    /// What names this session in a command.
    pub(crate) fn session(&self) -> &Digest {
        self.phone.session()
    }

    /// The sealed frame of a word, with its length; none where it does not fit.
    pub(crate) fn seal(&mut self, said: &Said<'_>) -> Option<Vec<u8>> {
        let mut out = [0; MOST_FRAME + LENGTH];
        self.phone.say(said, &mut out).map(<[u8]>::to_vec)
    }

    /// Says something and hears the answer; none where the lock hangs up.
    pub(crate) async fn say(&mut self, said: &Said<'_>) -> Option<Answered<'_>> {
        let frame = self.seal(said)?;
        send(self.link, &frame).await?;
        self.hear().await
    }

    /// The next answer.
    pub(crate) async fn hear(&mut self) -> Option<Answered<'_>> {
        let frame = read_frame(self.link).await?;
        self.phone.hear(&frame, &mut self.room).ok()
    }

    /// The events of its log from a number on, as they travel; from 0, some of earlier logs.
    pub(crate) async fn events(&mut self, from: u32) -> Option<Vec<Bytes>> {
        let (mut all, mut next) = (Vec::new(), from);
        loop {
            let Answered::Events(events) = self.say(&Said::Events(next)).await? else {
                return None;
            };
            let mut came = 0;
            for event in events.iter() {
                let mut room = [0; MOST_BYTES];
                let mut writer = Writer::new(&mut room);
                event.write(&mut writer);
                all.push(Bytes(writer.done()?.to_vec()));
                next = next.max(event.seq + 1);
                came += 1;
            }
            if came < MOST_EVENTS || from == 0 {
                return Some(all);
            }
        }
    }
}

#[cfg(test)]
mod tests;
