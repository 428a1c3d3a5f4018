//! Division of long numbers by short ones: machines of 32 bits would bring a routine for all
//! divisors, which is longer than everything that is divided here.

/// Quotient and remainder by a divisor from 1 to 2^24.
pub(crate) fn divided(number: u64, by: u32) -> (u64, u32) {
    number.to_be_bytes().iter().fold((0, 0), |(quotient, left), byte| {
        let left: u32 = left << 8 | u32::from(*byte);
        let digit = left.checked_div(by).unwrap_or_default();
        (quotient << 8 | u64::from(digit), left.checked_rem(by).unwrap_or_default())
    })
}
