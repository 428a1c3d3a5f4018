//! Each rule that can be left out shows in the model, of the server and of the locks.

use std::sync::Mutex;

use claviger_app::offline::faults::{Slip, plant};
use claviger_offline::faults::{Fault, plant as plant_in_lock};

use super::vendor::Surface;
use super::{on_all_cores, run, run_by};

const SEEDS: u64 = 300;
const STEPS: u32 = 120;

const SLIPS: [Slip; 20] = [
    Slip::EditsDoNotRevoke,
    Slip::OnlyClosingRevokes,
    Slip::RevokedOnExpiry,
    Slip::RefusedIsOver,
    Slip::HelloIsProof,
    Slip::AnyReceipt,
    Slip::RestoreReusesSerials,
    Slip::RestoreForgetsUnknown,
    Slip::HitIsNotRenewed,
    Slip::HitIsNotTold,
    Slip::AnyPlan,
    Slip::ForgetsTooEarly,
    Slip::SameVersion,
    Slip::SignsWithWrongClock,
    Slip::NoMinList,
    Slip::EventsTwice,
    Slip::AcksWithGaps,
    Slip::KeepsGeneration,
    Slip::CardsNeedNewest,
    Slip::AnyHours,
];

/// Those of locks whose like the whole must see too; all of them are caught by the model of the
/// crate.
const FAULTS: [Fault; 12] = [
    Fault::NoExpiry,
    Fault::BelowFloor,
    Fault::LossStartsEmpty,
    Fault::ForgetsList,
    Fault::NoNeedList,
    Fault::AnySection,
    Fault::StrictOpens,
    Fault::BootForgetsTime,
    Fault::HiWithoutWait,
    Fault::NoSuperseded,
    Fault::OpensUnrecorded,
    Fault::AnyGeneration,
];

// None of the server's is forgotten.
const _: () = assert!(SLIPS.len() == Slip::AnyHours as usize + 1);

/// How the first seed shows it; none if no seed does. A seed that fails without it too is no sight
/// of it, and a fault of the server or of the model.
fn caught(slip: Option<Slip>, fault: Option<Fault>) -> Option<String> {
    plant(slip);
    plant_in_lock(fault);
    let found = (1..=SEEDS).find_map(|seed| Some((seed, run(seed, STEPS).err()?)));
    plant(None);
    plant_in_lock(None);
    let (seed, how) = found?;
    if let Err(without) = run(seed, STEPS) {
        panic!("nothing is left out, and: {without}");
    }
    Some(how)
}

#[test]
fn rules_that_are_left_out_show_through_a_vendor() {
    for slip in [Slip::HitIsNotTold, Slip::RevokedOnExpiry] {
        plant(Some(slip));
        let run = |seed| run_by(seed, STEPS, Surface::Tapkey);
        let shows = |seed: &u64| run(*seed).is_err_and(|how| how.contains("through Tapkey"));
        let found = (1..=SEEDS).find(shows);
        plant(None);
        let is_seen = found.is_some_and(|seed| run(seed).is_ok());
        assert!(is_seen, "{slip:?} is not seen in {SEEDS} seeds: {found:?}");
    }
}

#[test]
fn every_rule_that_is_left_out_shows() {
    let slips = SLIPS.iter().map(|it| (format!("{it:?}"), Some(*it), None));
    let faults = FAULTS.iter().map(|it| (format!("{it:?}"), None, Some(*it)));
    let all: Vec<_> = slips.chain(faults).collect();
    let only = std::env::var("CLAVIGER_SLIP").ok();
    let is_one = |only: &String| all.iter().any(|(name, ..)| name == only);
    assert!(only.as_ref().is_none_or(is_one), "no rule is named {only:?}");
    let missed = Mutex::new(Vec::new());
    on_all_cores(1..=all.len() as u64, |number| {
        let (name, slip, fault) = &all[usize::try_from(number).unwrap() - 1];
        if only.as_ref().is_some_and(|only| only != name) {
            return;
        }
        match caught(*slip, *fault) {
            Some(how) => println!("{name}: {how}"),
            None => missed.lock().unwrap().push(name.clone()),
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not seen in {SEEDS} seeds: {}", missed.join(", "));
}
