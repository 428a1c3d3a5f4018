//! Devices that hold keys: phones, and cards that can sign. Each is a credential of its place; a
//! phone is known by a secret of its own when it calls, a card is brought to who may call for it.

use claviger_domain::command::credential as rules;
use claviger_domain::ids::{CredentialNumber, Id, Noun, PersonNumber, Ref};
use claviger_domain::noun::credential::{CredentialEdit, CredentialKind};
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::Refusal;
use claviger_store::Device;

use super::commission::check;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{is_well_formed, secret, sha256};
use crate::read::resolve;
use crate::{App, Written, not_here};

/// The start of a device's secret.
pub(crate) const DEVICE_PREFIX: &str = "clvd_";

/// Whose device it is.
#[derive(Clone, Debug)]
pub enum Whose {
    /// A person's: it becomes a credential.
    Person(Ref),
    /// One that is a credential already.
    Credential(Ref),
}

/// A device that was enrolled.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The credential.
    pub device: Id,
    /// By which it is known when it calls; shown once.
    pub token: String,
}

/// Enrols a device by its public key.
///
/// # Errors
/// As the rules say; a device that enrols; a key in another form; a credential that is a code;
/// whoever may not make credentials gives no person a phone and no credential another key.
pub async fn enrol(
    ctx: &Context,
    place: Id,
    whose: Whose,
    key: Vec<u8>,
) -> Result<Written<Enrolled>, Error> {
    let number = ctx.authorize(place, Scope::DevicesSync)?;
    if matches!(ctx.caller, Caller::Device { .. }) {
        return Err(Refusal::Escalation("a device enrols no device".to_owned()).into());
    }
    check(&key)?;
    let may_make = ctx.scopes_in(number).is_some_and(|it| it.has(Scope::CredentialsWrite));
    ctx.write(Some(number), move |work| {
        let (now, draft) = (work.now, work.place(number)?);
        let credential = match &whose {
            Whose::Person(person) => {
                if !may_make {
                    return Err(Error::Forbidden(Scope::CredentialsWrite));
                }
                let person = draft.state.resolve(Noun::Person, person).ok_or_else(|| {
                    not_here("/person_id", "there is no such person in this place")
                })?;
                let edit = CredentialEdit {
                    person: Some(Some(PersonNumber(person))),
                    public_key: Some(key.clone()),
                    ..CredentialEdit::default()
                };
                let id = draft.next_id();
                rules::create(draft, CredentialKind::Phone, id, &edit)?
            }
            Whose::Credential(credential) => {
                let credential: CredentialNumber =
                    resolve(&draft.state, Noun::Credential, credential).map_err(|_| {
                        not_here("/credential_id", "there is no such credential in this place")
                    })?;
                let known = rules::find(&draft.state, credential)?;
                let other = known.public_key.as_ref().is_some_and(|known| *known != key);
                if other && !may_make {
                    return Err(Error::Forbidden(Scope::CredentialsWrite));
                }
                rules::enrol(draft, credential, key.clone())?
            }
        };
        let token = secret(DEVICE_PREFIX);
        let device = Device {
            place: number,
            credential: credential.number(),
            token: sha256(token.as_bytes()),
            enrolled_at: now,
            seen_at: None,
        };
        work.devices.push(device);
        Ok(Enrolled { device: credential.header.id, token })
    })
    .await
}

/// Whether a secret has the form of a device's.
pub(crate) fn is_device(token: &str) -> bool {
    is_well_formed(DEVICE_PREFIX, token)
}

/// The device that a secret is of.
pub(crate) fn caller(app: &App, token: &str) -> Option<Caller> {
    let device = is_device(token).then(|| app.world().device(&sha256(token.as_bytes())))??;
    let state = app.state(device.place).ok()?;
    state.credentials.get(device.credential)?;
    Some(Caller::Device { place: device.place, credential: device.credential })
}
