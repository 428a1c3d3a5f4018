//! Locks with no network: virtual locks that decide by the crate a lock maker would use, phones
//! that carry keys, lists, receipts and events between them and a running server, and robbers. A
//! day in a small house is told line by line, and everything that happens is compared with what is
//! certain.
//!
//! What is in the house is its own, and goes at the end. Phones act one after the other, so that a
//! seed gives one story. The server's clock is the server's: locks that keep a clock go as fast as
//! the wall does, the others depend on time for their patience only, and theirs goes faster.

mod day;
mod flash;
mod hostile;
mod house;
mod ledger;
mod link;
mod lock;
#[cfg(test)]
mod maker;
mod phone;
mod setup;
mod story;
mod talk;
mod tally;
mod trouble;
mod wallet;
mod wire;

use crate::SimError;
use crate::client::Client;
use story::Story;

pub use house::Size;
pub use tally::OfflineTally;

/// Tells a day in the house of a seed, line by line; the tally says what was not as it must be.
/// Needs a client with every scope on the place.
///
/// # Errors
/// The server cannot be reached or refuses a request.
pub async fn run(
    client: &Client,
    seed: u64,
    size: Size,
    mut tell: impl FnMut(&str),
) -> Result<OfflineTally, SimError> {
    let mut story = Story::furnish(client, seed, size, &mut tell).await?;
    let done = match story.day().await {
        Ok(()) => story.close().await,
        // What it made goes even where it was refused something in between.
        Err(error) => story.remove().await.and(Err(error)),
    };
    done?;
    Ok(story.tally)
}
