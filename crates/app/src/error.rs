//! What a use case answers when it does not do what was asked. Knows nothing of HTTP.

use claviger_domain::ids::Noun;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::Refusal;
use claviger_store::StoreError;

/// Why a use case did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules refuse it.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// Nobody proved who they are.
    #[error("not authenticated")]
    Unauthenticated,
    /// The caller has not this scope.
    #[error("needs {}", .0.as_str())]
    Forbidden(Scope),
    /// The caller is a program, and this is for people with a session.
    #[error("not for programs")]
    NotForPrograms,
    /// The request was answered meanwhile, by another node, under the same Idempotency-Key.
    #[error("answered elsewhere")]
    Answered,
    /// Too many tries.
    #[error("too many tries")]
    TooMany {
        /// When to try again.
        retry_after_s: u32,
    },
    /// Another change of the same object is under way, and the caller does not wait.
    #[error("another change of the same object is under way")]
    Busy,
    /// The Idempotency-Key was used for another request.
    #[error("idempotency key used for another request")]
    KeyMismatch,
    /// The state asked for has not come here in time.
    #[error("not there yet")]
    NotYet,
    /// The disk is full.
    #[error("storage is full")]
    Full,
    /// Storage does not answer.
    #[error("storage is unavailable")]
    Unavailable,
    /// Something that must not happen; logged where it was made.
    #[error("internal error")]
    Internal,
}

impl Error {
    /// What the wish is about is not there, or not to be seen.
    #[must_use]
    pub fn not_found(noun: Noun) -> Error {
        Error::Refused(Refusal::NotFound(noun))
    }

    /// Whether nothing could be stored, or it is not known whether it was.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        matches!(self, Error::Full | Error::Unavailable | Error::Internal)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<StoreError> for Error {
    /// The store's words are for the log; the caller learns what to do.
    fn from(error: StoreError) -> Error {
        tracing::error!(%error, "storage");
        match error {
            StoreError::Full => Error::Full,
            StoreError::Conflict { constraint } if constraint.starts_with("answers.") => {
                Error::Answered
            }
            // A lock that was lent and taken back meanwhile has a row that nobody looked for.
            StoreError::Conflict { constraint } if constraint == "locks.place, locks.id" => {
                Error::Busy
            }
            StoreError::Unavailable { .. } | StoreError::CommitUnknown => Error::Unavailable,
            _ => Error::Internal,
        }
    }
}
