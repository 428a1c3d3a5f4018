//! What goes wrong in a house: power that fails in the middle of a list, a lock that forgets,
//! phones in the hands of robbers. Nothing of it may open a door or leave a lock between two
//! states.

use claviger_offline::lock::Status;

use super::hostile::{Attack, Loot, harm, play};
use super::house::Whose;
use super::phone::Manners;
use super::story::Story;
use crate::client::ClientError;

/// A cut that comes before so many bytes hits the writing of a list and its event.
const MOST_CUT: u64 = 300;
/// What robbers try at a lock that keeps a clock; its patience is real time.
pub(crate) const AT_CLOCKS: [Attack; 4] =
    [Attack::FutureTime, Attack::OlderList, Attack::EqualVersion, Attack::Truncated];

impl Story<'_> {
    /// The power fails while somebody's phone hands a list over. The lock has the old one or the
    /// new one, and nothing in between.
    pub(crate) async fn power_fails(&mut self, taken: usize, at: usize) -> Result<(), ClientError> {
        let carrier = (0..self.phones.len()).find(|who| self.carries(*who, taken, at));
        let Some(who) = carrier else { return Ok(()) };
        self.sync(who).await?;
        let before = self.locks[at].holds();
        let cut = 1 + self.rng.below(MOST_CUT);
        self.locks[at].fail_after(usize::try_from(cut).unwrap_or(1));
        self.phones[who].manners = Manners::PassesBy;
        self.stand(who, at, true).await;
        self.phones[who].manners = Manners::Honest;
        let was_out = self.locks[at].is_out();
        let came_back = self.locks[at].power_up().is_ok();
        let (after, status) = (self.locks[at].holds(), self.locks[at].decides().status());
        let is_whole = after == before
            || Some(after) == self.phones[who].wallet.list(&self.locks[at].id()).map(|it| it.1);
        let what = || format!("{} after a cut at byte {cut}", self.house.doors[at].name);
        let got = (was_out, came_back, is_whole, status);
        self.tally.check(
            what,
            "it did not come back whole",
            ((true, true, true, Status::Held), got),
        );
        self.tally.failures += 1;
        let (door, list) = (self.door(at), if after == before { "old" } else { "new" });
        self.tell(&format!(
            "   {door} loses its power at byte {cut} of writing the list; back again it has the \
             {list} one and asks the next phone for the time."
        ));
        Ok(())
    }

    /// A lock loses what it held: it opens to nobody until somebody brings the server's word.
    pub(crate) async fn forgets(&mut self, taken: usize, at: usize) -> Result<(), ClientError> {
        let carrier = (0..self.phones.len()).find(|who| self.carries(*who, taken, at));
        let Some(who) = carrier else { return Ok(()) };
        self.locks[at].lose_state();
        let came_back = self.locks[at].power_up().is_ok();
        let status = self.locks[at].decides().status();
        let what = || format!("{} after its memory failed", self.house.doors[at].name);
        let got = (came_back, status);
        self.tally.check(what, "it did not notice", ((true, Status::Lost), got));
        self.tally.failures += 1;
        let (door, name) = (self.door(at), self.name(who));
        self.tell(&format!("{door} loses its memory: it opens to nobody."));
        self.go(who, at, false).await;
        self.go(who, at, true).await;
        let status = self.locks[at].decides().status();
        let what = || format!("{} after a visit online", self.house.doors[at].name);
        self.tally.check(what, "it does not know again", (Status::Held, status));
        self.tell(&format!("   {name} brings the server's word and the list: it opens again."));
        self.sync(who).await?;
        self.tries(taken, at).await;
        Ok(())
    }

    /// The phone of somebody who lost a right, in the hands of somebody who knows the protocol.
    pub(crate) async fn robbers(
        &mut self,
        robber: usize,
        whose: Whose,
        attacks: &[Attack],
    ) -> Result<(), ClientError> {
        let doors = self.house.doors_of(whose);
        let at = doors.into_iter().find(|at| self.house.doors[*at].entries.is_none());
        let Some(at) = at else { return Ok(()) };
        let victim = (0..self.phones.len()).find(|who| self.carries(*who, robber, at));
        let Some(victim) = victim else { return Ok(()) };
        self.sync(victim).await?;
        self.go(victim, at, true).await;
        let lock = self.locks[at].id();
        let list = self.phones[victim].wallet.list(&lock).map(|it| it.0.to_vec());
        let other = self.phones[victim].wallet.lists.iter().find(|(other, _)| **other != lock);
        let Some((list, other)) = list.zip(other.map(|it| it.1.clone())) else { return Ok(()) };
        for attack in attacks {
            let older = self.phones[robber].wallet.list(&lock).map(|it| it.0.to_vec());
            self.locks[at].rest().await;
            let Ok([robbing, robbed]) = self.phones.get_disjoint_mut([robber, victim]) else {
                return Ok(());
            };
            let mut loot = Loot { victim: robbed, list: list.clone(), older, other: other.clone() };
            let played =
                play(*attack, robbing, &mut loot, &mut self.locks[at], &mut self.rng).await;
            self.tally.attacks += 1;
            self.tally.checks += 1;
            let harmed = match &played {
                Some(played) => harm(played, &self.locks[at].imprint()),
                None => Some("it could not be tried".to_owned()),
            };
            if let Some(harmed) = harmed {
                let what = format!("{attack:?} at {}", self.door(at));
                self.tally.surprise(what, "an attack was of use", "nothing".into(), harmed);
            }
        }
        let (name, door, many) = (self.name(robber), self.door(at), attacks.len());
        self.tell(&format!(
            "   Somebody with {name}'s phone tries {many} tricks at {door}: it stays shut and as \
             it was."
        ));
        Ok(())
    }
}
