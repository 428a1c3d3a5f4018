//! The log: one line per event on stderr, as text or JSON.
//!
//! Must not be on stdout, which belongs to answers.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::exit::Failure;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl LogFormat {
    /// The word in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

/// Reads a filter such as `info` or `info,claviger_store=debug`.
///
/// # Errors
/// A filter that makes no sense.
pub(crate) fn filter(text: &str) -> Result<Targets, Failure> {
    let wrong = |_| {
        Failure::new(format!(
            "log: {text:?} is not a filter such as info or info,claviger_store=debug"
        ))
    };
    text.parse().map_err(wrong)
}

/// Starts the log. A second start in one process is ignored.
///
/// # Errors
/// A filter that makes no sense.
pub(crate) fn start(format: LogFormat, directives: &str) -> Result<(), Failure> {
    let registry = tracing_subscriber::registry().with(filter(directives)?);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(!std::io::stderr().is_terminal());
    let _ = match format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    Ok(())
}
