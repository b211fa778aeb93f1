//! Names of services: the FMRI of an instance, and what a service may depend on.
//!
//! The letters that SMF allows are fewer than one expects: no dot in a name, and a letter first.
//! That is why SMF itself calls the legacy script of `/etc/rc2.d` `lrc:/etc/rc2_d/…`.

use std::fmt;

/// The longest name of a service, an instance, a property group or a property: the repository's
/// own limit.
const LONGEST_NAME: usize = 119;

/// The name of a service instance: `svc:/network/netatalk:default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fmri {
    text: String,
    service_end: usize,
}

/// Why a text names no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FmriError {
    /// It does not start with `svc:/`.
    #[error("`{0}` is no service: write `svc:/CATEGORY/NAME:INSTANCE`")]
    Scheme(String),
    /// An instance is needed.
    #[error("`{0}` names no instance: write `{0}:default`")]
    NoInstance(String),
    /// A part has letters that SMF refuses.
    #[error(
        "`{part}` in `{fmri}` is no name for SMF: a letter first, then letters, digits, `-` and `_`"
    )]
    Name {
        /// The whole text.
        fmri: String,
        /// The part that is wrong.
        part: String,
    },
    /// A name is longer than the repository takes.
    #[error("a name in `{0}` is longer than 119 characters")]
    Long(String),
    /// It starts with `file:` and is not an absolute path on this machine.
    #[error("`{0}` is no file to depend on: write `file://localhost/ABSOLUTE/PATH`")]
    File(String),
}

impl Fmri {
    /// Reads an instance's name. `svc://localhost/…` is the same as `svc:/…` and becomes it.
    ///
    /// # Errors
    /// [`FmriError`] for everything that SMF would refuse, and for a service without instance.
    pub fn parse(text: &str) -> Result<Self, FmriError> {
        let (service, instance) = split(text)?;
        let instance = instance.ok_or_else(|| FmriError::NoInstance(text.to_owned()))?;
        let text = format!("svc:/{service}:{instance}");
        Ok(Self {
            service_end: "svc:/".len() + service.len(),
            text,
        })
    }

    /// The whole name: `svc:/network/netatalk:default`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The service without scheme and instance: `network/netatalk`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.text
            .get("svc:/".len()..self.service_end)
            .unwrap_or_default()
    }

    /// The instance: `default`.
    #[must_use]
    pub fn instance(&self) -> &str {
        self.text.get(self.service_end + 1..).unwrap_or_default()
    }

    /// Where the service's manifest lives: a folder that the platform imports at every boot, and
    /// whose vanished manifests it takes as an order to delete the service.
    #[must_use]
    pub fn manifest_path(&self) -> String {
        format!("/var/svc/manifest/{}.xml", self.service())
    }

    /// The log that SMF keeps of the instance.
    #[must_use]
    pub fn log_path(&self) -> String {
        format!(
            "/var/svc/log/{}:{}.log",
            self.service().replace('/', "-"),
            self.instance()
        )
    }
}

impl fmt::Display for Fmri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Fmri {
    type Err = FmriError;

    fn from_str(text: &str) -> Result<Self, FmriError> {
        Self::parse(text)
    }
}

/// What a service may depend on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyTarget {
    /// A service or one of its instances, as SMF writes it: `svc:/milestone/network:default`.
    Service(String),
    /// A file, by its absolute path.
    File(String),
}

impl DependencyTarget {
    /// Reads `svc:/…` (with or without an instance) or `file://localhost/…`.
    ///
    /// # Errors
    /// [`FmriError`] for everything that SMF would refuse.
    pub fn parse(text: &str) -> Result<Self, FmriError> {
        if !text.starts_with("file:") {
            return Ok(Self::Service(match split(text)? {
                (service, Some(instance)) => format!("svc:/{service}:{instance}"),
                (service, None) => format!("svc:/{service}"),
            }));
        }
        let rest = text
            .strip_prefix("file://localhost")
            .or_else(|| text.strip_prefix("file://"));
        let path = rest.filter(|path| path.starts_with('/') && path.len() > 1);
        // the repository takes such a value for a URI: `?` and `#` would end the path
        let plain = |path: &&str| {
            path.chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && c != '?' && c != '#')
        };
        path.filter(plain)
            .map(|path| Self::File(path.to_owned()))
            .ok_or_else(|| FmriError::File(text.to_owned()))
    }

    /// As it stands in a manifest.
    #[must_use]
    pub fn fmri(&self) -> String {
        match self {
            Self::Service(fmri) => fmri.clone(),
            Self::File(path) => format!("file://localhost{path}"),
        }
    }
}

/// Whether SMF takes `name` for a property, a property group or an instance:
/// `[provider,]identifier`.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    let identifier = |text: &str, dots: bool| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (dots && c == '.'))
    };
    name.len() <= LONGEST_NAME
        && match name.split_once(',') {
            Some((provider, rest)) => identifier(provider, true) && identifier(rest, false),
            None => identifier(name, false),
        }
}

fn split(text: &str) -> Result<(&str, Option<&str>), FmriError> {
    let rest = text
        .strip_prefix("svc://localhost/")
        .or_else(|| {
            text.strip_prefix("svc:/")
                .filter(|rest| !rest.starts_with('/'))
        })
        .ok_or_else(|| FmriError::Scheme(text.to_owned()))?;
    let (service, instance) = match rest.split_once(':') {
        Some((service, instance)) => (service, Some(instance)),
        None => (rest, None),
    };
    if service.len() > LONGEST_NAME || instance.is_some_and(|name| name.len() > LONGEST_NAME) {
        return Err(FmriError::Long(text.to_owned()));
    }
    match service
        .split('/')
        .chain(instance)
        .find(|part| !is_valid_name(part))
    {
        Some(part) => Err(FmriError::Name {
            fmri: text.to_owned(),
            part: part.to_owned(),
        }),
        None => Ok((service, instance)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_knows_its_parts_and_its_files() {
        let fmri = Fmri::parse("svc:/network/nfs/client:default").unwrap();
        assert_eq!(fmri.service(), "network/nfs/client");
        assert_eq!(fmri.instance(), "default");
        assert_eq!(fmri.as_str(), "svc:/network/nfs/client:default");
        assert_eq!(
            fmri.manifest_path(),
            "/var/svc/manifest/network/nfs/client.xml"
        );
        assert_eq!(
            fmri.log_path(),
            "/var/svc/log/network-nfs-client:default.log"
        );
    }

    #[test]
    fn what_smf_allows_is_accepted() {
        for text in [
            "svc:/site/x:a-b_C9",
            "svc:/SUNW,x/com.sun,y:default",
            "svc:/a:b",
        ] {
            assert_eq!(Fmri::parse(text).unwrap().as_str(), text);
        }
        let long = format!("svc:/{}:default", "a".repeat(119));
        assert!(Fmri::parse(&long).is_ok());
        let local = Fmri::parse("svc://localhost/site/x:default").unwrap();
        assert_eq!(local.as_str(), "svc:/site/x:default");
    }

    #[test]
    fn what_smf_refuses_is_refused() {
        for text in [
            "",
            "network/ssh:default",
            "svc:/",
            "svc:/:default",
            "svc:///a:b",
            "svc://other/a:b",
            "svc:/a//b:c",
            "svc:/a/b/:c",
            "svc:/a/../b:c",
            "svc:/my.app:default",
            "svc:/9a:default",
            "svc:/a:",
            "svc:/a:b:c",
            "svc:/a b:c",
            "svc:/a:b/c",
            "svc:/-a:b",
            "svc:/é:b",
            "svc:/a:b\n",
            "svc:/a,b,c:d",
            "lrc:/etc/rc2_d/S1",
            "svc:/a:b/:properties/x/y",
        ] {
            assert!(Fmri::parse(text).is_err(), "{text:?}");
        }
        assert!(Fmri::parse(&format!("svc:/{}:default", "a".repeat(120))).is_err());
        let error = Fmri::parse("svc:/network/netatalk").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`svc:/network/netatalk` names no instance: write `svc:/network/netatalk:default`"
        );
    }

    #[test]
    fn dependencies_are_services_instances_or_files() {
        let fmri = |text| DependencyTarget::parse(text).map(|target| target.fmri());
        assert_eq!(
            fmri("svc:/milestone/network").unwrap(),
            "svc:/milestone/network"
        );
        assert_eq!(fmri("svc:/a/b:c").unwrap(), "svc:/a/b:c");
        assert_eq!(
            fmri("file://localhost/etc/x").unwrap(),
            "file://localhost/etc/x"
        );
        assert_eq!(fmri("file:///etc/x").unwrap(), "file://localhost/etc/x");
        for text in [
            "file://localhost",
            "file:///",
            "file://other/x",
            "file:/x",
            "file:///a b",
        ] {
            assert!(fmri(text).is_err(), "{text:?}");
        }
    }
}
