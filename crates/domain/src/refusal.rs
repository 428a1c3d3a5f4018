//! Why a wish is refused: typed once here, mapped once by each surface.

use crate::ids::Noun;

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer into what was asked, in the words of the native API.
    pub pointer: String,
    /// A stable word.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl FieldError {
    /// A field error.
    #[must_use]
    pub fn new(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// These fields are wrong, or speak of what is not there.
    Invalid(Vec<FieldError>),
    /// What the wish is about is not there, or not to be seen.
    NotFound(Noun),
    /// A value that must be unique is another's.
    Taken(Vec<FieldError>),
    /// What the wish is about is in a state, or in a use, that forbids it.
    InUse(String),
    /// Somebody gives what they do not hold.
    Escalation(String),
    /// The object moved on since it was read.
    Stale,
    /// The plan is not the one that was agreed to.
    PlanChanged,
}

impl Refusal {
    /// One wrong field.
    #[must_use]
    pub fn field(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Refusal {
        Refusal::Invalid(vec![FieldError::new(pointer, code, detail)])
    }
}

/// Gathers every wrong field of one wish before it is refused.
#[derive(Debug, Default)]
pub struct Flaws {
    invalid: Vec<FieldError>,
    taken: Vec<FieldError>,
}

impl Flaws {
    /// Notes a wrong field.
    pub fn invalid(&mut self, pointer: &str, code: &'static str, detail: impl Into<String>) {
        self.invalid.push(FieldError::new(pointer, code, detail));
    }

    /// Notes a value that is another's.
    pub fn taken(&mut self, pointer: &str, detail: impl Into<String>) {
        self.taken.push(FieldError::new(pointer, "taken", detail));
    }

    /// Notes a wrong field unless `right`.
    pub fn check(&mut self, right: bool, pointer: &str, code: &'static str, detail: &str) {
        if !right {
            self.invalid(pointer, code, detail);
        }
    }

    /// Checks a one-line text of at most `most` characters.
    pub fn line(&mut self, text: Option<&String>, pointer: &str, most: usize) {
        if let Some(text) = text
            && !crate::text::is_line(text, most)
        {
            let detail = format!("must be one line of at most {most} characters");
            self.invalid(pointer, "bad_text", detail);
        }
    }

    /// Checks a text of several lines of at most `most` characters.
    pub fn prose(&mut self, text: Option<&String>, pointer: &str, most: usize) {
        let fits = |text: &String| {
            text.chars().count() <= most
                && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        };
        if text.is_some_and(|text| !fits(text)) {
            self.invalid(pointer, "bad_text", format!("must be at most {most} characters of text"));
        }
    }

    /// Checks a name that must be there.
    pub fn name(&mut self, name: &str) {
        if name.trim().is_empty() {
            self.invalid("/name", "required", "must be a name, not empty");
        } else if !crate::text::is_line(name, MOST_NAME) {
            let detail = format!("must be one line of at most {MOST_NAME} characters");
            self.invalid("/name", "bad_text", detail);
        }
    }

    /// Refuses if anything was wrong: wrong fields before taken values.
    ///
    /// # Errors
    /// Everything gathered.
    pub fn refuse(self) -> Result<(), Refusal> {
        match (self.invalid.is_empty(), self.taken.is_empty()) {
            (false, _) => Err(Refusal::Invalid(self.invalid)),
            (_, false) => Err(Refusal::Taken(self.taken)),
            _ => Ok(()),
        }
    }
}

/// The longest name of anything, in characters.
pub const MOST_NAME: usize = 200;
/// The longest free text, in characters.
pub const MOST_TEXT: usize = 4000;
