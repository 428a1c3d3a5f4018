//! Why a command failed, in words for whoever typed it: one line, or one line per wrong item.
//!
//! Must not show a Debug form, a secret or a connection string.

use claviger_app::{Error, FieldError, Refusal, StoreError, io_words};
use serde::{Deserialize, Serialize};

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    lines: Vec<String>,
}

impl Failure {
    /// A failure in one sentence, without a full stop.
    pub(crate) fn new(line: impl Into<String>) -> Failure {
        Failure { lines: vec![line.into()] }
    }

    /// What was being done with a file, and what the system says.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Failure {
        Failure::new(format!("{}: {}", path.display(), io_words(error)))
    }

    /// The lines, at least one.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::new(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refused(refusal),
            Error::Full => Failure::new("the disk of the database is full"),
            Error::Unavailable => Failure::new("the database does not answer"),
            Error::Internal => {
                Failure::new("an internal error; CLAVIGER_LOG=info shows more of it")
            }
            other => Failure::new(other.to_string()),
        }
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(fields) | Refusal::Taken(fields) => {
            Failure { lines: fields.iter().map(field).collect() }
        }
        Refusal::NotFound(noun) => {
            Failure::new(format!("there is no such {}", noun.as_str().replace('_', " ")))
        }
        Refusal::InUse(detail) | Refusal::Escalation(detail) => Failure::new(detail),
        Refusal::Stale => Failure::new("the object changed meanwhile"),
        Refusal::PlanChanged => Failure::new("the plan is not the one that was agreed to"),
    }
}

/// `/rows/17/email` is shown as `row 17, email`; `/name` as `name`.
fn field(error: &FieldError) -> String {
    let parts: Vec<&str> = error.pointer.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => error.detail.clone(),
        ["rows"] => error.detail.clone(),
        ["rows", row] => format!("row {row}: {}", error.detail),
        ["rows", row, field @ ..] => format!("row {row}, {}: {}", field.join("."), error.detail),
        names => format!("{}: {}", names.join("."), error.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_become_words() {
        let shown = |pointer: &str| field(&FieldError::new(pointer, "x", "is wrong"));
        assert_eq!(shown("/rows/17/email"), "row 17, email: is wrong");
        assert_eq!(shown("/rows/17"), "row 17: is wrong");
        assert_eq!(shown("/name"), "name: is wrong");
        assert_eq!(shown(""), "is wrong");
    }
}
