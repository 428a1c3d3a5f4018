//! Loading: everything that is neither closed nor deleted, from one state of the database.
//!
//! One thread reads rows, another applies the records, because a place may have millions. Records
//! enter a place's state by `PlaceState::apply` only. Must not hold rows back, or sort them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;

use crate::cells::Tools;
use crate::commit::Head;
use crate::{Row, Statement, Store, StoreError, Value, rows, values};

/// What the server holds in memory.
#[derive(Debug)]
pub struct Loaded {
    /// Organizations, accounts, clients and tickets.
    pub directory: Vec<Record>,
    /// The places, in order of number.
    pub places: Vec<(PlaceState, Head)>,
    /// How far the directory is.
    pub directory_head: Head,
    /// The highest number given so far to each noun of the directory, and to places, deleted ones
    /// included.
    pub directory_numbers: Vec<(Noun, u32)>,
}

impl Store {
    /// Everything that is neither closed nor deleted.
    ///
    /// # Errors
    /// As for any read; [`StoreError::Unsealable`] when the secrets are not those of this data.
    pub async fn load(&self) -> Result<Loaded, StoreError> {
        let (reading, places) = self.load_rows(None).await?;
        Ok(Loaded {
            directory_head: reading.heads.get(&0).copied().unwrap_or_default(),
            directory_numbers: reading.highest_of_directory(),
            places: places.finish(&reading),
            directory: reading.directory,
        })
    }

    /// One place, for a node that is too far behind to catch up; none where it is deleted or was
    /// never made.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn load_place(
        &self,
        place: PlaceNumber,
    ) -> Result<Option<(PlaceState, Head)>, StoreError> {
        let (reading, places) = self.load_rows(Some(place)).await?;
        Ok(places.finish(&reading).pop())
    }

    async fn load_rows(&self, place: Option<PlaceNumber>) -> Result<(Reading, Places), StoreError> {
        let mut kinds = vec![Kind::Heads];
        // Places come before their rows.
        let nouns = || rows::DIRECTORY.iter().chain(&rows::PLACE).copied();
        let nouns = || nouns().filter(|noun| place.is_none() || !rows::DIRECTORY.contains(noun));
        kinds.extend(nouns().map(Kind::Highest));
        kinds.extend(nouns().map(Kind::Live));
        let statements = kinds.iter().map(|kind| kind.statement(place)).collect();
        let (ready, records) = channel();
        let applying = tokio::task::spawn_blocking(move || Places::of(&records));
        let reading = Reading {
            kinds,
            tools: Tools::new(self.secrets()),
            heads: HashMap::new(),
            highest: Vec::new(),
            directory: Vec::new(),
            next: Vec::new(),
            ready: Some(ready),
        };
        let mut reading = self.db.scan(statements, reading, Reading::take).await?;
        reading.hand_over();
        reading.ready = None;
        let places = applying.await.map_err(|e| StoreError::unavailable(e.to_string()))?;
        Ok((reading, places))
    }
}

/// What the rows of a statement are.
#[derive(Clone, Copy)]
enum Kind {
    /// Place, revision, sequence and hash of the trail.
    Heads,
    /// Place and highest number of a noun.
    Highest(Noun),
    /// Live rows of a noun.
    Live(Noun),
}

impl Kind {
    fn statement(self, place: Option<PlaceNumber>) -> Statement {
        let heads = "select place, revision, trail_seq, trail_hash from heads";
        let (sql, condition) = match self {
            Kind::Heads => (heads, "where place = ?1"),
            // Places are counted together, whatever has become of them.
            Kind::Highest(Noun::Place) => {
                return Statement::new("select 0, max(number) from places", []);
            }
            Kind::Highest(noun) => (rows::texts(noun).highest.as_str(), "where h.place = ?1"),
            Kind::Live(noun) => (rows::texts(noun).live.as_str(), "and place = ?1"),
        };
        match place {
            None => Statement::new(sql, []),
            Some(place) => Statement::new(format!("{sql} {condition}"), values![place]),
        }
    }
}

/// How many records are handed over at once.
const HANDFUL: usize = 512;

struct Reading {
    kinds: Vec<Kind>,
    tools: Tools,
    heads: HashMap<u32, Head>,
    highest: Vec<(u32, Noun, u32)>,
    directory: Vec<Record>,
    next: Vec<(u32, Record)>,
    /// Gone when everything was handed over.
    ready: Option<Sender<Vec<(u32, Record)>>>,
}

impl Reading {
    fn take(&mut self, at: usize, row: Row) -> Result<(), StoreError> {
        match self.kinds.get(at) {
            Some(Kind::Heads) => {
                let (revision, trail_seq, trail_hash) = (row.u64(1)?, row.u64(2)?, row.array(3)?);
                self.heads.insert(row.u32(0)?, Head { revision, trail_seq, trail_hash });
            }
            Some(Kind::Highest(noun)) => {
                let highest = row.opt_int(1)?.and_then(|number| u32::try_from(number).ok());
                self.highest.push((row.u32(0)?, *noun, highest.unwrap_or(0)));
            }
            Some(Kind::Live(noun)) => self.take_record(*noun, row.into_values())?,
            None => {}
        }
        Ok(())
    }

    fn take_record(&mut self, noun: Noun, values: Vec<Value>) -> Result<(), StoreError> {
        let (place, record) = rows::read(noun, values, &mut self.tools)?;
        if rows::DIRECTORY.contains(&noun) {
            self.directory.push(record);
            return Ok(());
        }
        self.next.push((place, record));
        if self.next.len() >= HANDFUL {
            self.hand_over();
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        let records = std::mem::replace(&mut self.next, Vec::with_capacity(HANDFUL));
        if let Some(ready) = &self.ready {
            // Whoever applies them is only gone when it panicked, which its owner will see.
            let _ = ready.send(records);
        }
    }

    fn highest_of_directory(&self) -> Vec<(Noun, u32)> {
        let of = |noun: &Noun| rows::DIRECTORY.contains(noun) || *noun == Noun::Place;
        self.highest
            .iter()
            .filter(|(place, noun, _)| *place == 0 && of(noun))
            .map(|(_, noun, number)| (*noun, *number))
            .collect()
    }
}

#[derive(Default)]
struct Places {
    states: Vec<PlaceState>,
    /// Where a place stands in `states`.
    at: HashMap<u32, usize>,
    /// The place of the record before, and where it stands.
    last: Option<(u32, usize)>,
}

impl Places {
    fn of(records: &Receiver<Vec<(u32, Record)>>) -> Places {
        let mut places = Places::default();
        for (place, record) in records.iter().flatten() {
            if let Record::Place(it) = &record {
                places.at.insert(place, places.states.len());
                places.states.push(PlaceState::new(Arc::clone(it)));
            } else if let Some(state) = places.state(place) {
                // Rows of a deleted place belong nowhere.
                state.apply(&record);
            }
        }
        places
    }

    fn state(&mut self, place: u32) -> Option<&mut PlaceState> {
        let at = match self.last {
            Some((same, at)) if same == place => at,
            _ => *self.at.get(&place)?,
        };
        self.last = Some((place, at));
        self.states.get_mut(at)
    }

    fn finish(mut self, reading: &Reading) -> Vec<(PlaceState, Head)> {
        for (place, noun, number) in &reading.highest {
            if let Some(state) = self.state(*place) {
                state.reserve(*noun, *number);
            }
        }
        let with_head = |mut state: PlaceState| {
            let head = reading.heads.get(&state.place.header.number).copied().unwrap_or_default();
            state.revision = state.revision.max(head.revision);
            (state, head)
        };
        let mut places: Vec<_> = self.states.into_iter().map(with_head).collect();
        places.sort_by_key(|(state, _)| state.place.header.number);
        places
    }
}
