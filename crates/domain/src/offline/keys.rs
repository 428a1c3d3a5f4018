//! The keys of a lock, in chunks that copies share: who changes one key of a hundred thousand
//! copies a few dozen pointers. Found by serial, and by the device they are for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lock::Issued;
use super::{KeyClass, Serial};
use crate::ids::{CredentialNumber, PlaceNumber};

/// Serials, and devices, of one chunk: two to this.
const BITS: u32 = 6;

/// A key of a device.
type Own = (CredentialNumber, Serial);

/// The keys of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// By class and serial, in order.
    chunks: BTreeMap<(KeyClass, u32), Arc<Vec<Arc<Issued>>>>,
    /// By place and device: which keys are for it, in order.
    devices: BTreeMap<(PlaceNumber, u32), Arc<Vec<Own>>>,
}

fn chunk((class, serial): Serial) -> (KeyClass, u32) {
    (class, serial >> BITS)
}

fn devices(place: PlaceNumber, device: CredentialNumber) -> (PlaceNumber, u32) {
    (place, device.0 >> BITS)
}

impl Keys {
    /// All, in order of class and serial.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Issued>> {
        self.chunks.values().flat_map(|chunk| chunk.iter())
    }

    /// One.
    pub(super) fn get(&self, key: Serial) -> Option<&Arc<Issued>> {
        let chunk = self.chunks.get(&chunk(key))?;
        chunk.get(chunk.binary_search_by_key(&key.1, |it| it.serial).ok()?)
    }

    /// Those for one device of a place, in order of class and serial.
    pub(super) fn of_device(
        &self,
        place: PlaceNumber,
        device: CredentialNumber,
    ) -> impl DoubleEndedIterator<Item = &Arc<Issued>> {
        let found = self.devices.get(&devices(place, device));
        let all = found.map_or(&[][..], |found| found);
        let first = all.partition_point(|it| it.0 < device);
        let end = all.partition_point(|it| it.0 <= device);
        let own = all.get(first..end).unwrap_or_default();
        own.iter().filter_map(|(_, key)| self.get(*key))
    }

    /// Adds one, or sets it.
    pub(super) fn set(&mut self, issued: Arc<Issued>) {
        let key = issued.key();
        let all = self.devices.entry(devices(issued.place, issued.device)).or_default();
        let own = (issued.device, key);
        if let Err(at) = all.binary_search(&own) {
            Arc::make_mut(all).insert(at, own);
        }
        let chunk = Arc::make_mut(self.chunks.entry(chunk(key)).or_default());
        match chunk.binary_search_by_key(&key.1, |it| it.serial) {
            Ok(at) => {
                if let Some(known) = chunk.get_mut(at) {
                    *known = issued;
                }
            }
            Err(at) => chunk.insert(at, issued),
        }
    }

    /// Leaves those that `keep` wants.
    pub(super) fn retain(&mut self, keep: impl Fn(&Issued) -> bool) {
        if self.iter().all(|it| keep(it)) {
            return;
        }
        let kept: Vec<Arc<Issued>> = self.iter().filter(|it| keep(it)).cloned().collect();
        *self = Keys::default();
        kept.into_iter().for_each(|it| self.set(it));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{GrantNumber, LockNumber};
    use crate::offline::{Erasure, KeyTimes};

    fn key(class: KeyClass, serial: u32, place: u32, device: u32) -> Arc<Issued> {
        Arc::new(Issued {
            class,
            serial,
            epoch: 0,
            place: PlaceNumber(place),
            grant: GrantNumber(1),
            device: CredentialNumber(device),
            lock: LockNumber(1),
            iat: 0,
            exp: i64::from(serial),
            min_list: 0,
            flags: 0,
            times: KeyTimes::default(),
            holder: Vec::new(),
            bytes: Vec::new(),
            refused: false,
            owed: false,
            erasure: Erasure::None,
        })
    }

    /// Against the plainest map, with serials and devices on both sides of chunks.
    #[test]
    fn keys_are_found_by_serial_and_by_device() {
        let mut keys = Keys::default();
        let mut plain: BTreeMap<Serial, Arc<Issued>> = BTreeMap::new();
        let serials = [1, 63, 64, 65, 127, 128, 1 << 20, (1 << 20) + 1, u32::MAX];
        let mut device = 0;
        for serial in serials.iter().rev().chain(&[64]) {
            for class in [KeyClass::Guest, KeyClass::Phone, KeyClass::Card] {
                device = (device * 5 + 61) % 130;
                let device = if *serial == 64 { 7 } else { device };
                let key = key(class, *serial, 1 + device % 2, device);
                keys.set(key.clone());
                plain.insert(key.key(), key);
            }
        }
        let same = |keys: &Keys, plain: &BTreeMap<Serial, Arc<Issued>>| {
            assert!(keys.iter().eq(plain.values()) && keys.iter().rev().eq(plain.values().rev()));
            for device in (0..130).map(CredentialNumber) {
                for place in [PlaceNumber(1), PlaceNumber(2)] {
                    let own = plain.values().filter(|it| (it.place, it.device) == (place, device));
                    assert!(keys.of_device(place, device).eq(own), "{device} in {place}");
                }
            }
        };
        same(&keys, &plain);
        assert!(plain.keys().all(|it| keys.get(*it) == plain.get(it)));
        assert_eq!(keys.get((KeyClass::Service, 1)), None);
        let before = keys.clone();
        let mut edited = Issued::clone(keys.get((KeyClass::Card, 65)).unwrap());
        edited.refused = true;
        keys.set(Arc::new(edited));
        assert_ne!(keys, before, "a copy stays as it was");
        same(&before, &plain);
        keys.retain(|it| it.serial > 64);
        plain.retain(|key, _| key.1 > 64);
        assert_eq!(keys.iter().count(), plain.len());
        assert!(keys.get((KeyClass::Card, 65)).unwrap().refused);
        assert!(keys.get((KeyClass::Card, 64)).is_none());
    }
}
