//! What is known of netatalk's afp.conf: which options there are in which version, and what they
//! take.
//!
//! netatalk itself says nothing about an option that it does not know or a value that it cannot
//! read; a backup server with a slip in its configuration serves something else than was meant.

mod options;
mod parse;
mod place;
mod values;

use options::{AfpOption, Instead, LOGIN_MODULES, OPTIONS, Place, SPELLED_OTHERWISE};
use parse::{Section, Setting};
pub(super) use place::{Origin, place};

use std::collections::BTreeMap;

use super::format::{nearest, quoted};
use super::when::is_within;

/// Something about a line of afp.conf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The rule that is broken.
    pub rule: &'static str,
    pub is_warning: bool,
    /// The line, counted from 0.
    pub line: usize,
    /// Whether it is the value that is wrong, not the name.
    pub is_about_value: bool,
    /// The word of the value that is wrong, where it is one of several.
    pub word: Option<String>,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
    /// What to do with the line.
    pub edit: Option<Edit>,
}

/// What to do with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// Call the option so.
    Name(String),
    /// Give it this value.
    Value(String),
    /// Leave the line out.
    Remove,
    /// Write this option below the header, with the header's own name as the value.
    NameBelow(&'static str),
}

impl Finding {
    fn new(rule: &'static str, line: usize, message: String) -> Self {
        let is_warning = super::rules::find(rule)
            .is_some_and(|rule| rule.severity == crate::problem::Severity::Warning);
        Self {
            rule,
            is_warning,
            line,
            is_about_value: false,
            word: None,
            message,
            label: String::new(),
            help: None,
            edit: None,
        }
    }

    fn with(self, help: impl Into<String>, edit: Option<Edit>) -> Self {
        Self {
            help: Some(help.into()),
            edit,
            ..self
        }
    }
}

/// Whether a version lies from `since` to before `until`; empty ends are open, and a version that
/// nobody knows is everywhere.
fn has(version: Option<&str>, since: &str, until: &str) -> bool {
    version.is_none_or(|version| {
        (since.is_empty() || is_within(version, &format!(">={since}")))
            && (until.is_empty() || is_within(version, &format!("<{until}")))
    })
}

impl AfpOption {
    fn is_in(&self, version: Option<&str>) -> bool {
        has(version, self.since, self.until)
    }
}

/// How many findings there are at most: each is looked up in its template, and a template can make a
/// hundred thousand lines.
const MOST: usize = 100;

/// How many sections are looked at: volumes are held against each other.
const MOST_SECTIONS: usize = 1000;

/// A volume to which Macs back up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Its folder; `$u` stands for the user.
    pub path: String,
    /// How large Time Machine is told that it is.
    pub limit_mib: Option<u64>,
}

/// The Time Machine volumes of an afp.conf.
pub(crate) fn time_machine_volumes(text: &str) -> Vec<Volume> {
    let sections = parse::sections(text);
    let is_on = |section: &&Section| {
        let setting = section.get("time machine");
        setting.is_some_and(|setting| ["yes", "true", "1"].contains(&setting.value.as_str()))
    };
    let volumes = sections.iter().filter(is_on).filter_map(|section| {
        let limit = section.get("vol size limit");
        Some(Volume {
            path: section.get("path")?.value.clone(),
            limit_mib: limit.and_then(|limit| limit.value.parse().ok()),
        })
    });
    volumes.collect()
}

/// Everything that is wrong with an afp.conf of this version of netatalk.
pub(super) fn check(text: &str, version: Option<&str>) -> Vec<Finding> {
    if version.is_some_and(|version| is_within(version, "<3.0")) {
        let message = "netatalk 2 does not read afp.conf".to_string();
        let help = "it reads afpd.conf and AppleVolumes.default; afp.conf came with netatalk 3";
        return vec![Finding::new("afp-conf-unknown-option", 0, message).with(help, None)];
    }
    let mut sections = parse::sections(text);
    sections.truncate(MOST_SECTIONS);
    let mut findings = Vec::new();
    for section in &sections {
        for setting in &section.settings {
            findings.extend(check_setting(section, setting, version));
            if findings.len() >= MOST {
                return findings;
            }
        }
        findings.extend(repeated(section));
    }
    findings.extend(check_volumes(&sections, version));
    findings.truncate(MOST);
    findings
}

fn check_setting(section: &Section, setting: &Setting, version: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let line = setting.line;
    if section.name.is_empty() {
        let message = format!("`{}` stands before the first section", setting.name);
        let help = "write `[Global]` above it, or move it below the header of its volume";
        findings.push(Finding::new("afp-conf-section", line, message).with(help, None));
        return findings;
    }
    if setting.is_cut {
        let message = format!("the value of `{}` is cut at `;`", setting.name);
        findings.push(Finding {
            label: "`;` begins a comment, even inside a value".to_string(),
            is_about_value: true,
            ..Finding::new("afp-conf-comment", line, message)
                .with("put commands into a script and name that", None)
        });
    }
    let Some(option) = OPTIONS.iter().find(|option| option.name == setting.name) else {
        findings.push(unknown(section, setting, version));
        return findings;
    };
    if !option.is_in(version) {
        findings.push(not_in_version(option, line, version.unwrap_or_default()));
        return findings;
    }
    if let Some(finding) = misplaced(option, section, line, version) {
        findings.push(finding);
        return findings;
    }
    findings.extend(values::check(
        option,
        &setting.value,
        line,
        section.is_homes(),
        version,
    ));
    if option.name == "uam list" {
        findings.extend(weak_logins(setting));
    }
    findings
}

fn unknown(section: &Section, setting: &Setting, version: Option<&str>) -> Finding {
    let name = setting.name.as_str();
    let netatalk = version.map_or("netatalk".to_string(), |version| {
        format!("netatalk {version}")
    });
    let message = format!("{netatalk} has no option {}", quoted(name));
    let finding = Finding::new("afp-conf-unknown-option", setting.line, message);
    let is_placed = |option: &&AfpOption| {
        option.is_in(version) && misplaced(option, section, 0, version).is_none()
    };
    let names: Vec<&str> = OPTIONS
        .iter()
        .filter(is_placed)
        .map(|option| option.name)
        .collect();
    let lower = name.to_lowercase();
    if let Some(meant) = names.iter().find(|other| **other == lower) {
        let help = format!("write `{meant}`: names are in lower case");
        return finding.with(help, Some(Edit::Name((*meant).to_string())));
    }
    let earlier = SPELLED_OTHERWISE.iter().find(|(old, _)| *old == lower);
    let earlier = earlier
        .map(|(_, new)| *new)
        .filter(|new| names.contains(new));
    match earlier.or_else(|| nearest(name, &names)) {
        Some(meant) => finding.with(
            format!("did you mean `{meant}`?"),
            Some(Edit::Name(meant.to_string())),
        ),
        None => Finding {
            label: "netatalk passes over it without a word".to_string(),
            ..finding.with("leave it out", Some(Edit::Remove))
        },
    }
}

fn not_in_version(option: &AfpOption, line: usize, version: &str) -> Finding {
    let name = option.name;
    if !has(Some(version), option.since, "") {
        let message = format!("netatalk {version} has no option `{name}` yet");
        let finding = Finding {
            label: format!("it came with {}", option.since),
            ..Finding::new("afp-conf-unknown-option", line, message)
        };
        // what took its place later did the same before
        let earlier = OPTIONS
            .iter()
            .find(|other| other.instead == Instead::Option(name) && other.is_in(Some(version)));
        return match earlier {
            Some(earlier) => finding.with(
                format!("write `{}`, which it was called before", earlier.name),
                Some(Edit::Name(earlier.name.to_string())),
            ),
            None => finding.with("leave it out", Some(Edit::Remove)),
        };
    }
    let message = format!("netatalk {version} has no option `{name}` any more");
    let finding = Finding {
        label: format!("gone since {}", option.until),
        ..Finding::new("afp-conf-removed-option", line, message)
    };
    match option.instead {
        Instead::Nothing => finding.with("leave it out", Some(Edit::Remove)),
        Instead::Option(new) => finding.with(
            format!("write `{new}` instead"),
            Some(Edit::Name(new.to_string())),
        ),
        Instead::Words(words) => {
            let edit = words.starts_with("leave it out").then_some(Edit::Remove);
            finding.with(words, edit)
        }
    }
}

fn misplaced(
    option: &AfpOption,
    section: &Section,
    line: usize,
    version: Option<&str>,
) -> Option<Finding> {
    let belongs = match option.place {
        Place::Global if !section.is_global() => "`[Global]`",
        Place::Volume if section.is_global() => "the section of a volume",
        Place::VolumeThenBoth(since) if section.is_global() && !has(version, since, "") => {
            "the section of a volume"
        }
        Place::Homes if !section.is_homes() => "`[Homes]`",
        _ => return None,
    };
    let message = format!("`{}` belongs in {belongs}", option.name);
    Some(Finding {
        label: format!("nobody reads it in `[{}]`", section.name),
        ..Finding::new("afp-conf-section", line, message)
            .with(format!("move it to {belongs}"), None)
    })
}

/// Options that are given twice; the first ones are lost.
fn repeated(section: &Section) -> Vec<Finding> {
    let settings = section.settings.iter();
    let last: BTreeMap<&str, usize> = settings
        .map(|setting| (setting.name.as_str(), setting.line))
        .collect();
    let lost = section.settings.iter().filter(|setting| {
        // one for each listener
        let is_last = last.get(setting.name.as_str()) == Some(&setting.line);
        setting.name != "fce listener" && !is_last
    });
    lost.take(MOST)
        .map(|setting| {
            let message = format!("`{}` is given twice in `[{}]`", setting.name, section.name);
            Finding {
                label: "the last one counts".to_string(),
                is_warning: true,
                ..Finding::new("afp-conf-value", setting.line, message)
                    .with("leave this one out", Some(Edit::Remove))
            }
        })
        .collect()
}

fn weak_logins(setting: &Setting) -> Vec<Finding> {
    let words = || {
        setting
            .value
            .split([' ', ',', '\t'])
            .filter(|word| !word.is_empty())
    };
    let is_weak = |word: &str| {
        let mut modules = LOGIN_MODULES.iter();
        modules.find_map(|(name, why)| (*name == word).then_some(*why)?)
    };
    let is_good = |word: &&str| LOGIN_MODULES.contains(&(*word, None));
    let good: Vec<&str> = words().filter(is_good).collect();
    let good = if good.is_empty() {
        "uams_dhx2.so".to_string()
    } else {
        good.join(" ")
    };
    let weak = words().filter_map(|word| Some((word, is_weak(word)?)));
    weak.map(|(word, why)| Finding {
        label: why.to_string(),
        is_about_value: true,
        word: Some(word.to_string()),
        ..Finding::new(
            "weak-login",
            setting.line,
            format!("`uam list` offers `{word}`"),
        )
        .with(format!("write `{good}`"), Some(Edit::Value(good.clone())))
    })
    .collect()
}

/// What holds of volumes as a whole.
fn check_volumes(sections: &[Section], version: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // netatalk 4.2 took up a reader that makes section names lower-case
    let is_lowered = has(version, "4.2", "");
    let same = |a: &str, b: &str| a == b || (is_lowered && a.eq_ignore_ascii_case(b));
    let presets: Vec<&Setting> = sections
        .iter()
        .filter_map(|s| s.get("vol preset"))
        .collect();
    let volumes = sections.iter().enumerate().skip(1);
    for (index, volume) in volumes.filter(|(_, section)| !section.is_global()) {
        let shown = quoted(&volume.name);
        let at = |message: String| Finding::new("afp-conf-volume", volume.line, message);
        let is_preset = presets
            .iter()
            .any(|preset| same(&preset.value, &volume.name));
        if volume.get("path").is_none() && !volume.is_homes() && !is_preset {
            findings.push(at(format!("the volume {shown} has no `path`")).with(
                "give it a `path`; a section without one is a preset, which a volume names in \
                 `vol preset`",
                None,
            ));
        }
        let mut before = sections.iter().take(index);
        if before.any(|other| same(&other.name, &volume.name)) {
            let help = "give it another name: what stands in both becomes one volume";
            findings.push(at(format!("two sections are called {shown}")).with(help, None));
        }
        let has_capitals = volume.name.chars().any(char::is_uppercase);
        let is_named = volume.get("volume name").is_some() || volume.is_homes() || is_preset;
        if version.is_some() && is_lowered && has_capitals && !is_named {
            let help = format!("write `volume name = {}` below it", volume.name);
            let message = format!(
                "Macs see this volume as {}",
                quoted(&volume.name.to_lowercase())
            );
            findings.push(Finding {
                label: "since 4.2 the names of sections are made lower-case".to_string(),
                ..at(message).with(help, Some(Edit::NameBelow("volume name")))
            });
        }
        findings.extend(check_time_machine(volume));
    }
    for preset in presets {
        if !sections
            .iter()
            .any(|section| same(&section.name, &preset.value))
        {
            let message = format!(
                "there is no section {} to be a preset",
                quoted(&preset.value)
            );
            let names: Vec<&str> = sections
                .iter()
                .map(|section| section.name.as_str())
                .collect();
            let finding = Finding {
                is_about_value: true,
                ..Finding::new("afp-conf-volume", preset.line, message)
            };
            findings.push(match nearest(&preset.value, &names) {
                Some(meant) => finding.with(
                    format!("did you mean `{meant}`?"),
                    Some(Edit::Value(meant.to_string())),
                ),
                None => finding.with("write a section of this name, without a `path`", None),
            });
        }
    }
    findings
}

fn check_time_machine(volume: &Section) -> Option<Finding> {
    let is_on = |name: &str| {
        let setting = volume.get(name).filter(|setting| is_yes(&setting.value));
        setting.map(|setting| setting.line)
    };
    is_on("time machine")?;
    let line = is_on("read only")?;
    let message = "Time Machine cannot write to a volume that is read-only".to_string();
    Some(
        Finding::new("afp-conf-volume", line, message)
            .with("leave `read only` out", Some(Edit::Remove)),
    )
}

fn is_yes(value: &str) -> bool {
    value.starts_with(['y', 'Y', '1', 't', 'T'])
}

#[cfg(test)]
mod tests;
