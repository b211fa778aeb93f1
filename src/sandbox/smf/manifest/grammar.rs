//! The grammar of a service bundle, as a table: elements, what they hold, their attributes.
//!
//! Slots of a sequence are filled in order and greedily, which is enough: no two neighbouring
//! slots take the same element.

/// How often something occurs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Once.
    One,
    /// At most once.
    Optional,
    /// Any number of times.
    Many,
    /// Once or more.
    AtLeastOne,
}
pub use Count::{AtLeastOne, Many, One, Optional};

/// What an element may hold.
#[derive(Clone, Copy)]
pub enum Content {
    /// Nothing.
    Empty,
    /// Characters.
    Text,
    /// Whatever.
    Anything,
    /// One after the other; each slot names the elements that fit.
    Sequence(&'static [(&'static [&'static str], Count)]),
    /// Any number of one of these kinds, never mixed.
    Alike(&'static [&'static str]),
}
pub use Content::{Alike, Anything, Empty, Sequence, Text};

/// What an attribute may hold.
#[derive(Clone, Copy)]
pub enum Holds {
    /// Any text.
    Any,
    /// One of these.
    OneOf(&'static [&'static str]),
}
pub use Holds::{Any, OneOf};

/// One attribute.
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub holds: Holds,
    /// Whether it has to be there.
    pub required: bool,
}

/// One element.
pub struct Element {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub content: Content,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

const fn must(name: &'static str, holds: Holds) -> Attribute {
    Attribute {
        name,
        holds,
        required: true,
    }
}

const fn may(name: &'static str, holds: Holds) -> Attribute {
    Attribute {
        name,
        holds,
        required: false,
    }
}

const fn element(
    name: &'static str,
    content: Content,
    attributes: &'static [Attribute],
) -> Element {
    Element {
        name,
        content,
        attributes,
    }
}

const TRUTH: Holds = OneOf(&["true", "false"]);
const GROUPING: Holds = OneOf(&["require_all", "require_any", "exclude_all", "optional_all"]);
const RESTART_ON: Holds = OneOf(&["error", "restart", "refresh", "none"]);
const STABILITY: Holds = OneOf(&[
    "Standard", "Stable", "Evolving", "Unstable", "External", "Obsolete",
]);
const TYPE: Holds = OneOf(&super::value::TYPES);
const LISTS: &[&str] = &[
    "count_list",
    "integer_list",
    "opaque_list",
    "host_list",
    "hostname_list",
    "net_address_list",
    "net_address_v4_list",
    "net_address_v6_list",
    "time_list",
    "astring_list",
    "ustring_list",
    "boolean_list",
    "fmri_list",
    "uri_list",
];
const PROPERTIES: (&[&str], Count) = (&["propval", "property"], Many);
const VALUES: Content = Sequence(&[(&["value_node"], AtLeastOne)]);
const LOCAL_TEXT: Content = Sequence(&[(&["loctext"], AtLeastOne)]);

/// All elements.
pub const ELEMENTS: &[Element] = &[
    element(
        "service_bundle",
        Alike(&["service_bundle", "service", "xi:include"]),
        &[must("type", Any), must("name", Any)],
    ),
    element(
        "service",
        Sequence(&[
            (&["create_default_instance"], Optional),
            (&["single_instance"], Optional),
            (&["restarter"], Optional),
            (&["dependency"], Many),
            (&["dependent"], Many),
            (&["method_context"], Optional),
            (&["exec_method"], Many),
            (&["notification_parameters"], Many),
            (&["property_group"], Many),
            (&["instance"], Many),
            (&["stability"], Optional),
            (&["template"], Optional),
        ]),
        &[
            must("name", Any),
            must("version", Any),
            must("type", OneOf(&["service", "restarter", "milestone"])),
        ],
    ),
    element(
        "instance",
        Sequence(&[
            (&["restarter"], Optional),
            (&["dependency"], Many),
            (&["dependent"], Many),
            (&["method_context"], Optional),
            (&["exec_method"], Many),
            (&["notification_parameters"], Many),
            (&["property_group"], Many),
            (&["template"], Optional),
        ]),
        &[must("name", Any), must("enabled", TRUTH)],
    ),
    element("create_default_instance", Empty, &[must("enabled", TRUTH)]),
    element("single_instance", Empty, &[]),
    element("restarter", Sequence(&[(&["service_fmri"], One)]), &[]),
    element("service_fmri", Empty, &[must("value", Any)]),
    element("stability", Empty, &[must("value", STABILITY)]),
    element("value_node", Empty, &[must("value", Any)]),
    element("count_list", VALUES, &[]),
    element("integer_list", VALUES, &[]),
    element("opaque_list", VALUES, &[]),
    element("host_list", VALUES, &[]),
    element("hostname_list", VALUES, &[]),
    element("net_address_list", VALUES, &[]),
    element("net_address_v4_list", VALUES, &[]),
    element("net_address_v6_list", VALUES, &[]),
    element("time_list", VALUES, &[]),
    element("astring_list", VALUES, &[]),
    element("ustring_list", VALUES, &[]),
    element("boolean_list", VALUES, &[]),
    element("fmri_list", VALUES, &[]),
    element("uri_list", VALUES, &[]),
    element(
        "property",
        Sequence(&[(LISTS, Optional)]),
        &[
            must("name", Any),
            must("type", TYPE),
            may("override", TRUTH),
        ],
    ),
    element(
        "propval",
        Empty,
        &[
            must("name", Any),
            must("type", TYPE),
            must("value", Any),
            may("override", TRUTH),
        ],
    ),
    element(
        "property_group",
        Sequence(&[(&["stability"], Optional), PROPERTIES]),
        &[must("name", Any), must("type", Any), may("delete", TRUTH)],
    ),
    element(
        "dependency",
        Sequence(&[
            (&["service_fmri"], Many),
            (&["stability"], Optional),
            PROPERTIES,
        ]),
        &[
            must("name", Any),
            must("grouping", GROUPING),
            must("restart_on", RESTART_ON),
            must("type", Any),
            may("delete", TRUTH),
        ],
    ),
    element(
        "dependent",
        Sequence(&[
            (&["service_fmri"], One),
            (&["stability"], Optional),
            PROPERTIES,
        ]),
        &[
            must("name", Any),
            must("grouping", GROUPING),
            must("restart_on", RESTART_ON),
            may("delete", TRUTH),
            may("override", TRUTH),
        ],
    ),
    element("envvar", Empty, &[must("name", Any), must("value", Any)]),
    element(
        "method_environment",
        Sequence(&[(&["envvar"], AtLeastOne)]),
        &[],
    ),
    element("method_profile", Empty, &[must("name", Any)]),
    element(
        "method_credential",
        Empty,
        &[
            must("user", Any),
            may("group", Any),
            may("supp_groups", Any),
            may("privileges", Any),
            may("limit_privileges", Any),
        ],
    ),
    element(
        "method_context",
        Sequence(&[
            (&["method_profile", "method_credential"], Optional),
            (&["method_environment"], Optional),
        ]),
        &[
            may("security_flags", Any),
            may("working_directory", Any),
            may("project", Any),
            may("resource_pool", Any),
        ],
    ),
    element(
        "exec_method",
        Sequence(&[
            (&["method_context"], Optional),
            (&["stability"], Optional),
            PROPERTIES,
        ]),
        &[
            must("type", OneOf(&["method", "monitor"])),
            must("name", Any),
            must("exec", Any),
            must("timeout_seconds", Any),
            may("delete", TRUTH),
        ],
    ),
    element("doc_link", Empty, &[must("name", Any), must("uri", Any)]),
    element(
        "manpage",
        Empty,
        &[
            must("title", Any),
            must("section", Any),
            may("manpath", Any),
        ],
    ),
    element(
        "documentation",
        Sequence(&[(&["doc_link", "manpage"], Many)]),
        &[],
    ),
    element("loctext", Text, &[must("xml:lang", Any)]),
    element("description", LOCAL_TEXT, &[]),
    element("common_name", LOCAL_TEXT, &[]),
    element("units", LOCAL_TEXT, &[]),
    element(
        "visibility",
        Empty,
        &[must("value", OneOf(&["hidden", "readonly", "readwrite"]))],
    ),
    element(
        "value",
        Sequence(&[(&["common_name"], Optional), (&["description"], Optional)]),
        &[must("name", Any)],
    ),
    element("values", Sequence(&[(&["value"], AtLeastOne)]), &[]),
    element("cardinality", Empty, &[may("min", Any), may("max", Any)]),
    element("internal_separators", Text, &[]),
    element("range", Empty, &[must("min", Any), must("max", Any)]),
    element(
        "constraints",
        Sequence(&[(&["value"], Many), (&["range"], Many)]),
        &[],
    ),
    element(
        "include_values",
        Empty,
        &[must("type", OneOf(&["constraints", "values"]))],
    ),
    element(
        "choices",
        Sequence(&[
            (&["value"], Many),
            (&["range"], Many),
            (&["include_values"], Many),
        ]),
        &[],
    ),
    element(
        "prop_pattern",
        Sequence(&[
            (&["common_name"], Optional),
            (&["description"], Optional),
            (&["units"], Optional),
            (&["visibility"], Optional),
            (&["cardinality"], Optional),
            (&["internal_separators"], Optional),
            (&["values"], Optional),
            (&["constraints"], Optional),
            (&["choices"], Optional),
        ]),
        &[must("name", Any), may("type", TYPE), may("required", TRUTH)],
    ),
    element(
        "pg_pattern",
        Sequence(&[
            (&["common_name"], Optional),
            (&["description"], Optional),
            (&["prop_pattern"], Many),
        ]),
        &[
            may("name", Any),
            may("type", Any),
            may("required", TRUTH),
            may("target", OneOf(&["this", "instance", "delegate", "all"])),
        ],
    ),
    element(
        "template",
        Sequence(&[
            (&["common_name"], One),
            (&["description"], Optional),
            (&["documentation"], Optional),
            (&["pg_pattern"], Many),
        ]),
        &[],
    ),
    element("paramval", Empty, &[must("name", Any), must("value", Any)]),
    element(
        "parameter",
        Sequence(&[(&["value_node"], Many)]),
        &[must("name", Any)],
    ),
    element("event", Empty, &[must("value", Any)]),
    element(
        "type",
        Sequence(&[(&["parameter", "paramval"], Many)]),
        &[must("name", Any), may("active", TRUTH)],
    ),
    element(
        "notification_parameters",
        Sequence(&[(&["event"], One), (&["type"], AtLeastOne)]),
        &[],
    ),
    element(
        "xi:include",
        Sequence(&[(&["xi:fallback"], One)]),
        &[
            may("href", Any),
            may("parse", OneOf(&["xml", "text"])),
            may("encoding", Any),
        ],
    ),
    element("xi:fallback", Anything, &[]),
];
