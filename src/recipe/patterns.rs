//! Formats as regular expressions, for editors: as close as a pattern comes to `Format::check`.
//!
//! A pattern may take more than the check takes and never less. JSON Schema's dialect is that of
//! JavaScript, of which only what all engines know is used: no looking around, no Unicode classes.

use super::format::Format;

/// What begins a command.
pub(super) const PROGRAM: &str = r"^[^\x00-\x1f\x7f-\x9f\s-][^\x00-\x1f\x7f-\x9f]*$";

/// A part of a path that is neither `.` nor `..`.
const PART: &str = r"(?:[^./\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*|\.[^./\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*|\.\.[^/\x00-\x1f\x7f-\x9f]+)";
const SIZE: &str = r"^[0-9]+(?:\.[0-9]{1,9})? ?(?:B|KiB|MiB|GiB|TiB|PiB|KB|kB|MB|GB|TB|PB)$";

/// The pattern of a format.
pub(super) fn pattern(format: Format) -> String {
    let fixed = match format {
        Format::Any | Format::Argument => r"^[^\x00]*$",
        Format::ServiceText => r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$",
        Format::Program => PROGRAM,
        Format::Line => {
            r"^[^\x00-\x1f\x7f-\x9f\s](?:[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s])?$"
        }
        Format::Path => return format!("^/(?:{PART}(?:/{PART})*/?)?$"),
        Format::ManifestPath => r"^/[A-Za-z0-9/._+-]*[A-Za-z0-9._+-]$",
        Format::AccountPath => r"^/[^:\x00-\x1f\x7f-\x9f]*$",
        Format::Below(_) => return format!("^{PART}(?:/{PART})*$"),
        Format::LocalPath => {
            r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
        }
        Format::Url => r"^(?:https?|ftp)://[^/\s]\S*$",
        Format::Sha256 => "^[0-9A-Fa-f]{64}$",
        Format::PackageName => "^[A-Za-z0-9][A-Za-z0-9+_.-]*$",
        Format::Dependency | Format::PackagePattern => r"^[^\s\x00-\x1f\x7f]+$",
        Format::Version => "^[0-9][A-Za-z0-9._+]*$",
        Format::DebianVersion => "^[0-9][A-Za-z0-9.+~:-]*$",
        Format::DebianFile => "^[A-Za-z0-9+~:_][A-Za-z0-9+.~:_-]*$",
        Format::Versions => {
            "^(?:(?:[<>]=?)?[0-9][A-Za-z0-9._+]*|[<>]=?[0-9][A-Za-z0-9._+]*[<>]=?[0-9][A-Za-z0-9._+]*)$"
        }
        Format::Branches => {
            "^(?:(?:[<>]=?)?[0-9]{4}Q[1-4]|[<>]=?[0-9]{4}Q[1-4][<>]=?[0-9]{4}Q[1-4])$"
        }
        Format::Instance => r"^svc:/[A-Za-z][^:\s]*:[A-Za-z][^:\s]*$",
        Format::ServiceOrFile => r"^(?:svc:/|file://localhost/)\S+$",
        Format::Mode => "^[0-7]{3,4}$",
        Format::Size => SIZE,
        Format::Duration => r"^[0-9]+(?:\.[0-9]{1,9})? ?(?:ms|s|min|h|d)$",
        Format::Account(most) => {
            return format!("^[A-Za-z][A-Za-z0-9_.-]{{0,{}}}$", most.saturating_sub(1));
        }
        Format::Process => r"^[^\s/-][^\s/]{0,14}$",
        Format::Privileges => r"^[^\s,]+(?:,[^\s,]+)*$",
        Format::AccountField => r"^[^:\x00-\x1f\x7f-\x9f]*$",
        Format::Image => {
            "^(?:[A-Za-z0-9._-]+@[A-Za-z0-9._-]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
        }
        Format::Uuid => "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        Format::Brand => "^joyent(?:-minimal)?$",
        Format::CardAddress => "^(?:dhcp|addrconf|[0-9A-Fa-f.:]+/[0-9]{1,3})$",
        Format::Mac => "^[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}$",
        Format::NicTag => "^[A-Za-z0-9_/]{1,31}$",
        Format::MetadataKey => "^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$",
        Format::DatasetName => "^[A-Za-z0-9_:][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_:][A-Za-z0-9_.:-]*)*$",
        Format::HostDataset => "^[A-Za-z][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_:][A-Za-z0-9_.:-]*)+$",
        Format::Label => "^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        Format::Domain => "^[A-Za-z0-9.-]+$",
        Format::Address => "^[0-9A-Fa-f.:]+$",
        Format::HostName => "^[A-Za-z0-9.:][A-Za-z0-9.:-]*$",
        Format::SshTarget => r"^[^\s-]\S*$",
        Format::Variable | Format::BuildVariable | Format::ServiceVariable => {
            "^[A-Za-z_][A-Za-z0-9_]*$"
        }
        Format::Kebab => "^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$",
        Format::Property => "^[A-Za-z][A-Za-z0-9_-]*$",
        Format::OneOf(words) => return format!("^(?:{})$", words.join("|")),
    };
    fixed.to_owned()
}
