//! Sizes for people.
//!
//! They are cut, not rounded: what is said to be free is there.

/// Bytes for people, as in `1.5 MiB`: cut to tenths of the greatest unit.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let fitting = units
        .zip(1_u32..)
        .take_while(|(_, power)| bytes >> (10 * power) > 0);
    match fitting.last() {
        None => format!("{bytes} B"),
        Some((unit, power)) => {
            let tenths = (u128::from(bytes) * 10) >> (10 * power);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::show_size;

    #[test]
    fn sizes_for_people_are_cut_to_tenths() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (3 << 19, "1.5 MiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(show_size(bytes), text);
        }
    }
}
