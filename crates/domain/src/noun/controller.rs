//! Controller: a thing that connects locks and dials in.

use super::{Header, Json};
use crate::ids::ControllerNumber;

/// A panel, gateway or access control system.
#[derive(Clone, Debug, PartialEq)]
pub struct Controller {
    /// What every record has.
    pub header: Header,
    /// What people call it.
    pub name: String,
    /// How many credentials it can store.
    pub capacity: Option<u32>,
    /// Kept for the caller.
    pub settings: Option<Json>,
}

impl Controller {
    /// This controller's number.
    #[must_use]
    pub fn number(&self) -> ControllerNumber {
        ControllerNumber(self.header.number)
    }
}

/// What a caller sets on a controller; an absent field is left as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct ControllerEdit {
    pub external_id: Option<Option<String>>,
    pub name: Option<String>,
    pub capacity: Option<Option<u32>>,
    pub settings: Option<Option<Json>>,
}
