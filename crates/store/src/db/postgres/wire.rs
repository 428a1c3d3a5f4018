//! Values as PostgreSQL's binary protocol carries them, and requests sent ahead of their answers.
//!
//! Must not: guess. An argument of another kind than the parameter's is an error.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::StoreError;
use crate::db::{Row, Value};

pub(super) type Fault = Box<dyn Error + Sync + Send>;

fn known(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::INT8
            | Type::INT4
            | Type::INT2
            | Type::BOOL
            | Type::TEXT
            | Type::VARCHAR
            | Type::NAME
            | Type::BYTEA
    )
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match (self, kind) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(n), &Type::INT8) => n.to_sql(kind, out),
            (Value::Int(n), &Type::INT4) => i32::try_from(*n)?.to_sql(kind, out),
            (Value::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME) => {
                if text.contains('\0') {
                    return Err(Box::new(StoreError::nul()));
                }
                text.to_sql(kind, out)
            }
            (Value::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(kind, out),
            _ => {
                let reason = format!("argument {} for a parameter {kind}", self.kind());
                Err(Box::new(StoreError::Rejected { reason }))
            }
        }
    }

    fn accepts(kind: &Type) -> bool {
        known(kind)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(match *kind {
            Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::from(i32::from_sql(kind, raw)?),
            Type::INT2 => Value::from(i32::from(i16::from_sql(kind, raw)?)),
            Type::BOOL => Value::from(bool::from_sql(kind, raw)?),
            Type::BYTEA => Value::from(<&[u8]>::from_sql(kind, raw)?),
            _ => Value::from(<&str>::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Value::Null)
    }

    fn accepts(kind: &Type) -> bool {
        known(kind)
    }
}

/// The names of an answer's columns.
pub(super) fn names(statement: &tokio_postgres::Statement) -> Arc<[String]> {
    statement.columns().iter().map(|column| column.name().to_owned()).collect()
}

pub(super) fn row_of(
    row: &tokio_postgres::Row,
    names: &Arc<[String]>,
) -> Result<Row, tokio_postgres::Error> {
    let values: Result<Vec<Value>, _> = (0..row.len()).map(|at| row.try_get(at)).collect();
    Ok(Row::new(Arc::clone(names), values?))
}

/// A request that is on its way; its answer is waited for later.
///
/// The driver sends a request when its future is first polled, and PostgreSQL answers in order: so
/// many requests cost one round trip when each is polled once before the first is waited for.
pub(super) struct Sent<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    early: Option<T>,
}

impl<'a, T> Sent<'a, T> {
    pub(super) async fn launch(request: impl Future<Output = T> + Send + 'a) -> Self {
        let mut sent = Self { future: Box::pin(request), early: None };
        poll_fn(|context| {
            if let Poll::Ready(answer) = sent.future.as_mut().poll(context) {
                sent.early = Some(answer);
            }
            Poll::Ready(())
        })
        .await;
        sent
    }

    pub(super) async fn answer(self) -> T {
        match self.early {
            Some(answer) => answer,
            None => self.future.await,
        }
    }
}
