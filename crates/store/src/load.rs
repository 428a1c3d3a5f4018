//! Loading: everything that is neither closed nor deleted, from one state of the database.
//!
//! Records enter a place's state by `PlaceState::apply` only. Must not hold rows back: each is
//! applied as it comes, because a place may have millions.

use std::collections::HashMap;
use std::sync::Arc;

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

struct Loading {
    kinds: Vec<Kind>,
    tools: Tools,
    heads: HashMap<u32, Head>,
    highest: Vec<(u32, Noun, u32)>,
    directory: Vec<Record>,
    places: Vec<PlaceState>,
    /// Where a place stands in `places`.
    at: HashMap<u32, usize>,
    /// The place of the row before, and where it stands.
    last: Option<(u32, usize)>,
}

impl Store {
    /// Everything that is neither closed nor deleted.
    ///
    /// # Errors
    /// As for any read; [`StoreError::Unsealable`] when the secrets are not those of this data.
    pub async fn load(&self) -> Result<Loaded, StoreError> {
        let mut loading = self.load_rows(None).await?;
        let highest = std::mem::take(&mut loading.highest);
        let directory_numbers = highest_of_directory(&highest);
        let directory_head = loading.heads.get(&0).copied().unwrap_or_default();
        let directory = std::mem::take(&mut loading.directory);
        let places = loading.into_places(&highest);
        Ok(Loaded { directory, places, directory_head, directory_numbers })
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
        let mut loading = self.load_rows(Some(place)).await?;
        let highest = std::mem::take(&mut loading.highest);
        Ok(loading.into_places(&highest).pop())
    }

    async fn load_rows(&self, place: Option<PlaceNumber>) -> Result<Loading, StoreError> {
        let mut kinds = vec![Kind::Heads];
        // Places come before their rows.
        let nouns = || rows::DIRECTORY.iter().chain(&rows::PLACE).copied();
        let nouns = || nouns().filter(|noun| place.is_none() || !rows::DIRECTORY.contains(noun));
        kinds.extend(nouns().map(Kind::Highest));
        kinds.extend(nouns().map(Kind::Live));
        let statements = kinds.iter().map(|kind| kind.statement(place)).collect();
        let start = Loading {
            kinds,
            tools: Tools::new(self.secrets()),
            heads: HashMap::new(),
            highest: Vec::new(),
            directory: Vec::new(),
            places: Vec::new(),
            at: HashMap::new(),
            last: None,
        };
        self.db.scan(statements, start, Loading::take).await
    }
}

impl Kind {
    fn statement(self, place: Option<PlaceNumber>) -> Statement {
        let (sql, column, word) = match self {
            Kind::Heads => {
                ("select place, revision, trail_seq, trail_hash from heads", "place", "where")
            }
            Kind::Highest(Noun::Place) => {
                // Places are counted together, whatever has become of them.
                return Statement::new("select 0, max(number) from places", []);
            }
            Kind::Highest(noun) => (rows::texts(noun).highest.as_str(), "h.place", "where"),
            Kind::Live(noun) => (rows::texts(noun).live.as_str(), "place", "and"),
        };
        match place {
            None => Statement::new(sql, []),
            Some(place) => Statement::new(format!("{sql} {word} {column} = ?1"), values![place]),
        }
    }
}

impl Loading {
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
        match &record {
            Record::Organization(_)
            | Record::Account(_)
            | Record::Client(_)
            | Record::Ticket(_) => self.directory.push(record),
            Record::Place(it) => {
                self.at.insert(place, self.places.len());
                self.places.push(PlaceState::new(Arc::clone(it)));
            }
            // Rows of a deleted place belong nowhere.
            _ => {
                if let Some(state) = self.state(place) {
                    state.apply(&record);
                }
            }
        }
        Ok(())
    }

    fn state(&mut self, place: u32) -> Option<&mut PlaceState> {
        let at = match self.last {
            Some((same, at)) if same == place => at,
            _ => *self.at.get(&place)?,
        };
        self.last = Some((place, at));
        self.places.get_mut(at)
    }

    fn into_places(mut self, highest: &[(u32, Noun, u32)]) -> Vec<(PlaceState, Head)> {
        for (place, noun, number) in highest {
            if let Some(state) = self.state(*place) {
                state.reserve(*noun, *number);
            }
        }
        let mut places: Vec<(PlaceState, Head)> = self
            .places
            .into_iter()
            .map(|mut state| {
                let head = self.heads.get(&state.place.header.number).copied().unwrap_or_default();
                state.revision = state.revision.max(head.revision);
                (state, head)
            })
            .collect();
        places.sort_by_key(|(state, _)| state.place.header.number);
        places
    }
}

fn highest_of_directory(highest: &[(u32, Noun, u32)]) -> Vec<(Noun, u32)> {
    let of = |noun: &Noun| rows::DIRECTORY.contains(noun) || *noun == Noun::Place;
    highest
        .iter()
        .filter(|(place, noun, _)| *place == 0 && of(noun))
        .map(|(_, noun, number)| (*noun, *number))
        .collect()
}
