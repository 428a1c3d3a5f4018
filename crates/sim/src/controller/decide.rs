//! The rules by which a controller decides alone, over nothing but what it has stored.

use super::hours;
use super::item::ItemKind;
use super::item::{Access, Card, Credential, CredentialKind, Hours, Item, Lock, PinRule, Posture};
use super::storage::Storage;
use crate::calendar::parse_instant;
use crate::machine::Heard;
use crate::wire::Session;

/// What somebody presents at a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A card.
    Card(Card),
    /// The digits of a code.
    Code(String),
    /// The public key of a phone, base64 of a COSE_Key.
    Phone(String),
}

/// What a controller decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it opens.
    pub opens: bool,
    /// `card`, `code`, `card_and_pin`, `phone` or `free_access`.
    pub method: &'static str,
    /// Why not; nothing where it opens.
    pub reasons: Vec<&'static str>,
    /// The item that was found; the one that opens where one does.
    pub credential_id: Option<String>,
    /// For how long it serves at a machine.
    pub session: Option<Session>,
    /// It may enrol others at a machine.
    pub is_admin: bool,
    /// Nothing is stored by which to decide: whoever reaches the server may ask.
    pub not_found: bool,
}

impl From<&Verdict> for Heard {
    fn from(verdict: &Verdict) -> Heard {
        if verdict.opens && verdict.method != "free_access" {
            let enrols = verdict.credential_id.clone().filter(|_| verdict.is_admin);
            return Heard::LetIn { session: verdict.session, enrols };
        }
        if verdict.not_found { Heard::Stranger } else { Heard::Refused }
    }
}

/// Decides at the lock of this number.
pub(super) fn decide(
    stored: &Storage,
    lock: u64,
    shown: &Shown,
    pin: Option<&str>,
    now_us: i64,
) -> Verdict {
    let method = match (shown, pin) {
        (Shown::Card(_), Some(_)) => "card_and_pin",
        (Shown::Card(_), None) => "card",
        (Shown::Code(_), _) => "code",
        (Shown::Phone(_), _) => "phone",
    };
    let closed = |reason| Verdict { method, reasons: vec![reason], ..Verdict::default() };
    let Some(lock) = stored.lock(lock) else {
        return Verdict { not_found: true, ..closed("no_grant") };
    };
    let rules = Rules { stored, lock, now_us };
    match lock.posture {
        Posture::Disabled => return closed("lock_disabled"),
        Posture::FreeAccess => return Verdict::free(),
        Posture::Normal if rules.any_time(&lock.unlock_schedule) => return Verdict::free(),
        Posture::Normal | Posture::Lockdown => {}
    }
    let found = found(stored, shown);
    if found.is_empty() {
        return Verdict { not_found: true, ..closed("credential_unknown") };
    }
    let pin_is_right = pin.is_some() && found.iter().any(|it| it.pin.as_deref() == pin);
    let mut denied = Verdict::default();
    for item in found {
        let mut reasons = rules.access(item);
        reasons.extend(rules.pin(item, pin.is_some(), pin_is_right));
        let verdict = Verdict {
            opens: reasons.is_empty(),
            method,
            reasons,
            credential_id: Some(item.id.clone()),
            session: item.session,
            is_admin: item.is_admin,
            not_found: false,
        };
        if verdict.opens {
            return verdict;
        }
        if denied.credential_id.is_none() {
            denied = verdict;
        }
    }
    denied
}

/// What is identified; typed digits that are no code may be the text of a card.
fn found<'s>(stored: &'s Storage, shown: &Shown) -> Vec<&'s Credential> {
    let found: Vec<&Credential> = stored.credentials().filter(|it| it.is(shown)).collect();
    match shown {
        Shown::Code(digits) if found.is_empty() => {
            let has_text = |it: &&Credential| it.cards.iter().any(|part| part.has_text(digits));
            stored.credentials().filter(has_text).collect()
        }
        _ => found,
    }
}

impl Verdict {
    fn free() -> Verdict {
        Verdict { opens: true, method: "free_access", ..Verdict::default() }
    }
}

impl Credential {
    fn is(&self, shown: &Shown) -> bool {
        match (self.kind, shown) {
            (CredentialKind::Card, Shown::Card(card)) => {
                self.cards.iter().any(|part| part.card.is(card))
            }
            (CredentialKind::Code, Shown::Code(code)) => self.code.as_ref() == Some(code),
            (CredentialKind::Phone, Shown::Phone(key)) => self.public_key.as_ref() == Some(key),
            _ => false,
        }
    }
}

struct Rules<'a> {
    stored: &'a Storage,
    lock: &'a Lock,
    now_us: i64,
}

impl Rules<'_> {
    /// Whether a schedule holds; one that is not there never does.
    fn holds(&self, id: &str) -> bool {
        self.hours(id).is_some_and(|it| hours::hold(it, &self.lock.time_zone, self.now_us))
    }

    fn hours(&self, id: &str) -> Option<&Hours> {
        match self.stored.item(ItemKind::Schedule, id) {
            Some(Item::Schedule(schedule)) => Some(&schedule.schedule),
            _ => None,
        }
    }

    fn any_time(&self, schedule: &Option<String>) -> bool {
        schedule.as_ref().is_some_and(|id| self.holds(id))
    }

    /// Why none of its entries opens; nothing where one does.
    fn access(&self, item: &Credential) -> Vec<&'static str> {
        let here: Vec<&Access> =
            item.access.iter().filter(|it| it.locks.contains(&self.lock.lock)).collect();
        if here.is_empty() {
            return vec!["no_grant"];
        }
        let mut reasons = Vec::new();
        for access in here {
            match self.entry(access) {
                Some(reason) => reasons.push(reason),
                None => return Vec::new(),
            }
        }
        reasons.dedup();
        reasons
    }

    fn entry(&self, access: &Access) -> Option<&'static str> {
        // A bound that cannot be read is one that has passed.
        let bound = |text: &str| parse_instant(text);
        if self.lock.posture == Posture::Lockdown && !access.override_lockdown {
            return Some("lockdown");
        }
        if access.valid_from.as_ref().is_some_and(|it| bound(it).is_none_or(|it| it > self.now_us))
        {
            return Some("grant_not_yet_valid");
        }
        if access
            .valid_until
            .as_ref()
            .is_some_and(|it| bound(it).is_none_or(|it| it <= self.now_us))
        {
            return Some("grant_expired");
        }
        (!access.schedules.iter().all(|id| self.holds(id))).then_some("outside_schedule")
    }

    fn pin(&self, item: &Credential, given: bool, right: bool) -> Option<&'static str> {
        // A schedule that is not there limits nothing: then a PIN is asked for at all times.
        let limits = |id: &String| self.hours(id).is_some() && !self.holds(id);
        if self.lock.pin_schedule.as_ref().is_some_and(limits) {
            return None;
        }
        match (self.lock.pin, &item.pin) {
            (PinRule::Never, _) | (PinRule::IfSet, None) => None,
            (PinRule::Always, None) => Some("pin_not_set"),
            (_, Some(_)) if right => None,
            (_, Some(_)) if given => Some("pin_wrong"),
            (_, Some(_)) => Some("pin_missing"),
        }
    }
}
