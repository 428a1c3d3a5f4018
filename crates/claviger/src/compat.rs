//! Settings of the vendors' APIs: at which host names and addresses each is served at the root, and
//! what it is told about its clients' habits. Which there are, the vendors say.
//!
//! Must not know a vendor's route or switch; only where its API hangs.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use claviger_web::{Vendor, vendors};
use serde::Deserialize;
use toml::{Table, Value};

use crate::exit::Failure;

/// The table `[compat]` of a file: of each vendor, the keys that are set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Partial(BTreeMap<String, Table>);

impl Partial {
    /// The settings that `--compat VENDOR=ADDRESS` says.
    ///
    /// # Errors
    /// Another form; a vendor whose API is not built.
    pub(crate) fn flags(flags: &[String]) -> Result<Option<Partial>, Failure> {
        let mut listen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for flag in flags {
            let wrong = |right: &str| Failure::new(format!("--compat {flag:?}: {right}"));
            let (vendor, address) = flag
                .split_once('=')
                .ok_or_else(|| wrong("must be a vendor and an address: unloc=127.0.0.1:9001"))?;
            if claviger_web::vendor(vendor).is_none() {
                return Err(wrong(&format!("the vendors whose API is built are: {}", names())));
            }
            listen.entry(vendor).or_default().push(address);
        }
        let table = |(vendor, addresses): (&str, Vec<&str>)| {
            (vendor.to_owned(), Table::from_iter([("listen".to_owned(), addresses.into())]))
        };
        Ok((!flags.is_empty()).then(|| Partial(listen.into_iter().map(table).collect())))
    }

    /// These settings, and `lower`'s where they say nothing.
    pub(crate) fn over(self, lower: Partial) -> Partial {
        let mut merged = lower.0;
        for (vendor, table) in self.0 {
            merged.entry(vendor).or_default().extend(table);
        }
        Partial(merged)
    }

    /// The settings as they take effect.
    ///
    /// # Errors
    /// A vendor or a key that is not known; a value of another kind; an address that is none.
    pub(crate) fn settle(mut self) -> Result<Compat, Failure> {
        let mut compat = Compat::default();
        for vendor in vendors() {
            let mut table = Keys { vendor, table: self.0.remove(vendor.name).unwrap_or_default() };
            for host in table.texts("hosts")? {
                compat.hosts.push((host.to_ascii_lowercase(), vendor.base));
            }
            let key = table.key("listen");
            for text in table.texts("listen")? {
                compat.listen.push((crate::config::listen(&key, &text)?, vendor.base));
            }
            for switch in vendor.switches {
                *(switch.field)(&mut compat.options) = table.flag(switch.name)?;
            }
            table.finish()?;
        }
        match self.0.keys().next() {
            Some(name) => Err(Failure::new(format!(
                "compat.{name}: is not known; the vendors whose API is built are: {}",
                names()
            ))),
            None => Ok(compat),
        }
    }
}

fn names() -> String {
    vendors().iter().map(|vendor| vendor.name).collect::<Vec<_>>().join(", ")
}

/// What is left of a vendor's table.
struct Keys {
    vendor: Vendor,
    table: Table,
}

impl Keys {
    fn key(&self, name: &str) -> String {
        format!("compat.{}.{name}", self.vendor.name)
    }

    fn wrong(&self, name: &str, right: &str) -> Failure {
        Failure::new(format!("{}: {right}", self.key(name)))
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let Some(value) = self.table.remove(name) else { return Ok(Vec::new()) };
        value.try_into().map_err(|_| self.wrong(name, "must be a list of texts"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        match self.table.remove(name) {
            None => Ok(false),
            Some(Value::Boolean(on)) => Ok(on),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// Nothing may be left.
    fn finish(self) -> Result<(), Failure> {
        let Some(name) = self.table.keys().next() else { return Ok(()) };
        let own = self.vendor.switches.iter().map(|switch| switch.name);
        let known = ["hosts", "listen"].into_iter().chain(own).collect::<Vec<_>>().join(", ");
        Err(self.wrong(name, &format!("is not known; there are: {known}")))
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
        let mut options = self.options.clone();
        let tables = vendors().into_iter().map(|vendor| {
            let here = |base: &str| base == vendor.base;
            let hosts = self.hosts.iter().filter(|(_, base)| here(base));
            let listen = self.listen.iter().filter(|(_, base)| here(base));
            let mut table = Table::new();
            let hosts = hosts.map(|(host, _)| host.as_str());
            table.insert("hosts".to_owned(), hosts.collect::<Vec<_>>().into());
            let listen = listen.map(|(address, _)| address.to_string());
            table.insert("listen".to_owned(), listen.collect::<Vec<_>>().into());
            for switch in vendor.switches {
                let on = *(switch.field)(&mut options);
                table.insert(switch.name.to_owned(), on.into());
            }
            (vendor.name.to_owned(), Value::Table(table))
        });
        Value::Table(tables.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(file: &str) -> Result<Compat, String> {
        let partial: Partial = toml::from_str(file).map_err(|error| error.to_string())?;
        partial.settle().map_err(|failure| failure.lines().join(""))
    }

    #[test]
    fn what_is_shown_is_read_again_the_same() {
        let file = "[unloc]\nhosts = ['Unloc.Example.org']\nlisten = ['127.0.0.1:9001']\n\
                    strict_users = true";
        let compat = settled(file).unwrap();
        assert_eq!(compat.hosts, [("unloc.example.org".to_owned(), "/compat/unloc")]);
        assert!(compat.options.unloc.strict_users && !compat.options.unloc.ignore_unknown);
        let Value::Table(shown) = compat.show() else { panic!("no table") };
        assert_eq!(settled(&shown.to_string()), Ok(compat));
    }

    #[test]
    fn flags_stand_over_the_file_key_by_key() {
        let file = "[unloc]\nhosts = ['a']\nlisten = ['127.0.0.1:1']";
        let file: Partial = toml::from_str(file).unwrap();
        let flags = Partial::flags(&["unloc=127.0.0.1:2".to_owned()]);
        let flags = flags.unwrap_or_else(|failure| panic!("{failure:?}")).unwrap();
        let compat = flags.over(file).settle().unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(compat.hosts, [("a".to_owned(), "/compat/unloc")]);
        assert_eq!(compat.listen, [("127.0.0.1:2".parse().unwrap(), "/compat/unloc")]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (file, named) in [
            ("[acme]\nhosts = []", "compat.acme"),
            ("[unloc]\nhost = 'a'", "compat.unloc.host: "),
            ("[unloc]\nhosts = 'a'", "compat.unloc.hosts"),
            ("[unloc]\nlisten = ['here']", "compat.unloc.listen"),
            ("[unloc]\nstrict_users = 'yes'", "compat.unloc.strict_users"),
        ] {
            let refused = settled(file).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
