//! The native API's rows of the route table, one file per noun, and their handlers: decode, one
//! call of a use case, encode. Holds no rule.

mod access_level;
mod account;
mod change;
mod client;
mod common;
mod controller;
mod credential;
mod decision;
mod device;
mod event;
mod grant;
mod hold;
mod kept;
mod key;
mod lock;
mod person;
mod place;
mod schedule;
mod webhook;

pub(crate) use common::{Row, Server, authenticate};

/// Every route of the native API.
pub(crate) fn table() -> Vec<Row> {
    [
        account::table(),
        place::table(),
        person::table(),
        kept::table(),
        hold::table(),
        credential::table(),
        lock::table(),
        controller::table(),
        access_level::table(),
        grant::table(),
        key::table(),
        schedule::table(),
        decision::table(),
        device::table(),
        event::table(),
        change::table(),
        webhook::table(),
        client::table(),
    ]
    .concat()
}
