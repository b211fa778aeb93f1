//! Lines of `facts/smf.md` §4, which come from manual pages and from smartos-live issue 245.

use super::*;
use crate::sandbox::smf::model::{Group, Instance, Property};
use crate::sandbox::smf::paths::Paths;

/// 1 August 2013, 06:30:18 UTC.
const FAILED: u64 = 1_375_338_618;

fn view(now: u64) -> View {
    View {
        repository: Repository::default(),
        processes: BTreeMap::new(),
        contracts: Contracts::default(),
        now: Duration::from_secs(now),
        paths: Paths::zone(),
    }
}

fn add(view: &mut View, fmri: &str, enabled: bool, restarter: &[(&str, &str)]) {
    let fmri = Fmri::parse(fmri).unwrap();
    let mut live = Group::new("framework");
    for (name, value) in restarter {
        live.properties
            .insert((*name).to_owned(), Property::one("astring", *value));
    }
    let mut instance = Instance::default();
    let general = Group::new("framework").with("enabled", "boolean", enabled.to_string());
    instance.groups.insert("general".to_owned(), general);
    instance.groups.insert("restarter".to_owned(), live);
    let service = view.repository.services.entry(fmri.service).or_default();
    service.instances.insert(fmri.instance.unwrap(), instance);
}

fn svcs(view: &View, line: &[&str]) -> String {
    let words: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
    view.answer(&Options::parse(&words, "aHpvo:R:s:S:dDlLxZz:").unwrap())
        .out
}

#[test]
fn lines_have_fixed_widths() {
    let day = 1_375_315_200;
    let mut view = view(day + 50_000);
    let time = |seconds: u64| format!("{}.000000000", day + seconds);
    let (early, late) = (time(22_198), time(48_313));
    add(
        &mut view,
        "svc:/system/sar:default",
        false,
        &[
            ("state", "disabled"),
            ("next_state", "none"),
            ("state_timestamp", &early),
        ],
    );
    add(
        &mut view,
        "svc:/network/smtp:sendmail",
        true,
        &[
            ("state", "online"),
            ("next_state", "none"),
            ("state_timestamp", &late),
        ],
    );
    assert_eq!(
        svcs(&view, &["-a"]),
        "STATE          STIME    FMRI\n\
         disabled        6:09:58 svc:/system/sar:default\n\
         online         13:25:13 svc:/network/smtp:sendmail\n"
    );
    assert_eq!(
        svcs(&view, &["-H"]),
        "online         13:25:13 svc:/network/smtp:sendmail\n"
    );
}

#[test]
fn the_verbose_line_has_the_contract_on_the_right() {
    // 22 January 2020; seen ten days later.
    let mut view = view(1_579_651_200 + 10 * 86_400);
    add(
        &mut view,
        "svc:/system/smartdc/vminfod:default",
        true,
        &[
            ("state", "online"),
            ("next_state", "none"),
            ("state_timestamp", "1579651200.0"),
            ("contract", "66"),
        ],
    );
    assert_eq!(
        svcs(&view, &["-v"]),
        "STATE          NSTATE        STIME    CTID   FMRI\n\
         online         -             Jan_22       66 svc:/system/smartdc/vminfod:default\n"
    );
}

#[test]
fn a_star_tells_a_transition_unless_the_next_state_is_shown() {
    let mut view = view(FAILED);
    add(
        &mut view,
        "svc:/site/x:default",
        true,
        &[("state", "offline"), ("next_state", "online")],
    );
    assert_eq!(
        svcs(&view, &["-H", "-o", "state,fmri"]).split(' ').next(),
        Some("offline*")
    );
    assert_eq!(svcs(&view, &["-H", "-o", "sta"]), "OFF*\n");
    assert_eq!(
        svcs(&view, &["-H", "-o", "state,nstate"]),
        "offline        online\n"
    );
    assert_eq!(svcs(&view, &["-H", "-o", "SN"]), "01\n");
}

#[test]
fn a_service_in_maintenance_is_explained() {
    let mut view = view(FAILED);
    let time = format!("{FAILED}.0");
    add(
        &mut view,
        "svc:/system/sar:default",
        true,
        &[
            ("state", "maintenance"),
            ("next_state", "none"),
            ("state_timestamp", &time),
            ("auxiliary_state", "fault_threshold_reached"),
            ("start_method_waitstatus", "32512"),
            ("logfile", "/var/svc/log/system-sar:default.log"),
        ],
    );
    let service = view.repository.services.get_mut("system/sar").unwrap();
    let title = Group::new("template").with("C", "ustring", "system activity reporting package");
    service.groups.insert("tm_common_name".to_owned(), title);
    let manual = Group::new("template")
        .with("title", "ustring", "sar")
        .with("section", "astring", "1M")
        .with("manpath", "astring", "/usr/share/man");
    service.groups.insert("tm_man_sar1M".to_owned(), manual);
    assert_eq!(
        svcs(&view, &["-xv"]),
        "svc:/system/sar:default (system activity reporting package)\n \
         State: maintenance since Thu Aug  1 06:30:18 2013\n\
         Reason: Start method failed repeatedly, last exited with status 127.\n   \
         See: http://illumos.org/msg/SMF-8000-KS\n   \
         See: man -M /usr/share/man -s 1M sar\n   \
         See: /var/svc/log/system-sar:default.log\n\
         Impact: This service is not running.\n"
    );
    assert!(svcs(&view, &["-x"]).contains("\n   See: sar(1M)\n"));
}

#[test]
fn a_disabled_dependency_is_explained_in_its_dependents_stead() {
    let mut view = view(FAILED);
    add(
        &mut view,
        "svc:/site/base:default",
        false,
        &[("state", "disabled"), ("next_state", "none")],
    );
    add(
        &mut view,
        "svc:/site/x:default",
        true,
        &[("state", "offline"), ("next_state", "none")],
    );
    let mut needs = Group::new("dependency")
        .with("grouping", "astring", "require_all")
        .with("restart_on", "astring", "none")
        .with("type", "astring", "service");
    needs.properties.insert(
        "entities".to_owned(),
        Property::one("fmri", "svc:/site/base"),
    );
    view.repository
        .services
        .get_mut("site/x")
        .unwrap()
        .groups
        .insert("needs".to_owned(), needs);
    assert_eq!(
        svcs(&view, &["-x"]),
        "svc:/site/base:default (?)\n State: disabled\nReason: Disabled by an administrator.\n   \
         See: http://illumos.org/msg/SMF-8000-05\nImpact: 1 dependent service is not running.  \
         (Use -v for list.)\n"
    );
    assert!(
        svcs(&view, &["-xv"]).ends_with(
            "Impact: 1 dependent service is not running:\n        svc:/site/x:default\n"
        )
    );
    let named = svcs(&view, &["-x", "site/x"]);
    assert!(named.contains("Reason: Service svc:/site/base:default\n        is disabled.\n"));
}

#[test]
fn the_long_form_has_its_labels_in_order() {
    let mut view = view(FAILED);
    let time = format!("{FAILED}.0");
    add(
        &mut view,
        "svc:/site/x:default",
        true,
        &[
            ("state", "online"),
            ("next_state", "none"),
            ("state_timestamp", &time),
            ("contract", "123"),
            ("logfile", "/var/svc/log/site-x:default.log"),
        ],
    );
    assert_eq!(
        svcs(&view, &["-l", "x"]),
        "fmri         svc:/site/x:default\n\
         enabled      true\n\
         state        online\n\
         next_state   none\n\
         state_time   Thu Aug  1 06:30:18 2013\n\
         logfile      /var/svc/log/site-x:default.log\n\
         restarter    svc:/system/svc/restarter:default\n\
         contract_id  123 \n"
    );
}
