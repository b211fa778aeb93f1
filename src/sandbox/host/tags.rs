//! The host's NIC tags: `admin` and `external` on two cards, and virtual switches that were made.

/// A tag and what is behind it.
pub(crate) struct Tag {
    pub name: String,
    pub mac: &'static str,
    pub link: String,
    pub kind: &'static str,
}

/// Every tag, in the order in which `nictagadm` lists them.
pub(crate) fn all(stubs: &[String]) -> Vec<Tag> {
    let card = |name: &str, mac, link: &str| Tag {
        name: name.to_owned(),
        mac,
        link: link.to_owned(),
        kind: "normal",
    };
    let stubs = stubs.iter().map(|stub| Tag {
        name: stub.clone(),
        mac: "-",
        link: stub.clone(),
        kind: "etherstub",
    });
    [
        card("admin", "02:08:20:00:00:01", "igb0"),
        card("external", "02:08:20:00:00:02", "igb1"),
    ]
    .into_iter()
    .chain(stubs)
    .collect()
}

/// Whether an interface can be put on it; `stub0/7` is a network of its own on an overlay, of which
/// there are none.
pub(crate) fn exists(stubs: &[String], tag: &str) -> bool {
    all(stubs).iter().any(|known| known.name == tag)
}
