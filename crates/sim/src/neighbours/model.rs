//! What is certain of two places that share doors: who opens what, and what each place may be told.
//!
//! Pure; an independent reading of the rules, which must not ask the server.

use std::collections::BTreeMap;

use serde_json::Value;

/// The two places: whose the doors are, and the one that they are shared to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Owner,
    Tenant,
}

impl Side {
    pub(super) const BOTH: [Side; 2] = [Side::Owner, Side::Tenant];

    pub(super) fn other(self) -> Side {
        if self == Side::Owner { Side::Tenant } else { Side::Owner }
    }

    pub(super) fn word(self) -> &'static str {
        if self == Side::Owner { "owner" } else { "tenant" }
    }
}

/// Somebody, by the place that knows them and their index there.
pub(super) type Who = (Side, usize);

/// How everything stands.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Which doors the tenant has.
    pub(super) shared: Vec<bool>,
    /// Which doors are in lockdown.
    pub(super) locked: Vec<bool>,
    /// The open grants, with their ids.
    pub(super) grants: BTreeMap<(Who, usize), String>,
    /// Who is suspended.
    pub(super) suspended: BTreeMap<Who, bool>,
    /// Every opening: who came in where.
    pub(super) opened: Vec<(Who, usize)>,
}

/// What the server must say to a place that asks about somebody's card at a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Certain {
    /// The place knows nothing of that door.
    NoDoor,
    /// The door opens; by this grant, where it is the place's own.
    Opens { by: Option<String> },
    /// It stays closed, for these reasons.
    Stays { reasons: Vec<&'static str> },
}

impl Model {
    pub(super) fn new(doors: usize) -> Model {
        Model { shared: vec![false; doors], locked: vec![false; doors], ..Model::default() }
    }

    /// Whether a place has a door.
    pub(super) fn has(&self, side: Side, door: usize) -> bool {
        side == Side::Owner || self.shared.get(door) == Some(&true)
    }

    /// The grant by which somebody comes in, whichever place asks.
    fn way_in(&self, who: Who, door: usize) -> Option<&String> {
        let grant = self.grants.get(&(who, door)).filter(|_| self.has(who.0, door))?;
        let may = !self.is_suspended(who) && !self.is_locked(door);
        may.then_some(grant)
    }

    fn is_suspended(&self, who: Who) -> bool {
        self.suspended.get(&who) == Some(&true)
    }

    fn is_locked(&self, door: usize) -> bool {
        self.locked.get(door) == Some(&true)
    }

    /// What a place must be answered about somebody's card at a door.
    pub(super) fn certain(&self, asks: Side, who: Who, door: usize) -> Certain {
        if !self.has(asks, door) {
            return Certain::NoDoor;
        }
        if let Some(grant) = self.way_in(who, door) {
            return Certain::Opens { by: (who.0 == asks).then(|| grant.clone()) };
        }
        let mut reasons = Vec::new();
        if self.is_locked(door) {
            reasons.push("lockdown");
        }
        if who.0 != asks {
            // Of another place's people a place learns nothing when they are kept out.
            reasons.push("credential_unknown");
            return Certain::Stays { reasons };
        }
        if self.is_suspended(who) {
            reasons.push("person_suspended");
        }
        if !self.grants.contains_key(&(who, door)) {
            reasons.push("no_grant");
        }
        Certain::Stays { reasons }
    }

    /// Takes a door from the tenant: the rights there close, and come back with no later share.
    pub(super) fn take_back(&mut self, door: usize) -> Vec<String> {
        if let Some(shared) = self.shared.get_mut(door) {
            *shared = false;
        }
        let lost = |it: &(Who, usize)| it.0.0 == Side::Tenant && it.1 == door;
        let keys: Vec<_> = self.grants.keys().filter(|it| lost(it)).copied().collect();
        keys.iter().filter_map(|key| self.grants.remove(key)).collect()
    }

    /// Who must stand in the events of a place about doors that opened, in order: somebody of its
    /// own, or nobody. The owner hears of every opening, the tenant of those by its people.
    pub(super) fn events(&self, side: Side) -> Vec<(usize, Option<usize>)> {
        let told = self.opened.iter().filter(|(who, _)| side == Side::Owner || who.0 == side);
        told.map(|(who, door)| (*door, (who.0 == side).then_some(who.1))).collect()
    }
}

/// What is wrong with a decision; nothing where it is as it must be.
pub(super) fn judge(certain: &Certain, decision: &Value) -> Option<&'static str> {
    let texts = |list: &Value, name: Option<&str>| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        let text = |it: &Value| match name {
            Some(name) => it.get(name).and_then(Value::as_str).map(str::to_owned),
            None => it.as_str().map(str::to_owned),
        };
        items.filter_map(text).collect()
    };
    let part = |name: &str| decision.get(name).unwrap_or(&Value::Null);
    let granted = part("result") == "granted";
    let by = texts(part("by"), None);
    match certain {
        Certain::NoDoor => Some("a place was answered about a door that it does not have"),
        Certain::Opens { .. } if !granted => {
            Some("a door stayed closed to somebody who may open it")
        }
        Certain::Opens { by: Some(own) } if by != [own.clone()] => {
            Some("it opened by another right than the one there is")
        }
        Certain::Opens { by: None } if !by.is_empty() => {
            Some("a place was told by which right of another it opened")
        }
        Certain::Opens { .. } => None,
        Certain::Stays { .. } if granted => Some("a door opened to somebody who may not open it"),
        Certain::Stays { reasons } if texts(part("reasons"), Some("code")) != *reasons => {
            Some("the reasons are not those of the place that asked")
        }
        Certain::Stays { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ANN: Who = (Side::Owner, 0);
    const TIM: Who = (Side::Tenant, 0);

    fn model() -> Model {
        let mut model = Model::new(2);
        model.shared[0] = true;
        model.grants.insert((ANN, 0), "a".to_owned());
        model.grants.insert((TIM, 0), "t".to_owned());
        model
    }

    #[test]
    fn each_place_decides_with_its_own_people_and_is_told_of_them_only() {
        let mut model = model();
        let opens = |by: Option<&str>| Certain::Opens { by: by.map(str::to_owned) };
        let stays = |reasons: &[&'static str]| Certain::Stays { reasons: reasons.to_vec() };
        assert_eq!(model.certain(Side::Owner, ANN, 0), opens(Some("a")));
        assert_eq!(model.certain(Side::Tenant, ANN, 0), opens(None));
        assert_eq!(model.certain(Side::Owner, TIM, 0), opens(None));
        assert_eq!(model.certain(Side::Tenant, TIM, 1), Certain::NoDoor);
        assert_eq!(model.certain(Side::Owner, TIM, 1), stays(&["credential_unknown"]));
        assert_eq!(model.certain(Side::Owner, ANN, 1), stays(&["no_grant"]));
        model.suspended.insert(TIM, true);
        assert_eq!(model.certain(Side::Tenant, TIM, 0), stays(&["person_suspended"]));
        assert_eq!(model.certain(Side::Owner, TIM, 0), stays(&["credential_unknown"]));
        model.suspended.insert(TIM, false);
        model.locked[0] = true;
        assert_eq!(model.certain(Side::Tenant, TIM, 0), stays(&["lockdown"]));
        assert_eq!(model.certain(Side::Owner, TIM, 0), stays(&["lockdown", "credential_unknown"]));
        model.locked[0] = false;
        assert_eq!(model.take_back(0), ["t"]);
        model.shared[0] = true;
        assert_eq!(model.certain(Side::Tenant, TIM, 0), stays(&["no_grant"]), "it stays closed");
        model.opened.extend([(ANN, 0), (TIM, 0)]);
        assert_eq!(model.events(Side::Owner), [(0, Some(0)), (0, None)]);
        assert_eq!(model.events(Side::Tenant), [(0, Some(0))]);
    }

    #[test]
    fn a_server_that_tells_too_much_or_opens_too_much_is_found() {
        let model = model();
        let opened = |by: Value| json!({"result": "granted", "by": by, "reasons": []});
        let closed =
            |code: &str| json!({"result": "denied", "by": [], "reasons": [{"code": code}]});
        for (asks, who, door, right, wrong) in [
            (Side::Owner, ANN, 0, opened(json!(["a"])), closed("no_grant")),
            (Side::Owner, ANN, 0, opened(json!(["a"])), opened(json!(["a", "t"]))),
            (Side::Owner, TIM, 0, opened(json!([])), opened(json!(["t"]))),
            (Side::Owner, TIM, 1, closed("credential_unknown"), closed("no_grant")),
            (Side::Owner, TIM, 1, closed("credential_unknown"), opened(json!([]))),
            (Side::Owner, ANN, 1, closed("no_grant"), closed("credential_unknown")),
        ] {
            let certain = model.certain(asks, who, door);
            assert_eq!(judge(&certain, &right), None, "{certain:?} {right}");
            assert!(judge(&certain, &wrong).is_some(), "{certain:?} {wrong}");
        }
        let nothing = model.certain(Side::Tenant, TIM, 1);
        assert!(judge(&nothing, &closed("no_grant")).is_some());
    }
}
