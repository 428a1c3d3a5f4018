//! Cedar: a policy for each level, people and locks in a group for each level.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use claviger_domain::noun::lock::Posture;

use super::Wall;
use claviger_bench::world::{Question, World};

fn uid(kind: &str, number: u32) -> EntityUid {
    format!("{kind}::\"{number}\"").parse().unwrap()
}

fn flag(name: &str, value: bool) -> HashMap<String, RestrictedExpression> {
    HashMap::from([(name.to_owned(), RestrictedExpression::new_bool(value))])
}

fn policies(world: &World) -> PolicySet {
    let mut text = String::new();
    for (times, level) in world.level_times.iter().zip(1..) {
        let times = &world.times[*times as usize];
        let windows: Vec<String> = times
            .windows
            .iter()
            .map(|(days, from, to)| {
                let days: Vec<String> =
                    (0..7).filter(|day| days >> day & 1 == 1).map(|day| day.to_string()).collect();
                let days = days.join(",");
                format!(
                    "([{days}].contains(context.day) && context.minute >= {from} && \
                     context.minute < {to})"
                )
            })
            .collect();
        let closed: Vec<String> = times.closed.iter().map(u32::to_string).collect();
        let _ = writeln!(
            text,
            "permit(principal in People::\"{level}\", action == Action::\"open\", \
             resource in Doors::\"{level}\") when {{ principal.active && resource.normal && \
             ({}) && !([{}].contains(context.date)) }};",
            windows.join(" || "),
            closed.join(",")
        );
    }
    text.parse().unwrap()
}

fn entities(world: &World) -> Entities {
    let groups = |kind: &'static str, levels: &[u32]| -> HashSet<EntityUid> {
        levels.iter().map(|level| uid(kind, *level)).collect()
    };
    let people = world.person_levels.iter().zip(1..).map(|(levels, number)| {
        let at = number as usize - 1;
        let active = flag("active", !world.suspended[at] && !world.lost[at]);
        Entity::new(uid("Person", number), active, groups("People", levels)).unwrap()
    });
    let locks = world.lock_levels.iter().zip(1..).map(|(levels, number)| {
        let normal = flag("normal", world.posture[number as usize - 1] == Posture::Normal);
        Entity::new(uid("Lock", number), normal, groups("Doors", levels)).unwrap()
    });
    Entities::from_entities(people.chain(locks), None).unwrap()
}

pub fn decider(world: &World, asked: &[(Question, Wall)]) -> Box<dyn FnMut(usize) -> bool> {
    let (policies, entities) = (policies(world), entities(world));
    let action = uid("Action", 0);
    let action: EntityUid = action.to_string().replace("\"0\"", "\"open\"").parse().unwrap();
    let requests: Vec<Request> = asked
        .iter()
        .map(|(question, wall)| {
            let number = |value: i64| RestrictedExpression::new_long(value);
            let context = Context::from_pairs([
                ("day".to_owned(), number(wall.day.into())),
                ("minute".to_owned(), number(wall.minute.into())),
                ("date".to_owned(), number(wall.date.into())),
            ]);
            let person = uid("Person", question.person);
            let lock = uid("Lock", question.lock_number);
            Request::new(person, action.clone(), lock, context.unwrap(), None).unwrap()
        })
        .collect();
    let authorizer = Authorizer::new();
    Box::new(move |at| {
        let answer = authorizer.is_authorized(&requests[at], &policies, &entities);
        answer.decision() == Decision::Allow
    })
}
