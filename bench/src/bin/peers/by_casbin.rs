//! Casbin: a policy for each level, roles for people and for locks, a function for times. Who is
//! suspended or has lost the card, and locks out of use, have no roles here.

use std::cell::RefCell;

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use claviger_domain::noun::lock::Posture;

use super::Wall;
use claviger_bench::world::{Question, Times, World};

const MODEL: &str = "
[request_definition]
r = sub, obj, day, minute, date
[policy_definition]
p = people, doors, times
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.people) && g2(r.obj, p.doors) && open(p.times, r.day, r.minute, r.date)
";

thread_local! {
    /// The times of the world that is asked about; a function of Casbin's holds nothing itself.
    static TIMES: RefCell<Vec<Times>> = const { RefCell::new(Vec::new()) };
}

fn open(times: Dynamic, day: Dynamic, minute: Dynamic, date: Dynamic) -> Dynamic {
    let number = |value: &Dynamic| value.as_int().unwrap();
    let at: usize = times.into_immutable_string().unwrap().parse().unwrap();
    let (day, minute, date) = (number(&day), number(&minute) as u16, number(&date) as u32);
    TIMES.with_borrow(|all| {
        let times = &all[at];
        let inside = times
            .windows
            .iter()
            .any(|(days, from, to)| days >> day & 1 == 1 && (*from..*to).contains(&minute));
        (inside && !times.closed.contains(&date)).into()
    })
}

pub fn decider(world: &World, asked: &[(Question, Wall)]) -> Box<dyn FnMut(usize) -> bool> {
    TIMES.set(world.times.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await.unwrap();
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
        enforcer.add_function("open", OperatorFunction::Arg4(open));
        let policies = world.level_times.iter().zip(1..).map(|(times, level)| {
            vec![format!("people{level}"), format!("doors{level}"), times.to_string()]
        });
        enforcer.add_policies(policies.collect()).await.unwrap();
        let people = world.person_levels.iter().enumerate();
        let people = people.filter(|(at, _)| !world.suspended[*at] && !world.lost[*at]);
        let people = people.flat_map(|(at, levels)| {
            levels.iter().map(move |level| vec![format!("p{}", at + 1), format!("people{level}")])
        });
        enforcer.add_grouping_policies(people.collect()).await.unwrap();
        let locks = world.lock_levels.iter().enumerate();
        let locks = locks.filter(|(at, _)| world.posture[*at] == Posture::Normal);
        let locks = locks.flat_map(|(at, levels)| {
            levels.iter().map(move |level| vec![format!("l{}", at + 1), format!("doors{level}")])
        });
        enforcer.add_named_grouping_policies("g2", locks.collect()).await.unwrap();
        enforcer
    });
    let requests: Vec<_> = asked
        .iter()
        .map(|(question, wall)| {
            let (person, lock) = (question.person, question.lock_number);
            let (day, minute, date) = (i64::from(wall.day), i64::from(wall.minute), wall.date);
            (format!("p{person}"), format!("l{lock}"), day, minute, i64::from(date))
        })
        .collect();
    Box::new(move |at| {
        let (person, lock, day, minute, date) = &requests[at];
        enforcer.enforce((person, lock, *day, *minute, *date)).unwrap()
    })
}
