//! Sizes, durations and modes.
//!
//! A number without a unit is refused on purpose: `refquota = 600` has been bytes, MiB and GiB to
//! different readers, and the wrong guess fills a disk.

use std::time::Duration;

use super::format::{Complaint, quoted};

/// `"0644"` in bits.
///
/// # Errors
/// The complaint where it is no mode.
pub fn parse_mode(text: &str) -> Result<u32, Complaint> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..b'8').contains(&b));
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| is_octal)
        .ok_or_else(|| {
            Complaint::new(format!("{} is not an octal mode", quoted(text)))
                .help("write three or four digits from 0 to 7, for example `\"0644\"`")
        })
}

const SIZE_UNITS: &[(&str, u128)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
];

/// `"600 GiB"` in bytes.
///
/// # Errors
/// The complaint where it is no size.
pub fn parse_size(text: &str) -> Result<u64, Complaint> {
    let complaint = || Complaint::new(format!("{} is not a size", quoted(text)));
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(complaint().help("write for example `\"600 GiB\"`"));
    }
    if unit.is_empty() {
        return Err(complaint()
            .label("which unit?")
            .help(format!("write for example `\"{number} GiB\"`")));
    }
    let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        let letter = unit.to_uppercase().chars().next().unwrap_or('G');
        let meant = if "KMGTP".contains(letter) {
            letter
        } else {
            'G'
        };
        return Err(complaint()
            .label(format!("unknown unit {}", quoted(unit)))
            .help(format!(
                "write `\"{number} {meant}iB\"` (1024 to the step) or `\"{number} {meant}B\"` (1000)"
            )));
    };
    let bytes = scale(number, *factor).ok_or_else(|| {
        complaint().help("write a number, with a fraction that makes whole bytes")
    })?;
    u64::try_from(bytes)
        .ok()
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| complaint().label("larger than any disk"))
}

/// Bytes as [`parse_size`] reads them, in the greatest unit that leaves no fraction: `"3000 MiB"`.
pub fn write_size(bytes: u64) -> String {
    let whole = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    SIZE_UNITS
        .iter()
        .filter_map(|(name, factor)| Some((name, u64::try_from(*factor).ok()?)))
        // 1000 MB are no measure of a disk that counts in 1024
        .filter(|(name, factor)| name.ends_with("iB") && whole(*factor))
        .max_by_key(|(_, factor)| *factor)
        .map_or_else(
            || format!("{bytes} B"),
            |(name, factor)| format!("{} {name}", bytes / factor),
        )
}

/// A quota for people: [`write_size`], where 0 is no limit.
pub fn write_quota(bytes: u64) -> String {
    match bytes {
        0 => "none".to_owned(),
        bytes => write_size(bytes),
    }
}

const DURATION_UNITS: &[(&str, u128)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// `"60s"`, `"5min"`, `"2h"`.
///
/// # Errors
/// The complaint where it is no duration.
pub fn parse_duration(text: &str) -> Result<Duration, Complaint> {
    let complaint = || Complaint::new(format!("{} is not a duration", quoted(text)));
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(complaint().help("write for example `\"60s\"`"));
    }
    if unit.is_empty() {
        return Err(complaint()
            .label("which unit?")
            .help(format!("write for example `\"{number}s\"`")));
    }
    let Some((_, factor)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
        let meant = match unit.to_lowercase().chars().next() {
            Some('m') => "min",
            Some('h') => "h",
            Some('d') => "d",
            _ => "s",
        };
        return Err(complaint()
            .label(format!("unknown unit {}", quoted(unit)))
            .help(format!(
                "write `\"{number}{meant}\"`; the units are ms, s, min, h and d"
            ))
            .instead(format!("{number}{meant}")));
    };
    scale(number, *factor)
        .and_then(|milliseconds| u64::try_from(milliseconds).ok())
        .filter(|milliseconds| *milliseconds <= 1000 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| complaint().help("write a number, at most 1000 days"))
}

/// `600 GiB` into `600` and `GiB`.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.strip_prefix(' ').unwrap_or(unit))
}

/// `number`, which may have a fraction, times `factor`, where that is whole.
fn scale(number: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 || number.ends_with('.') {
        return None;
    }
    let tenths = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(factor)?;
    (scaled % tenths == 0).then_some(scaled / tenths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_carry_a_unit_and_become_bytes() {
        for (text, bytes) in [
            ("0B", 0),
            ("1 B", 1),
            ("1KiB", 1024),
            ("600 GiB", 600 << 30),
            ("1.5 MiB", 3 << 19),
            ("2 TB", 2_000_000_000_000),
            ("1kB", 1000),
            ("8191 PiB", 8191 << 50),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_without_a_fraction_and_read_back() {
        for (bytes, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (1025, "1025 B"),
            (3_145_728_000, "3000 MiB"),
            (1536 << 20, "1536 MiB"),
            (1 << 40, "1 TiB"),
            (8191 << 50, "8191 PiB"),
        ] {
            assert_eq!(write_size(bytes), text);
            assert_eq!(parse_size(text), Ok(bytes));
        }
        assert_eq!(write_quota(0), "none");
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "600",
            "GiB",
            "600 Gib",
            "600G",
            "-1 GiB",
            "1.5 B",
            "1. GiB",
            ".5 GiB",
            "1.2.3 GiB",
            "1  GiB",
            "1 GiB ",
            " 1 GiB",
            "8192 PiB",
            "99999999999999999999999999 PiB",
            "1e3 GiB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_carry_a_unit() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("1.5s", 1500),
            ("60s", 60_000),
            ("5min", 300_000),
            ("5 min", 300_000),
            ("2h", 7_200_000),
            ("1000d", 86_400_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["", "5", "5m", "s", "-5s", "5 minutes", "1001d", "0.1ms"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn modes_are_three_or_four_octal_digits() {
        assert_eq!(parse_mode("0644"), Ok(0o644));
        assert_eq!(parse_mode("755"), Ok(0o755));
        assert_eq!(parse_mode("4755"), Ok(0o4755));
        for text in ["", "64", "0888", "00644", "+644", "0o644", "rw-r--r--"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }
}
