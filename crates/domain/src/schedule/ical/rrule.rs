//! The text of an RRULE (RFC 5545 section 3.3.10): which parts are understood and what they hold.
//! Knows no dates but the unread text of UNTIL.

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A day of the week, with its place in the month or year if one is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nth {
    /// 0 for every one; else the n-th, from the end if negative.
    pub(super) nth: i32,
    /// 0 for Monday.
    pub(super) weekday: i32,
}

/// A rule as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) frequency: Frequency,
    pub(super) interval: i32,
    pub(super) count: Option<u32>,
    pub(super) until: Option<String>,
    pub(super) by_day: Vec<Nth>,
    pub(super) by_month_day: Vec<i32>,
    pub(super) by_month: Vec<i32>,
    /// 0 for Monday.
    pub(super) week_start: i32,
}

/// What is wrong with a rule: a code and words.
pub(super) type Refusal = (&'static str, String);

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
/// The greatest COUNT: more than 50 years of days.
const MAX_COUNT: u32 = 20_000;
/// The greatest INTERVAL.
const MAX_INTERVAL: i32 = 1000;

/// Reads a rule; the first thing wrong with it otherwise.
pub(super) fn parse(text: &str) -> Result<Parts, Refusal> {
    let mut parts = Parts {
        frequency: Frequency::Daily,
        interval: 1,
        count: None,
        until: None,
        by_day: Vec::new(),
        by_month_day: Vec::new(),
        by_month: Vec::new(),
        week_start: 0,
    };
    let mut seen: Vec<String> = Vec::new();
    for part in text.to_ascii_uppercase().split(';') {
        let Some((name, value)) = part.split_once('=') else {
            return Err(("malformed", format!("{part:?} is no part of a rule; write NAME=VALUE")));
        };
        if seen.iter().any(|known| known == name) {
            return Err(("duplicate", format!("{name} stands twice")));
        }
        seen.push(name.to_owned());
        parts.set(name, value)?;
    }
    if !seen.iter().any(|name| name == "FREQ") {
        return Err(("missing", "the rule needs FREQ".to_owned()));
    }
    parts.check()?;
    Ok(parts)
}

impl Parts {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let wrong = |right: &str| ("malformed", format!("{name}={value}: {right}"));
        match name {
            "FREQ" => self.frequency = frequency(value)?,
            "INTERVAL" => {
                self.interval = number(value, 1, MAX_INTERVAL)
                    .ok_or_else(|| wrong("a whole number from 1 to 1000"))?;
            }
            "COUNT" => {
                let count = number(value, 1, MAX_COUNT)
                    .ok_or_else(|| wrong("a whole number from 1 to 20000; beyond it use UNTIL"))?;
                self.count = Some(count);
            }
            "UNTIL" => self.until = Some(value.to_owned()),
            "BYDAY" => {
                self.by_day = list(value, nth)
                    .ok_or_else(|| wrong("days like MO, 1MO or -1FR, with commas between"))?;
            }
            "BYMONTHDAY" => {
                self.by_month_day = list(value, |text| signed(text, 31))
                    .ok_or_else(|| wrong("days from 1 to 31 or -31 to -1, with commas between"))?;
            }
            "BYMONTH" => {
                self.by_month = list(value, |text| number(text, 1, 12))
                    .ok_or_else(|| wrong("months from 1 to 12, with commas between"))?;
            }
            "WKST" => {
                self.week_start = weekday(value).ok_or_else(|| wrong("a day like MO or SU"))?;
            }
            _ => return Err(("unsupported_part", format!("{name} is not supported in a rule"))),
        }
        Ok(())
    }

    /// What the parts say of each other.
    fn check(&self) -> Result<(), Refusal> {
        if self.count.is_some() && self.until.is_some() {
            return Err(("malformed", "COUNT and UNTIL exclude each other".to_owned()));
        }
        if self.frequency == Frequency::Weekly && !self.by_month_day.is_empty() {
            return Err(("malformed", "BYMONTHDAY has no meaning with FREQ=WEEKLY".to_owned()));
        }
        let widest = match (self.frequency, self.by_month.is_empty()) {
            (Frequency::Daily | Frequency::Weekly, _) => 0,
            (Frequency::Yearly, true) => 53,
            _ => 5,
        };
        match self.by_day.iter().find(|day| day.nth.abs() > widest) {
            Some(_) if widest == 0 => {
                let detail = "BYDAY takes a number, as in 1MO, only with MONTHLY or YEARLY";
                Err(("malformed", detail.to_owned()))
            }
            Some(_) => Err(("malformed", format!("the number in BYDAY is at most {widest}"))),
            None => Ok(()),
        }
    }
}

fn frequency(value: &str) -> Result<Frequency, Refusal> {
    match value {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => {
            let detail =
                format!("FREQ={value} is not supported; DAILY, WEEKLY, MONTHLY and YEARLY are");
            Err(("unsupported_part", detail))
        }
    }
}

fn list<T>(value: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.split(',').map(read).collect()
}

fn number<T: std::str::FromStr + PartialOrd>(text: &str, least: T, most: T) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok()? } else { return None };
    (least <= number && number <= most).then_some(number)
}

fn signed(text: &str, most: i32) -> Option<i32> {
    match text.strip_prefix('-') {
        Some(rest) => number(rest, 1, most).map(|number| -number),
        None => number(text.strip_prefix('+').unwrap_or(text), 1, most),
    }
}

fn nth(text: &str) -> Option<Nth> {
    let (number, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let nth = if number.is_empty() { 0 } else { signed(number, 53)? };
    Some(Nth { nth, weekday: weekday(name)? })
}

fn weekday(text: &str) -> Option<i32> {
    WEEKDAYS.iter().zip(0..).find(|(name, _)| **name == text).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_whatever_its_case() {
        let parts = parse("freq=monthly;INTERVAL=2;BYDAY=MO,-1fr,+2TU;WKST=SU;COUNT=3").unwrap();
        assert_eq!((parts.frequency, parts.interval), (Frequency::Monthly, 2));
        let days: Vec<_> = parts.by_day.iter().map(|day| (day.nth, day.weekday)).collect();
        assert_eq!(days, [(0, 0), (-1, 4), (2, 1)]);
        assert_eq!((parts.week_start, parts.count), (6, Some(3)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, code) in [
            ("", "malformed"),
            ("INTERVAL=2", "missing"),
            ("FREQ=HOURLY", "unsupported_part"),
            ("FREQ=DAILY;BYHOUR=8", "unsupported_part"),
            ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "unsupported_part"),
            ("FREQ=DAILY;FREQ=DAILY", "duplicate"),
            ("FREQ=DAILY;INTERVAL=0", "malformed"),
            ("FREQ=DAILY;COUNT=0", "malformed"),
            ("FREQ=DAILY;COUNT=1;UNTIL=20240101", "malformed"),
            ("FREQ=DAILY;BYDAY=1MO", "malformed"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "malformed"),
            ("FREQ=MONTHLY;BYDAY=6MO", "malformed"),
            ("FREQ=YEARLY;BYMONTH=1;BYDAY=6MO", "malformed"),
            ("FREQ=YEARLY;BYDAY=54MO", "malformed"),
            ("FREQ=YEARLY;BYDAY=0MO", "malformed"),
            ("FREQ=YEARLY;BYMONTH=13", "malformed"),
            ("FREQ=YEARLY;BYDAY=Å", "malformed"),
            ("FREQ=DAILY;", "malformed"),
        ] {
            assert_eq!(parse(text).unwrap_err().0, code, "{text}");
        }
    }
}
