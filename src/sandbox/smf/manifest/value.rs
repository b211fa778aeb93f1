//! The types of property values and what each accepts.
//!
//! `count` accepts a leading minus: manifests say `timeout_seconds="-1"`.

/// The names of all types.
pub const TYPES: [&str; 14] = [
    "count",
    "integer",
    "opaque",
    "host",
    "hostname",
    "net_address",
    "net_address_v4",
    "net_address_v6",
    "time",
    "astring",
    "ustring",
    "boolean",
    "fmri",
    "uri",
];

/// Whether `text` is a value of the type.
#[must_use]
pub fn is_valid(kind: &str, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let signed = |text: &str| digits(text.strip_prefix('-').unwrap_or(text));
    match kind {
        "count" => signed(text) && (text.starts_with('-') || text.parse::<u64>().is_ok()),
        "integer" => text.parse::<i64>().is_ok(),
        "boolean" => matches!(text, "true" | "false" | "0" | "1"),
        "time" => match text.split_once('.') {
            Some((seconds, fraction)) => signed(seconds) && digits(fraction) && fraction.len() <= 9,
            None => signed(text),
        },
        "opaque" => {
            text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        "hostname" => is_hostname(text),
        "host" => is_hostname(text) || is_address(text, true) || is_address(text, false),
        "net_address" => is_address(text, true) || is_address(text, false),
        "net_address_v4" => is_address(text, true),
        "net_address_v6" => is_address(text, false),
        "fmri" => ["svc:", "lrc:", "file:", "pkg:", "dev:"]
            .iter()
            .any(|scheme| text.starts_with(scheme)),
        "uri" => text.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        }),
        _ => true,
    }
}

fn is_hostname(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_address(text: &str, version_four: bool) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let longest = if version_four { 32 } else { 128 };
    let prefix_fits =
        prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|length| length <= longest));
    let address_fits = if version_four {
        address.parse::<std::net::Ipv4Addr>().is_ok()
    } else {
        address.parse::<std::net::Ipv6Addr>().is_ok()
    };
    prefix_fits && address_fits
}

/// What `svccfg` says of a value that does not fit its type.
#[must_use]
pub fn complaint(kind: &str, text: &str) -> Option<String> {
    // A manifest's boolean is true or false; the digits are for `setprop` alone.
    if kind == "boolean" {
        let fits = matches!(text, "true" | "false");
        return (!fits).then(|| format!("illegal boolean value \"{text}\""));
    }
    if is_valid(kind, text) {
        return None;
    }
    let reason = match kind {
        "count" | "integer" => "Illegal character",
        _ => "Illegal format",
    };
    Some(format!("illegal value \"{text}\" for {kind} ({reason})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_take_a_minus_and_no_words() {
        for good in ["0", "60", "-1", "18446744073709551615"] {
            assert!(is_valid("count", good), "{good}");
        }
        for bad in ["", "-", "abc", "1.5", "18446744073709551616", " 1"] {
            assert!(!is_valid("count", bad), "{bad}");
        }
        assert_eq!(
            complaint("count", "abc").as_deref(),
            Some("illegal value \"abc\" for count (Illegal character)")
        );
    }

    #[test]
    fn each_type_refuses_what_it_is_not() {
        for (kind, good, bad) in [
            ("integer", "-5", "five"),
            ("boolean", "true", "yes"),
            ("time", "5.000000001", "5.0000000001"),
            ("opaque", "0aff", "0af"),
            ("host", "a.example.com", "-a"),
            ("net_address_v4", "10.0.0.1/24", "10.0.0.1/33"),
            ("net_address_v6", "fe80::1/64", "10.0.0.1"),
            ("fmri", "svc:/a:b", "a:b"),
            ("uri", "http://x", "x"),
        ] {
            assert!(is_valid(kind, good), "{kind} {good}");
            assert!(!is_valid(kind, bad), "{kind} {bad}");
        }
        assert_eq!(
            complaint("boolean", "1").as_deref(),
            Some("illegal boolean value \"1\"")
        );
    }
}
