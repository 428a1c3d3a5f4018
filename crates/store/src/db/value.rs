//! Values and rows as both engines give and take them.
//!
//! Must not: print what it holds, because statements and rows carry personal data and secrets.

use std::fmt;
use std::sync::Arc;

use crate::StoreError;

/// One argument or one column of a row.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL `null`.
    Null,
    /// `bigint`: numbers, flags (0, 1), microseconds.
    Int(i64),
    /// `text`: without the character NUL.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Int(_) => "int",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

macro_rules! small_integers {
    ($($from:ty),*) => {$(
        impl From<$from> for Value {
            fn from(n: $from) -> Self {
                Value::Int(i64::from(n))
            }
        }
    )*};
}
small_integers!(i64, i32, u32, u16, u8, bool);

impl From<u64> for Value {
    /// Keeps the 64 bits; numbers above `i64::MAX` come back through [`Row::u64`], but SQL orders
    /// them below all others.
    fn from(n: u64) -> Self {
        Value::Int(n.cast_signed())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Value::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A list of [`Value`]s from anything that converts: `values![place, id, "name", None::<i64>]`.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::Value::from($value)),*] };
}

/// One row of an answer; columns are counted from 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(crate) fn new(names: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { names, values }
    }

    /// All columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The row's columns, given up by the row.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    fn wrong(&self, column: usize, wanted: &str) -> StoreError {
        let name = self.names.get(column).map_or("?", String::as_str);
        let found = self.values.get(column).map_or("no such column", Value::kind);
        StoreError::corrupt(format!("column {column} ({name}) is {found} instead of {wanted}"))
    }

    /// A column that must hold a number.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind, as with all getters of this type.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or_else(|| self.wrong(column, "int"))
    }

    /// A column that holds a number or nothing.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.values.get(column) {
            Some(Value::Int(n)) => Ok(Some(*n)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "int")),
        }
    }

    /// A number that was stored from a `u32`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind or range.
    pub fn u32(&self, column: usize) -> Result<u32, StoreError> {
        u32::try_from(self.int(column)?).map_err(|_| self.wrong(column, "a 32-bit number"))
    }

    /// A number that was stored from a `u64`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind.
    pub fn u64(&self, column: usize) -> Result<u64, StoreError> {
        self.int(column).map(i64::cast_unsigned)
    }

    /// A number that was stored from a `bool`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for anything but 0 and 1.
    pub fn bool(&self, column: usize) -> Result<bool, StoreError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong(column, "0 or 1")),
        }
    }

    /// A column that must hold text.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?.ok_or_else(|| self.wrong(column, "text"))
    }

    /// A column that holds text or nothing.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.values.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "text")),
        }
    }

    /// A column that must hold bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind.
    pub fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.opt_bytes(column)?.ok_or_else(|| self.wrong(column, "bytes"))
    }

    /// A column that holds bytes or nothing.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.values.get(column) {
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "bytes")),
        }
    }

    /// A column that must hold exactly `N` bytes: ids, tags, digests.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind or length.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        self.opt_array(column)?.ok_or_else(|| self.wrong(column, "bytes"))
    }

    /// A column that holds exactly `N` bytes or nothing.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for any other kind or length.
    pub fn opt_array<const N: usize>(&self, column: usize) -> Result<Option<[u8; N]>, StoreError> {
        let Some(bytes) = self.opt_bytes(column)? else { return Ok(None) };
        let fixed = bytes.try_into().map_err(|_| self.wrong(column, "bytes of a fixed length"))?;
        Ok(Some(fixed))
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names.iter().zip(&self.values)).finish()
    }
}
