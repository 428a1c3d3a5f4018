//! Lists within a row: words with a space between, or JSON arrays of numbers, texts, card parts.
//!
//! Must not be used for what is looked up by SQL.

use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::place::IdentityProvider;
use serde_json::{Value as Json, json};

use crate::StoreError;
use crate::cells::Cells;

pub(super) fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

pub(super) fn numbers(numbers: impl Iterator<Item = u32>) -> String {
    Json::Array(numbers.map(Json::from).collect()).to_string()
}

pub(super) fn read_numbers<T>(
    cells: &mut Cells<'_>,
    make: fn(u32) -> T,
) -> Result<Vec<T>, StoreError> {
    let number = |item: &Json| u32::try_from(item.as_u64()?).ok().map(make);
    read(cells, "a list of numbers", number)
}

/// None for an empty list.
pub(super) fn texts(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| json!(texts).to_string())
}

pub(super) fn read_texts(cells: &mut Cells<'_>) -> Result<Vec<String>, StoreError> {
    read(cells, "a list of texts", |item| item.as_str().map(str::to_owned))
}

/// `[id, issuer, audience, key]` each; none for an empty list.
pub(super) fn providers(providers: &[IdentityProvider]) -> Option<String> {
    let one = |it: &IdentityProvider| json!([it.id, it.issuer, it.audience, it.public_key]);
    let all = || Json::Array(providers.iter().map(one).collect()).to_string();
    (!providers.is_empty()).then(all)
}

pub(super) fn read_providers(cells: &mut Cells<'_>) -> Result<Vec<IdentityProvider>, StoreError> {
    read(cells, "a list of identity providers", |item| {
        let text = |at: usize| item.get(at)?.as_str().map(str::to_owned);
        let (id, issuer) = (text(0)?, text(1)?);
        Some(IdentityProvider { id, issuer, audience: text(2)?, public_key: text(3)? })
    })
}

/// `[technology, bits, hexadecimal digits]` each; none for an empty list.
pub(super) fn parts(parts: &[CardPart]) -> Option<String> {
    let part = |part: &CardPart| json!([part.technology.as_str(), part.card.bits, part.card.hex()]);
    (!parts.is_empty()).then(|| Json::Array(parts.iter().map(part).collect()).to_string())
}

pub(super) fn read_parts(cells: &mut Cells<'_>) -> Result<Vec<CardPart>, StoreError> {
    read(cells, "a list of card parts", |item| {
        Some(CardPart {
            technology: Technology::parse(item.get(0)?.as_str()?)?,
            card: CardValue::parse(item.get(1)?.as_u64()?, item.get(2)?.as_str()?).ok()?,
        })
    })
}

fn read<T>(
    cells: &mut Cells<'_>,
    wanted: &str,
    item: impl Fn(&Json) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let Some(list) = cells.opt_list()? else { return Ok(Vec::new()) };
    let items = list.as_array().and_then(|items| items.iter().map(item).collect());
    items.ok_or_else(|| cells.wrong(wanted))
}
