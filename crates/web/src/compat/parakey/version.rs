//! The versions of this API: what a request asks for, and what webhooks are pinned to.

use claviger_app::operation::Operation;
use claviger_app::{Format, Gone, Tells, Told, grant};

use super::wire;
use crate::compat::serve::Call;

/// Where a request may say which version it wants.
const HEADER: &str = "api-version";
const PARAMETER: &str = "apiVersion";

/// A version. The older one knows a device by its older name only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V1_0,
    V1_2,
}

impl Version {
    pub(crate) const LATEST: Version = Version::V1_2;
    pub(crate) const ALL: [Version; 2] = [Version::V1_0, Version::V1_2];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Version::V1_0 => "1.0",
            Version::V1_2 => "1.2",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// The version that a request asks for; the latest where it asks for none that is known.
    pub(crate) fn asked(call: &Call) -> Version {
        let header = call.parts.headers.get(HEADER).and_then(|it| it.to_str().ok());
        let mut query = call.query.iter().filter(|(name, _)| name == PARAMETER);
        let asked = header.or(query.next().map(|(_, value)| value.as_str()));
        asked.and_then(Version::parse).unwrap_or(Version::LATEST)
    }
}

/// What a webhook tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unlocks,
    Batches,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Unlocks, Kind::Batches];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Unlocks => "unlockEvent",
            Kind::Batches => "batchCompleted",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What a webhook tells of, and in which version; natively both are its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) kind: Kind,
    pub(crate) version: Version,
}

impl Pinned {
    /// What the format of a native webhook means here; none for one that is none of this API's.
    pub(crate) fn of(format: &str) -> Option<Pinned> {
        let mut all = Kind::ALL
            .into_iter()
            .flat_map(|kind| Version::ALL.into_iter().map(move |version| Pinned { kind, version }));
        all.find(|pinned| pinned.format() == format)
    }

    /// The name of the native format.
    pub(crate) fn format(self) -> &'static str {
        match (self.kind, self.version) {
            (Kind::Unlocks, Version::V1_0) => "parakey-1.0",
            (Kind::Unlocks, Version::V1_2) => "parakey-1.2",
            (Kind::Batches, Version::V1_0) => "parakey-batch-1.0",
            (Kind::Batches, Version::V1_2) => "parakey-batch-1.2",
        }
    }
}

/// The forms of deliveries: the bodies are those of single logs and batches.
pub(crate) const FORMATS: [Format; 4] = [
    format("parakey-1.0", Tells::Events(|told| unlock(told, Version::V1_0))),
    format("parakey-1.2", Tells::Events(|told| unlock(told, Version::V1_2))),
    // A batch is the same in all versions.
    format("parakey-batch-1.0", Tells::Results(batch)),
    format("parakey-batch-1.2", Tells::Results(batch)),
];

const fn format(name: &'static str, tells: Tells) -> Format {
    let user_agent = Some(concat!("Parakey-WebhookWorker/", env!("CARGO_PKG_VERSION")));
    Format { name, tells, user_agent }
}

fn unlock(told: &Told<'_>, version: Version) -> Option<String> {
    let log = wire::event_log(told.event, (told.state, &Gone::new()), told.settings, version);
    log.map(|log| log.to_string())
}

fn batch(operation: &Operation) -> Option<String> {
    (operation.kind == grant::EXCHANGED).then(|| wire::batch(operation).to_string())
}

#[cfg(test)]
mod tests {
    use claviger_domain::command::webhook::FORMATS as KNOWN;

    use super::*;

    #[test]
    fn each_form_is_known_natively_and_is_one_kind_in_one_version() {
        let names: Vec<&str> = FORMATS.iter().map(|it| it.name).collect();
        let native: Vec<&str> =
            KNOWN.iter().copied().filter(|name| name.starts_with("parakey")).collect();
        assert_eq!(names, native);
        for name in names {
            assert_eq!(Pinned::of(name).map(Pinned::format), Some(name));
        }
        assert_eq!((Pinned::of("standard"), Pinned::of("parakey")), (None, None));
    }
}
