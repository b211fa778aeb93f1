//! The images that the sandbox's source lists, with the names and uuids of the real ones.
//!
//! Only two of them can be imported: each is the sandbox's own image under another name, with the
//! branch of packages that goes with it.

use serde_json::{Value, json};

/// The source that every host has from the beginning.
pub(crate) const SOURCE: &str = "https://images.smartos.org";

/// One image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub uuid: &'static str,
    pub name: &'static str,
    pub version: &'static str,
    pub published: &'static str,
    /// The branch of its packages.
    pub branch: &'static str,
    /// Whether the sandbox has it.
    pub is_here: bool,
}

/// The image that a zone has where nobody asked for one.
pub(crate) const DEFAULT: &str = "2f1dc911-6401-4fa4-8e9d-67ea2e39c271";

const fn listed(
    uuid: &'static str,
    version: &'static str,
    published: &'static str,
    branch: &'static str,
) -> Listed {
    Listed {
        uuid,
        name: "base-64-lts",
        version,
        published,
        branch,
        is_here: false,
    }
}

const fn trunk(uuid: &'static str, version: &'static str, published: &'static str) -> Listed {
    Listed {
        name: "base-64-trunk",
        ..listed(uuid, version, published, "trunk")
    }
}

const fn here(image: Listed) -> Listed {
    Listed {
        is_here: true,
        ..image
    }
}

/// Every image, in the order in which `avail` prints them: the oldest first.
pub(crate) const IMAGES: &[Listed] = &[
    listed(
        "85d0f826-0131-11ed-973d-2bfeef68011c",
        "21.4.1",
        "2022-07-11T00:00:00Z",
        "2021Q4",
    ),
    listed(
        "93bdf06a-01ef-11ed-81ff-bf0efad842c7",
        "20.4.1",
        "2022-07-12T00:00:00Z",
        "2020Q4",
    ),
    listed(
        "e44ed3e0-910b-11ed-a5d4-00151714048c",
        "22.4.0",
        "2023-01-10T00:00:00Z",
        "2022Q4",
    ),
    trunk(
        "e6b8e342-c19d-11ed-b9d1-00151714048c",
        "20230313",
        "2023-03-13T00:00:00Z",
    ),
    trunk(
        "0b13305e-4fe1-11ee-b322-00151714048c",
        "20230910",
        "2023-09-10T00:00:00Z",
    ),
    trunk(
        "db382b98-822e-11ee-992e-00151714048c",
        "20231113",
        "2023-11-13T00:00:00Z",
    ),
    here(listed(
        "8adac45a-aca7-11ee-b53e-00151714048c",
        "23.4.0",
        "2024-01-06T15:23:28Z",
        "2023Q4",
    )),
    trunk(
        "8925400d-ff66-441e-ab5c-340505636ff8",
        "20240116",
        "2024-01-16T00:00:00Z",
    ),
    here(listed(DEFAULT, "24.4.1", "2025-01-06T00:00:00Z", "2024Q4")),
    listed(
        "b933df4b-b8f4-4bef-ad1e-236a20304496",
        "25.4.0",
        "2026-01-09T00:00:00Z",
        "2025Q4",
    ),
];

/// The image of that uuid.
pub(crate) fn find(uuid: &str) -> Option<&'static Listed> {
    IMAGES.iter().find(|image| image.uuid == uuid)
}

impl Listed {
    /// Its manifest. Real ones carry text where the specification wants a number or a truth value.
    pub fn manifest(&self) -> Value {
        json!({
            "v": "2",
            "uuid": self.uuid,
            "owner": "00000000-0000-0000-0000-000000000000",
            "name": self.name,
            "version": self.version,
            "state": "active",
            "disabled": false,
            "public": "true",
            "published_at": self.published,
            "type": "zone-dataset",
            "os": "smartos",
            "files": [{
                "sha1": "b9ffbab72b94a22575e056923cd3e6c0dd905a2b",
                "size": SIZE,
                "compression": "gzip",
            }],
            "description": "A 64-bit SmartOS image with just essential packages installed. Ideal \
                            for users who are comfortable with setting up their own environment \
                            and tools.",
            "homepage": "https://docs.tritondatacenter.com/public-cloud/instances/infrastructure/\
                         images/smartos/base",
            "urn": format!("sdc:sdc:{}:{}", self.name, self.version),
            "requirements": {
                "min_platform": { "7.0": "20210826T002459Z" },
                "networks": [{ "name": "net0", "description": "public" }],
            },
            "tags": { "role": "os", "group": self.name },
        })
    }
}

/// How many bytes a download has.
pub(crate) const SIZE: u64 = 239_035_529;

/// The files in which a zone of the image differs from one of the default image.
pub(crate) fn files_of(uuid: &str) -> Vec<(&'static str, String)> {
    let Some(image) = find(uuid).filter(|image| image.uuid != DEFAULT) else {
        return Vec::new();
    };
    let (name, version, branch) = (image.name, image.version, image.branch);
    let repository = format!("https://pkgsrc.smartos.org/packages/SmartOS/{branch}/x86_64/All");
    vec![
        (
            "etc/product",
            format!(
                "Name: SmartOS Instance\nImage: {name} {version}\n\
                 Documentation: https://docs.smartos.org/\n"
            ),
        ),
        (
            "etc/pkgsrc_version",
            format!("release: {branch}\narchitecture: x86_64\n"),
        ),
        (
            "etc/motd",
            format!("SmartOS-shaped sandbox zone (zonewright), {name} {version}\n"),
        ),
        (
            "opt/local/etc/pkgin/repositories.conf",
            format!("{repository}\n"),
        ),
        (
            "opt/local/etc/pkg_install.conf",
            format!(
                "GPG_KEYRING_VERIFY=/opt/local/etc/gnupg/pkgsrc.gpg\n\
                 GPG_KEYRING_PKGVULN=/opt/local/share/gnupg/pkgsrc-security.gpg\n\
                 PKG_PATH={repository}\nVERIFIED_INSTALLATION=always\n"
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::platform::files::FILES;

    #[test]
    fn an_image_changes_only_files_that_the_default_image_has() {
        let other = IMAGES
            .iter()
            .find(|image| image.is_here && image.uuid != DEFAULT);
        let files = files_of(other.unwrap().uuid);
        assert_eq!(files.len(), 5);
        for (path, text) in files {
            let default = FILES.iter().find(|file| file.path == path).unwrap();
            let same = text.replace("2023Q4", "2024Q4").replace("23.4.0", "24.4.1");
            assert_eq!(same, default.text, "{path}");
        }
        assert!(files_of(DEFAULT).is_empty());
    }
}
