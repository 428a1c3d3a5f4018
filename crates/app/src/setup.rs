//! The first organization, place, administrator and client.

use claviger_domain::draft::Changed;
use claviger_domain::ids::{Id, Noun, OrganizationNumber};
use claviger_domain::noun::account::{Ticket, TicketKind};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::place::{Organization, PlaceEdit};
use claviger_domain::noun::scope::Scopes;
use claviger_domain::refusal::{Flaws, Refusal};
use claviger_domain::text::is_email;
use claviger_domain::time::{DAY, Zone};

use crate::account::ONE_TIME_PREFIX;
use crate::client::SECRET_PREFIX;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{secret, sha256};
use crate::{App, place};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The organization's name.
    pub organization: String,
    /// The place's name.
    pub place: String,
    /// The administrator's e-mail address.
    pub admin_email: String,
    /// The place's zone.
    pub time_zone: Zone,
}

/// What was made; the code and the secret are shown once.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Made {
    pub organization: Id,
    pub place: Id,
    pub admin_email: String,
    pub setup_code: String,
    pub client: Id,
    pub client_secret: String,
}

/// Makes an organization with a place, a one-time code for its administrator (good for 24 hours)
/// and a client with every scope on that place.
///
/// # Errors
/// Names that are empty, an address that is none.
pub async fn run(app: &App, wish: Wish) -> Result<Made, Error> {
    let mut flaws = Flaws::default();
    flaws.name(&wish.organization);
    flaws.check(is_email(&wish.admin_email), "/admin_email", "bad_email", "must be an address");
    flaws.refuse().map_err(|refusal: Refusal| Error::Refused(refusal))?;
    let ctx = Context::new(app.clone(), Caller::Operator, Via::CommandLine);
    ctx.commit(None, move |work| {
        let (setup_code, client_secret) = (secret(ONE_TIME_PREFIX), secret(SECRET_PREFIX));
        let expires_at = work.now.plus(DAY);
        let directory = work.directory();
        let organization = Organization {
            header: directory.header(Noun::Organization, None)?,
            name: wish.organization.clone(),
        };
        let number = OrganizationNumber(organization.header.number);
        let organization_id = organization.header.id;
        let fields = vec![Changed::shown("name", &organization.name)];
        directory.note("setup", Noun::Organization, Some(organization_id), fields);
        directory.put(organization);
        let edit = PlaceEdit {
            name: Some(wish.place.clone()),
            zone: Some(wish.time_zone.clone()),
            ..PlaceEdit::default()
        };
        let place = place::make(work, number, None, &edit)?;
        let directory = work.directory();
        let client = Client {
            header: directory.header(Noun::Client, None)?,
            organization: number,
            name: "set-up".to_owned(),
            kind: ClientKind::Oauth2,
            secret: sha256(client_secret.as_bytes()),
            previous_secret: None,
            scopes: Scopes::ALL,
            places: vec![place.number()],
            controller: None,
            expires_at: None,
            redirect_uris: Vec::new(),
        };
        let client_id = client.header.id;
        directory.put(client);
        let (header, hash) = (directory.header(Noun::Ticket, None)?, sha256(setup_code.as_bytes()));
        directory.put(Ticket {
            place: Some(place.number()),
            email: Some(wish.admin_email.clone()),
            ..Ticket::new(header, TicketKind::SetupCode, hash, expires_at)
        });
        Ok(Made {
            organization: organization_id,
            place: place.header.id,
            admin_email: wish.admin_email.clone(),
            setup_code,
            client: client_id,
            client_secret,
        })
    })
    .await
}
