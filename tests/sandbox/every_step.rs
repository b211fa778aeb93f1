//! Every script of the fixture's whole apply, disturbed in every way there is.

use std::fs;

use zonewright::receipt::sha256_hex;

use super::archive;
use super::harness::Zone;
use super::walk::{COUNTED, walk};

fn zone(alias: &str) -> Option<Zone> {
    let zone = Zone::new(alias)?;
    zone.set_parameters("greeting = \"the same everywhere\"");
    let plain = archive::greeter();
    let counted = archive::greeter_with(&|name, mut content| {
        if name == "meson.build" {
            content.extend_from_slice(COUNTED.as_bytes());
        }
        content
    });
    zone.edit(
        "recipes/greeter.toml",
        &sha256_hex(&plain),
        &sha256_hex(&counted),
    );
    fs::write(zone.site.join("distfiles/greeter-1.0.tar.gz"), counted).unwrap();
    Some(zone)
}

#[test]
fn whatever_happens_during_an_apply_the_next_one_mends_it() {
    walk(zone, "6s");
}
