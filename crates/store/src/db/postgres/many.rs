//! The requests that a step becomes, and the two ways to store many rows.
//!
//! Measured with 5 000 rows of 15 columns (`cargo bench -p claviger-store`): one insert over arrays
//! is two to three times as fast as that many pipelined ones, which remain for all other
//! statements.
//!
//! Must not: know transactions.

use bytes::BytesMut;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Error, Statement as Prepared};

use super::wire::{Fault, Sent, names, row_of};
use super::{Failed, Postgres, rewrite};
use crate::StoreError;
use crate::db::{Row, Value};

/// From here on arrays win.
const FEWEST_ROWS: usize = 8;

/// From here on a column whose value is the same in every row is sent once. Which columns these are
/// makes another statement to be prepared, which few rows are not worth.
const MANY_ROWS: usize = 1_000;

/// Bounds the size of one message.
const MOST_ROWS: usize = 10_000;

/// What one step of a transaction brought.
pub(super) enum Brought {
    Changed(u64),
    Rows(Vec<Row>),
}

/// One step, ready to be sent.
pub(super) enum Requests<'a> {
    One { prepared: Prepared, args: &'a [Value] },
    Fetch { prepared: Prepared, args: &'a [Value] },
    Each { prepared: Prepared, rows: &'a [Vec<Value>] },
    Arrays { prepared: Prepared, parts: Vec<Vec<Column<'a>>> },
}

/// The values of one column.
#[derive(Debug)]
pub(super) enum Column<'a> {
    Same(&'a Value),
    Each(Vec<&'a Value>),
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self {
            Self::Same(value) => value.to_sql(kind, out),
            Self::Each(values) => values.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        <Value as ToSql>::accepts(kind) || <Vec<Value> as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

impl Requests<'_> {
    /// Sends the requests of step `at` and adds their answers to `sent`.
    pub(super) async fn launch<'c>(
        &'c self,
        client: &'c ClientWrapper,
        at: usize,
        sent: &mut Vec<(usize, Sent<'c, Result<Brought, Error>>)>,
    ) {
        match self {
            Self::One { prepared, args } => {
                sent.push((at, Sent::launch(execute(client, prepared, args.iter())).await));
            }
            Self::Fetch { prepared, args } => {
                sent.push((at, Sent::launch(fetch(client, prepared, args)).await));
            }
            Self::Each { prepared, rows } => {
                for row in *rows {
                    sent.push((at, Sent::launch(execute(client, prepared, row.iter())).await));
                }
            }
            Self::Arrays { prepared, parts } => {
                for columns in parts {
                    let request = execute(client, prepared, columns.iter());
                    sent.push((at, Sent::launch(request).await));
                }
            }
        }
    }
}

async fn execute<'c, T>(
    client: &'c ClientWrapper,
    prepared: &'c Prepared,
    args: std::slice::Iter<'c, T>,
) -> Result<Brought, Error>
where
    T: ToSql + 'c,
{
    client.execute_raw(prepared, args).await.map(Brought::Changed)
}

async fn fetch(
    client: &ClientWrapper,
    prepared: &Prepared,
    args: &[Value],
) -> Result<Brought, Error> {
    use futures_util::StreamExt;
    let names = names(prepared);
    let mut stream = std::pin::pin!(client.query_raw(prepared, args).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row_of(&row?, &names)?);
    }
    Ok(Brought::Rows(rows))
}

impl Postgres {
    pub(super) async fn plan_many<'a>(
        &self,
        client: &ClientWrapper,
        sql: &str,
        rows: &'a [Vec<Value>],
    ) -> Result<Requests<'a>, Failed> {
        let prepared = self.prepare(client, sql).await?;
        if rows.len() < FEWEST_ROWS {
            return Ok(Requests::Each { prepared, rows });
        }
        let types = prepared.params();
        if rows.iter().any(|row| row.len() != types.len()) {
            let reason = format!("a row of another length than {}", types.len());
            return Err(StoreError::Rejected { reason }.into());
        }
        let same = same_columns(rows);
        let signs: String = same.iter().map(|same| if *same { '1' } else { '0' }).collect();
        let make = |_: &str| rewrite::unnested(sql, types, &same);
        let Some(text) = self.unnested.get(&format!("{signs} {sql}"), make) else {
            return Ok(Requests::Each { prepared, rows });
        };
        let parts = rows.chunks(MOST_ROWS).map(|part| transposed(part, &same)).collect();
        Ok(Requests::Arrays { prepared: client.prepare_cached(&text).await?, parts })
    }
}

/// Which columns hold one value in all of many rows. The last of them stays, so that something says
/// how many rows there are.
fn same_columns(rows: &[Vec<Value>]) -> Vec<bool> {
    let Some((first, others)) = rows.split_first() else { return Vec::new() };
    let is_same = |at: usize| others.iter().all(|row| row.get(at) == first.get(at));
    let many = rows.len() >= MANY_ROWS;
    let mut same: Vec<bool> = (0..first.len()).map(|at| many && is_same(at)).collect();
    if !same.contains(&false) {
        same.pop();
        same.push(false);
    }
    same
}

fn transposed<'a>(rows: &'a [Vec<Value>], same: &[bool]) -> Vec<Column<'a>> {
    let column = |(at, same): (usize, &bool)| {
        let mut values = rows.iter().filter_map(|row| row.get(at));
        match values.next() {
            Some(value) if *same => Column::Same(value),
            first => Column::Each(first.into_iter().chain(values).collect()),
        }
    };
    same.iter().enumerate().map(column).collect()
}
