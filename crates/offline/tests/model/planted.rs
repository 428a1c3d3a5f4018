//! Every deliberate fault is caught, of locks and of servers.

use std::sync::Mutex;

use claviger_offline::faults::{Fault, plant};

use crate::run;
use crate::server::Slip;

const SEEDS: u64 = 400;
const STEPS: u32 = 500;

const FAULTS: [Fault; 23] = [
    Fault::NoExpiry,
    Fault::BelowFloor,
    Fault::EqualVersion,
    Fault::NoEpochCertificate,
    Fault::LoFromIatOnly,
    Fault::LossStartsEmpty,
    Fault::NoSuperseded,
    Fault::ForgetsList,
    Fault::NoNeedList,
    Fault::AnySection,
    Fault::NoOldEpoch,
    Fault::AnyGeneration,
    Fault::AnyNonce,
    Fault::HiWithoutWait,
    Fault::NoDrift,
    Fault::NoLostRecord,
    Fault::OpensUnrecorded,
    Fault::StrictOpens,
    Fault::AckOfAnyLog,
    Fault::BootForgetsTime,
    Fault::AnyHolder,
    Fault::AnyLock,
    Fault::AnyCommand,
];

const SLIPS: [Slip; 11] = [
    Slip::EditsDoNotRevoke,
    Slip::SuspensionDoesNotRevoke,
    Slip::LostDeviceKeepsKeys,
    Slip::RevokedOnExpiry,
    Slip::HelloIsProof,
    Slip::RestoreReusesSerials,
    Slip::RestoreForgetsUnknown,
    Slip::HitIsNotRenewed,
    Slip::ForgetsTooEarly,
    Slip::SignsWithWrongClock,
    Slip::NoMinList,
];

// None is forgotten: both are as long as what they are lists of.
const _: () = assert!(FAULTS.len() == Fault::AnyCommand as usize + 1);
const _: () = assert!(SLIPS.len() == Slip::NoMinList as usize + 1);

/// A fault of a lock or of the server, and its name.
type Planted = (String, Option<Fault>, Option<Slip>);

/// The first seed that shows it, and how; none if no seed does.
fn caught(fault: Option<Fault>, slip: Option<Slip>) -> Option<String> {
    plant(fault);
    let found = (1..=SEEDS).find_map(|seed| run(seed, STEPS, false, slip).err());
    plant(None);
    found
}

#[test]
fn every_deliberate_fault_is_caught() {
    let faults = FAULTS.map(|it| (format!("{it:?}"), Some(it), None));
    let slips = SLIPS.map(|it| (format!("{it:?}"), None, Some(it)));
    let left: Vec<Planted> = faults.into_iter().chain(slips).collect();
    let (left, missed) = (Mutex::new(left), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().pop();
                    let Some((name, fault, slip)) = next else { break };
                    match caught(fault, slip) {
                        Some(how) => println!("{name}: {how}"),
                        None => missed.lock().unwrap().push(name),
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not caught in {SEEDS} seeds: {}", missed.join(", "));
}
