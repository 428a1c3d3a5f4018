//! Lists that are derived, not stored: keys of a large level, and who can open a lock.

use claviger_app::{decision, key};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::lock::Posture;
use claviger_domain::noun::{Actor, CloseReason, Closed};

use crate::building::{Building, on_each_engine, operator};
use crate::show::{Sorted, Table, timed};
use crate::world::{MADE, Rng, grant, id, level, lock, membership, person};

const PEOPLE: u32 = 40_000;
const LOCKS: u32 = 100;
const HOLDERS: u32 = 5_000;
const PAGES: usize = 2_000;
const LISTS: usize = 40;

pub fn run(table: &mut Table) {
    on_each_engine(async |engine, building| {
        fill(&building).await;
        let app = building.start().await;
        let ctx = operator(&app);
        let (place, number) = (building.place, building.number);
        let filter = key::KeyFilter {
            level: Some(Ref::Id(id(number, Noun::AccessLevel, 1))),
            ..key::KeyFilter::default()
        };
        let (mut rng, mut took) = (Rng(5), Vec::new());
        for _ in 0..PAGES {
            let after = (1 + rng.below(PEOPLE - 2), 1 + rng.below(LOCKS));
            let (page, ms) = timed(key::list(&ctx, place, after, 50, &filter)).await;
            assert_eq!(page.unwrap().items.len(), 50);
            took.push(ms);
        }
        let took = Sorted::new(took);
        let what = format!("{engine}: page of 50 keys in a level of {PEOPLE} × {LOCKS}");
        table.row(what, spread(&took), "≤ 1 ms");
        let mut took = Vec::new();
        for _ in 0..LISTS {
            let lock = Ref::Id(id(number, Noun::Lock, LOCKS + 1));
            let (rows, ms) = timed(decision::of_lock(&ctx, place, &lock, None)).await;
            assert_eq!(rows.unwrap().len(), HOLDERS as usize);
            took.push(ms);
        }
        let took = Sorted::new(took);
        let what = format!("{engine}: who can open a lock, {HOLDERS} holders");
        table.row(what, spread(&took), "≤ 5 ms");
        app.storage().close().await;
    });
}

fn spread(took: &Sorted) -> String {
    format!("{:.2} ms median, {:.2} at 99 %", took.median(), took.at(0.99))
}

/// One level with everybody and most locks, of whose grants one in twenty is closed; another with
/// one lock and some of the people.
async fn fill(building: &Building) {
    let place = building.number;
    let people = (1..=PEOPLE).flat_map(|it| {
        let (person, card) = person(place, it);
        [person.into(), card.into()]
    });
    let locks = (1..=LOCKS + 1).map(|it| lock(place, it, Posture::Normal).into());
    let levels = (1..=2).map(|it| level(place, it, None).into());
    let inside =
        (1..=LOCKS + 1).map(|it| membership(place, it, if it > LOCKS { 2 } else { 1 }, it).into());
    let closed = Closed { at: MADE, by: Actor::Operator, reason: CloseReason::Revoked };
    let grants = (1..=PEOPLE + HOLDERS).map(|it| {
        let (person, level) = if it > PEOPLE { (it - PEOPLE, 2) } else { (it, 1) };
        let mut grant = grant(place, it, person, level);
        grant.closed = Some(closed).filter(|_| level == 1 && it % 20 == 0);
        grant.into()
    });
    building.fill(people.chain(locks).chain(levels).chain(inside).chain(grants)).await;
}
