//! How numbers, times and tables are shown to people: with three digits and a letter, to the
//! minute, in columns.

/// A number of bytes as libzfs shortens it: exact multiples without decimals, everything else with
/// as many as five characters allow.
pub(super) fn short(number: u64) -> String {
    let mut index = 0;
    let mut rest = number;
    while rest >= 1024 {
        rest >>= 10;
        index += 1;
    }
    let letter = ["", "K", "M", "G", "T", "P", "E"]
        .get(index)
        .copied()
        .unwrap_or("");
    let unit = 1u64 << (10 * index);
    if index == 0 || number.is_multiple_of(unit) {
        return format!("{rest}{letter}");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = number as f64 / unit as f64;
    let texts = [2, 1, 0].map(|decimals| format!("{value:.decimals$}{letter}"));
    let fitting = texts.iter().find(|text| text.len() <= 5);
    fitting.or(texts.last()).cloned().unwrap_or_default()
}

/// `3.97T` as bytes.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.to_ascii_uppercase();
    let unit = unit.trim_end_matches('B').trim_end_matches('I');
    let power = match unit {
        "" => 0,
        unit => 1 + "KMGTPE".find(unit)?,
    };
    let factor = 1u64 << (10 * power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let number: f64 = number.parse().ok().filter(|number: &f64| *number >= 0.0)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rounded number is given"
    )]
    let bytes = (number * factor as f64) as u64;
    Some(bytes)
}

/// `Sun Nov 22 12:44 2026`, in UTC as everywhere in a SmartOS host.
pub(super) fn time(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, within) = (seconds / 86400, seconds % 86400);
    let (mut year, mut left) = (1970, days);
    let length = |year: u64| {
        let is_leap =
            year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        if is_leap { 366 } else { 365 }
    };
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let february = if length(year) == 366 { 29 } else { 28 };
    let mut month = 0;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    let day = DAYS
        .get(usize::try_from(days % 7).unwrap_or(0))
        .unwrap_or(&"");
    let month = MONTHS.get(month).unwrap_or(&"");
    let (hour, minute) = (within / 3600, within / 60 % 60);
    format!("{day} {month} {:>2} {hour:>2}:{minute:02} {year}", left + 1)
}

/// Lines of columns two blanks apart; those whose place is in `right` lean to the right, and the
/// last is not filled up.
pub(super) fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let is_last = column + 1 == row.len();
            let width = width(column);
            if column > 0 {
                text.push_str("  ");
            }
            match right.get(column) {
                Some(true) => text.push_str(&format!("{cell:>width$}")),
                _ if is_last => text.push_str(cell),
                _ => text.push_str(&format!("{cell:<width$}")),
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_characters_at_most() {
        for (number, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (1536, "1.50K"),
            (114_688, "112K"),
            (569_344, "556K"),
            (1_073_741_825, "1.00G"),
            (4_295_503_478_784, "3.91T"),
            (10_485_760, "10M"),
            (10_500_000, "10.0M"),
            (1_048_575, "1024K"),
        ] {
            assert_eq!(short(number), text, "{number}");
        }
    }

    #[test]
    fn a_size_is_read_with_and_without_a_letter() {
        for (text, number) in [
            ("0", 0),
            ("10485760", 10_485_760),
            ("600G", 600 << 30),
            ("1.5k", 1536),
            ("2TB", 2 << 40),
        ] {
            assert_eq!(bytes(text), Some(number), "{text}");
        }
        for bad in ["junk", "", "-1", "1X"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_is_told_to_the_minute() {
        assert_eq!(time(0), "Thu Jan  1  0:00 1970");
        assert_eq!(time(1_795_351_440), "Sun Nov 22 12:44 2026");
        assert_eq!(time(1_709_164_800), "Thu Feb 29  0:00 2024");
        assert_eq!(time(1_735_689_599), "Tue Dec 31 23:59 2024");
    }

    #[test]
    fn columns_lean_as_they_are_told() {
        let rows = [["NAME", "USED", "AT"], ["zones", "1K", "/zones"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&rows, &[false, true, false]),
            "NAME   USED  AT\nzones    1K  /zones\n"
        );
    }
}
