//! What ended long ago leaves the database, and nothing else; numbers are never given again.

use claviger_domain::ids::{GrantNumber, Noun};
use claviger_domain::noun::grant::Target;
use claviger_domain::noun::{Actor, CloseReason, Closed};
use claviger_domain::record::Record;
use claviger_domain::time::{Instant, Window};
use claviger_store::{ClosedGrants, Reason};

use crate::samples;
use crate::world::{PLACE, World, on_each_store};

#[tokio::test]
async fn closed_rights_go_when_their_time_has_come() {
    on_each_store(async |mut world| {
        let (person, lock) = (samples::person(1), samples::lock(1));
        let mut records = vec![person.into(), lock.into()];
        for number in 1..=5u32 {
            let mut grant = samples::grant(number, 1, 1);
            grant.target = Target::Lock(1.into());
            grant.schedule = None;
            grant.issued_under = None;
            grant.window = Window::ALWAYS;
            let close =
                |at| Closed { at: Instant(at), by: Actor::System, reason: CloseReason::Revoked };
            grant.closed = match number {
                1 => Some(close(1_000)),
                2 => Some(close(9_000)),
                3 => {
                    grant.window.until = Some(Instant(500));
                    Some(close(9_000))
                }
                4 => None,
                _ => Some(close(1_000)),
            };
            records.push(grant.into());
        }
        world.put(PLACE, records).await;
        world.store.purge_rights(PLACE, Instant(5_000)).await.unwrap();
        let left = async |number| world.store.record(PLACE, Noun::Grant, number).await.unwrap();
        assert!(left(1).await.is_none(), "closed long ago");
        assert!(left(2).await.is_some(), "closed a short time ago");
        assert!(left(3).await.is_none(), "over long ago by itself");
        assert!(left(4).await.is_some(), "open");
        assert!(left(5).await.is_some(), "the highest number stays, so that it is not given again");
        let closed = world.store.closed_grants(PLACE, ClosedGrants::All, GrantNumber(0), 10).await;
        assert_eq!(closed.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn reasons_go_with_whom_they_are_about_and_when_their_time_has_come() {
    on_each_store(async |mut world| {
        let (ann, bob) = (samples::person(1), samples::person(2));
        world.put(PLACE, vec![ann.clone().into(), bob.into()]).await;
        for (person, at) in [(1, 1_000), (2, 1_000), (2, 9_000)] {
            let mut part = world.part(PLACE, Vec::new());
            part.reasons.push(Reason {
                seq: part.after.trail_seq,
                at: Instant(at),
                noun: Noun::Person,
                number: Some(person),
                person: Some(person),
                credential: None,
                words: format!("why {person} {at}"),
            });
            world.commit(vec![part]).await.unwrap();
        }
        let words = async |world: &World| -> Vec<String> {
            let found = world.store.reasons(PLACE, 1, 100).await.unwrap();
            found.into_iter().map(|it| it.words).collect()
        };
        assert_eq!(words(&world).await, ["why 1 1000", "why 2 1000", "why 2 9000"]);
        let about = world.store.reasons_about(PLACE, 2.into()).await.unwrap();
        assert_eq!(about, world.store.reasons_for(PLACE, Noun::Person, 2).await.unwrap());
        assert_eq!(about.len(), 2);

        let former = Record::from(ann.clone());
        let mut deleted = ann;
        deleted.header.deleted_at = Some(Instant(5));
        world.change(PLACE, &former, deleted).await;
        assert_eq!(words(&world).await, ["why 2 1000", "why 2 9000"]);
        let old = world.store.old_reasons(PLACE, Instant(5_000)).await.unwrap();
        let found: Vec<_> = old.iter().map(|it| (it.number, it.person, it.is_last)).collect();
        assert_eq!(found, [(Some(2), Some(2.into()), false)]);
        world.store.forget_reasons(PLACE, &[old[0].seq]).await.unwrap();
        assert_eq!(words(&world).await, ["why 2 9000"]);
        let old = world.store.old_reasons(PLACE, Instant(10_000)).await.unwrap();
        assert!(old.len() == 1 && old[0].is_last);
    })
    .await;
}
