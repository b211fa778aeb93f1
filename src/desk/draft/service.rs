//! How a source's own service files start it.
//!
//! A systemd unit says it in one line. What has a variable in it that only systemd knows is not
//! taken: a service that does not start is worse than none.

use super::{Files, text};

/// A service that a source describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its file in the source.
    pub file: String,
    pub description: Option<String>,
    /// The start method.
    pub start: Vec<String>,
    /// As a recipe calls it; nothing where it is the default.
    pub duration: Option<&'static str>,
}

/// The service of the program `name`.
pub(super) fn service(files: &Files<'_>, name: &str) -> Option<Service> {
    let is_unit = |path: &&String| {
        [".service", ".service.in", ".service.tmpl", ".service.in.in"]
            .iter()
            .any(|end| path.ends_with(end))
    };
    let mut units: Vec<Service> = files
        .keys()
        .filter(is_unit)
        .filter_map(|path| unit(files, path))
        .collect();
    let is_own = |service: &Service| {
        service
            .start
            .first()
            .is_some_and(|p| p.rsplit('/').next() == Some(name))
    };
    if let Some(own) = units.iter().position(is_own) {
        return Some(units.swap_remove(own));
    }
    (units.len() == 1).then(|| units.swap_remove(0))
}

fn unit(files: &Files<'_>, path: &str) -> Option<Service> {
    let text = text(files, path)?;
    let value = |key: &str| {
        text.lines().find_map(|line| {
            line.trim()
                .strip_prefix(key)?
                .strip_prefix('=')
                .map(str::trim)
        })
    };
    let start = value("ExecStart")?;
    let words: Vec<String> = start.split_whitespace().map(placed).collect();
    let is_plain = |word: &String| !word.contains(['@', '$', '%', '"', '\'', '\\']);
    if words.is_empty() || !words.iter().all(is_plain) || !words.first()?.starts_with('/') {
        return None;
    }
    Some(Service {
        file: path.to_owned(),
        description: value("Description").map(str::to_owned),
        start: words,
        duration: match value("Type") {
            Some("forking") => None,
            Some("oneshot") => Some("transient"),
            _ => Some("child"),
        },
    })
}

/// A path of the build as it is in a zone.
fn placed(word: &str) -> String {
    let mut word = word.to_owned();
    for (from, to) in [
        ("@sbindir@", "/opt/local/sbin"),
        ("@bindir@", "/opt/local/bin"),
        ("@libexecdir@", "/opt/local/libexec"),
        ("@sysconfdir@", "/opt/local/etc"),
        ("@prefix@", "/opt/local"),
        ("@SBINDIR@", "/opt/local/sbin"),
        ("@BINDIR@", "/opt/local/bin"),
    ] {
        word = word.replace(from, to);
    }
    for (from, to) in [
        ("/usr/local/", "/opt/local/"),
        ("/usr/sbin/", "/opt/local/sbin/"),
        ("/usr/bin/", "/opt/local/bin/"),
    ] {
        if let Some(rest) = word.strip_prefix(from) {
            return format!("{to}{rest}");
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_the_programs_own_name_is_taken_and_a_variable_is_not() {
        let own = b"[Unit]\nDescription=Serves\n[Service]\nType=forking\nExecStart=@sbindir@/thing -c @sysconfdir@/t.conf\n" as &[u8];
        let other = b"[Service]\nExecStart=/usr/bin/other\n" as &[u8];
        let bad = b"[Service]\nExecStart=/usr/bin/thing $OPTIONS\n" as &[u8];
        let files = Files::from([
            ("a.service.in".to_owned(), own),
            ("b.service".to_owned(), other),
        ]);
        let found = service(&files, "thing").unwrap();
        assert_eq!(
            found.start,
            ["/opt/local/sbin/thing", "-c", "/opt/local/etc/t.conf"]
        );
        assert_eq!(
            (found.duration, found.description.as_deref()),
            (None, Some("Serves"))
        );
        assert_eq!(service(&files, "neither"), None);
        let files = Files::from([("b.service".to_owned(), other)]);
        assert_eq!(service(&files, "x").unwrap().duration, Some("child"));
        assert_eq!(
            service(&Files::from([("b.service".to_owned(), bad)]), "thing"),
            None
        );
    }
}
