//! A card, which brings nothing anywhere: its keys are written by an encoder, and where a list hits
//! one, somebody has to bring it back.

use serde_json::Value;

use super::ledger::{Holds, must};
use super::{CARD, DOORS, Model};

impl Model {
    /// Somebody holds the card to a door.
    pub(super) async fn holds_card(&mut self) -> Holds {
        let door = self.dice.below(DOORS);
        self.present_all(CARD, door, false).await
    }

    /// The card is brought to the encoder, which may fail to write it. Whatever a list has hit was
    /// a task (I7).
    pub(super) async fn brings_card(&mut self) -> Holds {
        let hits: Vec<usize> = self.ledger.hits_of(CARD);
        for door in hits {
            self.is_task(door).await?;
        }
        let arrives = !self.dice.one_in(8);
        self.sync(CARD, arrives).await
    }

    /// The doors for which the card has to be brought, as the server says.
    async fn tasks(&self) -> Vec<usize> {
        self.align();
        let tasks = self.it.list("/devices/tasks").await;
        let own = tasks.iter().filter(|it| it["credential_id"] == self.phones[CARD].device);
        let locks = own.flat_map(|it| it["locks"].as_array().unwrap());
        let at = |lock: &Value| self.doors.iter().position(|it| lock["lock_id"] == it.id());
        locks.map(|lock| at(lock).unwrap()).collect()
    }

    /// The card, which was hit at a door, is a task for somebody.
    pub(super) async fn is_task(&self, door: usize) -> Holds {
        let right = self.ledger.right(CARD, door);
        if right.is_none_or(|right| !self.ledger.may_have_keys(right, self.true_s())) {
            return Ok(());
        }
        let tasks = self.tasks().await;
        must!(tasks.contains(&door), "I7: a card was hit at {door}, and is no task: {tasks:?}");
        Ok(())
    }

    /// A card that was written is no task.
    pub(super) async fn no_task_is_left(&self) -> Holds {
        for door in self.tasks().await {
            let right = self.ledger.right(CARD, door);
            let may = right.is_some_and(|it| self.ledger.may_have_keys(it, self.true_s()));
            must!(!may, "liveness: the card was written and is a task at {door}");
        }
        Ok(())
    }
}
