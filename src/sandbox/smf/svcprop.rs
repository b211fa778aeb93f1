//! `svcprop`: values of properties, for programs.
//!
//! The default view is what methods see: the running snapshot with the live groups. So
//! `general/enabled` and fresh edits need `-c`.

use super::answer::{Answer, words};
use super::door::Door;
use super::fmri::{Fmri, matching_instances, matching_services};
use super::model::{Groups, Property, Repository};
use super::options::Options;
use super::paths::Paths;
use std::ffi::OsString;

const USAGE: &str = "Usage: svcprop [-fqtv] [-C | -c | -s snapshot] [-z zone] [-p [name/]name]...\n\
                     \x20        {FMRI | pattern}...\n       svcprop -w [-fqtv] [-z zone] [-p \
                     [name/]name] {FMRI | pattern}";

/// Runs `svcprop` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    answer(&words(arguments), &Paths::zone()).deliver()
}

/// What `svcprop` says.
#[must_use]
pub fn answer(arguments: &[String], paths: &Paths) -> Answer {
    let Ok(options) = Options::parse(arguments, "Ccfp:qs:tvwz:") else {
        return Answer::failure(2, USAGE);
    };
    let views = ['C', 'c', 's']
        .iter()
        .filter(|letter| options.has(**letter))
        .count();
    if options.operands.is_empty() || views > 1 {
        return Answer::failure(2, USAGE);
    }
    if options.has('z') {
        return Answer::failure(
            1,
            "svcprop: svcprop -z may only be used from the global zone",
        );
    }
    if let Some(other) = options
        .value('s')
        .filter(|name| !["running", "last-import"].contains(name))
    {
        return Answer::not_emulated("svcprop", &format!("-s {other}"));
    }
    let opened = Door::open(paths).and_then(|mut door| {
        let contents = door.read_generation()?;
        Ok((door, contents))
    });
    let (mut door, (generation, repository)) = match opened {
        Ok(opened) => opened,
        Err(error) => return Answer::failure(1, format!("svcprop: {error}.")),
    };
    let mut query = Query {
        options: &options,
        repository,
        answer: Answer::default(),
    };
    let entities = query.entities();
    if options.has('w') {
        return query.wait(&mut door, generation, &entities);
    }
    query.print(&entities);
    query.answer
}

struct Query<'a> {
    options: &'a Options,
    repository: Repository,
    answer: Answer,
}

impl Query<'_> {
    fn entities(&mut self) -> Vec<Fmri> {
        let mut entities = Vec::new();
        for pattern in &self.options.operands {
            // A whole service FMRI is the service itself, not its instances.
            let services = matching_services(&self.repository, pattern);
            let exact = pattern.starts_with("svc:/") && !services.is_empty();
            let mut found = if exact {
                Vec::new()
            } else {
                matching_instances(&self.repository, pattern)
            };
            if found.is_empty() {
                found = services;
            }
            if found.is_empty() {
                let text = format!("svcprop: Pattern '{pattern}' doesn't match any entities");
                self.complain(text);
            }
            entities.extend(found);
        }
        entities
    }

    fn complain(&mut self, text: String) {
        if self.options.has('q') {
            self.answer.code = 1;
        } else {
            self.answer.fail(1, text);
        }
    }

    fn view(&self, fmri: &Fmri) -> Groups {
        if fmri.instance.is_none() || self.options.has('C') {
            return self.repository.groups(fmri).cloned().unwrap_or_default();
        }
        match self.options.value('s') {
            _ if self.options.has('c') => self.repository.composed(fmri),
            Some("last-import") => self
                .repository
                .instance(fmri)
                .and_then(|instance| instance.last_import.clone())
                .unwrap_or_default(),
            Some(_) => {
                let instance = self.repository.instance(fmri);
                instance
                    .and_then(|instance| instance.running.clone())
                    .unwrap_or_default()
            }
            None => self.repository.running(fmri),
        }
    }

    fn print(&mut self, entities: &[Fmri]) {
        let names = self.options.values('p');
        let several = entities.len() > 1 || names.len() != 1;
        for fmri in entities {
            let view = self.view(fmri);
            if names.is_empty() {
                for (group, body) in &view {
                    for (name, property) in &body.properties {
                        self.line(fmri, group, name, property, entities.len() > 1);
                    }
                }
            }
            for name in &names {
                self.named(fmri, &view, name, several, entities.len() > 1);
            }
        }
    }

    fn named(&mut self, fmri: &Fmri, view: &Groups, path: &str, several: bool, many: bool) {
        let kind = if fmri.instance.is_some() {
            "instance"
        } else {
            "service"
        };
        let Some((group, name)) = path.split_once('/') else {
            match view.get(path) {
                Some(group) => {
                    for (name, property) in &group.properties {
                        self.line(fmri, path, name, property, many);
                    }
                }
                None => self.complain(format!(
                    "svcprop: Couldn't find property group `{path}' for {kind} `{fmri}'."
                )),
            }
            return;
        };
        match view.get(group).and_then(|group| group.properties.get(name)) {
            None => self.complain(format!(
                "svcprop: Couldn't find property `{path}' for {kind} `{fmri}'."
            )),
            Some(property) if !several && !self.options.has('f') && !self.options.has('t') => {
                if !self.options.has('q') {
                    self.answer.say(values(property));
                }
            }
            Some(property) => self.line(fmri, group, name, property, many),
        }
    }

    fn line(&mut self, fmri: &Fmri, group: &str, name: &str, property: &Property, many: bool) {
        if self.options.has('q') {
            return;
        }
        let prefix = if many || self.options.has('f') {
            format!("{fmri}/:properties/")
        } else {
            String::new()
        };
        let text = format!(
            "{prefix}{group}/{name} {} {}",
            property.kind,
            values(property)
        );
        self.answer.say(text.trim_end());
    }

    /// Waits until the group of the property differs from what it was, then prints.
    fn wait(mut self, door: &mut Door, mut generation: u64, entities: &[Fmri]) -> Answer {
        let names = self.options.values('p');
        let ([fmri], [path]) = (entities, names.as_slice()) else {
            if self.answer.code == 0 {
                return Answer::failure(2, USAGE);
            }
            return self.answer;
        };
        let group = path.split_once('/').map_or(*path, |(group, _)| group);
        let before = self.view(fmri).get(group).cloned();
        while before == self.view(fmri).get(group).cloned() {
            match door.wait(generation, 60_000) {
                Ok((newer, repository)) => {
                    generation = newer;
                    self.repository = repository;
                }
                Err(error) => return Answer::failure(1, format!("svcprop: {error}.")),
            }
        }
        self.print(entities);
        self.answer
    }
}

fn values(property: &Property) -> String {
    let shown: Vec<String> = property.values.iter().map(|value| quote(value)).collect();
    shown.join(" ")
}

fn quote(value: &str) -> String {
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    let mut quoted = String::new();
    for c in value.chars() {
        let plain = c.is_alphanumeric()
            || matches!(c, '/' | '.' | '-' | '_' | ':' | ',' | '+' | '=' | '%' | '@');
        if !plain && c.is_ascii() {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_a_shell() {
        let property = Property {
            kind: "astring".to_owned(),
            values: ["a b", "", "x;y", "/plain-path_1.0:z"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert_eq!(values(&property), "a\\ b \"\" x\\;y /plain-path_1.0:z");
    }
}
