//! Reading the event log.
//!
//! Must not decide who may see an event.

use claviger_domain::ids::{
    CredentialNumber, GrantNumber, Id, LockNumber, PersonNumber, PlaceNumber,
};
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::event::{Event, EventKind, EventSubject, Method, StandIn};
use claviger_domain::reason::{Reason, Reasons};
use claviger_domain::time::{Instant, Window};

use super::filing::FILED;
use super::forget::theirs;
use crate::cells::{Cells, Tools};
use crate::{Row, Statement, Store, StoreError, Value, values};

const COLUMNS: &str = "e.place, e.seq, e.id, e.kind, e.lock, e.occurred_at, e.received_at, \
     e.method, e.reasons, e.hidden, s.person, s.credential, s.grant_number, s.card_bits, \
     s.card_value, s.stand_in";

/// Which events of a place; what is absent does not narrow. Hidden ones are not found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Counted after this one.
    pub after_seq: u64,
    /// Counted before this one.
    pub before_seq: Option<u64>,
    /// Happened within.
    pub occurred: Window,
    /// Were heard of within.
    pub received: Window,
    /// At this lock.
    pub lock: Option<LockNumber>,
    /// Concerning this person, as long as that is not forgotten.
    pub person: Option<PersonNumber>,
    /// Concerning this credential, as long as that is not forgotten.
    pub credential: Option<CredentialNumber>,
    /// Decisions that let somebody in (`true`) or kept somebody out (`false`) only.
    pub granted: Option<bool>,
    /// Decisions only.
    pub decisions: bool,
    /// With an id before this one.
    pub before_id: Option<Id>,
    /// With this id or one after it.
    pub from_id: Option<Id>,
    /// Happened after this instant, or at it and counted after that one.
    pub after_moment: Option<(Instant, u64)>,
    /// In the order of ids, which many places share, rather than of `seq`.
    pub by_id: bool,
    /// In the order they happened, those of one instant in the order of `seq`.
    pub by_time: bool,
    /// In descending order.
    pub newest_first: bool,
    /// How many are passed over first.
    pub skip: u64,
}

/// What is looked for, with its arguments.
struct Clause {
    sql: String,
    args: Vec<Value>,
}

impl Clause {
    /// The number of a new argument.
    fn arg(&mut self, value: impl Into<Value>) -> usize {
        self.args.push(value.into());
        self.args.len()
    }

    fn and(&mut self, condition: &str, arg: Option<impl Into<Value>>) {
        if let Some(arg) = arg {
            let number = self.arg(arg);
            self.sql.push_str(&format!(" and {condition} ?{number}"));
        }
    }
}

const WITH_SUBJECT: &str = "left join event_subjects s on s.place = e.place and s.seq = e.seq";

impl EventFilter {
    pub(crate) fn statement(&self, place: PlaceNumber, limit: u32) -> Statement {
        let mut clause = Clause { sql: String::new(), args: values![place] };
        let kind = |granted: bool| {
            if granted { EventKind::AccessGranted } else { EventKind::AccessDenied }.as_str()
        };
        clause.and("{at}.seq >", (self.after_seq > 0).then_some(self.after_seq));
        clause.and("{at}.seq <", self.before_seq);
        // The later of both, so that the index is entered where the page begins.
        let from = self.occurred.from.max(self.after_moment.map(|(at, _)| at));
        clause.and("e.occurred_at >=", from);
        clause.and("e.occurred_at <", self.occurred.until);
        self.begin_late(&mut clause);
        clause.and("e.received_at >=", self.received.from);
        clause.and("e.received_at <", self.received.until);
        clause.and("e.kind =", self.granted.map(kind));
        clause.and("s.credential =", self.credential);
        if self.decisions {
            clause.sql.push_str(" and e.kind in ('access_granted', 'access_denied')");
        }
        if let Some((at, seq)) = self.after_moment {
            let (at, seq) = (clause.arg(at), clause.arg(seq));
            clause.sql.push_str(&format!(" and (e.occurred_at, e.seq) > (?{at}, ?{seq})"));
        }
        clause.and("e.hidden =", Some(false));
        clause.and("{at}.id <", self.before_id);
        clause.and("{at}.id >=", self.from_id);
        let Roads { unfiled, ways } = self.roads(&mut clause);
        let direction = if self.newest_first { "desc" } else { "asc" };
        // Each of two ways must reach as far as the page does, as it may have all of it.
        let most = (ways.len() > 1).then(|| clause.arg(self.skip.saturating_add(limit.into())));
        let skip = clause.arg(self.skip);
        let limit = clause.arg(limit);
        // The sequence is the second column, the id the third, the instant the sixth.
        let (order, columns) = match (self.by_time, self.by_id) {
            (true, _) => (format!("e.occurred_at {direction}, e.seq"), format!("6 {direction}, 2")),
            (false, true) => ("{at}.id".to_owned(), "3".to_owned()),
            (false, false) => ("{at}.seq".to_owned(), "2".to_owned()),
        };
        let ways: Vec<String> = ways
            .into_iter()
            .map(|(at, from)| {
                let end = format!("order by {order} {direction} limit ?{}", most.unwrap_or(limit));
                let further = format!("{} {end}", clause.sql).replace("{at}", at);
                format!("select {COLUMNS} from {from}{further}")
            })
            .collect();
        let sql = match &ways[..] {
            [filed, rest] => format!(
                "with unfiled as materialized ({unfiled}) \
                 select * from ({filed}) filed union all select * from ({rest}) rest \
                 order by {columns} {direction} limit ?{limit} offset ?{skip}"
            ),
            ways => format!("{} offset ?{skip}", ways.concat()),
        };
        Statement::new(sql, clause.args)
    }

    /// Where a page in order of sequence begins that has no cursor yet: else all events that are
    /// too old would be gone through first. The sum keeps engines from looking for the lowest in
    /// order of sequence, which goes through them too.
    fn begin_late(&self, clause: &mut Clause) {
        let in_sequence = !(self.by_time || self.by_id || self.newest_first);
        if let Some(from) = self.occurred.from.filter(|_| in_sequence && self.after_seq == 0) {
            let from = clause.arg(from);
            clause.sql.push_str(&format!(
                " and {{at}}.seq >= (select min(f.seq + 0) from events f \
                 where f.place = ?1 and f.occurred_at >= ?{from})"
            ));
        }
    }

    /// Where to look. Who or what is looked for is found where the events are filed, which has them
    /// in both orders, and among those that are not filed yet. Those are few and are taken out
    /// first: an engine left to itself would go through all events in the order that is asked for.
    fn roads(&self, clause: &mut Clause) -> Roads {
        match (self.person, self.lock) {
            (None, None) => {
                let ways = vec![("e", format!("events e {WITH_SUBJECT} where e.place = ?1"))];
                Roads { unfiled: String::new(), ways }
            }
            (None, Some(lock)) => {
                let lock = clause.arg(lock);
                let filed = format!(
                    "event_locks i join events e on e.place = i.place and e.seq = i.seq \
                     {WITH_SUBJECT} where i.place = ?1 and i.lock = ?{lock} and i.seq <= {FILED}"
                );
                let unfiled = format!(
                    "select * from events where place = ?1 and lock = ?{lock} and seq > {FILED}"
                );
                let rest = format!("unfiled e {WITH_SUBJECT} where e.place = ?1");
                Roads { unfiled, ways: vec![("i", filed), ("e", rest)] }
            }
            (Some(person), lock) => {
                clause.and("e.lock =", lock);
                let person = clause.arg(person);
                let filed = format!(
                    "event_people i join events e on e.place = i.place and e.seq = i.seq \
                     join event_subjects s on s.place = i.place and s.seq = i.seq \
                     where i.place = ?1 and i.person = ?{person} and i.seq <= {FILED}"
                );
                let unfiled = format!(
                    "select * from event_subjects \
                     where place = ?1 and person = ?{person} and seq > {FILED}"
                );
                let rest = "unfiled s join events e on e.place = s.place and e.seq = s.seq \
                            where s.place = ?1";
                Roads { unfiled, ways: vec![("i", filed), ("e", rest.to_owned())] }
            }
        }
    }
}

/// The ways by which the events looked for are found.
struct Roads {
    /// What is not filed, as a query; empty where there is one way.
    unfiled: String,
    /// The table whose sequence and id order it, and where it begins, up to the conditions that all
    /// share.
    ways: Vec<(&'static str, String)>,
}

/// The decisions of [`Store::recent_attempts`].
pub(crate) fn recent_attempts() -> String {
    // The places come first: all events that ever were would be gone through otherwise.
    format!(
        "select {COLUMNS} from heads h \
         cross join events e {WITH_SUBJECT} \
         where e.place = h.place and e.occurred_at >= ?1 \
         and (e.kind = 'access_granted' and e.method in ('card_and_pin', 'code', 'phone') \
              or e.kind = 'access_denied' and (e.reasons like '%pin_wrong%' \
                  or e.method in ('card_and_pin', 'code') \
                     and e.reasons like '%credential_unknown%'))"
    )
}

fn read(row: Row) -> Result<(PlaceNumber, Event), StoreError> {
    let mut tools = Tools::default();
    let mut cells = Cells::new("events", row.into_values(), &mut tools);
    let place = PlaceNumber(cells.fit()?);
    let event = Event {
        seq: cells.u64()?,
        id: cells.id()?,
        kind: cells.word(EventKind::parse)?,
        lock: LockNumber(cells.fit()?),
        occurred_at: cells.instant()?,
        received_at: cells.instant()?,
        method: cells.opt_word(Method::parse)?,
        reasons: cells.words::<Reason, Reasons>(Reason::parse)?,
        hidden: cells.bool()?,
        subject: EventSubject {
            person: cells.opt()?.map(PersonNumber),
            credential: cells.opt()?.map(CredentialNumber),
            grant: cells.opt()?.map(GrantNumber),
            card: card(&mut cells)?,
            stand_in: cells.opt_array()?.map(StandIn),
        },
    };
    Ok((place, event))
}

fn card(cells: &mut Cells<'_>) -> Result<Option<CardValue>, StoreError> {
    let (bits, value) = (cells.opt()?, cells.opt_array()?);
    Ok(bits.zip(value).map(|(bits, value)| CardValue { bits, value: u128::from_be_bytes(value) }))
}

impl Store {
    /// Events of a place, in order of their sequence.
    ///
    /// # Errors
    /// As for any read.
    pub async fn events(
        &self,
        place: PlaceNumber,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = self.db.read(filter.statement(place, limit)).await?;
        rows.into_iter().map(|row| Ok(read(row)?.1)).collect()
    }

    /// Every event of a place that concerns a person, under their own name or another's, hidden
    /// ones too; in order of their sequence.
    ///
    /// # Errors
    /// As for any read.
    pub async fn events_of(
        &self,
        place: PlaceNumber,
        person: PersonNumber,
        stand_in: StandIn,
    ) -> Result<Vec<Event>, StoreError> {
        let theirs = theirs();
        let sql = format!(
            "select {COLUMNS} from events e {WITH_SUBJECT} \
             where e.place = ?1 and e.seq in {theirs} order by e.seq"
        );
        let rows = self.db.read(Statement::new(sql, values![place, person, stand_in.0])).await?;
        rows.into_iter().map(|row| Ok(read(row)?.1)).collect()
    }

    /// The event with that id.
    ///
    /// # Errors
    /// As for any read.
    pub async fn event(&self, place: PlaceNumber, id: Id) -> Result<Option<Event>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from events e \
             {WITH_SUBJECT} \
             where e.place = ?1 and e.id = ?2"
        );
        let rows = self.db.read(Statement::new(sql, values![place, id])).await?;
        rows.into_iter().next().map(|row| Ok(read(row)?.1)).transpose()
    }

    /// The sequence of the last event; 0 where there is none.
    ///
    /// # Errors
    /// As for any read.
    pub async fn last_seq(&self, place: PlaceNumber) -> Result<u64, StoreError> {
        let sql = "select event_seq from heads where place = ?1";
        let rows = self.db.read(Statement::new(sql, values![place])).await?;
        rows.first().map_or(Ok(0), |row| row.u64(0))
    }

    /// The decisions of all places since an instant from which wrong PINs and unknown codes are
    /// counted anew at start: denials for a wrong or unknown one, and what was let in by more than
    /// a card, which ends a count. In order of time.
    ///
    /// # Errors
    /// As for any read.
    pub async fn recent_attempts(
        &self,
        since: Instant,
    ) -> Result<Vec<(PlaceNumber, Event)>, StoreError> {
        let rows = self.db.read(Statement::new(recent_attempts(), values![since])).await?;
        let mut found: Vec<_> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        found.sort_by_key(|(place, event)| (event.occurred_at, *place, event.seq));
        Ok(found)
    }
}
