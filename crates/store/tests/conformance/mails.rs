//! Mails: kept from the commit to the folder, and how they went after it.

use claviger_domain::ids::{Id, PersonNumber};
use claviger_domain::time::Instant;
use claviger_store::{Commit, MailState, NewMail, Part};

use crate::samples;
use crate::world::{DIRECTORY, OTHER, PLACE, World, id, on_each_store};

/// A mail due at 10, good until 100.
fn mail(n: u128, person: Option<u32>) -> NewMail {
    NewMail {
        id: id(n),
        person: person.map(PersonNumber),
        sealed: vec![n as u8; 3],
        created_at: Instant(1),
        next_at: Instant(10),
        good_until: Instant(100),
    }
}

async fn commit(world: &World, n: u128, place: claviger_domain::ids::PlaceNumber, mail: NewMail) {
    let part = Part { mails: vec![mail], ..Part::new(place, world.heads[&place]) };
    let commit = Commit { id: id(9_000 + n), at: Instant(1), parts: vec![part], answers: vec![] };
    world.store.commit(commit).await.unwrap();
}

async fn due(world: &World, now: i64) -> Vec<Id> {
    let due = world.store.due_mails(Instant(now), 10).await.unwrap();
    due.into_iter().map(|mail| mail.id).collect()
}

#[tokio::test]
async fn a_mail_waits_until_it_is_out_and_its_words_go_with_it() {
    on_each_store(async |world| {
        for (n, place) in [(1, PLACE), (2, DIRECTORY), (3, PLACE)] {
            commit(&world, n, place, mail(n, None)).await;
        }
        assert_eq!(due(&world, 9).await, []);
        assert_eq!(due(&world, 10).await, [id(1), id(2), id(3)]);
        let store = &world.store;
        store.retry_mail((PLACE, id(1)), "full", Instant(11), Instant(20)).await.unwrap();
        assert_eq!(due(&world, 19).await, [id(2), id(3)]);
        let again = store.due_mails(Instant(20), 10).await.unwrap();
        assert_eq!((again[2].id, again[2].tries, &*again[2].sealed), (id(1), 1, &[1; 3][..]));
        assert_eq!((again[2].place, again[2].good_until), (PLACE, Instant(100)));
        for (n, place) in [(1, PLACE), (2, DIRECTORY)] {
            store.end_mail((place, id(n)), MailState::Written, None, Instant(21)).await.unwrap();
        }
        store.end_mail((OTHER, id(3)), MailState::Failed, None, Instant(21)).await.unwrap();
        assert_eq!(due(&world, 99).await, [id(3)], "another place's is another mail");
        store.trim_mails(PLACE, Instant(22)).await.unwrap();
        store.trim_mails(DIRECTORY, Instant(21)).await.unwrap();
        let sql = claviger_store::Statement::new("select sealed from mails order by place", []);
        let kept = store.db().read(sql).await.unwrap();
        let sealed: Vec<_> = kept.iter().map(|row| row.opt_bytes(0).unwrap()).collect();
        assert_eq!(sealed, [None, Some(&[3; 3][..])]);
    })
    .await;
}

#[tokio::test]
async fn how_the_last_mail_about_somebody_went_is_known_until_they_are_deleted() {
    on_each_store(async |mut world| {
        let people = vec![samples::person(1), samples::person(2)];
        world.put(PLACE, people.into_iter().map(Into::into).collect()).await;
        for (n, person) in [(1, 1), (2, 2), (3, 1)] {
            commit(&world, n, PLACE, mail(n, Some(person))).await;
        }
        assert_eq!(due(&world, 10).await, [id(2), id(3)], "the one before is void");
        let store = &world.store;
        store.note_mail(id(2), None, Some("later"), Instant(11)).await.unwrap();
        store.note_mail(id(3), Some(MailState::Sent), None, Instant(12)).await.unwrap();
        // It was taken before it was noted that it was written.
        store.end_mail((PLACE, id(3)), MailState::Written, None, Instant(13)).await.unwrap();
        let mut told = store.mail_reports(PLACE, None).await.unwrap();
        told.sort_by_key(|it| it.person);
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.person.0, it.state, it.problem.as_deref(), it.changed_at.0))
            .collect();
        let wanted = [(1, MailState::Sent, None, 12), (2, MailState::Waiting, Some("later"), 11)];
        assert_eq!(told, wanted);
        assert_eq!(store.mail_reports(OTHER, None).await.unwrap(), []);
        let one = store.mail_reports(PLACE, Some(PersonNumber(2))).await.unwrap();
        assert_eq!(
            (one.len(), one[0].created_at, one[0].good_until),
            (1, Instant(1), Instant(100))
        );
        let mut gone = samples::person(2);
        gone.header.deleted_at = Some(Instant(2_000));
        world.put(PLACE, vec![gone.into()]).await;
        assert_eq!(world.store.mail_reports(PLACE, Some(PersonNumber(2))).await.unwrap(), []);
        assert_eq!(due(&world, 99).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_mail_is_taken_by_one_and_not_when_it_is_out() {
    on_each_store(async |world| {
        commit(&world, 1, PLACE, mail(1, None)).await;
        let store = &world.store;
        let seen = store.due_mails(Instant(10), 10).await.unwrap().remove(0);
        assert_eq!(seen.next_at, Instant(10));
        assert!(store.claim_mail(&seen, Instant(40)).await.unwrap());
        assert!(!store.claim_mail(&seen, Instant(41)).await.unwrap(), "another has it");
        assert_eq!(due(&world, 39).await, []);
        let again = store.due_mails(Instant(40), 10).await.unwrap().remove(0);
        store.end_mail((PLACE, id(1)), MailState::Written, None, Instant(41)).await.unwrap();
        assert!(!store.claim_mail(&again, Instant(60)).await.unwrap(), "it is out");
        let over = [(1, 99), (1, 100), (2, 100)];
        let mut told = Vec::new();
        for (n, now) in over {
            told.push(store.is_over(id(n), Instant(now)).await.unwrap());
        }
        assert_eq!(told, [false, true, false]);
    })
    .await;
}
