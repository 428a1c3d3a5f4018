//! Every attack is tried, is of no use at a lock as it should be, and is found where a lock gives
//! in to it.

use super::*;
use crate::offline::maker::{LOCKS, issuer, key, list, record};
use crate::offline::phone::Visit;
use crate::offline::wire::{Bytes, KeyedLock, SyncAnswer, id_text};

/// A lock with its second list, its holder, and a robber who knows the first.
struct Scene {
    lock: VirtualLock,
    victim: Phone,
    robber: Phone,
    rng: Rng,
}

impl Scene {
    async fn new(seed: u64) -> Scene {
        let mut lock = VirtualLock::new(&[seed, 1], false).unwrap();
        let mut rng = Rng::new(&[seed]);
        let (issuer, first) = (issuer(), list(0, 1));
        let told = record(&issuer, &first);
        let (mut mine, theirs) = pair(&mut rng);
        let known = lock.public_key();
        let telling = async {
            let mut talk = Talk::begin(&mut mine, &[9; 32], |_| Some(known)).await.unwrap();
            let answer = talk.say(&Said::Commission(told)).await.unwrap();
            assert!(matches!(answer, Answered::List { code: 0, receipt: Some(_) }), "{answer:?}");
            drop(mine);
        };
        tokio::join!(lock.serve(theirs, true), telling);
        let mut scene =
            Scene { lock, victim: Phone::new(&[seed, 2]), robber: Phone::new(&[seed, 3]), rng };
        for version in [1, 2] {
            scene.give(version);
        }
        let visit = scene.visit().await;
        assert_eq!((visit.list, visit.opened()), (Some(Code::Applied.number()), 1));
        scene
    }

    /// What a server would: lists and keys to the victim, the first list to the robber.
    fn give(&mut self, version: u32) {
        let lock = |id: &[u8; 16]| KeyedLock {
            lock_id: id_text(id),
            public_key: Bytes(crate::offline::lock::cose_key(&self.lock.public_key())),
        };
        let mut answer = SyncAnswer {
            locks: LOCKS.iter().map(lock).collect(),
            lists: vec![Bytes(list(0, version)), Bytes(list(1, 1))],
            certificates: vec![Bytes(issuer())],
            ..SyncAnswer::default()
        };
        if version == 1 {
            self.robber.wallet.keep(&answer, &self.robber.public).unwrap();
        }
        answer.keys =
            vec![Bytes(key(0, self.victim.public, 1)), Bytes(key(1, self.victim.public, 7))];
        self.victim.wallet.keep(&answer, &self.victim.public).unwrap();
        let foreign = self.robber.wallet.keep(&answer, &self.robber.public);
        assert_eq!(foreign, Err("a key that is not this phone's"));
    }

    async fn visit(&mut self) -> Visit {
        let (mine, theirs) = pair(&mut self.rng);
        let (lock, victim) = (&mut self.lock, &mut self.victim);
        let visiting = async {
            let mut link = mine;
            victim.visit(&mut link, None).await
        };
        tokio::join!(lock.serve(theirs, false), visiting).1
    }

    async fn play(&mut self, attack: Attack) -> Option<Played> {
        self.lock.rest().await;
        let Scene { lock, victim, robber, rng } = self;
        let mut loot =
            Loot { victim, list: list(0, 2), older: Some(list(0, 1)), other: list(1, 1) };
        play(attack, robber, &mut loot, lock, rng).await
    }
}

#[tokio::test]
async fn attacks_are_of_no_use() {
    for seed in 0..8 {
        let mut scene = Scene::new(seed).await;
        for attack in Attack::ALL {
            let played = scene.play(attack).await;
            let played = played.unwrap_or_else(|| panic!("{attack:?} was not tried"));
            assert!(!played.heard.is_empty(), "{attack:?}");
            assert_eq!(harm(&played, &scene.lock.imprint()), None, "{attack:?} {:?}", played.heard);
        }
        scene.lock.rest().await;
        assert_eq!(scene.visit().await.opened(), 1, "who may still opens");
    }
}

/// A lock that gives in: it opens, it changes what it holds, or it tells more than its hello.
#[tokio::test]
async fn a_lock_that_gives_in_is_found() {
    for attack in Attack::ALL {
        for gives_in in 0..3 {
            let mut scene = Scene::new(5).await;
            let mut played = scene.play(attack).await.unwrap();
            match gives_in {
                0 => scene.lock.bolt += 1,
                1 => {
                    scene.give(3);
                    scene.lock.rest().await;
                    scene.victim.manners = crate::offline::phone::Manners::PassesBy;
                    assert_eq!(scene.visit().await.list, Some(Code::Applied.number()));
                }
                _ => played.heard.push(Heard::Code(8, Code::Revoked.number())),
            }
            assert!(harm(&played, &scene.lock.imprint()).is_some(), "{attack:?} {gives_in}");
        }
    }
}

/// Rules of the lock that are left out on purpose show as soon as somebody tries.
#[cfg(feature = "faults")]
#[tokio::test]
async fn rules_that_are_left_out_are_found() {
    use claviger_offline::faults::{Fault, plant};
    for (fault, attack) in
        [(Fault::AnyHolder, Attack::StolenKey), (Fault::AnyLock, Attack::WrongLock)]
    {
        let mut scene = Scene::new(6).await;
        plant(Some(fault));
        let played = scene.play(attack).await;
        plant(None);
        assert!(harm(&played.unwrap(), &scene.lock.imprint()).is_some(), "{fault:?}");
    }
}
