//! `compat`: credentials for programs written for a vendor's API.

use clap::ValueEnum as _;

use crate::args::Compat;
use crate::exit::Failure;

/// Says that no vendor's API is built yet.
///
/// # Errors
/// Always.
pub(crate) fn run(args: &Compat) -> Result<(), Failure> {
    let value = args.vendor.to_possible_value();
    let vendor = value.as_ref().map_or("this vendor", |value| value.get_name());
    let place = &args.place;
    Err(Failure::new(format!(
        "the API of {vendor} is not built yet; no credentials were made for place {place}"
    )))
}
