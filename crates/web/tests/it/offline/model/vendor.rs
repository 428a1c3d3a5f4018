//! Rights given and taken back through Tapkey's API, in a share of the runs: what is asked before
//! is what is done (I5), whom it hits is named (I6), and a grant is said to be as it is (I15).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ledger::{Holds, must};
use super::{Model, instant};
use crate::kit::one;
use crate::support::id;
use crate::tapkey::{Tapkey, logged_in};

/// What rights are given and taken back by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Native,
    Tapkey,
}

impl Surface {
    /// That of a run, if nobody says otherwise.
    pub(super) fn of(seed: u64) -> Surface {
        if seed.is_multiple_of(3) { Surface::Tapkey } else { Surface::Native }
    }
}

/// An answer without what is said to differ: that it was asked only, and the lock, which is shown
/// as it stands.
fn plain(answer: &Value) -> Value {
    let mut plain = answer.clone();
    let results = match &mut plain {
        Value::Array(results) => results.iter_mut().collect(),
        one => vec![one],
    };
    for result in results {
        result["dryRun"] = Value::Null;
        result["grantRevoked"]["boundLock"] = Value::Null;
        for hit in result["grantsAffectedAsSideEffect"].as_array_mut().unwrap() {
            hit["boundLock"] = Value::Null;
        }
    }
    plain
}

impl Model {
    /// The program by which this run gives and takes rights, with a token of the moment.
    pub(super) async fn program(&self) -> Option<Tapkey> {
        let credentials = self.credentials.clone()?;
        self.align();
        let actor = logged_in(self.world(), &credentials, "").await;
        Some(Tapkey { it: self.it.clone(), actor, credentials })
    }

    /// Gives a right; where it is found natively.
    pub(super) async fn give_by(
        &self,
        program: &Tapkey,
        (person, door): (usize, usize),
        window: (Option<i64>, Option<i64>),
    ) -> String {
        let body = json!({
            "contactId": id(&self.people[person]), "boundLockId": self.doors[door].id(),
            "validFrom": instant(window.0), "validBefore": instant(window.1),
        });
        one("/grants", &program.call("PUT", "/grants", body).await.expect(200))
    }

    /// Takes back a right, or all that its person has, first asking what that comes to.
    pub(super) async fn revokes_by(&mut self, program: &Tapkey, right: usize) -> Holds {
        let chosen = self.ledger.rights[right].clone();
        let is_all = self.dice.one_in(3);
        let path = match is_all {
            true => format!("/contacts/{}/revokegrants", id(&self.people[chosen.person])),
            false => format!("{}/revoke", chosen.path),
        };
        self.align();
        let asked = program.call("POST", &format!("{path}?dryRun=true"), Value::Null).await;
        let asked = asked.expect(200);
        for (at, it) in self.ledger.rights.iter_mut().enumerate() {
            it.open &= at != right && !(is_all && it.person == chosen.person);
        }
        let known = self.it.list("/revocations").await.len();
        let wrong = self.ledger.take(self.true_s());
        self.ledger.told_hits = Some(self.hits(&asked));
        self.align();
        let done = program.call("POST", &path, json!({ "dryRun": false })).await.expect(200);
        must!(plain(&asked) == plain(&done), "I5: asked {asked}, done {done}");
        self.carried_out(known, wrong).await?;
        self.says_the_same(program).await
    }

    /// Whom an answer names, and where.
    fn hits(&self, answer: &Value) -> BTreeSet<(usize, usize)> {
        let results = answer.as_array().map_or_else(|| std::slice::from_ref(answer), Vec::as_slice);
        let named = results.iter().flat_map(|it| it["grantsAffectedAsSideEffect"].as_array());
        let hits = named.flatten().map(|grant| {
            let person = self.people.iter().position(|it| it["id"] == grant["contactId"]);
            let door = self.doors.iter().position(|it| grant["boundLockId"] == it.id());
            (person.unwrap(), door.unwrap())
        });
        hits.collect()
    }

    /// Every grant is said to stand as it does natively.
    async fn says_the_same(&self, program: &Tapkey) -> Holds {
        self.align();
        let shown = program.list("/grants", "$select=id,state").await;
        for right in &self.ledger.rights {
            let native = self.it.get(&right.path).await;
            let said = shown.iter().find(|it| it["id"] == native["id"]);
            let said = said.map_or("missing", |it| it["state"].as_str().unwrap());
            let fits = match native["state"].as_str().unwrap() {
                "revocation_pending" => said == "RevocationPending",
                "revoked" => said == "Revoked",
                // One that had ended when it was taken back is natively what it was.
                "expired" if !right.open => said != "Ok",
                _ => said == "Ok",
            };
            must!(fits, "I15: {said} is said of {native}");
        }
        Ok(())
    }
}
