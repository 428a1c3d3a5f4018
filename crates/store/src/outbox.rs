//! The outbox of the webhooks: deliveries wait here until they are done, also across restarts.
//!
//! A worker claims what is due for a while and under a fencing number; whoever comes too late
//! finds the number raised and changes nothing. Must not send anything or decide when to retry.

use claviger_domain::ids::{Id, PlaceNumber, WebhookNumber};
use claviger_domain::time::Instant;
use serde_json::{Value as Json, json};

use crate::cells::{Cells, Tools};
use crate::{Batch, Outcome, Row, Statement, Store, StoreError, Value, values};

/// Something to be told to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its own id; a delivery whose id is known is left out.
    pub id: Id,
    /// To whom.
    pub webhook: WebhookNumber,
    /// About which event of the place; none for a test.
    pub event: Option<Id>,
    /// What.
    pub body: String,
    /// When it is made.
    pub created_at: Instant,
    /// When it is first due.
    pub next_at: Instant,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Is tried until it is done or given up.
    Waiting,
    /// Was received.
    Delivered,
    /// Was given up.
    Dead,
}

impl DeliveryState {
    /// The word on the wire and in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        }
    }

    fn parse(text: &str) -> Option<DeliveryState> {
        let all = [DeliveryState::Waiting, DeliveryState::Delivered, DeliveryState::Dead];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Instant,
    /// The status answered, if any was.
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
}

/// A delivery as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place.
    pub place: PlaceNumber,
    /// Its own id.
    pub id: Id,
    /// To whom.
    pub webhook: WebhookNumber,
    /// About which event.
    pub event: Option<Id>,
    /// That event's sequence.
    pub seq: Option<u64>,
    /// What.
    pub body: String,
    /// How it stands.
    pub state: DeliveryState,
    /// The tries so far.
    pub attempts: Vec<Attempt>,
    /// When it was made.
    pub created_at: Instant,
    /// When it is due again; means nothing once it is not waiting.
    pub next_at: Instant,
    /// Raised by each claim.
    pub fence: u64,
}

/// What becomes of a claimed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was received.
    Delivered,
    /// It is tried again then.
    Retry(Instant),
    /// It is given up.
    Dead,
}

const INSERT: &str = "insert into deliveries \
     (place, id, webhook, event_id, seq, body, state, attempts, created_at, next_at) \
     values (?1, ?2, ?3, ?4, (select seq from events where place = ?1 and id = ?4), ?5, \
     'waiting', '[]', ?6, ?7) on conflict (place, id) do nothing";

const COLUMNS: &str = "place, id, webhook, event_id, seq, body, state, attempts, created_at, \
     next_at, fence";

/// Asked of each webhook: what waits may be much, and is not gone through.
pub(crate) const DUE: &str = "select w.place, w.number from webhooks w where exists \
     (select 1 from deliveries d where d.place = w.place and d.webhook = w.number \
     and d.state = 'waiting' and d.next_at <= ?1)";

/// The conditions stand twice: PostgreSQL looks at the outer ones again when it had to wait for
/// another claim.
const CLAIM: &str = "update deliveries set lease_until = ?4, fence = fence + 1 \
     where state = 'waiting' and next_at <= ?3 and lease_until <= ?3 and place = ?1 and id in \
     (select id from deliveries where place = ?1 and webhook = ?2 and state = 'waiting' \
     and next_at <= ?3 and lease_until <= ?3 order by next_at limit ?5)";

/// Deliveries given up at once; others are written between.
const SLICE: u32 = 1_000;

const GIVE_UP: &str = "update deliveries set state = 'dead', fence = fence + 1, attempts = \
     replace(substr(attempts, 1, length(attempts) - 1) || ',' || cast(?4 as text) || ']', \
     '[,', '[') \
     where state = 'waiting' and lease_until <= ?3 and place = ?1 and id in \
     (select id from deliveries where place = ?1 and webhook = ?2 and state = 'waiting' \
     and next_at <= ?3 and lease_until <= ?3 order by next_at limit ?5) returning id";

const FINISH: &str = "update deliveries set state = ?4, next_at = coalesce(?5, next_at), \
     attempts = ?6, lease_until = 0 \
     where place = ?1 and id = ?2 and fence = ?3 and state = 'waiting'";

const OLD: &str = "deliveries where created_at < ?1 and state <> 'waiting'";

/// Appends deliveries to a batch, after the events they are about.
pub(crate) fn append(batch: &mut Batch, place: PlaceNumber, deliveries: &[NewDelivery]) {
    if deliveries.is_empty() {
        return;
    }
    let row = |it: &NewDelivery| {
        values![place, it.id, it.webhook, it.event, &it.body, it.created_at, it.next_at]
    };
    batch.many(INSERT, deliveries.iter().map(row).collect());
}

fn encode(it: &Attempt) -> Json {
    json!({ "at": it.at.0, "status": it.status, "error": it.error })
}

fn decode(text: &str) -> Option<Vec<Attempt>> {
    let list: Json = serde_json::from_str(text).ok()?;
    let attempt = |it: &Json| {
        Some(Attempt {
            at: Instant(it.get("at")?.as_i64()?),
            status: it.get("status").and_then(Json::as_u64).and_then(|s| u16::try_from(s).ok()),
            error: it.get("error").and_then(Json::as_str).map(str::to_owned),
        })
    };
    list.as_array()?.iter().map(attempt).collect()
}

fn read(row: Row) -> Result<Delivery, StoreError> {
    let mut tools = Tools::default();
    let mut cells = Cells::new("deliveries", row.into_values(), &mut tools);
    Ok(Delivery {
        place: PlaceNumber(cells.fit()?),
        id: cells.id()?,
        webhook: WebhookNumber(cells.fit()?),
        event: cells.opt_id()?,
        seq: cells.opt()?,
        body: cells.text()?,
        state: cells.word(DeliveryState::parse)?,
        attempts: decode(&cells.text()?).ok_or_else(|| cells.wrong("a list of attempts"))?,
        created_at: cells.instant()?,
        next_at: cells.instant()?,
        fence: cells.u64()?,
    })
}

impl Store {
    /// The webhooks to which deliveries are due, those under way among them.
    ///
    /// # Errors
    /// As for any read.
    pub async fn due_endpoints(
        &self,
        now: Instant,
    ) -> Result<Vec<(PlaceNumber, WebhookNumber)>, StoreError> {
        let rows = self.db.read(Statement::new(DUE, values![now])).await?;
        let mut tools = Tools::default();
        let endpoint = |row: Row| {
            let mut cells = Cells::new("deliveries", row.into_values(), &mut tools);
            Ok((PlaceNumber(cells.fit()?), WebhookNumber(cells.fit()?)))
        };
        rows.into_iter().map(endpoint).collect()
    }

    /// Claims deliveries to a webhook that are due, until `lease_until`; the longest due first.
    ///
    /// # Errors
    /// As for any write.
    pub async fn due_deliveries(
        &self,
        (place, webhook): (PlaceNumber, WebhookNumber),
        now: Instant,
        limit: u32,
        lease_until: Instant,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut batch = Batch::new();
        let claim = format!("{CLAIM} returning {COLUMNS}");
        batch.fetch(claim, values![place, webhook, now, lease_until, limit]);
        let rows = self.fetch(batch).await?;
        let mut claimed: Vec<Delivery> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        claimed.sort_by_key(|delivery| (delivery.next_at, delivery.id));
        Ok(claimed)
    }

    /// Gives up all deliveries to a webhook that are due and not under way.
    ///
    /// # Errors
    /// As for any write; what was given up until then stays so.
    pub async fn give_up_deliveries(
        &self,
        (place, webhook): (PlaceNumber, WebhookNumber),
        why: &Attempt,
    ) -> Result<(), StoreError> {
        loop {
            let mut batch = Batch::new();
            let words = encode(why).to_string();
            batch.fetch(GIVE_UP, values![place, webhook, why.at, words, SLICE]);
            if self.fetch(batch).await?.len() < SLICE as usize {
                return Ok(());
            }
        }
    }

    /// Ends a claim with the try that was made. False when the claim had run out and somebody else
    /// has the delivery: then nothing is changed.
    ///
    /// # Errors
    /// As for any write.
    pub async fn finish_delivery(
        &self,
        claimed: &Delivery,
        attempt: Attempt,
        finish: Finish,
    ) -> Result<bool, StoreError> {
        let (state, next_at) = match finish {
            Finish::Delivered => (DeliveryState::Delivered, None),
            Finish::Retry(at) => (DeliveryState::Waiting, Some(at)),
            Finish::Dead => (DeliveryState::Dead, None),
        };
        let attempts = claimed.attempts.iter().chain([&attempt]).map(encode).collect();
        let attempts = Json::Array(attempts).to_string();
        let mut batch = Batch::new();
        let key = values![claimed.place, claimed.id, claimed.fence];
        batch.guard(FINISH, [key, values![state.as_str(), next_at, attempts]].concat());
        Ok(matches!(self.db.write(batch).await?, Outcome::Done { .. }))
    }

    /// Deliveries to a webhook, the latest first; before the one with the id `before`.
    ///
    /// # Errors
    /// As for any read.
    pub async fn deliveries(
        &self,
        place: PlaceNumber,
        webhook: WebhookNumber,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let before = before.unwrap_or(Id([0xFF; 16]));
        let sql = format!(
            "select {COLUMNS} from deliveries where place = ?1 and webhook = ?2 and id < ?3 \
             order by id desc limit ?4"
        );
        let args = values![place, webhook, before, limit];
        self.db.read(Statement::new(sql, args)).await?.into_iter().map(read).collect()
    }

    /// The delivery with that id.
    ///
    /// # Errors
    /// As for any read.
    pub async fn delivery(
        &self,
        place: PlaceNumber,
        id: Id,
    ) -> Result<Option<Delivery>, StoreError> {
        let sql = format!("select {COLUMNS} from deliveries where place = ?1 and id = ?2");
        let rows = self.db.read(Statement::new(sql, values![place, id])).await?;
        rows.into_iter().next().map(read).transpose()
    }

    /// Puts deliveries in the outbox that follow from no event or commit, such as a test.
    ///
    /// # Errors
    /// As for any write.
    pub async fn enqueue_deliveries(
        &self,
        place: PlaceNumber,
        deliveries: &[NewDelivery],
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        append(&mut batch, place, deliveries);
        self.db.write(batch).await.map(drop)
    }

    /// Puts a delivery in the outbox again, under an id of its own. False when there is none.
    ///
    /// # Errors
    /// As for any write.
    pub async fn replay_delivery(
        &self,
        place: PlaceNumber,
        id: Id,
        new_id: Id,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let sql = "insert into deliveries \
             (place, id, webhook, event_id, seq, body, state, attempts, created_at, next_at) \
             select place, ?3, webhook, event_id, seq, body, 'waiting', '[]', ?4, ?4 \
             from deliveries where place = ?1 and id = ?2";
        let mut batch = Batch::new();
        batch.guard(sql, values![place, id, new_id, now]);
        Ok(matches!(self.db.write(batch).await?, Outcome::Done { .. }))
    }

    /// Removes the deliveries made before an instant that are not waiting, but for those of some
    /// places.
    ///
    /// # Errors
    /// As for any write.
    pub async fn trim_deliveries(
        &self,
        before: Instant,
        kept: &[PlaceNumber],
    ) -> Result<(), StoreError> {
        let mut rows = OLD.to_owned();
        let mut args = values![before];
        if !kept.is_empty() {
            let marks: Vec<String> = (2..kept.len() + 2).map(|at| format!("?{at}")).collect();
            rows.push_str(&format!(" and place not in ({})", marks.join(", ")));
            args.extend(kept.iter().map(|it| Value::from(*it)));
        }
        self.erase(&rows, args).await.map(drop)
    }

    /// One statement as a batch.
    pub(crate) async fn run(&self, sql: &'static str, args: Vec<Value>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.run(sql, args);
        self.db.write(batch).await.map(drop)
    }

    /// The rows of the one fetch of a batch.
    pub(crate) async fn fetch(&self, batch: Batch) -> Result<Vec<Row>, StoreError> {
        match self.db.write(batch).await? {
            Outcome::Done { fetched } => Ok(fetched.into_iter().next().unwrap_or_default()),
            Outcome::RaceLost { .. } => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::found_by;

    #[test]
    fn old_deliveries_are_found_without_reading_the_others() {
        for rows in [OLD.to_owned(), format!("{OLD} and place not in (?2, ?3)")] {
            found_by(&format!("select 1 from {rows} limit 1"), "deliveries_made (created_at<?)");
            found_by(&format!("delete from {rows}"), "deliveries_made (created_at<?)");
        }
    }
}
