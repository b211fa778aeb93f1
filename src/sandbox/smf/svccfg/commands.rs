//! The table of sub-commands, and those that move among services and instances.
//!
//! `delete` of a running instance needs `-f`, and even then nobody stops its processes.

use super::super::answer::NOT_EMULATED;
use super::super::door::Edit;
use super::super::fmri::{Fmri, glob, is_element, matching_services};
use super::lexer::Word;
use super::{Failed, Flow, Session, export};

/// Sub-commands that exist and are not played here.
const NOT_PLAYED: [&str; 16] = [
    "apply",
    "archive",
    "cleanup",
    "delcust",
    "delhash",
    "delnotify",
    "describe",
    "editprop",
    "extract",
    "help",
    "hide",
    "listnotify",
    "listsnap",
    "repository",
    "restore",
    "revert",
];

impl Session<'_> {
    /// Runs one command, given as words.
    pub(super) fn command(&mut self, words: &[Word]) -> Result<Flow, Failed> {
        let Some((name, rest)) = words.split_first() else {
            return Ok(Flow::Go);
        };
        let name = name.text().unwrap_or("").to_owned();
        let plain: Option<Vec<&str>> = rest.iter().map(Word::text).collect();
        match (name.as_str(), plain.as_deref()) {
            ("exit" | "quit" | "end", Some([])) => return Ok(Flow::End),
            ("export", _) => self.export(rest)?,
            ("setprop", _) => self.setprop(rest)?,
            ("import", Some(paths)) => self.import(paths)?,
            ("validate", Some(files)) => self.validate(files)?,
            ("inventory", Some([file])) => self.inventory(file)?,
            ("select", Some([pattern])) => self.select(pattern)?,
            ("unselect", Some([])) => self.unselect()?,
            ("list", Some(pattern)) => self.list(pattern)?,
            ("add", Some([name])) => self.add(name)?,
            ("delete", Some(["-f", pattern])) => self.delete(pattern, true)?,
            ("delete", Some([pattern])) => self.delete(pattern, false)?,
            ("refresh", Some([])) => self.refresh()?,
            ("addpg", Some([name, kind])) => self.addpg(name, kind, false)?,
            ("addpg", Some([name, kind, flags])) => self.addpg(name, kind, flags.contains('P'))?,
            ("delpg", Some([name])) => self.delpg(name)?,
            ("listpg", Some(pattern)) => self.listprop(pattern, true)?,
            ("listprop", Some(pattern)) => self.listprop(pattern, false)?,
            ("delprop", Some([path])) => self.delprop(path)?,
            ("addpropvalue", Some(_)) => self.addpropvalue(rest)?,
            ("delpropvalue", Some([path, pattern])) => self.delpropvalue(path, pattern)?,
            ("setenv", Some(words)) => self.setenv(words, true)?,
            ("unsetenv", Some(words)) => self.setenv(words, false)?,
            (name, _) if NOT_PLAYED.contains(&name) => {
                self.answer.fail(
                    NOT_EMULATED,
                    format!("svccfg: `{name}` is not emulated in a sandbox zone"),
                );
                return Err(Failed);
            }
            (
                "inventory" | "select" | "unselect" | "add" | "delete" | "refresh" | "addpg"
                | "delpg" | "delprop" | "delpropvalue" | "exit" | "quit" | "end" | "import"
                | "validate" | "list" | "listpg" | "listprop" | "addpropvalue" | "setenv"
                | "unsetenv",
                _,
            ) => return Err(self.syntax_error()),
            (name, _) => {
                let text = format!("Unknown command \"{name}\".");
                return Err(self.fail(text));
            }
        }
        Ok(Flow::Go)
    }

    /// The selected service or instance.
    pub(super) fn entity(&mut self) -> Result<Fmri, Failed> {
        match self.entity.clone() {
            Some(entity) => Ok(entity),
            None => Err(self.fail("An entity is not selected.")),
        }
    }

    fn unselect(&mut self) -> Result<(), Failed> {
        match self.entity.take() {
            Some(Fmri {
                service,
                instance: Some(_),
            }) => self.entity = Some(Fmri::service(&service)),
            Some(_) => {}
            None => return Err(self.fail("Cannot unselect at scope level.")),
        }
        Ok(())
    }

    fn list(&mut self, pattern: &[&str]) -> Result<(), Failed> {
        let fits = |name: &str| pattern.first().is_none_or(|pattern| glob(pattern, name));
        let repository = self.repository()?;
        match self.entity.clone() {
            None => {
                for name in repository.services.keys().filter(|name| fits(name)) {
                    self.answer.say(name);
                }
            }
            Some(fmri) => {
                if fits(":properties") {
                    self.answer.say(":properties");
                }
                let service = repository.services.get(&fmri.service);
                let instances = service
                    .into_iter()
                    .flat_map(|service| service.instances.keys());
                for name in instances.filter(|name| fmri.instance.is_none() && fits(name)) {
                    self.answer.say(name);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str) -> Result<(), Failed> {
        let fmri = match self.entity.clone() {
            None => Fmri::service(name),
            Some(Fmri {
                service,
                instance: None,
            }) => Fmri::instance(&service, name),
            Some(_) => return Err(self.fail("Cannot add entities to instances.")),
        };
        if !name.split('/').all(is_element) || (fmri.instance.is_some() && name.contains('/')) {
            return Err(self.fail(format!("Invalid name \"{name}\".")));
        }
        let taken = self.repository()?.groups(&fmri).is_some();
        if taken {
            let what = if fmri.instance.is_some() {
                "Instance"
            } else {
                "Service"
            };
            return Err(self.fail(format!("{what} already exists.")));
        }
        self.apply(vec![Edit::Add(fmri)])?;
        Ok(())
    }

    fn delete(&mut self, pattern: &str, force: bool) -> Result<(), Failed> {
        let found = self.matches(pattern)?;
        let fmri = match found.as_slice() {
            [] => {
                let text = format!("Pattern '{pattern}' doesn't match any instances or services");
                return Err(self.fail(text));
            }
            [only] => only.clone(),
            several => {
                let failed = self.fail(format!("Pattern '{pattern}' matches multiple instances:"));
                for fmri in several {
                    self.answer.complain(format!("\t{fmri}"));
                }
                return Err(failed);
            }
        };
        let repository = self.repository()?;
        let instances = super::super::dependencies::instances_of(&repository, &fmri.to_string());
        let running = instances
            .iter()
            .find(|one| repository.state(one).is_running());
        if let Some(running) = running
            && !force
        {
            let text = format!("Instance {running} may be running.  Use delete -f if it is not.");
            return Err(self.fail(text));
        }
        self.apply(vec![Edit::Delete(fmri.clone())])?;
        if self.entity.as_ref() == Some(&fmri) {
            self.entity = None;
        }
        Ok(())
    }

    fn refresh(&mut self) -> Result<(), Failed> {
        match self.entity()? {
            fmri @ Fmri {
                instance: Some(_), ..
            } => {
                self.apply(vec![Edit::Refresh(fmri)])?;
                Ok(())
            }
            _ => Err(self.fail("Instance not selected.")),
        }
    }

    fn export(&mut self, words: &[Word]) -> Result<(), Failed> {
        let (words, file) = match words {
            [words @ .., Word::Sign('>'), file] => (words, file.text().map(str::to_owned)),
            words => (words, None),
        };
        let words: Vec<&str> = words.iter().filter_map(Word::text).collect();
        let (pattern, all) = match words.as_slice() {
            ["-a", pattern] => (*pattern, true),
            [pattern] => (*pattern, false),
            _ => return Err(self.syntax_error()),
        };
        let bare = match pattern.rsplit_once(':') {
            Some((service, instance)) if !instance.starts_with('/') && service != "svc" => {
                self.warn("Only services may be exported; ignoring instance portion of argument.");
                service
            }
            _ => pattern,
        };
        let repository = self.repository()?;
        let found = matching_services(&repository, bare);
        let fmri = match found.as_slice() {
            [] => return Err(self.fail(format!("Pattern '{pattern}' doesn't match any services"))),
            [only] => only,
            several => {
                let failed = self.fail(format!("Pattern '{pattern}' matches multiple services:"));
                for fmri in several {
                    self.answer.complain(format!("\t{fmri}"));
                }
                return Err(failed);
            }
        };
        let Some(service) = repository.service(fmri) else {
            return Err(Failed);
        };
        let text = export::manifest(&fmri.service, service, all);
        match file {
            None => self.answer.out.push_str(&text),
            Some(name) => {
                if let Err(error) = std::fs::write(self.file(&name), text) {
                    let reason = super::super::manifest::plain_reason(&error);
                    return Err(self.fail(format!("Could not open {name}: {reason}")));
                }
            }
        }
        Ok(())
    }
}
