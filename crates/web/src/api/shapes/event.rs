//! The fields of an event.

use claviger_domain::noun::event::{EventKind, Method};

use super::credential::CARD;
use super::decision::REASON_CODE;
use super::{BIG_COUNT, ID, INSTANT, WORD, list};
use crate::api::shape::{Field, Kind, Shape};

const BEHIND: Shape = Shape::new(
    "LockBehind",
    "A lock of which less is known than the server decided itself.",
    &[&[
        Field::must("lock_id", ID, "The lock."),
        Field::may(
            "complete_until",
            INSTANT,
            "Up to then everything that happened there has arrived. Null: nobody can tell, because \
             the lock has no network and has proved nothing yet.",
        ),
        Field::may(
            "missing_since",
            INSTANT,
            "Since when some of its events have been missing before others that arrived.",
        ),
    ]],
);

pub(crate) const COMPLETE: Shape = Shape::new(
    "Completeness",
    "How far it is known what happened.",
    &[&[
        Field::may(
            "complete_until",
            INSTANT,
            "No event with an earlier occurred_at is still to come. Null where nobody can tell of \
             some lock.",
        ),
        Field::must(
            "behind",
            list(&Kind::Object(&BEHIND)),
            "The locks that keep it from being now: those of controllers that decide alone, and \
             those with no network.",
        ),
    ]],
);

pub(crate) const EVENT: Shape = Shape::new(
    "Event",
    "What happened at a lock, why and when. Whom it concerns is null once forgotten.",
    &[&[
        Field::must("id", ID, "The id."),
        Field::must("seq", BIG_COUNT, "Counted per place, in the order they were stored."),
        Field::must("kind", Kind::Enum(EventKind::WORDS), "What."),
        Field::must("lock_id", ID, "Where."),
        Field::must("occurred_at", INSTANT, "When it happened."),
        Field::must("received_at", INSTANT, "When the server heard of it."),
        Field::may("method", Kind::Enum(Method::WORDS), "What was presented."),
        Field::must("reasons", list(&REASON_CODE), "Why it was denied."),
        Field::may("person_id", ID, "The person."),
        Field::may("credential_id", ID, "The credential."),
        Field::may("grant_id", ID, "The first grant that allowed, or would have."),
        Field::may("card", Kind::Object(&CARD), "The card as presented."),
        Field::may(
            "pseudonym",
            WORD,
            "Who stands for the person, or for a credential that is nobody's, where the lock's \
             privacy was pseudonym: the same in all such events of the place.",
        ),
    ]],
);
