//! Puts a building into a place, by natural upserts in the order in which things refer to others.
//!
//! Repeatable: doing it again changes nothing but the windows, which follow the day. It removes
//! nothing, and what else is in the place is left alone.

use tokio::task::JoinSet;

use crate::building::{
    Bearer, Building, Card, CredentialState, Grant, PinRule, Schedule, Subject, Target, Window,
};
use crate::calendar::{date_text, instant_text, today};
use crate::client::{Client, ClientError};
use crate::wire::{
    CardBody, CredentialBody, ExceptionBody, GrantBody, HoursBody, LevelBody, LockBody,
    NamedScheduleBody, Object, PersonBody, ScheduleBody, SubjectBody, TargetBody, WeeklyBody,
};

/// How many writes are under way at once.
const AT_ONCE: usize = 8;

/// What a furnished building is called by the server, index by index.
#[derive(Debug, Clone, Default)]
pub struct Furnished {
    /// The day its windows count from, itself counted from 1970-01-01.
    pub day: i64,
    /// Ids of the locks.
    pub locks: Vec<String>,
    /// Ids of the people.
    pub people: Vec<String>,
    /// Ids of the credentials.
    pub credentials: Vec<String>,
}

impl Furnished {
    /// A building that stands in the place already (for less than a month), by its external ids.
    pub fn already(building: &Building) -> Furnished {
        let external = |id: &String| format!("external:{id}");
        Furnished {
            day: today(),
            locks: building.locks.iter().map(|lock| external(&lock.external_id)).collect(),
            people: building.people.iter().map(|person| external(&person.external_id)).collect(),
            credentials: building
                .credentials
                .iter()
                .map(|one| external(&one.external_id))
                .collect(),
        }
    }
}

/// Furnishes the place; `on_step` hears how many of how many writes are done.
///
/// Errors with the first write that is refused or stays unanswered after a few tries.
pub async fn furnish(
    client: &Client,
    building: &Building,
    on_step: impl FnMut(usize, usize),
) -> Result<Furnished, ClientError> {
    let day = today();
    let total = building.schedules.len()
        + building.locks.len()
        + building.levels.len()
        + building.people.len()
        + building.credentials.len()
        + building.grants.len();
    let mut work = Work { client, done: 0, total, on_step };
    let schedules = work.put("schedules", schedules(building, day)).await?;
    let locks = work.put("locks", lock_bodies(building, day)).await?;
    let levels = work.put("access-levels", levels(building, &schedules, &locks)).await?;
    let made = work.people(building).await?;
    let people = made.into_iter().map(|person| person.id).collect::<Vec<_>>();
    let credentials = work.put("credentials", credentials(building, day, &people)).await?;
    let furnished = Furnished { day, locks, people, credentials };
    let grants = building
        .grants
        .iter()
        .filter_map(|grant| grant_body(grant, &furnished, &levels))
        .collect::<Vec<_>>();
    work.put("grants", grants).await?;
    Ok(furnished)
}

struct Work<'a, F> {
    client: &'a Client,
    done: usize,
    total: usize,
    on_step: F,
}

impl<F: FnMut(usize, usize)> Work<'_, F> {
    /// Puts these and answers with their ids, in the same order.
    async fn put<B: serde::Serialize>(
        &mut self,
        noun: &'static str,
        things: Vec<(&str, B)>,
    ) -> Result<Vec<String>, ClientError> {
        let made = self.put_all(noun, things).await?;
        Ok(made.into_iter().map(|object| object.id).collect())
    }

    /// Puts the people, then makes suspended exactly those who should be.
    async fn people(&mut self, building: &Building) -> Result<Vec<Object>, ClientError> {
        let bodies = building.people.iter().map(|person| {
            let body = PersonBody {
                first_name: &person.first_name,
                last_name: &person.last_name,
                email: &person.email,
                phone: person.phone.as_deref(),
                employee_number: person.employee_number.as_deref(),
            };
            (person.external_id.as_str(), body)
        });
        let made = self.put_all("people", bodies.collect()).await?;
        for (person, object) in building.people.iter().zip(&made) {
            let is_suspended = object.state.as_deref() == Some("suspended");
            if person.suspended != is_suspended {
                let verb = if person.suspended { "suspend" } else { "resume" };
                self.client.act("people", &object.id, verb).await?;
            }
        }
        Ok(made)
    }

    async fn put_all<B: serde::Serialize>(
        &mut self,
        noun: &'static str,
        things: Vec<(&str, B)>,
    ) -> Result<Vec<Object>, ClientError> {
        let mut made = vec![None; things.len()];
        let mut under_way = JoinSet::new();
        let mut waiting = things.into_iter().enumerate();
        loop {
            while under_way.len() < AT_ONCE {
                let Some((at, (external_id, body))) = waiting.next() else { break };
                let (client, external_id) = (self.client.clone(), external_id.to_owned());
                // As a value, since a task must own what it sends.
                let body = serde_json::to_value(body).map_err(|source| {
                    ClientError::Unreadable { what: format!("PUT {noun}"), source }
                })?;
                under_way.spawn(async move { (at, client.put(noun, &external_id, &body).await) });
            }
            match under_way.join_next().await {
                Some(Ok((at, object))) => made[at] = Some(object?),
                Some(Err(_)) => continue,
                None => break,
            }
            self.done += 1;
            (self.on_step)(self.done, self.total);
        }
        Ok(made.into_iter().flatten().collect())
    }
}

fn schedules(building: &Building, day: i64) -> Vec<(&str, NamedScheduleBody<'_>)> {
    let each = building.schedules.iter().map(|named| {
        let schedule = schedule(&named.schedule, day);
        (named.external_id.as_str(), NamedScheduleBody { name: &named.name, schedule })
    });
    each.collect()
}

fn lock_bodies(building: &Building, day: i64) -> Vec<(&str, LockBody<'_>)> {
    let each = building.locks.iter().map(|lock| {
        let body = LockBody {
            name: &lock.name,
            mode: "online",
            pin: match lock.pin {
                PinRule::Never => "never",
                PinRule::IfSet => "if_set",
                PinRule::Always => "always",
            },
            pin_schedule: lock.pin_schedule.as_ref().map(|when| schedule(when, day)),
            unlock_schedule: lock.unlock_schedule.as_ref().map(|when| schedule(when, day)),
        };
        (lock.external_id.as_str(), body)
    });
    each.collect()
}

fn levels<'a>(
    building: &'a Building,
    schedules: &'a [String],
    locks: &'a [String],
) -> Vec<(&'a str, LevelBody<'a>)> {
    let each = building.levels.iter().map(|level| {
        let id = level.schedule.and_then(|at| schedules.get(at));
        let body = LevelBody {
            name: &level.name,
            lock_ids: level.locks.iter().filter_map(|at| locks.get(*at)).map(|id| &**id).collect(),
            schedule: id.map(|id| ScheduleBody::Reference { id }),
        };
        (level.external_id.as_str(), body)
    });
    each.collect()
}

fn credentials<'a>(
    building: &'a Building,
    day: i64,
    people: &'a [String],
) -> Vec<(&'a str, CredentialBody<'a>)> {
    let each = building.credentials.iter().map(|credential| {
        let (kind, code, mut cards) = match &credential.bearer {
            Bearer::Card(parts) => ("card", None, parts.iter().map(|part| card(*part)).collect()),
            Bearer::Code(code) => ("code", Some(code.as_str()), Vec::new()),
        };
        // Both spellings of the API are used: one part as `card`, several as `cards`.
        let card = if cards.len() == 1 { cards.pop() } else { None };
        let (valid_from, valid_until) = window(credential.window, day);
        let body = CredentialBody {
            person_id: credential.person.and_then(|at| people.get(at)).map(|id| &**id),
            kind,
            label: &credential.label,
            card,
            cards,
            code,
            pin: credential.pin.as_deref(),
            valid_from,
            valid_until,
            state: match credential.state {
                CredentialState::Active => "active",
                CredentialState::Disabled => "disabled",
                CredentialState::Lost => "lost",
            },
        };
        (credential.external_id.as_str(), body)
    });
    each.collect()
}

fn grant_body<'a>(
    grant: &'a Grant,
    furnished: &'a Furnished,
    levels: &'a [String],
) -> Option<(&'a str, GrantBody<'a>)> {
    let (valid_from, valid_until) = window(grant.window, furnished.day);
    let body = GrantBody {
        subject: match grant.subject {
            Subject::Person(at) => SubjectBody::PersonId(furnished.people.get(at)?),
            Subject::Credential(at) => SubjectBody::CredentialId(furnished.credentials.get(at)?),
        },
        target: match grant.target {
            Target::Lock(at) => TargetBody::LockId(furnished.locks.get(at)?),
            Target::Level(at) => TargetBody::AccessLevelId(levels.get(at)?),
        },
        right: "open",
        valid_from,
        valid_until,
        schedule: grant.schedule.as_ref().map(|when| schedule(when, furnished.day)),
    };
    Some((grant.external_id.as_str(), body))
}

fn card(card: Card) -> CardBody {
    let digits = card.bits.div_ceil(4) as usize;
    let value = format!("{:0digits$x}", card.value);
    CardBody { technology: card.technology, bits: card.bits, value }
}

fn window(window: Window, day: i64) -> (Option<String>, Option<String>) {
    let text = |bound: Option<i64>| bound.map(|offset| instant_text(day + offset));
    (text(window.from_day), text(window.until_day))
}

fn schedule(schedule: &Schedule, day: i64) -> ScheduleBody<'_> {
    match schedule {
        Schedule::Ical(text) => ScheduleBody::Ical { ical: text },
        Schedule::Weekly { time_zone, windows, exceptions } => ScheduleBody::Weekly {
            time_zone: *time_zone,
            weekly: windows
                .iter()
                .map(|window| WeeklyBody { days: window.days, from: window.from, to: window.to })
                .collect(),
            exceptions: exceptions
                .iter()
                .map(|other| ExceptionBody {
                    date: date_text(day + other.day),
                    windows: other
                        .windows
                        .iter()
                        .map(|(from, to)| HoursBody { from, to })
                        .collect(),
                })
                .collect(),
        },
    }
}
