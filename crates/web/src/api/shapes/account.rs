//! The fields of logging in: tokens of programs, sessions and passwords of people.

use super::place::ROLES_AT;
use super::{ID, INSTANT, limits};
use crate::api::format::Format;
use crate::api::shape::{Field, Kind, Rule, Shape};

const SECRET: Kind = Kind::Secret { min: 1, max: limits::SECRET };
const NEW_PASSWORD: Kind = Kind::Secret { min: limits::PASSWORD, max: limits::SECRET };
const EMAIL: Field = Field::has("email", Kind::Is(Format::Email), "The account's e-mail address.");
const PHONE: Field = Field::has("phone", Kind::Is(Format::Phone), "The account's phone number.");

/// Unknown parameters are passed over, as RFC 6749 says.
pub(crate) const TOKEN_REQUEST: Shape = Shape {
    open: true,
    ..Shape::new(
        "TokenRequest",
        "Client credentials, here or by HTTP Basic (RFC 6749, section 4.4).",
        &[&[
            Field::must("grant_type", Kind::Enum(&["client_credentials"]), "What is exchanged."),
            Field::has("scope", Kind::Is(Format::Words), "Scopes; all of the client's if absent."),
            Field::has("client_id", SECRET, "The client's id."),
            Field::has("client_secret", SECRET, "The client's secret."),
        ]],
    )
};

pub(crate) const TOKEN: Shape = Shape::new(
    "Token",
    "An access token.",
    &[&[
        Field::must("access_token", SECRET, "To be sent as Authorization: Bearer."),
        Field::must("token_type", Kind::Enum(&["Bearer"]), "Always Bearer."),
        Field::must("expires_in", super::COUNT, "Seconds for which it works."),
        Field::must("scope", Kind::Prose { max: 2000 }, "What it may do, with spaces between."),
    ]],
);

pub(crate) const LOG_IN: Shape = Shape::new(
    "LogIn",
    "Who logs in.",
    &[&[EMAIL, PHONE, Field::must("password", SECRET, "The password.")]],
)
.ruled(&[Rule::ExactlyOne(&["email", "phone"])]);

pub(crate) const SESSION: Shape = Shape::new(
    "Session",
    "A log-in; the cookie in Set-Cookie proves it.",
    &[&[
        Field::must("account_id", ID, "Whose it is."),
        Field::must("expires_at", INSTANT, "When it ends."),
        Field::must("places", ROLES_AT, "Where the account is known, and as what."),
    ]],
);

pub(crate) const SESSION_ROW: Shape = Shape::new(
    "SessionRow",
    "One of the caller's log-ins.",
    &[&[
        Field::must("id", ID, "The id."),
        Field::must("created_at", INSTANT, "When it began."),
        Field::must("expires_at", INSTANT, "When it ends."),
        Field::must("current", Kind::Bool, "Whether it is the one that asks."),
    ]],
);

pub(crate) const PASSWORD: Shape = Shape::new(
    "PasswordChange",
    "A password for another.",
    &[&[
        Field::must("old", SECRET, "The password as it is."),
        Field::must("new", NEW_PASSWORD, "The password as it is to be."),
    ]],
);

pub(crate) const RESET: Shape = Shape::new(
    "PasswordReset",
    "First email or phone, to which a secret is sent; then that secret with a password.",
    &[&[
        EMAIL,
        PHONE,
        Field::has("secret", SECRET, "The secret that was sent."),
        Field::has("password", NEW_PASSWORD, "The password as it is to be."),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["email", "phone", "secret"]), Rule::Together(&["secret", "password"])]);

pub(crate) const INVITATION: Shape = Shape::new(
    "Invitation",
    "A secret that makes or proves an account.",
    &[&[
        Field::has("secret", SECRET, "The secret that was sent."),
        Field::has("setup_code", SECRET, "The one-time code of the first administrator."),
        Field::must("password", NEW_PASSWORD, "The account's password."),
    ]],
)
.ruled(&[Rule::ExactlyOne(&["secret", "setup_code"])]);
