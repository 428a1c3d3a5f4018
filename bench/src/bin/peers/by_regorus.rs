//! Regorus: people, locks, levels and times as data, one rule.

use claviger_domain::noun::lock::Posture;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};
use serde_json::{Map, json};

use super::Wall;
use claviger_bench::world::{Question, World};

const RULE: &str = "
package door

import rego.v1

default allow := false

allow if {
    person := data.people[input.person]
    person.active
    lock := data.locks[input.lock]
    lock.normal
    some level in person.levels
    lock.levels[level]
    times := data.times[data.levels[level]]
    not times.closed[input.date]
    some window in times.windows
    window.days[input.day]
    input.minute >= window.from
    input.minute < window.to
}
";

type Json = serde_json::Value;

fn set(words: impl IntoIterator<Item = String>) -> Json {
    words.into_iter().map(|word| (word, Json::Bool(true))).collect::<Map<String, Json>>().into()
}

fn data(world: &World) -> Value {
    let people = world.person_levels.iter().enumerate().map(|(at, levels)| {
        let levels: Vec<String> = levels.iter().map(u32::to_string).collect();
        let active = !world.suspended[at] && !world.lost[at];
        ((at + 1).to_string(), json!({ "levels": levels, "active": active }))
    });
    let locks = world.lock_levels.iter().enumerate().map(|(at, levels)| {
        let levels = set(levels.iter().map(u32::to_string));
        let normal = world.posture[at] == Posture::Normal;
        ((at + 1).to_string(), json!({ "levels": levels, "normal": normal }))
    });
    let levels = world.level_times.iter().zip(1..);
    let levels = levels.map(|(times, level)| (level.to_string(), Json::from(times.to_string())));
    let times = world.times.iter().enumerate().map(|(at, times)| {
        let windows = times.windows.iter().map(|(days, from, to)| {
            let days = (0..7).filter(|day| days >> day & 1 == 1).map(|day| day.to_string());
            json!({ "days": set(days), "from": from, "to": to })
        });
        let closed = set(times.closed.iter().map(u32::to_string));
        (at.to_string(), json!({ "windows": windows.collect::<Vec<_>>(), "closed": closed }))
    });
    let all = json!({
        "people": people.collect::<Map<_, _>>(),
        "locks": locks.collect::<Map<_, _>>(),
        "levels": levels.collect::<Map<_, _>>(),
        "times": times.collect::<Map<_, _>>(),
    });
    Value::from_json_str(&all.to_string()).unwrap()
}

fn inputs(asked: &[(Question, Wall)]) -> Vec<Value> {
    let one = |(question, wall): &(Question, Wall)| {
        let input = json!({
            "person": question.person.to_string(),
            "lock": question.lock_number.to_string(),
            "day": wall.day.to_string(),
            "minute": wall.minute,
            "date": wall.date.to_string(),
        });
        Value::from_json_str(&input.to_string()).unwrap()
    };
    asked.iter().map(one).collect()
}

fn engine(world: &World) -> Engine {
    let mut engine = Engine::new();
    engine.add_policy("door.rego".to_owned(), RULE.to_owned()).unwrap();
    engine.add_data(data(world)).unwrap();
    engine
}

pub fn interpreter(world: &World, asked: &[(Question, Wall)]) -> Box<dyn FnMut(usize) -> bool> {
    let (mut engine, inputs) = (engine(world), inputs(asked));
    Box::new(move |at| {
        engine.set_input(inputs[at].clone());
        engine.eval_rule("data.door.allow".to_owned()).unwrap() == Value::from(true)
    })
}

pub fn machine(world: &World, asked: &[(Question, Wall)]) -> Box<dyn FnMut(usize) -> bool> {
    let inputs = inputs(asked);
    let policy = engine(world).compile_with_entrypoint(&"data.door.allow".into()).unwrap();
    let program = Compiler::compile_from_policy(&policy, &["data.door.allow"]).unwrap();
    let mut machine = RegoVM::new();
    machine.load_program(program);
    machine.set_data(data(world)).unwrap();
    Box::new(move |at| {
        machine.set_input(inputs[at].clone());
        machine.execute().unwrap() == Value::from(true)
    })
}
