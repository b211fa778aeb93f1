//! One function for each parser of what others wrote: any bytes in, and whatever must hold then.
//!
//! Both `cargo test` and the programs in `fuzz/` call these, so a crash that libFuzzer finds is a
//! file in the corpus that the tests run from then on. A target needs no disk, network or clock.

mod answers;
mod definitions;
mod packages;
mod sources;
mod ssh;
mod tape;

/// A parser with its assertions.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus and of its program.
pub const ALL: &[(&str, Target)] = &[
    ("recipe", definitions::recipe),
    ("zone", definitions::zone),
    ("template", definitions::template),
    ("archive", sources::archive),
    ("patch", sources::patch),
    ("facts", answers::facts),
    ("receipt", answers::receipt),
    ("afp_status", answers::afp_status),
    ("shadow", answers::shadow),
    ("first_error", answers::first_error),
    ("staged", packages::staged),
    ("elf", packages::elf),
    ("package", packages::package),
    ("ssh_config", ssh::config),
    ("known_hosts", ssh::known_hosts),
];

/// Runs the target `name`.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = ALL
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("there is no target `{name}`"));
    target(data);
}
