//! A lock as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use claviger_domain::ids::{ControllerNumber, LockNumber, PlaceNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::lock::{
    Capacity, Health, Lock, LockMode, PinRule, Posture, Privacy, WhenUnrecorded,
};

use crate::cells::{Cells, put, put_schedule};
use crate::table::Table;
use crate::{StoreError, Value};

impl Table for Lock {
    const NAME: &'static str = "locks";
    const COLUMNS: &'static [&'static str] = &[
        "owner_place",
        "owner_lock",
        "name",
        "description",
        "model",
        "mode",
        "posture",
        "pin",
        "pin_schedule",
        "pin_timetable",
        "unlock_schedule",
        "unlock_timetable",
        "privacy",
        "when_unrecorded",
        "zone",
        "controller",
        "capacity_unit",
        "capacity",
        "capabilities",
        "metadata",
        "battery_percent",
        "last_seen_at",
    ];
    const PAST: &'static [&'static str] = &[
        "mode",
        "posture",
        "pin",
        "pin_schedule",
        "pin_timetable",
        "unlock_schedule",
        "unlock_timetable",
        "zone",
        "privacy",
        "controller",
    ];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        put!(out, self.borrowed.map(|(place, _)| place), self.borrowed.map(|(_, lock)| lock));
        put!(out, &self.name, self.description.as_ref(), self.model.as_ref());
        put!(out, self.mode.as_str(), self.posture.as_str(), self.pin.as_str());
        put_schedule(out, self.pin_schedule.as_ref());
        put_schedule(out, self.unlock_schedule.as_ref());
        put!(out, self.privacy.as_str(), self.when_unrecorded.as_str());
        put!(out, self.zone.as_ref(), self.controller);
        let (unit, capacity) = self.capacity.map(written).unzip();
        put!(out, unit, capacity, self.capabilities.as_ref(), self.metadata.as_ref());
        put!(out, self.health.battery_percent, self.health.last_seen_at);
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Lock {
            header,
            borrowed: cells.opt()?.map(PlaceNumber).zip(cells.opt()?.map(LockNumber)),
            name: cells.text()?,
            description: cells.opt_text()?,
            model: cells.opt_text()?,
            mode: cells.word(LockMode::parse)?,
            posture: cells.word(Posture::parse)?,
            pin: cells.word(PinRule::parse)?,
            pin_schedule: cells.schedule()?,
            unlock_schedule: cells.schedule()?,
            privacy: cells.word(Privacy::parse)?,
            when_unrecorded: cells.word(WhenUnrecorded::parse)?,
            zone: cells.opt_zone()?,
            controller: cells.opt()?.map(ControllerNumber),
            capacity: capacity(cells)?,
            capabilities: cells.opt_json()?,
            metadata: cells.opt_json()?,
            health: Health { battery_percent: cells.opt()?, last_seen_at: cells.opt_instant()? },
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put!(out, self.mode.as_str(), self.posture.as_str(), self.pin.as_str());
        put_schedule(out, self.pin_schedule.as_ref());
        put_schedule(out, self.unlock_schedule.as_ref());
        put!(out, self.zone.as_ref(), self.privacy.as_str(), self.controller);
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.mode = past.word(LockMode::parse)?;
        self.posture = past.word(Posture::parse)?;
        self.pin = past.word(PinRule::parse)?;
        self.pin_schedule = past.schedule()?;
        self.unlock_schedule = past.schedule()?;
        self.zone = past.opt_zone()?;
        // Former values from before these two were kept have neither.
        self.privacy = past.opt_word(Privacy::parse)?.unwrap_or(self.privacy);
        self.controller = past.opt()?.map(ControllerNumber);
        Ok(())
    }
}

fn written(capacity: Capacity) -> (&'static str, u32) {
    match capacity {
        Capacity::Entries(most) => ("entries", most),
        Capacity::ListBytes(most) => ("list_bytes", most),
        Capacity::Credentials(most) => ("credentials", most),
    }
}

fn capacity(cells: &mut Cells<'_>) -> Result<Option<Capacity>, StoreError> {
    let (unit, most) = (cells.opt_text()?, cells.opt()?);
    match (unit.as_deref(), most) {
        (None, None) => Ok(None),
        (Some("entries"), Some(most)) => Ok(Some(Capacity::Entries(most))),
        (Some("list_bytes"), Some(most)) => Ok(Some(Capacity::ListBytes(most))),
        (Some("credentials"), Some(most)) => Ok(Some(Capacity::Credentials(most))),
        _ => Err(cells.wrong("a capacity")),
    }
}
