//! What a lock answers and records, as numbers. They are part of the formats: a number never
//! changes its meaning.

/// An answer, or what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done as asked. As an event: the bolt was moved, `command` says how.
    Done = 0,
    /// Not the one encoding, or unknown flags.
    Malformed = 1,
    /// Another lock's or place's, or a signature is not right.
    NotForMe = 2,
    /// The key is of an epoch that counts no more.
    OldEpoch = 3,
    /// The lock needs a newer list first.
    NeedList = 4,
    /// The list refuses the key.
    Revoked = 5,
    /// The key has certainly ended.
    Expired = 6,
    /// The key has certainly not begun.
    NotYet = 7,
    /// The lock cannot tell the time, and the key demands that it can.
    TimeUnknown = 8,
    /// It is certainly outside the key's hours.
    OutsideSchedule = 9,
    /// The person must act.
    NoIntent = 10,
    /// The link is not known to be short.
    NoProximity = 11,
    /// The lock has lost what it held and opens to nobody. As an event: events of earlier logs
    /// may be lost.
    StateLost = 12,
    /// The event could not be recorded, so nothing was moved.
    NotRecorded = 13,
    /// No; what is wrong is told to holders of valid keys only.
    Refused = 14,
    /// A list was taken. As an event: `serial` is its version.
    Applied = 20,
    /// The list is the one that is held.
    Same = 21,
    /// The list is older than the one that is held.
    Older = 22,
    /// A second list with the version of the one that is held, rightly signed: a cloned signer.
    Conflict = 23,
    /// The list begins an epoch without a certificate for it.
    NoEpoch = 24,
    /// A lock that has lost its state takes only the list of a fresh statement.
    NotFresh = 25,
    /// The list is longer than the lock can hold.
    TooLong = 26,
    /// The clock was set, after it did not know.
    ClockSet = 40,
    /// Something signed later than the lock believed possible: its clock is slow.
    ClockWrong = 41,
    /// Events are lost: those numbered from `serial` to `spread`.
    Lost = 42,
    /// The lock was commissioned.
    Commissioned = 43,
    /// The lock has no record.
    Uncommissioned = 44,
    /// The flash failed; the lock must be powered anew.
    Faulty = 45,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Done,
        Self::Malformed,
        Self::NotForMe,
        Self::OldEpoch,
        Self::NeedList,
        Self::Revoked,
        Self::Expired,
        Self::NotYet,
        Self::TimeUnknown,
        Self::OutsideSchedule,
        Self::NoIntent,
        Self::NoProximity,
        Self::StateLost,
        Self::NotRecorded,
        Self::Refused,
        Self::Applied,
        Self::Same,
        Self::Older,
        Self::Conflict,
        Self::NoEpoch,
        Self::NotFresh,
        Self::TooLong,
        Self::ClockSet,
        Self::ClockWrong,
        Self::Lost,
        Self::Commissioned,
        Self::Uncommissioned,
        Self::Faulty,
    ];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The one of a number; none if there is no such.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }
}
