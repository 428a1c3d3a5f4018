//! A store to write to: heads are kept, and every command gets its row in the trail.
//!
//! Must not check anything but that what it was asked to do was done.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use claviger_domain::ids::{Id, Noun, PlaceNumber};
use claviger_domain::noun::{Actor, Header};
use claviger_domain::record::Record;
use claviger_domain::time::Instant;
use claviger_store::testing::{engines, folder};
use claviger_store::{
    Commit, Committed, Head, Location, Part, Secrets, Store, StoreError, TrailRow, Write,
};

pub(crate) const PLACE: PlaceNumber = PlaceNumber(7);
pub(crate) const OTHER: PlaceNumber = PlaceNumber(8);
pub(crate) const DIRECTORY: PlaceNumber = PlaceNumber(0);

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) location: Location,
    pub(crate) heads: HashMap<PlaceNumber, Head>,
    commits: u128,
}

/// Runs a test on a fresh store of each engine, which holds an organization and two places.
pub(crate) async fn on_each_store(test: impl AsyncFn(World)) {
    for location in engines() {
        let path = folder().join("secrets");
        let secrets = Arc::new(Secrets::load_or_create(&path, false).unwrap());
        let store = Store::open(&location, Arc::clone(&secrets)).await.unwrap();
        println!("engine: {:?}", store.db().engine());
        let mut world = World { store, secrets, location, heads: HashMap::new(), commits: 0 };
        world.put(DIRECTORY, vec![crate::samples::organization()]).await;
        for place in [PLACE, OTHER] {
            world.put(place, vec![crate::samples::place(place)]).await;
        }
        test(world).await;
    }
}

pub(crate) fn id(n: u128) -> Id {
    Id(n.to_be_bytes())
}

pub(crate) fn header(noun: Noun, number: u32) -> Header {
    Header {
        number,
        id: id((noun as u128) << 64 | u128::from(number)),
        external_id: None,
        created_at: Instant(1_000),
        updated_at: Instant(1_000),
        revision: 1,
        deleted_at: None,
    }
}

impl World {
    pub(crate) fn head(&self, place: PlaceNumber) -> Head {
        self.heads.get(&place).copied().unwrap_or_default()
    }

    /// A part of one command that writes these records.
    pub(crate) fn part(&self, place: PlaceNumber, writes: Vec<Write>) -> Part {
        let mut part = Part::new(place, self.head(place));
        part.after.revision += 1;
        part.writes = writes;
        let seq = part.before.trail_seq + 1;
        let row = TrailRow {
            seq,
            at: Instant(5),
            actor: Actor::Client(id(9)),
            verb: "update".to_owned(),
            noun: Noun::Person,
            object: Some(id(77)),
            fields: vec!["zone".to_owned(), "ålder".to_owned()],
            values: vec![("zone".to_owned(), "Europe/Stockholm".to_owned())],
            revision: part.after.revision,
            hash: [0; 32],
        };
        let row = row.linked(place, &part.before.trail_hash);
        (part.after.trail_seq, part.after.trail_hash) = (seq, row.hash);
        part.trail = vec![row];
        part
    }

    pub(crate) async fn commit(&mut self, parts: Vec<Part>) -> Result<Committed, StoreError> {
        self.commits += 1;
        let commit =
            Commit { id: id(1 << 100 | self.commits), at: Instant(5), parts, answers: Vec::new() };
        let heads: Vec<(PlaceNumber, Head)> =
            commit.parts.iter().map(|part| (part.place, part.after)).collect();
        let committed = self.store.commit(commit).await;
        if committed == Ok(Committed::Done) {
            self.heads.extend(heads);
        }
        committed
    }

    pub(crate) async fn write(
        &mut self,
        place: PlaceNumber,
        writes: Vec<Write>,
    ) -> Result<Committed, StoreError> {
        let part = self.part(place, writes);
        self.commit(vec![part]).await
    }

    /// Writes new records.
    pub(crate) async fn put(&mut self, place: PlaceNumber, records: Vec<Record>) {
        let new = |record| Write { record, former: None };
        let writes = records.into_iter().map(new).collect();
        assert_eq!(self.write(place, writes).await, Ok(Committed::Done));
    }

    /// Writes a record over a former one.
    pub(crate) async fn change(
        &mut self,
        place: PlaceNumber,
        former: &Record,
        record: impl Into<Record>,
    ) {
        let write = Write { record: record.into(), former: Some(former.clone()) };
        assert_eq!(self.write(place, vec![write]).await, Ok(Committed::Done));
    }

    pub(crate) async fn number(&self, sql: impl Into<Cow<'static, str>>) -> i64 {
        crate::number(self.store.db(), sql).await
    }
}
