//! Input for the targets: the seeds as they are, then seeds changed at random, for a given time.
//!
//! The same sequence every time, so what fails once fails again; a failing input is shown, and
//! belongs among the seeds. No coverage is measured: the seeds and words must lead the way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The longest input that is made.
const MOST_BYTES: usize = 2048;
/// Bytes that readers look for.
const BYTES: &[u8] = b"\0\n\r\",;:=-+ 019AZaz{}[]\\\x7f\xff";
/// No input may take longer, in a build without optimisation.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long each target is fed: `CLAVIGER_FUZZ_S` seconds, 10 minutes with `CLAVIGER_LONG`, else
/// so long that nobody minds.
fn time() -> Duration {
    let asked = std::env::var("CLAVIGER_FUZZ_S").ok().and_then(|text| text.parse().ok());
    let long = std::env::var_os("CLAVIGER_LONG").map(|_| 600);
    Duration::from_secs(asked.or(long).unwrap_or(3))
}

/// Feeds a target; it panics where a law is broken. Says how many inputs it got.
pub(crate) fn feed(seeds: &[Vec<u8>], words: &[&str], mut target: impl FnMut(&[u8])) -> u64 {
    assert!(!seeds.is_empty(), "no seeds");
    let (begun, time) = (Instant::now(), time());
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut count = 0;
    let mut one = |input: &[u8]| {
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| target(input)));
        let shown = || format!("input {count}: {:?}", String::from_utf8_lossy(input));
        assert!(done.is_ok(), "{}", shown());
        assert!(began.elapsed() < PATIENCE, "it took {:?}: {}", began.elapsed(), shown());
        count += 1;
    };
    seeds.iter().for_each(|seed| one(seed));
    while begun.elapsed() < time {
        let input = random.input(seeds, words);
        one(&input);
    }
    count
}

/// xorshift64* of Vigna: enough to wander with.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Somewhere in `bytes`, and so many bytes from there.
    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let from = self.below(bytes.len() + 1);
        let length = self.below((bytes.len() - from).min(32) + 1);
        from..from + length
    }

    fn input(&mut self, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input, seeds, words);
        }
        input.truncate(MOST_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
        let range = self.range(input);
        match self.below(8) {
            0 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] ^= 1 << self.below(8);
            }
            1 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] = BYTES[self.below(BYTES.len())];
            }
            2 => drop(input.drain(range)),
            3 => {
                let part = input[range.clone()].to_vec();
                input.splice(range.start..range.start, part);
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let part = self.range(other);
                input.splice(range, other[part].iter().copied());
            }
            5 => {
                // A number moves, or gets very large.
                let digit = |byte: &u8| byte.is_ascii_digit();
                if let Some(at) = input[range.start..].iter().position(digit) {
                    let number = [self.next() % 100, self.next() % 10_000, self.next()];
                    let number = number[self.below(3)].to_string();
                    let at = range.start + at;
                    let length = input[at..].iter().take_while(|byte| digit(byte)).count();
                    let length = 1 + self.below(length);
                    input.splice(at..at + length, number.into_bytes());
                }
            }
            _ if !words.is_empty() => {
                let word = words[self.below(words.len())];
                input.splice(range, word.bytes());
            }
            _ => {}
        }
    }
}
