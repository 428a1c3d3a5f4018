//! Organization and place: who runs Claviger, and the unit of administration and isolation.

use super::lock::Privacy;
use super::{Header, Json, words};
use crate::ids::{OrganizationNumber, PlaceNumber};
use crate::time::{Instant, Zone};

words! {
    /// What a place is used for, from which its days of retention follow unless they are said.
    PlaceUse {
        /// Homes with stairs and cellars in common.
        Housing "housing",
        /// An employer's rooms.
        Workplace "workplace",
        /// A gym, a club, a workshop of members.
        Members "members",
        /// Hotels, cabins, rooms by the hour.
        Lodging "lodging",
        /// Machines and vehicles that are lent.
        Equipment "equipment",
    }
}

impl PlaceUse {
    /// Days for which events of such a place keep who they concern, unless it says otherwise: as
    /// long as somebody asks who it was, and no longer.
    #[must_use]
    pub fn retention_days(self) -> u16 {
        match self {
            PlaceUse::Lodging => 7,
            PlaceUse::Housing => 14,
            PlaceUse::Workplace | PlaceUse::Members => 30,
            PlaceUse::Equipment => 90,
        }
    }
}

/// Who runs Claviger for some places. No data of a place lives here.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// Kept in place 0.
    pub header: Header,
    /// What people call it.
    pub name: String,
}

/// A place with its own people, locks, levels, rights, events, retention and time zone. Its
/// header's number is the place's number everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// `number` is the number of the place itself.
    pub header: Header,
    /// Whose it is.
    pub organization: OrganizationNumber,
    /// The place it belongs to, set when made.
    pub parent: Option<PlaceNumber>,
    /// What people call it.
    pub name: String,
    /// The zone of locks that name none.
    pub zone: Zone,
    /// Days for which events keep who they concern.
    pub retention_days: u16,
    /// Why they are kept for more than 90 days.
    pub retention_reason: Option<String>,
    /// What it is used for, where somebody said so.
    pub used_for: Option<PlaceUse>,
    /// Until when nothing of it is forgotten, however long that takes.
    pub held_until: Option<Instant>,
    /// The language of mails to its people: `en` or `sv`.
    pub language: String,
    /// The privacy of locks made here that are given none.
    pub default_privacy: Privacy,
    /// Kept for the caller.
    pub metadata: Option<Json>,
    /// Who vouches for people whom the place knows by an identity.
    pub identity_providers: Vec<IdentityProvider>,
    /// Whether its people's phones carry the lists of all its locks with no network.
    pub courier_mode: bool,
}

/// Somebody who vouches for people by signed tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityProvider {
    /// The `provider` of those people's identities.
    pub id: String,
    /// Whom its tokens name as their issuer.
    pub issuer: String,
    /// For whom its tokens are.
    pub audience: String,
    /// Its RSA key, as PEM.
    pub public_key: String,
}

impl Place {
    /// This place's number.
    #[must_use]
    pub fn number(&self) -> PlaceNumber {
        PlaceNumber(self.header.number)
    }
}

/// What a caller sets on a place; an absent field is left as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlaceEdit {
    /// Not empty.
    pub name: Option<String>,
    /// An IANA zone.
    pub zone: Option<Zone>,
    /// What it is used for; its days of retention follow where they are not given.
    pub used_for: Option<Option<PlaceUse>>,
    /// 1–3650; over 90 needs a reason.
    pub retention_days: Option<u16>,
    /// Why longer than 90 days.
    pub retention_reason: Option<Option<String>>,
    /// `en` or `sv`.
    pub language: Option<String>,
    /// Whether phones carry lists to locks they hold no key for.
    pub courier_mode: Option<bool>,
    /// Of locks made from here on that are given none.
    pub default_privacy: Option<Privacy>,
    /// The caller's own id.
    pub external_id: Option<Option<String>>,
    /// Kept for the caller.
    pub metadata: Option<Option<Json>>,
    /// Each with an id of its own.
    pub identity_providers: Option<Vec<IdentityProvider>>,
}
