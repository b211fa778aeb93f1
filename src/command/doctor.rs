//! `zonewright doctor`: asks this machine and the zones how they are, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{
    DONE, FAILED, Failure, answer, answer_json, door, folders, now, site, status::own_zones, wish,
};
use crate::afp::{self, ServerStatus};
use crate::build_system;
use crate::cli::{DoctorArgs, Global};
use crate::doctor::controller::Controller;
use crate::doctor::zone::Expected;
use crate::doctor::{self, Examined, Finding, Verdict};
use crate::facts::health::{self, Health};
use crate::facts::host::health as host_health;
use crate::host::ssh::{SshConfig, keys_of_agent};
use crate::host::{self, Exit, Host};
use crate::plan::checks;
use crate::problem::Severity;
use crate::recipe::load::check_recipe;
use crate::recipe::model::CheckKind;
use crate::run::Wish;
use crate::script::Script;
use crate::show::progress::Progress;
use crate::show::{Style, doctor as show};
use crate::site::SiteRoot;
use crate::site::load::{check_zone, recipe_names};
use crate::site::model::HostSpec;

/// What nobody would like to find out by an update of a Mac.
const NO_CLIENT: &str =
    "macOS 27 has no AFP client any more: a Mac that is updated to it backs up here no longer";
const NO_CLIENT_FIX: &str =
    "keep one Mac at macOS 26 or older, or give the updated ones another kind of target in time";

pub(super) fn run(global: &Global, arguments: &DoctorArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let zones = match arguments.zones.is_empty() {
        true => own_zones(&site),
        false => arguments.zones.clone(),
    };
    let style = Style::stderr(global.color);
    let mut progress = Progress::new(style, global.verbose, String::new());
    let mut wishes = Vec::new();
    let mut examined = Vec::new();
    for zone in &zones {
        match wish::load(&site, zone) {
            Ok(wish) => wishes.push(wish),
            Err(failure) if arguments.zones.is_empty() => {
                let (message, help) = failure.in_short();
                examined.push(Examined {
                    subject: format!("zone {zone}"),
                    findings: vec![Finding::wrong("zone file", message, help)],
                });
            }
            Err(failure) => return Err(failure),
        }
    }
    let controller = look_around(&site, &wishes);
    let here = Examined {
        subject: "this machine".to_owned(),
        findings: doctor::controller::examine(&controller),
    };
    examined.insert(0, here);
    let mut hosts: Vec<&HostSpec> = Vec::new();
    for spec in wishes.iter().filter_map(|wish| wish.zone.host.as_ref()) {
        if !hosts.contains(&spec) {
            hosts.push(spec);
            examined.push(Examined {
                subject: match spec {
                    HostSpec::Ssh(destination) => format!("host {destination}"),
                    HostSpec::Sandbox => "the sandbox".to_owned(),
                },
                findings: host(global, spec, &mut progress),
            });
        }
    }
    let mut serves_afp = false;
    for wish in &wishes {
        let recipes = wish.recipes.iter().map(|(_, loaded)| &loaded.recipe);
        let expected = Expected::of(recipes);
        serves_afp |= !expected.afp_ports.is_empty();
        examined.push(Examined {
            subject: format!("zone {}", wish.zone.name),
            findings: zone(global, &site, wish, &expected, &mut progress),
        });
    }
    progress.stop();
    if serves_afp {
        examined.push(Examined {
            subject: "the Macs".to_owned(),
            findings: vec![Finding::notice("macOS", NO_CLIENT, NO_CLIENT_FIX)],
        });
    }
    match global.json {
        true => answer_json("doctor", show::json(&examined)),
        false => answer(&show::text(&examined, Style::stdout(global.color))),
    }
    Ok(match doctor::worst(&examined) {
        Verdict::Wrong => FAILED,
        _ => DONE,
    })
}

/// Asks a host.
fn host(global: &Global, spec: &HostSpec, progress: &mut Progress) -> Vec<Finding> {
    let what = "reached";
    let mut door = match door::host::reach(global, spec, progress) {
        Ok(Some(door)) => door,
        Ok(None) => {
            let fix = "`zonewright apply` with a zone's name starts it";
            return vec![Finding::notice(what, "it does not run", fix)];
        }
        Err(failure) => {
            let (message, help) = failure.in_short();
            return vec![Finding::wrong(what, message, help)];
        }
    };
    let health = answer_of(&mut door, &host_health::probe())
        .and_then(|answer| host_health::parse(&answer).map_err(|error| error.to_string()));
    match health {
        Ok(health) => doctor::host::examine(&health, now()),
        Err(why) => {
            let fix = "see that `[host]` leads to a SmartOS host's global zone; `-v` shows what was answered";
            vec![Finding::wrong(what, why, fix)]
        }
    }
}

/// Asks a zone.
fn zone(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    expected: &Expected,
    progress: &mut Progress,
) -> Vec<Finding> {
    let what = "reached";
    let mut door = match door::open(global, site, wish, progress) {
        Ok(Some(door)) => door,
        Ok(None) => {
            let fix = format!("zonewright apply {}", wish.zone.name);
            return vec![Finding::wrong(what, "the zone is not there", fix)];
        }
        Err(failure) => {
            let (message, help) = failure.in_short();
            return vec![Finding::wrong(what, message, help)];
        }
    };
    let address = door.address.clone();
    let health = match ask(&mut door.host, expected) {
        Ok(health) => health,
        Err(why) => {
            let fix = "`-v` shows what was asked and answered; is it a SmartOS zone?";
            return vec![Finding::wrong(what, why, fix)];
        }
    };
    let served = expected
        .afp_ports
        .iter()
        .filter(|port| health.listening.contains(port))
        .find_map(|port| ask_afp(&mut door.host, *port));
    let mut findings = vec![Finding::fine(what, address)];
    findings.extend(doctor::zone::examine(
        &health,
        expected,
        served.as_ref(),
        now(),
    ));
    findings
}

fn ask(host: &mut dyn Host, expected: &Expected) -> Result<Health, String> {
    let fmris = expected.asked();
    let answer = answer_of(host, &health::probe(&fmris, &expected.afp_ports))?;
    health::parse(&answer, &fmris).map_err(|error| error.to_string())
}

/// What a script prints that must end well.
fn answer_of(host: &mut dyn Host, script: &Script) -> Result<Vec<u8>, String> {
    let (exit, answer, errors) =
        host::run_to_string(host, script).map_err(|error| crate::causes::in_one_line(&error))?;
    match exit {
        Exit::Code(0) => Ok(answer),
        exit => {
            let errors = String::from_utf8_lossy(&errors);
            Err(format!(
                "the questions ended with {exit}: {}",
                errors.trim()
            ))
        }
    }
}

fn ask_afp(host: &mut dyn Host, port: u16) -> Option<ServerStatus> {
    let address = "127.0.0.1".to_owned();
    let script = checks::script(&CheckKind::Afp { port, address });
    let (_, answer, _) = host::run_to_string(host, &script).ok()?;
    afp::parse_status(&answer).ok()
}

/// Looks around on this machine.
fn look_around(site: &SiteRoot, wishes: &[Wish]) -> Controller {
    let config = SshConfig::of_user();
    let (home, agent) = match &config {
        Ok(config) => (Some(config.home.clone()), config.agent.clone()),
        Err(_) => (std::env::var_os("HOME").map(PathBuf::from), None),
    };
    let ssh_folder = home.map(|home| home.join(".ssh"));
    let systems = build_system::names();
    let zones = own_zones(site);
    let errors = zones
        .iter()
        .flat_map(|zone| check_zone(site, zone, &systems).1)
        .chain(
            recipe_names(site)
                .iter()
                .flat_map(|recipe| check_recipe(site, recipe, &systems).1),
        )
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let folders = folders();
    Controller {
        site: site.folder().map(Path::to_path_buf),
        zones: zones.len(),
        recipes: recipe_names(site).len(),
        errors,
        config_error: config.err().map(|error| crate::causes::in_one_line(&error)),
        agent: keys_of_agent(agent.as_deref()),
        keys: ssh_folder.as_deref().map(private_keys).unwrap_or_default(),
        has_known_hosts: ssh_folder.is_some_and(|folder| folder.join("known_hosts").is_file()),
        has_ssh: is_on_path("ssh"),
        unwritable: [&folders.cache, &folders.state]
            .into_iter()
            .filter_map(|folder| Some((folder.clone(), unwritable(folder)?)))
            .collect(),
        free: free(&folders.cache),
        needs_ssh: wishes
            .iter()
            .any(|wish| wish.zone.host != Some(HostSpec::Sandbox)),
    }
}

/// The private keys that `ssh` itself would try, with whether others than their owner can read them.
fn private_keys(folder: &Path) -> Vec<(PathBuf, bool)> {
    let names = ["id_ed25519", "id_ecdsa", "id_rsa"].into_iter();
    let found = names.filter_map(|name| {
        let path = folder.join(name);
        let mode = fs::metadata(&path).ok()?.permissions().mode();
        Some((path, mode & 0o077 != 0))
    });
    found.collect()
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Why nothing can be written into a folder, or into where it would be made.
fn unwritable(folder: &Path) -> Option<String> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    tempfile::tempfile_in(there)
        .err()
        .map(|error| error.to_string())
}

/// Free bytes for whoever runs this.
fn free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let found = rustix::fs::statvfs(there).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
