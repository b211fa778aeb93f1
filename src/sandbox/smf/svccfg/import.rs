//! `import`, `validate` and `inventory`: manifests on their way into the repository.
//!
//! A successful import prints nothing. A template violation is only a warning, unless `-V` or
//! `validate` asked for it.

use super::super::door::Edit;
use super::super::fmri::Fmri;
use super::super::manifest::{self, Purpose, plain_reason, template};
use super::super::manifest_import::xml_files;
use super::super::model::Repository;
use super::super::options::Options;
use super::super::upgrade::{self, Declared};
use super::{Failed, Session};
use std::path::Path;

impl Session<'_> {
    pub(super) fn import(&mut self, words: &[&str]) -> Result<(), Failed> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let Ok(options) = Options::parse(&words, "Vnp:") else {
            return Err(self.syntax_error());
        };
        if options.has('p') {
            self.answer = super::super::answer::Answer::not_emulated("svccfg", "import -p");
            return Err(Failed);
        }
        if options.operands.is_empty() {
            return Err(self.syntax_error());
        }
        let mut result = Ok(());
        for name in &options.operands {
            let path = self.file(name);
            let done = if path.is_dir() {
                self.import_folder(&path, &options)
            } else if let Err(error) = path.metadata() {
                let reason = plain_reason(&error);
                Err(self.fail(format!("Unable to stat file {name}.  {reason}")))
            } else {
                self.import_file(&path, name, &options)
            };
            result = result.and(done);
        }
        result
    }

    fn import_folder(&mut self, folder: &Path, options: &Options) -> Result<(), Failed> {
        let (mut loaded, mut failed) = (0, 0);
        for file in xml_files(folder) {
            let name = file.display().to_string();
            match self.import_file(&file, &name, options) {
                Ok(()) => loaded += 1,
                Err(Failed) => failed += 1,
            }
        }
        self.warn(format!("Loaded {loaded} smf(5) service descriptions"));
        if failed > 0 {
            return Err(self.fail(format!(
                "{failed} smf(5) service descriptions failed to load"
            )));
        }
        Ok(())
    }

    fn load(&mut self, path: &Path) -> Result<Vec<Declared>, Failed> {
        manifest::load(path, Purpose::Manifest).map_err(|error| {
            for line in &error.library {
                self.answer.complain(line);
            }
            for message in &error.messages {
                let _: Failed = self.fail(message);
            }
            Failed
        })
    }

    fn import_file(&mut self, path: &Path, name: &str, options: &Options) -> Result<(), Failed> {
        let services = self.load(path)?;
        let mut trial = self.repository()?;
        let violations = violations(&mut trial, &services);
        let strict = options.has('V');
        for violation in &violations {
            if strict {
                self.answer.complain(violation);
            } else {
                self.answer.complain(format!("Warning: {violation}"));
            }
        }
        if strict && !violations.is_empty() {
            return Err(self.fail(format!("Import of {name} failed.")));
        }
        let refresh = !options.has('n');
        let edits = services
            .into_iter()
            .map(|declared| Edit::Import { declared, refresh })
            .collect();
        for message in self.apply(edits)? {
            self.warn(message);
        }
        if self.verbose {
            self.warn("Successful import.");
        }
        Ok(())
    }

    pub(super) fn validate(&mut self, files: &[&str]) -> Result<(), Failed> {
        let found = match files {
            [] => {
                let fmri = self.entity()?;
                if fmri.instance.is_none() {
                    return Err(self.fail("Instance not selected."));
                }
                template::violations(&self.repository()?, &fmri)
            }
            [file] => {
                let services = self.load(Path::new(file))?;
                // Templates and names are looked up in the live repository.
                let mut trial = self.repository()?;
                violations(&mut trial, &services)
            }
            _ => return Err(self.syntax_error()),
        };
        for violation in &found {
            self.answer.complain(violation);
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(self.fail("Validation failed."))
        }
    }

    pub(super) fn inventory(&mut self, file: &str) -> Result<(), Failed> {
        for declared in self.load(Path::new(file))? {
            for (instance, _) in &declared.instances {
                self.answer
                    .say(Fmri::instance(&declared.service, instance).to_string());
            }
            self.answer
                .say(Fmri::service(&declared.service).to_string());
        }
        Ok(())
    }
}

/// What the templates would say once the services are imported.
fn violations(trial: &mut Repository, services: &[Declared]) -> Vec<String> {
    let mut found = Vec::new();
    for declared in services {
        upgrade::import(trial, declared);
        for (instance, _) in &declared.instances {
            let fmri = Fmri::instance(&declared.service, instance);
            found.extend(template::violations(trial, &fmri));
        }
    }
    found
}
