//! Settings of the vendors' APIs: at which host names and addresses each is served at the root, and
//! what it is told about its clients' habits.
//!
//! Must not know a vendor's route; only where its API hangs.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Value;

use crate::exit::Failure;

/// Where Unloc's API hangs.
pub(crate) const UNLOC: &str = "/compat/unloc";

/// The table `[compat]` of a file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partial {
    unloc: Option<Unloc>,
}

/// The table `[compat.unloc]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unloc {
    hosts: Option<Vec<String>>,
    listen: Option<Vec<String>>,
    strict_users: Option<bool>,
    ignore_unknown: Option<bool>,
}

impl Partial {
    /// The settings that `--compat VENDOR=ADDRESS` says.
    ///
    /// # Errors
    /// Another form; a vendor whose API is not built.
    pub(crate) fn flags(flags: &[String]) -> Result<Option<Partial>, Failure> {
        let mut partial = Partial::default();
        for flag in flags {
            let wrong = |right: &str| Failure::new(format!("--compat {flag:?}: {right}"));
            let (vendor, address) = flag
                .split_once('=')
                .ok_or_else(|| wrong("must be a vendor and an address: unloc=127.0.0.1:9001"))?;
            if vendor != "unloc" {
                return Err(wrong("the vendors whose API is built are: unloc"));
            }
            let unloc = partial.unloc.get_or_insert_default();
            unloc.listen.get_or_insert_default().push(address.to_owned());
        }
        Ok((!flags.is_empty()).then_some(partial))
    }

    /// These settings, and `lower`'s where they say nothing.
    pub(crate) fn over(self, lower: Partial) -> Partial {
        let unloc = match (self.unloc, lower.unloc) {
            (Some(first), Some(second)) => Some(Unloc {
                hosts: first.hosts.or(second.hosts),
                listen: first.listen.or(second.listen),
                strict_users: first.strict_users.or(second.strict_users),
                ignore_unknown: first.ignore_unknown.or(second.ignore_unknown),
            }),
            (first, second) => first.or(second),
        };
        Partial { unloc }
    }

    /// The settings as they take effect.
    ///
    /// # Errors
    /// An address that is none.
    pub(crate) fn settle(self) -> Result<Compat, Failure> {
        let unloc = self.unloc.unwrap_or_default();
        let mut compat = Compat::default();
        for host in unloc.hosts.unwrap_or_default() {
            compat.hosts.push((host.to_ascii_lowercase(), UNLOC));
        }
        for text in unloc.listen.unwrap_or_default() {
            compat.listen.push((crate::config::listen("compat.unloc.listen", &text)?, UNLOC));
        }
        compat.options.unloc.strict_users = unloc.strict_users.unwrap_or(false);
        compat.options.unloc.ignore_unknown = unloc.ignore_unknown.unwrap_or(false);
        Ok(compat)
    }
}

/// The settings as they take effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Compat {
    /// Host names, in lower case and without a port, with what is served at their root.
    pub(crate) hosts: Vec<(String, &'static str)>,
    /// Addresses beside the server's own, with what is served at their root.
    pub(crate) listen: Vec<(SocketAddr, &'static str)>,
    /// What each vendor's API is told.
    pub(crate) options: claviger_web::Options,
}

impl Compat {
    /// As the table of a file.
    pub(crate) fn show(&self) -> Value {
        let texts = |texts: Vec<String>| Value::from(texts);
        let mut unloc = toml::Table::new();
        let hosts = self.hosts.iter().map(|(host, _)| host.clone()).collect();
        let listen = self.listen.iter().map(|(address, _)| address.to_string()).collect();
        unloc.insert("hosts".to_owned(), texts(hosts));
        unloc.insert("listen".to_owned(), texts(listen));
        unloc.insert("strict_users".to_owned(), self.options.unloc.strict_users.into());
        unloc.insert("ignore_unknown".to_owned(), self.options.unloc.ignore_unknown.into());
        Value::Table(toml::Table::from_iter([("unloc".to_owned(), Value::Table(unloc))]))
    }
}
