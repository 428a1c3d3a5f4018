//! The settings: flags over environment over file over defaults, merged key by key.
//!
//! One list of keys makes the file, the environment (`CLAVIGER_` and the key in capitals; lists
//! with commas between) and the dump. Must not show a secret: the database's address may hold one.

mod mail;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cidr::Range;
use crate::compat::{self, Compat};
use crate::exit::Failure;
use crate::logs::LogFormat;
use crate::outgoing::Rules;

/// Settings as one source gives them; what is absent is left to the next.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partial {
    pub(crate) data: Option<PathBuf>,
    pub(crate) database_url: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) public_url: Option<String>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) trusted_proxies: Option<Vec<String>>,
    pub(crate) insecure_http: Option<bool>,
    pub(crate) allow_http_webhooks: Option<bool>,
    pub(crate) allow_webhook_addresses: Option<Vec<String>>,
    pub(crate) allow_webhook_ports: Option<Vec<u16>>,
    pub(crate) rate_per_client: Option<u32>,
    pub(crate) time_source: Option<String>,
    pub(crate) mail: Option<mail::Partial>,
    pub(crate) log: Option<String>,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) compat: Option<compat::Partial>,
}

/// The first one's value of each key, or else the second one's; tables key by key.
macro_rules! merge {
    ($first:ident, $second:ident, tables: $($table:ident)*, keys: $($key:ident)*) => {
        Partial {
            $($table: match ($first.$table, $second.$table) {
                (Some(first), Some(second)) => Some(first.over(second)),
                (first, second) => first.or(second),
            },)*
            $($key: $first.$key.or($second.$key),)*
        }
    };
}

impl Partial {
    /// These settings, and `lower`'s where they say nothing.
    pub(crate) fn over(self, lower: Partial) -> Partial {
        merge!(
            self, lower, tables: compat mail, keys: data database_url secret_file listen public_url
            tls_cert tls_key trusted_proxies insecure_http allow_http_webhooks
            allow_webhook_addresses allow_webhook_ports rate_per_client time_source log log_format
        )
    }

    /// The settings of a file.
    ///
    /// # Errors
    /// It cannot be read, or a key is unknown or of the wrong kind.
    pub(crate) fn file(path: &Path) -> Result<Partial, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                1 + text.get(..span.start).map_or(0, |before| before.matches('\n').count())
            });
            let what = error.message().lines().next().unwrap_or_default().to_owned();
            Failure::new(format!("{}, line {line}: {what}", path.display()))
        })
    }

    /// The settings of the environment.
    ///
    /// # Errors
    /// A value of the wrong kind.
    pub(crate) fn environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Partial, Failure> {
        let get = |key: &str| lookup(&format!("CLAVIGER_{key}")).filter(|it| !it.is_empty());
        let flag = |key: &str| match get(key).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(other) => {
                let line = format!("CLAVIGER_{key}: {other:?} is neither true nor false");
                Err(Failure::new(line))
            }
        };
        let list = |key: &str| {
            get(key).map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
        };
        let ports: Option<Vec<String>> = list("ALLOW_WEBHOOK_PORTS");
        let ports = ports.map(|ports| ports.iter().map(|port| port.parse()).collect());
        let ports: Option<Result<Vec<u16>, _>> = ports;
        let wrong = |_| Failure::new("CLAVIGER_ALLOW_WEBHOOK_PORTS: must be ports with commas");
        let rate = get("RATE_PER_CLIENT").map(|text| {
            text.parse().map_err(|_| Failure::new("CLAVIGER_RATE_PER_CLIENT: must be a number"))
        });
        let log_format = match get("LOG_FORMAT").as_deref() {
            None => None,
            Some("text") => Some(LogFormat::Text),
            Some("json") => Some(LogFormat::Json),
            Some(other) => {
                let line = format!("CLAVIGER_LOG_FORMAT: {other:?} is neither text nor json");
                return Err(Failure::new(line));
            }
        };
        Ok(Partial {
            data: get("DATA").map(PathBuf::from),
            database_url: get("DATABASE_URL"),
            secret_file: get("SECRET_FILE").map(PathBuf::from),
            listen: get("LISTEN"),
            public_url: get("PUBLIC_URL"),
            tls_cert: get("TLS_CERT").map(PathBuf::from),
            tls_key: get("TLS_KEY").map(PathBuf::from),
            trusted_proxies: list("TRUSTED_PROXIES"),
            insecure_http: flag("INSECURE_HTTP")?,
            allow_http_webhooks: flag("ALLOW_HTTP_WEBHOOKS")?,
            allow_webhook_addresses: list("ALLOW_WEBHOOK_ADDRESSES"),
            allow_webhook_ports: ports.transpose().map_err(wrong)?,
            rate_per_client: rate.transpose()?,
            time_source: get("TIME_SOURCE"),
            mail: mail::Partial::environment(&get)?,
            log: get("LOG"),
            log_format,
            compat: None,
        })
    }

    /// The settings as they take effect.
    ///
    /// # Errors
    /// A value that makes no sense.
    pub(crate) fn settle(self) -> Result<Config, Failure> {
        let ranges = |key: &str, texts: Option<Vec<String>>| {
            let range = |text: &String| {
                Range::parse(text).ok_or_else(|| {
                    let right = "is not a range of addresses such as 10.0.0.0/8 or fd00::/8";
                    Failure::new(format!("{key}: {text:?} {right}"))
                })
            };
            texts.unwrap_or_default().iter().map(range).collect::<Result<Vec<Range>, Failure>>()
        };
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(chain), Some(key)) => Some((chain, key)),
            (None, None) => None,
            (Some(_), None) => return Err(Failure::new("tls_cert is set, but tls_key is not")),
            (None, Some(_)) => return Err(Failure::new("tls_key is set, but tls_cert is not")),
        };
        let public_url = match self.public_url {
            Some(url) => Some(public_url(&url)?),
            None => None,
        };
        if self.rate_per_client == Some(0) {
            return Err(Failure::new("rate_per_client: must be at least 1; leave it out for none"));
        }
        let waits_for_clock = match self.time_source.as_deref() {
            None | Some("system") => false,
            Some("operator") => true,
            Some(_) => return Err(Failure::new("time_source: must be system or operator")),
        };
        Ok(Config {
            data: self.data.unwrap_or_else(|| PathBuf::from("./claviger-data")),
            database_url: self.database_url.map(database_url).transpose()?,
            secret_file: self.secret_file,
            listen: listen("listen", self.listen.as_deref().unwrap_or("127.0.0.1:8080"))?,
            public_url,
            tls,
            trusted_proxies: ranges("trusted_proxies", self.trusted_proxies)?,
            insecure_http: self.insecure_http.unwrap_or(false),
            webhooks: Rules {
                http: self.allow_http_webhooks.unwrap_or(false),
                addresses: ranges("allow_webhook_addresses", self.allow_webhook_addresses)?,
                ports: self.allow_webhook_ports.unwrap_or_default(),
            },
            rate_per_client: self.rate_per_client,
            waits_for_clock,
            mail: self.mail.map(mail::Partial::settle).transpose()?,
            log: self.log,
            log_format: self.log_format.unwrap_or_default(),
            compat: self.compat.unwrap_or_default().settle()?,
        })
    }
}

/// The settings as they take effect.
#[derive(Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) database_url: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    /// Chain and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) trusted_proxies: Vec<Range>,
    pub(crate) insecure_http: bool,
    pub(crate) webhooks: Rules,
    /// Requests a minute.
    pub(crate) rate_per_client: Option<u32>,
    /// Whether an operator has to say that the clock is right before it is signed by.
    pub(crate) waits_for_clock: bool,
    /// Through what mails are sent.
    pub(crate) mail: Option<claviger_app::mail::Server>,
    pub(crate) log: Option<String>,
    pub(crate) log_format: LogFormat,
    pub(crate) compat: Compat,
}

/// Reads an address and a port out of the setting `key`.
///
/// # Errors
/// It is none.
pub(crate) fn listen(key: &str, text: &str) -> Result<SocketAddr, Failure> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    local.as_deref().unwrap_or(text).parse().map_err(|_| {
        let right = "is not an address and a port such as 127.0.0.1:8080 or [::1]:8080";
        Failure::new(format!("{key}: {text:?} {right}"))
    })
}

fn public_url(text: &str) -> Result<String, Failure> {
    let right = url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    if right {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    let right = "is not an address such as https://access.example.org";
    Err(Failure::new(format!("public_url: {text:?} {right}")))
}

fn database_url(text: String) -> Result<String, Failure> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(text);
    }
    // The text is not repeated: it may hold a password.
    Err(Failure::new("database_url: must start with postgres://"))
}

impl Config {
    /// All settings as the text of a file, without secrets.
    pub(crate) fn show(&self) -> String {
        use toml::Value;
        let mut table = toml::Table::new();
        let path = |path: &Path| Value::from(path.display().to_string());
        let ranges = |ranges: &[Range]| {
            Value::from(ranges.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let mut set = |key: &str, value: Option<Value>| {
            value.into_iter().for_each(|value| {
                table.insert(key.to_owned(), value);
            });
        };
        set("data", Some(path(&self.data)));
        set("database_url", self.database_url.as_ref().map(|_| Value::from("(set, not shown)")));
        set("secret_file", self.secret_file.as_deref().map(path));
        set("listen", Some(Value::from(self.listen.to_string())));
        set("public_url", self.public_url.clone().map(Value::from));
        set("tls_cert", self.tls.as_ref().map(|(chain, _)| path(chain)));
        set("tls_key", self.tls.as_ref().map(|(_, key)| path(key)));
        set("trusted_proxies", Some(ranges(&self.trusted_proxies)));
        set("insecure_http", Some(Value::from(self.insecure_http)));
        set("allow_http_webhooks", Some(Value::from(self.webhooks.http)));
        set("allow_webhook_addresses", Some(ranges(&self.webhooks.addresses)));
        let ports: Vec<i64> = self.webhooks.ports.iter().map(|port| i64::from(*port)).collect();
        set("allow_webhook_ports", Some(Value::from(ports)));
        set("rate_per_client", self.rate_per_client.map(|rate| Value::from(i64::from(rate))));
        let source = if self.waits_for_clock { "operator" } else { "system" };
        set("time_source", Some(Value::from(source)));
        set("mail", self.mail.as_ref().map(mail::show));
        set("log", self.log.clone().map(Value::from));
        set("log_format", Some(Value::from(self.log_format.as_str())));
        set("compat", Some(self.compat.show()));
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Partial, Failure> {
        Partial::environment(&|key| {
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn flags_stand_over_environment_over_file() {
        let file: Partial =
            toml::from_str("listen = '127.0.0.1:1'\npublic_url = 'http://a'\nlog = 'debug'")
                .unwrap();
        let env = environment(&[
            ("CLAVIGER_LISTEN", "127.0.0.1:2"),
            ("CLAVIGER_PUBLIC_URL", "https://b/"),
            ("CLAVIGER_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("CLAVIGER_LOG", ""),
        ]);
        let flags = Partial { listen: Some("localhost:3".to_owned()), ..Partial::default() };
        let config = flags.over(env.unwrap()).over(file).settle();
        let config = config.unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(config.listen, "127.0.0.1:3".parse().unwrap());
        assert_eq!(config.public_url.as_deref(), Some("https://b"));
        assert_eq!(config.trusted_proxies.len(), 2);
        assert_eq!(config.log.as_deref(), Some("debug"));
    }

    #[test]
    fn what_is_shown_is_a_file_without_secrets() {
        let url = Some("postgres://user:hush@db/claviger".to_owned());
        let mail = [
            ("CLAVIGER_MAIL_HOST", "mail.example.org"),
            ("CLAVIGER_MAIL_USER", "access"),
            ("CLAVIGER_MAIL_PASSWORD", "hush"),
            ("CLAVIGER_MAIL_FROM", "access@example.org"),
        ];
        let partial = environment(&mail).unwrap_or_else(|failure| panic!("{failure:?}"));
        let partial = Partial { database_url: url, ..partial };
        let text = partial.settle().unwrap_or_else(|failure| panic!("{failure:?}")).show();
        assert!(!text.contains("hush"), "{text}");
        let again: Partial = toml::from_str(&text).unwrap();
        assert_eq!(again.listen.as_deref(), Some("127.0.0.1:8080"));
        assert!(again.mail.is_some(), "{text}");
    }

    #[test]
    fn wrong_values_name_their_key() {
        for (key, value) in [
            ("CLAVIGER_LISTEN", "here"),
            ("CLAVIGER_INSECURE_HTTP", "perhaps"),
            ("CLAVIGER_TRUSTED_PROXIES", "10.0.0.1/8"),
            ("CLAVIGER_DATABASE_URL", "mysql://hush"),
            ("CLAVIGER_PUBLIC_URL", "example.org"),
            ("CLAVIGER_LOG_FORMAT", "xml"),
            ("CLAVIGER_ALLOW_WEBHOOK_PORTS", "80,http"),
            ("CLAVIGER_RATE_PER_CLIENT", "many"),
            ("CLAVIGER_RATE_PER_CLIENT", "0"),
            ("CLAVIGER_MAIL_PORT", "smtp"),
            ("CLAVIGER_TLS_CERT", "/x"),
        ] {
            let refused = environment(&[(key, value)]).and_then(Partial::settle).err();
            let text = refused.unwrap().lines().join("");
            let name = key.trim_start_matches("CLAVIGER_");
            assert!(text.to_uppercase().contains(name), "{key}: {text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}
