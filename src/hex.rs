//! Bytes in hexadecimal, as checksums are written.
//!
//! Small letters: what the tools of the zone print is compared letter by letter.

use std::fmt::Write as _;

/// Two digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0, 10, 0xff]), "000aff");
        assert_eq!(hex(&[]), "");
    }
}
