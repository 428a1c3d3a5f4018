//! Power that fails at any byte of a visit, and a page of a door's state that is lost alone.

use claviger_offline::lock::code::Code;

use super::ledger::{Holds, must};
use super::{DOORS, HOSTILE, Model, PEOPLE, seed_of};

impl Model {
    /// Power fails while a list is taken and keys are presented, and comes back: what the door said
    /// to hold it holds, and of each opening there is an event (I1, I3, I12).
    pub(super) fn power_is_cut(&mut self) -> Holds {
        let (phone, door) = (self.dice.below(PEOPLE), self.dice.below(DOORS));
        let names: Vec<_> = self.names(phone, door).into_iter().rev().take(2).collect();
        // An event is short, a list is long.
        let most = self.dice.pick(&[150, 2_200]);
        let bytes = 1 + self.dice.below(most);
        self.pass(3);
        self.door(door).flash.power = Some(bytes);
        let (log, first) = (self.doors[door].log_epoch(), self.doors[door].lock.next_seq());
        if phone != HOSTILE {
            self.doors[door].take_list(&mut self.phones[phone]);
            // What it has shown by now is what it must hold.
            self.look(door)?;
        }
        let mut opened = 0;
        for name in names {
            self.pass(3);
            let seen = self.door(door).seen();
            let bytes = self.ledger.keys[&name].bytes.clone();
            let code = self.doors[door].answers_key(&self.phones[phone], &bytes);
            if let (Code::Done, Some((version, _))) = (code, seen.holds) {
                opened += 1;
                self.ledger.opened(name, version, self.true_s())?;
            }
        }
        self.booted_us[door] = self.now_us;
        self.doors[door].boot(seed_of(door));
        let told = self.doors[door].tells(1);
        let is_new = |at: (u64, u32)| at.0 == log && at.1 >= first;
        let done = told.iter().filter(|(_, at, code)| is_new(*at) && *code == Code::Done.number());
        let known = done.count();
        must!(known >= opened, "I12: door {door} moved {opened} times, and tells of {known}");
        // The event comes first: where power failed before the bolt moved, it is told all the same.
        self.opened[door] += known;
        self.look(door)
    }

    /// The newest page is lost, and those before it are there: old lists are brought at once.
    pub(super) fn loses_page(&mut self) -> Holds {
        let door = self.dice.below(DOORS);
        self.booted_us[door] = self.now_us;
        self.doors[door].lose_newest_page(seed_of(door));
        self.look(door)?;
        self.old_lists(HOSTILE, door)
    }
}
