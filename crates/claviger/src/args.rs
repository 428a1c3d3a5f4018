//! The arguments: what each command takes, and the text of `--help`.
//!
//! Must not read anything but the command line; merging with file and environment is `config`'s.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

use crate::compat;
use crate::config::Partial;
use crate::exit::Failure;
use crate::logs::LogFormat;

/// Physical access management that you run yourself.
#[derive(Debug, Parser)]
#[command(name = "claviger", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,
}

const AFTER: &str = "Every setting can also stand in the environment (CLAVIGER_LISTEN, \
CLAVIGER_DATA, ...) or, for serve, in a TOML file; flags win over both. Commands other than serve, \
demo and restore also work while a server uses the folder. Exit status: 0 only on success.";

/// What every command takes.
#[derive(Debug, Group)]
pub(crate) struct Global {
    /// Folder of data, secrets and outbox [default: ./claviger-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// PostgreSQL database instead of the folder's own (postgres://...)
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,

    /// Answer as JSON on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// How log lines look, on stderr [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(Serve),
    /// Try it: a furnished building in a temporary folder, with simulated locks and people
    Demo(Demo),
    /// Make the first organization, place, administrator and API client
    Setup(Setup),
    /// Make a vendor's credentials for a place
    Compat(Compat),
    /// Make or change people, cards or grants from a CSV file, all or nothing
    Import(Import),
    /// Write people, cards, grants and events of a place into a ZIP file of CSV files
    Export(Export),
    /// Write everything into one file, from which any engine can be restored
    Backup(Backup),
    /// Bring a backup into an empty folder or database
    Restore(Restore),
    /// The root that locks with no network trust: keep it elsewhere, lend it, replace its issuers
    #[command(subcommand)]
    Root(Root),
    /// Delete the account of an e-mail address that no place knows anybody by
    ForgetAccount(ForgetAccount),
    /// Check database, references, change chains and what is sealed
    Verify,
    /// Run virtual locks and people against a running server
    Sim(Sim),
}

#[derive(Debug, Group)]
pub(crate) struct Serve {
    /// Address and port; port 0 picks one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,

    /// TOML file of settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Address people reach the server by, for links in mails
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Certificate chain in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Address or range of a proxy that ends TLS before this server; repeatable
    #[arg(long = "trusted-proxy", value_name = "RANGE")]
    pub(crate) trusted_proxies: Vec<String>,

    /// Serve plain HTTP to other machines: passwords and keys go over the wire in the clear
    #[arg(long)]
    pub(crate) insecure_http: bool,

    /// Serve a vendor's API at the root of this address too, such as unloc=127.0.0.1:9001;
    /// repeatable
    #[arg(long = "compat", value_name = "VENDOR=ADDRESS")]
    pub(crate) compat: Vec<String>,

    /// For tests: run the clock ahead, such as 31d or 12h; on a loopback address only
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) clock_ahead: Option<Duration>,

    /// Print the effective settings, without secrets, and end
    #[arg(long)]
    pub(crate) show_config: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Demo {
    /// Address and port; port 0 picks one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,

    /// End by itself after this time, such as 60s
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,

    #[command(flatten)]
    pub(crate) building: Building,
}

#[derive(Debug, Group)]
pub(crate) struct Setup {
    /// Name of the organization
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: String,

    /// Name of the first place
    #[arg(long, value_name = "NAME")]
    pub(crate) place: String,

    /// Address of the first administrator
    #[arg(long, value_name = "ADDRESS", default_value = "admin@localhost")]
    pub(crate) admin_email: String,

    /// Time zone of the place
    #[arg(long, value_name = "ZONE", default_value = "Etc/UTC")]
    pub(crate) time_zone: String,
}

#[derive(Debug, Group)]
pub(crate) struct Compat {
    /// Id of the place
    #[arg(long, value_name = "ID")]
    pub(crate) place: String,

    /// Whose API
    #[arg(long, value_enum)]
    pub(crate) vendor: Vendor,

    /// For programs that people let act for them: an address where those are sent back to;
    /// repeatable
    #[arg(long = "redirect-uri", value_name = "ADDRESS")]
    pub(crate) redirect_uris: Vec<String>,

    /// The program can keep no secret, such as a page or an app
    #[arg(long)]
    pub(crate) public: bool,

    /// The program does nothing by itself in the place, only for people
    #[arg(long)]
    pub(crate) no_role: bool,

    /// Somebody who vouches for people of the place by signed tokens: its id
    #[arg(long, value_name = "ID", requires_all = ["issuer", "audience", "public_key"])]
    pub(crate) identity_provider: Option<String>,

    /// Whom its tokens name as their issuer
    #[arg(long, value_name = "TEXT", requires = "identity_provider")]
    pub(crate) issuer: Option<String>,

    /// For whom its tokens are
    #[arg(long, value_name = "TEXT", requires = "identity_provider")]
    pub(crate) audience: Option<String>,

    /// Its RSA key, a PEM file
    #[arg(long, value_name = "FILE", requires = "identity_provider")]
    pub(crate) public_key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Vendor {
    Unloc,
    Tapkey,
    Parakey,
    Intserv,
    Trackunit,
}

#[derive(Debug, Group)]
pub(crate) struct Import {
    /// What the rows are
    #[arg(value_enum)]
    pub(crate) what: Rows,

    /// The CSV file, in UTF-8, whose first line names the columns
    pub(crate) file: PathBuf,

    /// Id of the place
    #[arg(long, value_name = "ID")]
    pub(crate) place: String,

    /// Say what would be made and changed, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rows {
    /// external_id first_name last_name display_name email phone employee_number language tags
    People,
    /// person technology bits value label valid_from valid_until
    Cards,
    /// person, lock or access_level, valid_from valid_until
    Grants,
}

#[derive(Debug, Group)]
pub(crate) struct Export {
    /// The ZIP file to make
    pub(crate) file: PathBuf,

    /// Id of the place
    #[arg(long, value_name = "ID")]
    pub(crate) place: String,
}

#[derive(Debug, Group)]
pub(crate) struct ForgetAccount {
    /// The e-mail address
    pub(crate) email: String,
}

#[derive(Debug, Group)]
pub(crate) struct Backup {
    /// The file to make
    pub(crate) file: PathBuf,

    /// File whose first line is the passphrase the secrets are kept under [env:
    /// CLAVIGER_PASSPHRASE holds it itself]; without one the backup holds no secrets
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,

    /// The time of the backup: rights revoked since then live again, and you accept that
    #[arg(long, value_name = "TIME")]
    pub(crate) accept_rights_as_of: Option<String>,

    /// File whose first line is the passphrase of the backup [env: CLAVIGER_PASSPHRASE]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// What is done with the root.
#[derive(Debug, Subcommand)]
pub(crate) enum Root {
    /// Take it out of the data folder into a file to be kept elsewhere
    Export {
        /// The file to make
        file: PathBuf,
    },
    /// Have it speak for places that are new to it, and begin epochs that are due after a restore
    Sign {
        #[command(flatten)]
        lent: Lent,
        /// Also begin an epoch for each lock that holds a later list than was ever made here
        #[arg(long)]
        accept_ahead: bool,
    },
    /// Say that the clock of the server that runs is right: it is signed by again
    TrustClock,
    /// Make the keys that sign for places anew, as a stranger may have the former: all keys of
    /// phones and cards are made again
    ReplaceIssuers {
        #[command(flatten)]
        lent: Lent,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Lent {
    /// The file of the root, where it is kept elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct Sim {
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,

    /// Id of the place
    #[arg(long, value_name = "ID")]
    pub(crate) place: String,

    /// Id of an API client with every scope on the place
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,

    /// Its secret [env: CLAVIGER_CLIENT_SECRET]
    #[arg(long, value_name = "SECRET")]
    pub(crate) client_secret: Option<String>,

    #[command(flatten)]
    pub(crate) building: Building,

    /// End after this time, such as 60s; without it Ctrl-C ends
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// End after so many visits
    #[arg(long, value_name = "NUMBER")]
    pub(crate) visits: Option<u64>,

    /// Visits under way at once
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    pub(crate) concurrency: usize,

    /// Share of requests that are malformed on purpose, from 0 to below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) hostile: f64,

    /// Let a program written for Unloc's API give and take back access first
    #[arg(long)]
    pub(crate) unloc: bool,

    /// Let keys be presented at a machine for a day first
    #[arg(long)]
    pub(crate) machines: bool,

    /// Let a second place, which is made for it and stays, share doors with this one first
    #[arg(long)]
    pub(crate) neighbours: bool,

    /// Hang a panel whose locks open by a list into the building
    #[arg(long)]
    pub(crate) panel: bool,

    /// The building stands in the place already
    #[arg(long)]
    pub(crate) furnished: bool,

    /// Instead, tell a day in a small house of its own whose 12 locks have no network: --seed
    /// says which; it ends by itself
    #[arg(long, conflicts_with_all = ["duration", "visits", "hostile", "unloc", "machines",
        "neighbours", "panel", "furnished"])]
    pub(crate) offline: bool,
}

/// The simulated building.
#[derive(Debug, Group)]
pub(crate) struct Building {
    /// Same seed, same building and visits
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,

    /// People in the building
    #[arg(long, value_name = "NUMBER", default_value_t = 300)]
    pub(crate) people: usize,

    /// Locks in the building
    #[arg(long, value_name = "NUMBER", default_value_t = 40)]
    pub(crate) locks: usize,

    /// Access levels in the building
    #[arg(long, value_name = "NUMBER", default_value_t = 12)]
    pub(crate) levels: usize,

    /// Visits per second; 0 is as fast as can be
    #[arg(long, value_name = "NUMBER", default_value_t = 5.0)]
    pub(crate) rate: f64,
}

/// Reads a time such as `90s`, `30m`, `12h` or `31d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a number with s, m, h or d, such as 31d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.then(|| number.parse().ok()).flatten().ok_or_else(wrong)?;
    let most = 100 * 366 * 86_400;
    let seconds = number.checked_mul(unit).filter(|it| *it <= most).ok_or("is too long")?;
    Ok(Duration::from_secs(seconds))
}

impl Global {
    /// The settings among the flags.
    pub(crate) fn partial(&self) -> Partial {
        Partial {
            data: self.data.clone(),
            database_url: self.database_url.clone(),
            log_format: self.log_format,
            ..Partial::default()
        }
    }
}

impl Serve {
    /// The settings among the flags.
    ///
    /// # Errors
    /// A vendor that is not known.
    pub(crate) fn partial(&self, global: &Global) -> Result<Partial, Failure> {
        let proxies = self.trusted_proxies.clone();
        Ok(Partial {
            listen: self.listen.clone(),
            public_url: self.public_url.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            trusted_proxies: (!proxies.is_empty()).then_some(proxies),
            insecure_http: self.insecure_http.then_some(true),
            compat: compat::Partial::flags(&self.compat)?,
            ..global.partial()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn times_are_exact() {
        assert_eq!(duration("31d"), Ok(Duration::from_secs(31 * 86_400)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "d", "31", "1.5h", "-1d", "+1d", "31 d", "é", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
