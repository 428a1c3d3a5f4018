//! The settings of the mail server: `[mail]` in the file, `CLAVIGER_MAIL_...` in the environment.
//!
//! The password is never in the file of settings itself, which `--show-config` and others show.

use std::path::PathBuf;

use claviger_app::mail::{Security, Server, is_sender};
use serde::Deserialize;

use crate::exit::Failure;

/// How one source describes the mail server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partial {
    host: Option<String>,
    port: Option<u16>,
    security: Option<String>,
    user: Option<String>,
    /// From the environment only.
    #[serde(skip)]
    password: Option<String>,
    password_file: Option<PathBuf>,
    from: Option<String>,
}

impl Partial {
    /// These settings, and `lower`'s where they say nothing.
    pub(super) fn over(self, lower: Partial) -> Partial {
        Partial {
            host: self.host.or(lower.host),
            port: self.port.or(lower.port),
            security: self.security.or(lower.security),
            user: self.user.or(lower.user),
            password: self.password.or(lower.password),
            password_file: self.password_file.or(lower.password_file),
            from: self.from.or(lower.from),
        }
    }

    /// What the environment says; `get` gives the value after `CLAVIGER_`.
    ///
    /// # Errors
    /// A value of the wrong kind.
    pub(super) fn environment(
        get: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Partial>, Failure> {
        let port = get("MAIL_PORT").map(|text| text.parse::<u16>()).transpose();
        let partial = Partial {
            host: get("MAIL_HOST"),
            port: port.map_err(|_| Failure::new("CLAVIGER_MAIL_PORT: must be a port"))?,
            security: get("MAIL_SECURITY"),
            user: get("MAIL_USER"),
            password: get("MAIL_PASSWORD"),
            password_file: get("MAIL_PASSWORD_FILE").map(PathBuf::from),
            from: get("MAIL_FROM"),
        };
        Ok((partial != Partial::default()).then_some(partial))
    }

    /// The mail server.
    ///
    /// # Errors
    /// A value that is missing or makes no sense.
    pub(super) fn settle(self) -> Result<Server, Failure> {
        let host = self.host.filter(|host| !host.trim().is_empty());
        let host = host.ok_or_else(|| Failure::new("mail.host is not set, but other keys are"))?;
        let security = match self.security.as_deref() {
            None | Some("starttls") => Security::StartTls,
            Some("tls") => Security::Tls,
            Some("none") => Security::None,
            Some(other) => {
                let line = format!("mail.security: {other:?} is neither starttls, tls nor none");
                return Err(Failure::new(line));
            }
        };
        let from = self.from.ok_or_else(|| Failure::new("mail.from is not set"))?;
        if !is_sender(&from) {
            let right = "is no sender such as Claviger <access@example.org>";
            return Err(Failure::new(format!("mail.from: {from:?} {right}")));
        }
        let password = match (self.password, self.password_file) {
            (Some(password), _) => Some(password),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|error| Failure::file(&path, &error))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            (None, None) => None,
        };
        let login = match (self.user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Failure::new(
                    "mail.user is set, but neither mail.password_file nor \
                     CLAVIGER_MAIL_PASSWORD is",
                ));
            }
            (None, Some(_)) => {
                return Err(Failure::new("a password for mail is set, but mail.user is not"));
            }
        };
        let local = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if security == Security::None && !local {
            return Err(Failure::new(
                "mail.security: none is for a mail server on this machine; use starttls or tls",
            ));
        }
        let port = self.port.unwrap_or_else(|| security.port());
        Ok(Server { host, port, security, login, from })
    }
}

/// The mail server as the table of a file, without its password.
pub(super) fn show(server: &Server) -> toml::Value {
    let security = match server.security {
        Security::StartTls => "starttls",
        Security::Tls => "tls",
        Security::None => "none",
    };
    let mut table = toml::Table::new();
    table.insert("host".to_owned(), server.host.clone().into());
    table.insert("port".to_owned(), i64::from(server.port).into());
    table.insert("security".to_owned(), security.into());
    if let Some((user, _)) = &server.login {
        table.insert("user".to_owned(), user.clone().into());
    }
    table.insert("from".to_owned(), server.from.clone().into());
    toml::Value::Table(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(text: &str, password: Option<&str>) -> Result<Server, String> {
        let partial: Partial = toml::from_str(text).unwrap();
        let partial = Partial { password: password.map(str::to_owned), ..partial };
        partial.settle().map_err(|failure| failure.lines().join(""))
    }

    #[test]
    fn a_mail_server_needs_a_name_a_sender_and_a_safe_way() {
        let from = "from = 'Claviger <a@example.org>'";
        let server = settle(&format!("host = 'mail.example.org'\n{from}"), None).unwrap();
        assert_eq!((server.port, server.security), (587, Security::StartTls));
        let tls = format!("host = 'm'\nsecurity = 'tls'\nuser = 'u'\n{from}");
        let server = settle(&tls, Some("hush")).unwrap();
        assert_eq!((server.port, server.login), (465, Some(("u".into(), "hush".into()))));
        assert!(settle(&format!("host = '127.0.0.1'\nsecurity = 'none'\n{from}"), None).is_ok());
        for (text, key) in [
            (from.to_owned(), "mail.host"),
            ("host = 'm'".to_owned(), "mail.from"),
            ("host = 'm'\nfrom = 'nobody'".to_owned(), "mail.from"),
            (format!("host = 'm'\nsecurity = 'none'\n{from}"), "mail.security"),
            (format!("host = 'm'\nsecurity = 'ssl'\n{from}"), "mail.security"),
            (format!("host = 'm'\nuser = 'u'\n{from}"), "mail.user"),
            (format!("host = 'm'\npassword_file = '/nowhere'\n{from}"), "/nowhere"),
        ] {
            let refused = settle(&text, None).err().unwrap();
            assert!(refused.contains(key), "{text}: {refused}");
        }
        assert!(settle(&tls.replace("user = 'u'\n", ""), Some("hush")).is_err());
    }

    #[test]
    fn the_password_is_not_shown_and_not_in_the_file() {
        let shown =
            show(&settle("host = 'm'\nuser = 'u'\nfrom = 'a@example.org'", Some("hush")).unwrap());
        assert!(!shown.to_string().contains("hush"), "{shown}");
        assert!(toml::from_str::<Partial>("password = 'hush'").is_err());
    }
}
