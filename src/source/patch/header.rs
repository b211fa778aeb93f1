//! The names in a patch's header lines: quoted, with a time behind them, or ambiguous.
//!
//! A time of 1970-01-01 00:00 UTC, in whatever time zone it is written, is `diff -N`'s way of saying
//! that the file is not there.

/// One side of a header: `--- NAME[<tab>TIME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Side {
    /// `/dev/null`
    Nothing,
    File {
        name: Vec<u8>,
        /// The time says that the file is not there.
        is_epoch: bool,
    },
}

/// Reads what follows `--- ` or `+++ `; `None` where a quoted name is broken.
pub(super) fn name_and_time(text: &[u8]) -> Option<Side> {
    let (name, time) = if text.starts_with(b"\"") {
        quoted(text)?
    } else {
        let end = text
            .iter()
            .position(|byte| *byte == b'\t')
            .or_else(|| text.iter().position(u8::is_ascii_whitespace))
            .unwrap_or(text.len());
        let (name, time) = text.split_at_checked(end)?;
        (name.to_vec(), time)
    };
    if name == b"/dev/null" {
        return Some(Side::Nothing);
    }
    Some(Side::File {
        name,
        is_epoch: str::from_utf8(time).is_ok_and(is_epoch),
    })
}

/// A name as git writes it on a line of its own.
pub(super) fn unquoted(text: &[u8]) -> Vec<u8> {
    in_quotes(text).unwrap_or_else(|| text.to_vec())
}

/// A name that fills its line in quotes.
fn in_quotes(text: &[u8]) -> Option<Vec<u8>> {
    let (name, rest) = quoted(text)?;
    rest.is_empty().then_some(name)
}

/// A name in double quotes with C escapes, and what follows it.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((name, rest)),
            b'\\' => {
                let (value, after) = escape(rest)?;
                name.push(value);
                rest = after;
            }
            other => name.push(*other),
        }
    }
}

/// The byte that an escape stands for, and what follows it.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    if let Some((digits, after)) = text.split_at_checked(3)
        && let [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7'] = digits
    {
        return Some((
            (high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'),
            after,
        ));
    }
    let (letter, after) = text.split_first()?;
    let value = match letter {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        b'"' | b'\\' => *letter,
        _ => return None,
    };
    Some((value, after))
}

/// The names that follow `diff --git`: of all the places where the line can be parted, the one at
/// which they differ in their first component only, as `a/x` and `b/x` do; else the first.
pub(super) fn diff_git_names(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if let Some((old, rest)) = quoted(text) {
        let new = rest.strip_prefix(b" ").unwrap_or(rest);
        return Some((old, unquoted(new)));
    }
    // A line may be all blanks: what is known of one place is used for the next.
    let slash = text.iter().position(|byte| *byte == b'/');
    let mut next_slash = slash;
    let mut first = None;
    for (at, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b' ') {
        while let Some(known) = next_slash.filter(|known| *known < at) {
            let later = text.iter().skip(known + 1).position(|byte| *byte == b'/');
            next_slash = later.map(|offset| known + 1 + offset);
        }
        let (old, rest) = (text.get(..at)?, text.get(at + 1..)?);
        let new = in_quotes(rest);
        let old_below = slash
            .filter(|slash| *slash < at)
            .map_or(0, |slash| slash + 1);
        let is_same = match &new {
            Some(name) => text.get(old_below..at) == Some(below(name)),
            None => text.get(old_below..at) == text.get(next_slash.unwrap_or(at) + 1..),
        };
        if is_same || first.is_none() {
            first = Some((old.to_vec(), new.unwrap_or_else(|| rest.to_vec())));
        }
        if is_same {
            break;
        }
    }
    first
}

/// A name without its first component.
fn below(name: &[u8]) -> &[u8] {
    match name.iter().position(|byte| *byte == b'/') {
        Some(slash) => name.get(slash + 1..).unwrap_or_default(),
        None => name,
    }
}

// 	1970-01-01 00:00:00.000000000 +0000
// 	1969-12-31 16:00:00 -0800
// 	Thu Jan  1 00:00:00 1970        (old diff; taken as UTC)
fn is_epoch(time: &str) -> bool {
    let words: Vec<&str> = time.split_whitespace().collect();
    match words[..] {
        [date, clock, ref zone @ ..] if date.contains('-') => {
            let zone = zone.first().map_or(Some(0), |zone| zone_minutes(zone));
            let at = days(date).zip(clock_minutes(clock));
            at.zip(zone)
                .is_some_and(|((days, minutes), zone)| days * 1440 + minutes == zone)
        }
        [_, "Jan", "1", clock, "1970"] => clock_minutes(clock) == Some(0),
        _ => false,
    }
}

/// Days since the epoch, for the two days that the epoch can fall on.
fn days(date: &str) -> Option<i32> {
    match date {
        "1970-01-01" => Some(0),
        "1969-12-31" => Some(-1),
        _ => None,
    }
}

/// Minutes since midnight of `HH:MM:SS[.FRACTION]`; `None` unless the seconds are zero.
fn clock_minutes(clock: &str) -> Option<i32> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = seconds == "00" && fraction.bytes().all(|digit| digit == b'0');
    let minutes = minutes_of(hours, minutes)?;
    is_whole.then_some(minutes)
}

/// Minutes east of Greenwich of `+HHMM`.
fn zone_minutes(zone: &str) -> Option<i32> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    Some(sign * minutes_of(hours, minutes)?)
}

/// Two small numbers: larger ones are no time.
fn minutes_of(hours: &str, minutes: &str) -> Option<i32> {
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(i32::from(hours) * 60 + i32::from(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_what_follows_them() {
        let file = |name: &str, is_epoch| {
            Some(Side::File {
                name: name.into(),
                is_epoch,
            })
        };
        let table = [
            ("a/x.c", file("a/x.c", false)),
            (
                "a/x.c\t2024-01-01 00:00:00.000000000 +0000",
                file("a/x.c", false),
            ),
            ("a/x.c 2024-01-01", file("a/x.c", false)),
            ("a/my file.c\t", file("a/my file.c", false)),
            (
                "a/x\t1970-01-01 00:00:00.000000000 +0000",
                file("a/x", true),
            ),
            (
                "a/x\t1970-01-01 00:00:01.000000000 +0000",
                file("a/x", false),
            ),
            ("a/x\t1970-01-01 01:00:00 +0100", file("a/x", true)),
            ("a/x\t1970-01-01 01:00:00 +0000", file("a/x", false)),
            ("a/x\t1969-12-31 16:00:00 -0800", file("a/x", true)),
            ("a/x\tThu Jan  1 00:00:00 1970", file("a/x", true)),
            ("a/x\t1970-01-01 99999999:00:00 +0000", file("a/x", false)),
            ("a/x\t1970-01-01 00:00:00 +0099999999", file("a/x", false)),
            ("/dev/null", Some(Side::Nothing)),
            ("/dev/null\t1970-01-01", Some(Side::Nothing)),
            ("\"a/q\\\"\\t\\\\ \\303\\244\"", file("a/q\"\t\\ ä", false)),
            ("\"a/x\"\t1970-01-01 00:00:00 +0000", file("a/x", true)),
            ("\"a/open", None),
            ("\"a/\\x41\"", None),
        ];
        for (text, wanted) in table {
            assert_eq!(name_and_time(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn a_git_line_of_blanks_is_parted_in_no_time() {
        let blanks = format!("a{}b", " ".repeat(1 << 20));
        let (old, new) = diff_git_names(blanks.as_bytes()).unwrap();
        assert_eq!((&old[..], new.len()), (&b"a"[..], 1 << 20));
    }

    #[test]
    fn names_with_blanks_on_a_git_line_are_told_apart_where_they_are_the_same() {
        let pair = |old: &str, new: &str| Some((old.as_bytes().to_vec(), new.as_bytes().to_vec()));
        let table = [
            ("a/x b/x", pair("a/x", "b/x")),
            ("a/my file b/my file", pair("a/my file", "b/my file")),
            ("x x", pair("x", "x")),
            ("\"a/\\303\\244\" \"b/\\303\\244\"", pair("a/ä", "b/ä")),
            ("a/x \"b/\\303\\244\"", pair("a/x", "b/ä")),
            ("a/x b/y", pair("a/x", "b/y")),
            ("a/x b/y c/z", pair("a/x", "b/y c/z")),
            ("a/b c/x d/b c/x", pair("a/b c/x", "d/b c/x")),
            ("a b a b", pair("a b", "a b")),
            ("one", None),
            ("", None),
        ];
        for (text, wanted) in table {
            assert_eq!(diff_git_names(text.as_bytes()), wanted, "{text}");
        }
    }
}
