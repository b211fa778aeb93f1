//! `~/.ssh/config` and `known_hosts`.

use std::path::Path;

use zonewright::host::ssh::known_hosts::{KnownHosts, LookupName, Verdict};
use zonewright::host::ssh::{SshConfig, SshTarget};

pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // an include reads other files, which is no parsing
    if text.to_lowercase().contains("include") {
        return;
    }
    let Ok(config) = SshConfig::of_text(Path::new("/home/me/.ssh/config"), &text) else {
        return;
    };
    for destination in ["vault", "matt@vault:2222", "[2001:db8::1]:22", "ssh://a.b/"] {
        if let Ok(target) = SshTarget::parse(destination, &config) {
            assert!(target.port > 0, "{target:?}");
            assert!(target.name().contains('@'));
            assert!(!target.known_hosts.is_empty() || text.to_lowercase().contains("knownhosts"));
        }
    }
}

pub fn known_hosts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut known = KnownHosts::default();
    known.add(Path::new("known_hosts"), &text);
    // a key's first field is its algorithm, after its length in four bytes
    let key = b"\0\0\0\x0bssh-ed25519\0\0\0\x04abcd";
    for lookup in [
        LookupName::new("vault", 22, None),
        LookupName::new("Vault", 2222, None),
        LookupName::new("vault", 22, Some("alias")),
    ] {
        let algorithms = known.preferences(&lookup);
        let mut words: Vec<&str> = algorithms.split(',').collect();
        assert_eq!(words.len(), 6, "{algorithms}");
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 6, "{algorithms}");
        for key in [&key[..], b"", b"\xff\xff\xff\xff"] {
            match known.judge(&lookup, key) {
                Verdict::Changed(place) | Verdict::Revoked(place) => {
                    assert!(place.starts_with("known_hosts:"));
                }
                Verdict::Known | Verdict::Unknown => {}
            }
        }
    }
}
