//! The lists that controllers keep, as they were sent and confirmed, and the rights that were taken
//! back from them.
//!
//! An item's cells are JSON: `[version, at, seq, print, identity, ways]`, a way is `[locks, from,
//! until, schedules, override]`. Must not hold a PIN or a code.

use std::collections::BTreeMap;

use claviger_domain::ids::{ControllerNumber, GrantNumber, Id, LockNumber, PlaceNumber};
use claviger_domain::offline::{AtLock, KeyClass, LockKey, TakenKey};
use claviger_domain::provision::{
    AtList, Bounds, Failure, Held, ItemKey, ItemKind, List, ListKey, LockState, Revocation,
    Row as ItemRow, Sent, Stored, Taken, Way,
};
use claviger_domain::time::Instant;
use serde_json::{Value as Json, json};

use crate::cells::{Cells, Tools, put};
use crate::{Batch, Part, Row, Statement, Store, StoreError, Value, values};

/// What a commit writes of one list: how far it is, and the items that changed.
#[derive(Clone, Debug)]
pub struct ListWrite {
    /// The list as it is then.
    pub list: List,
    /// The items.
    pub changed: Vec<ItemKey>,
}

const UPSERT: &str = "insert into lists \
     (place, controller, version, seen_seq, event_seq, seen_at, inventory_due, told_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (place, controller) do update set \
     version = excluded.version, seen_seq = excluded.seen_seq, event_seq = excluded.event_seq, \
     seen_at = excluded.seen_at, inventory_due = excluded.inventory_due, \
     told_at = excluded.told_at";
const PUT: &str = "insert into list_items \
     (place, controller, kind, item, of_place, number, confirmed, sent, failure) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
     on conflict (place, controller, kind, item) do update set \
     of_place = excluded.of_place, number = excluded.number, confirmed = excluded.confirmed, \
     sent = excluded.sent, failure = excluded.failure";
const DROP: &str = "delete from list_items \
     where place = ?1 and controller = ?2 and kind = ?3 and item = ?4";
const REVOKE: &str = "insert into revocations \
     (place, revision, id, at, cause, body, settled_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
     on conflict (place, revision) do update set body = excluded.body, \
     settled_at = excluded.settled_at";
/// In this order: rows go before what they refer to.
const FORGET: [&str; 2] = [
    "delete from list_items where place = ?1 and controller = ?2",
    "delete from lists where place = ?1 and controller = ?2",
];

/// Appends what a part says of lists and revocations.
pub(crate) fn append(batch: &mut Batch, part: &Part) {
    for ListWrite { list, changed } in &part.lists {
        let ListKey { place, controller } = list.key;
        let mut head = values![place, controller, list.version, list.seen_seq, list.event_seq];
        put!(head, list.seen_at, list.inventory_due, list.told_at);
        batch.run(UPSERT, head);
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for key in changed {
            let mut out = values![place, controller, key.kind.as_str(), key.id];
            match list.row(*key) {
                None => gone.push(out),
                Some(row) => {
                    put!(out, row.place, row.number, row.confirmed.as_ref().map(stored));
                    put!(out, sent(row), row.failure.as_ref().map(failure));
                    kept.push(out);
                }
            }
        }
        for (sql, rows) in [(PUT, kept), (DROP, gone)] {
            if !rows.is_empty() {
                batch.many(sql, rows);
            }
        }
    }
    for controller in &part.dropped {
        FORGET.iter().for_each(|sql| batch.run(*sql, values![part.place, *controller]));
    }
    for it in &part.revocations {
        let mut out = values![it.place, it.revision, it.id, it.at];
        put!(out, &it.cause, body(&it.taken), it.settled_at);
        batch.run(REVOKE, out);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn held(version: u64, at: Instant, seq: u64, held: &Held) -> Json {
    let ways = held.ways.iter().map(|way| {
        let locks: Vec<u32> = way.locks.iter().map(|lock| lock.0).collect();
        let schedules: Vec<String> = way.schedules.iter().map(|id| hex(&id.0)).collect();
        json!([locks, way.window.from, way.window.until, schedules, way.override_lockdown])
    });
    let ways: Vec<Json> = ways.collect();
    json!([version, at.0, seq, hex(&held.print), hex(&held.identity), ways])
}

fn stored(it: &Stored) -> String {
    held(it.version, it.at, 0, &it.held).to_string()
}

/// What is on its way, what was before it, and whether the last is a removal.
fn sent(row: &ItemRow) -> Option<String> {
    if row.sent.is_none() && row.stray.is_empty() {
        return None;
    }
    let last = row.sent.as_ref().map(|sent| match &sent.held {
        Some(it) => held(sent.version, sent.at, sent.seq, it),
        None => json!([sent.version, sent.at.0, sent.seq]),
    });
    let stray = row.stray.iter().map(|(version, it)| held(*version, Instant(0), 0, it));
    Some(json!([last, stray.collect::<Vec<_>>()]).to_string())
}

fn failure(it: &Failure) -> String {
    let print = it.print.map(|print| hex(&print));
    json!([it.code, it.at.0, it.attempts, it.next_at.0, print]).to_string()
}

fn body(taken: &Taken) -> String {
    let ids = |ids: &[Id]| ids.iter().map(|id| hex(&id.0)).collect::<Vec<_>>();
    let lists = taken.lists.iter().map(|at| {
        let locks = at.locks.iter().map(|(number, id)| json!([number.0, hex(&id.0)]));
        let locks: Vec<Json> = locks.collect();
        let ended = at.ended.iter().map(|(lock, state)| json!([lock.0, state.as_str()]));
        let ended: Vec<Json> = ended.collect();
        json!([at.key.place.0, at.key.controller.0, at.after, ids(&at.items), locks, ended])
    });
    let grants = taken.grants.iter().map(|(number, about)| json!([number.0, ids(about)]));
    let locks = taken.locks.iter().map(|at| {
        let keys = at.keys.iter().map(|it| {
            let (class, serial) = it.key;
            json!([class.number(), serial, it.place.0, it.grant.0, it.exp, it.strict, it.at_card])
        });
        let keys: Vec<Json> = keys.collect();
        json!([at.key.place.0, at.key.lock.0, hex(&at.lock.0), at.list.0, at.list.1, keys])
    });
    let (lists, locks): (Vec<Json>, Vec<Json>) = (lists.collect(), locks.collect());
    json!({ "lists": lists, "locks": locks, "grants": grants.collect::<Vec<_>>() }).to_string()
}

fn bytes(value: &Json) -> Option<[u8; 16]> {
    let text = value.as_str().filter(|text| text.len() == 32 && text.is_ascii())?;
    let mut out = [0; 16];
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(out)
}

pub(crate) fn number(value: &Json) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn read_way(way: &Json) -> Option<Way> {
    let locks = way.get(0)?.as_array()?.iter().map(|lock| number(lock).map(LockNumber));
    let schedules = way.get(3)?.as_array()?.iter().map(|id| bytes(id).map(Id));
    Some(Way {
        locks: locks.collect::<Option<_>>()?,
        window: Bounds { from: way.get(1)?.as_i64()?, until: way.get(2)?.as_i64()? },
        schedules: schedules.collect::<Option<_>>()?,
        override_lockdown: way.get(4)?.as_bool()?,
    })
}

fn read_held(value: &Json) -> Option<Held> {
    let ways = value.get(5)?.as_array()?.iter().map(read_way);
    let (print, identity) = (bytes(value.get(3)?)?, bytes(value.get(4)?)?);
    Some(Held { print, identity, ways: ways.collect::<Option<_>>()? })
}

fn read_stored(value: &Json) -> Option<Stored> {
    let (version, at) = (value.get(0)?.as_u64()?, Instant(value.get(1)?.as_i64()?));
    Some(Stored { version, at, held: read_held(value)? })
}

type OnTheirWay = (Option<Sent>, Vec<(u64, Held)>);

fn read_sent(value: &Json) -> Option<OnTheirWay> {
    let last = value.get(0).filter(|last| !last.is_null());
    let sent = match last {
        None => None,
        Some(last) => Some(Sent {
            version: last.get(0)?.as_u64()?,
            at: Instant(last.get(1)?.as_i64()?),
            seq: last.get(2)?.as_u64()?,
            held: match last.get(3) {
                None => None,
                Some(_) => Some(read_held(last)?),
            },
        }),
    };
    let stray = value.get(1)?.as_array()?.iter();
    let stray = stray.map(|it| Some((it.get(0)?.as_u64()?, read_held(it)?)));
    Some((sent, stray.collect::<Option<_>>()?))
}

fn read_failure(value: &Json) -> Option<Failure> {
    Some(Failure {
        code: value.get(0)?.as_str()?.to_owned(),
        at: Instant(value.get(1)?.as_i64()?),
        attempts: number(value.get(2)?)?,
        next_at: Instant(value.get(3)?.as_i64()?),
        print: match value.get(4) {
            None | Some(Json::Null) => None,
            Some(print) => Some(bytes(print)?),
        },
    })
}

fn read_taken(value: &Json) -> Option<Taken> {
    let ids = |value: &Json| -> Option<Vec<Id>> {
        value.as_array()?.iter().map(|id| bytes(id).map(Id)).collect()
    };
    let lists = value.get("lists")?.as_array()?.iter().map(|at| {
        let locks = at.get(4)?.as_array()?.iter();
        let locks = locks.map(|it| Some((LockNumber(number(it.get(0)?)?), Id(bytes(it.get(1)?)?))));
        // Not there in what was written before it was kept.
        let ended = at.get(5).and_then(Json::as_array).into_iter().flatten();
        let ended = ended.map(|it| {
            Some((LockNumber(number(it.get(0)?)?), LockState::parse(it.get(1)?.as_str()?)?))
        });
        Some(AtList {
            key: ListKey {
                place: PlaceNumber(number(at.get(0)?)?),
                controller: ControllerNumber(number(at.get(1)?)?),
            },
            after: at.get(2)?.as_u64()?,
            items: ids(at.get(3)?)?,
            locks: locks.collect::<Option<_>>()?,
            ended: ended.collect::<Option<_>>()?,
        })
    });
    let grants = value.get("grants")?.as_array()?.iter();
    let grants = grants.map(|it| Some((GrantNumber(number(it.get(0)?)?), ids(it.get(1)?)?)));
    // Those from before there were such locks have none.
    let locks = value.get("locks").and_then(Json::as_array).into_iter().flatten().map(read_at_lock);
    Some(Taken {
        lists: lists.collect::<Option<_>>()?,
        locks: locks.collect::<Option<_>>()?,
        grants: grants.collect::<Option<_>>()?,
    })
}

fn read_at_lock(at: &Json) -> Option<AtLock> {
    let keys = at.get(5)?.as_array()?.iter().map(|it| {
        let class = KeyClass::of(u8::try_from(number(it.get(0)?)?).ok()?)?;
        Some(TakenKey {
            key: (class, number(it.get(1)?)?),
            place: PlaceNumber(number(it.get(2)?)?),
            grant: GrantNumber(number(it.get(3)?)?),
            exp: it.get(4)?.as_i64()?,
            strict: it.get(5)?.as_bool()?,
            // Not there in what was written before keys could be left to cards.
            at_card: it.get(6).and_then(Json::as_bool).unwrap_or_default(),
        })
    });
    let key =
        LockKey { place: PlaceNumber(number(at.get(0)?)?), lock: LockNumber(number(at.get(1)?)?) };
    let list = (u16::try_from(number(at.get(3)?)?).ok()?, number(at.get(4)?)?);
    Some(AtLock { key, lock: Id(bytes(at.get(2)?)?), list, keys: keys.collect::<Option<_>>()? })
}

/// JSON of ours in a cell.
pub(crate) fn cell<T>(
    cells: &mut Cells<'_>,
    read: fn(&Json) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    match cells.opt_list()? {
        None => Ok(None),
        Some(value) => read(&value).map(Some).ok_or_else(|| cells.wrong("what was written")),
    }
}

fn list(row: Row, tools: &mut Tools) -> Result<List, StoreError> {
    let mut cells = Cells::new("lists", row.into_values(), tools);
    let (place, controller) = (PlaceNumber(cells.fit()?), ControllerNumber(cells.fit()?));
    let mut list = List::new(ListKey { place, controller });
    list.version = cells.u64()?;
    list.seen_seq = cells.u64()?;
    list.event_seq = cells.u64()?;
    list.seen_at = cells.opt_instant()?;
    list.inventory_due = cells.bool()?;
    list.told_at = cells.opt_instant()?;
    Ok(list)
}

fn item(row: Row, tools: &mut Tools) -> Result<(ListKey, ItemRow), StoreError> {
    let mut cells = Cells::new("list_items", row.into_values(), tools);
    let (place, controller) = (PlaceNumber(cells.fit()?), ControllerNumber(cells.fit()?));
    let key = ItemKey { kind: cells.word(ItemKind::parse)?, id: cells.id()? };
    let (of_place, number) = (PlaceNumber(cells.fit()?), cells.fit()?);
    let confirmed = cell(&mut cells, read_stored)?;
    let (sent, stray) = cell(&mut cells, read_sent)?.unwrap_or_default();
    let failure = cell(&mut cells, read_failure)?;
    let row = ItemRow { key, place: of_place, number, confirmed, sent, stray, failure };
    Ok((ListKey { place, controller }, row))
}

fn revocation(row: Row, tools: &mut Tools) -> Result<Revocation, StoreError> {
    let mut cells = Cells::new("revocations", row.into_values(), tools);
    Ok(Revocation {
        place: PlaceNumber(cells.fit()?),
        revision: cells.u64()?,
        id: cells.id()?,
        at: cells.instant()?,
        cause: cells.text()?,
        taken: cell(&mut cells, read_taken)?.unwrap_or_default(),
        settled_at: cells.opt_instant()?,
    })
}

const LISTS: &str = "select place, controller, version, seen_seq, event_seq, seen_at, \
     inventory_due, told_at from lists";
const ITEMS: &str = "select place, controller, kind, item, of_place, number, confirmed, sent, \
     failure from list_items";
const REVOCATIONS: &str = "select place, revision, id, at, cause, body, settled_at \
     from revocations";

impl Store {
    /// All lists, as they were last sent and confirmed.
    ///
    /// # Errors
    /// As for any read.
    pub async fn lists(&self) -> Result<Vec<List>, StoreError> {
        let statements = [LISTS, ITEMS].map(|sql| Statement::new(sql, Vec::<Value>::new()));
        let mut answers = self.db.snapshot(statements.to_vec()).await?.into_iter();
        let (heads, items) = (answers.next().unwrap_or_default(), answers.next());
        let mut tools = Tools::default();
        let mut lists = BTreeMap::new();
        for row in heads {
            let list = list(row, &mut tools)?;
            lists.insert(list.key, list);
        }
        for row in items.unwrap_or_default() {
            let (key, row) = item(row, &mut tools)?;
            if let Some(list) = lists.get_mut(&key) {
                list.load(row);
            }
        }
        Ok(lists.into_values().collect())
    }

    /// The revocations that have not come to their end.
    ///
    /// # Errors
    /// As for any read.
    pub async fn unsettled_revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        let sql = format!("{REVOCATIONS} where settled_at is null order by place, revision");
        self.read_revocations(Statement::new(sql, Vec::<Value>::new())).await
    }

    /// The revocations of a place after a revision, in their order.
    ///
    /// # Errors
    /// As for any read.
    pub async fn revocations(
        &self,
        place: PlaceNumber,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        let sql =
            format!("{REVOCATIONS} where place = ?1 and revision > ?2 order by revision limit ?3");
        self.read_revocations(Statement::new(sql, values![place, after, limit])).await
    }

    /// The revocation with that id.
    ///
    /// # Errors
    /// As for any read.
    pub async fn revocation(
        &self,
        place: PlaceNumber,
        id: Id,
    ) -> Result<Option<Revocation>, StoreError> {
        let sql = format!("{REVOCATIONS} where place = ?1 and id = ?2");
        Ok(self.read_revocations(Statement::new(sql, values![place, id])).await?.pop())
    }

    async fn read_revocations(&self, statement: Statement) -> Result<Vec<Revocation>, StoreError> {
        let rows = self.db.read(statement).await?;
        let mut tools = Tools::default();
        rows.into_iter().map(|row| revocation(row, &mut tools)).collect()
    }
}
