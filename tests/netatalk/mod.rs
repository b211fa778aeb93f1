//! netatalk, really built and really serving: the recipe that `zonewright apply sandbox` uses, a
//! variant of it that its own test programs can talk to, and a second recipe.
//!
//! netatalk is built three times, because the test programs are an option of its build, and because another
//! image has another branch of packages. They log in as a guest or with a password in the clear; the
//! client of these tests logs in by DHX2, as a Mac does.

mod another_root;
mod client;
mod dhx2;
mod place;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use client::{Client, NOT_AUTHENTICATED};
use place::{Place, Zone, succeed, text};
use zonewright::afp;

/// What cnid_metad wants its limit of open files to be.
const WANTED_DESCRIPTORS: u64 = 65_535;

#[test]
fn apply_sandbox_builds_and_serves_netatalk() {
    let Some(place) = Place::new() else { return };
    let said = succeed(place.zonewright(&["apply", "sandbox"]));
    let zone = place.zone("sandbox");
    assert!(said.contains("sandbox is as its file says: "), "{said}");
    assert!(said.contains(&format!("  address  {}\n", zone.address)));
    let answer = said.lines().find(|line| line.contains("AFP answers: "));
    let answer = answer.expect(&said);
    assert!(answer.contains("“zonewright sandbox”"), "{answer}");
    assert!(answer.contains("AFP3.3, AFP3.4"), "{answer}");
    // neither guests nor passwords in the clear
    assert!(answer.ends_with(" with DHX2"), "{answer}");

    let status = ask_from_outside(&zone);
    assert_eq!(status.name(), "zonewright sandbox");
    assert_eq!(status.machine_type, "Netatalk4.2.3");
    assert_eq!(status.uams, ["DHX2"]);
    assert!(status.versions.contains(&"AFP3.4".to_owned()));

    the_package_holds_what_it_should(&place);
    cnid_metad_goes_on_with_few_descriptors(&place);
    let again = succeed(place.zonewright(&["apply", "sandbox"]));
    assert_eq!(
        again,
        format!("sandbox ({}): nothing to do\n", zone.address)
    );
    // the package that was just built is the one that the other zone wants as well
    another_root::is_the_same_server_to_a_mac(&place);
}

/// Speaks DSI to the address at which the machine sees the zone.
fn ask_from_outside(zone: &Zone) -> afp::ServerStatus {
    let mut stream = TcpStream::connect((zone.address.as_str(), zone.afp_port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(&afp::get_status_request()).unwrap();
    let mut reply = vec![0; 16];
    stream.read_exact(&mut reply).unwrap();
    let length = afp::status_length(reply.first_chunk().unwrap()).unwrap();
    reply.resize(16 + length, 0);
    stream.read_exact(&mut reply[16..]).unwrap();
    afp::parse_status(&reply).unwrap()
}

fn the_package_holds_what_it_should(place: &Place) {
    let files = place.ask(
        "sandbox",
        &["/opt/local/sbin/pkg_info", "-qL", "zw-netatalk"],
    );
    let files: Vec<&str> = files.lines().filter(|line| !line.is_empty()).collect();
    assert!(files.contains(&"/opt/local/sbin/afpd"), "{files:?}");
    assert!(files.contains(&"/opt/local/lib/netatalk/uams_dhx2.so"));
    for file in &files {
        assert!(file.starts_with("/opt/local/"), "{file}");
        // what people may edit and what holds data is not the package's
        assert!(!file.starts_with("/opt/local/etc/"), "{file}");
        assert!(!file.starts_with("/opt/local/var/"), "{file}");
    }
    let setuid = [
        &["/usr/bin/find"],
        files.as_slice(),
        &["-perm", "-4000", "-print"],
    ];
    assert_eq!(place.ask("sandbox", &setuid.concat()), "");
    let folders = place.ask(
        "sandbox",
        &[
            "/usr/bin/ls",
            "-ld",
            "/netatalk/netatalk/CNID",
            "/var/backups/timemachine",
        ],
    );
    assert!(folders.lines().all(|line| line.starts_with("drwxr-xr-x")));
    let log = place.ask("sandbox", &["/usr/bin/cat", "/var/log/netatalk"]);
    assert!(!log.contains("(error:"), "{log}");
}

/// The patch of the recipe: without it cnid_metad exits where it may not raise the hard limit, and
/// is started again every second.
fn cnid_metad_goes_on_with_few_descriptors(place: &Place) {
    let found = place.inside(
        "sandbox",
        &[
            "/usr/bin/grep",
            "-q",
            "going on with",
            "/opt/local/sbin/cnid_metad",
        ],
    );
    assert!(
        found.status.success(),
        "the build is without the patch's message"
    );
    let process = || place.ask("sandbox", &["/usr/bin/pgrep", "-x", "cnid_metad"]);
    let before = process();
    assert_eq!(before.lines().count(), 1, "{before}");
    sleep(Duration::from_secs(3));
    assert_eq!(before, process(), "cnid_metad was started again");
    let log = place.ask("sandbox", &["/usr/bin/cat", "/var/log/netatalk"]);
    assert_eq!(log.matches("CNID Server listening").count(), 1, "{log}");
    let limits = format!("/proc/{}/limits", before.trim());
    let limits = place.ask("sandbox", &["/usr/bin/cat", &limits]);
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let hard = line.unwrap().split_whitespace().nth(4).unwrap();
    // `unlimited` is no number
    let hard: u64 = hard.parse().unwrap_or(u64::MAX);
    if hard < WANTED_DESCRIPTORS {
        let warning = format!("going on with {hard} file descriptors");
        assert!(log.contains(&warning), "{log}");
    } else {
        eprintln!("not seen here: this machine lets cnid_metad have its {hard} file descriptors");
    }
}

const PASSWORD: &str = "open-5am";

/// Sets of `afp_spectest`, and how many tests of each must pass at least.
const SETS: [(&str, u32); 17] = [
    ("FPOpenVol", 2),
    ("FPGetVolParms", 1),
    ("FPCloseVol", 1),
    ("FPCreateFile", 1),
    ("FPCreateDir", 5),
    ("FPOpenFork", 15),
    ("FPWrite", 2),
    ("FPWriteExt", 3),
    ("FPRead", 10),
    ("FPReadExt", 1),
    ("FPEnumerate", 7),
    ("FPCopyFile", 15),
    ("FPRename", 8),
    ("FPMoveAndRename", 5),
    ("FPExchangeFiles", 7),
    ("FPGetExtAttr", 3),
    ("FPDelete", 9),
];

/// The shipped recipe's own text, with the test programs and an afp.conf for them.
fn testsuite_recipe() -> String {
    let replaced = |text: String, old: &str, new: &str| {
        assert_eq!(text.matches(old).count(), 1, "`{old}` in the recipe");
        text.replace(old, new)
    };
    let shipped = include_str!("../../recipes/netatalk-4.2.toml").to_owned();
    let options = "\noptions = [\n";
    let built = replaced(
        shipped,
        options,
        &format!("{options}    \"-Dwith-testsuite=true\",\n"),
    );
    let configured = replaced(
        built,
        "\"netatalk/afp.conf.hbs\"",
        "\"netatalk-testsuite/afp.conf.hbs\"",
    );
    configured + "\n[[directory]]\npath = \"/var/second\"\nuser-folders = true\n"
}

fn testsuite_site(place: &Place) {
    place.write("recipes/netatalk-testsuite.toml", &testsuite_recipe());
    place.write(
        "templates/netatalk-testsuite/afp.conf.hbs",
        include_str!("../fixture/templates/netatalk-testsuite/afp.conf.hbs"),
    );
    write_zone(place, "");
}

/// The zone file, with more parameters for the recipe.
fn write_zone(place: &Place, parameters: &str) {
    place.write(
        "zones/testsuite.toml",
        &format!(
            "[host]\nsandbox = true\n\n[[user]]\nname = \"matt\"\nuid = 1001\n\
             password = {{ env = \"MATT_PASSWORD\" }}\n\n[[recipe]]\nname = \"netatalk-testsuite\"\n\
             parameters = {{ volume = \"spec\"{parameters} }}\n"
        ),
    );
}

#[test]
fn netatalks_own_test_programs_pass() {
    let Some(place) = Place::new() else { return };
    testsuite_site(&place);
    let mut apply = place.zonewright(&["apply", "testsuite"]);
    apply.env("MATT_PASSWORD", PASSWORD);
    let said = succeed(apply);
    assert!(said.contains("DHX2, Cleartxt Passwrd"), "{said}");
    let zone = place.zone("testsuite");

    let login = [
        "/opt/local/bin/afp_logintest",
        "-C",
        "-h",
        "127.0.0.1",
        "-u",
        "matt",
        "-w",
        PASSWORD,
    ];
    assert_passed(&place.inside("testsuite", &login), 5);
    for (set, least) in SETS {
        let set = spectest("127.0.0.1", "548", PASSWORD, set);
        assert_passed(&place.inside("testsuite", &words(&set)), least);
    }
    // the way that a Mac's packets take
    for set in ["FPOpenVol", "FPWrite", "FPRead"] {
        let set = spectest(&zone.address, &zone.afp_port.to_string(), PASSWORD, set);
        assert_passed(&place.outside("testsuite", &words(&set)), 2);
    }
    let wrong = spectest("127.0.0.1", "548", "open-6am", "FPOpenVol");
    let refused = place.inside("testsuite", &words(&wrong));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stdout).contains("Login failed"),
        "{refused:?}"
    );

    files_written_over_afp_are_the_users(&place, &zone);
    a_session_holds_up_a_restart(&place, &zone);
    a_session_is_ended_where_one_may(&place, &zone);
}

fn spectest(address: &str, port: &str, password: &str, set: &str) -> Vec<String> {
    let program = "/opt/local/bin/afp_spectest -C -u matt -d matt -s spec -S second -h";
    let mut words: Vec<String> = program.split(' ').map(str::to_owned).collect();
    words.extend([address, "-p", port, "-w", password, "-f", set].map(str::to_owned));
    words
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

/// At least so many tests passed, by the program's summary, and none failed.
#[track_caller]
fn assert_passed(output: &Output, least: u32) {
    let said = text(&output.stdout);
    let count = |label: &str| -> u32 {
        let line = said
            .lines()
            .find_map(|line| line.trim().strip_prefix(label));
        let line = line.unwrap_or_else(|| panic!("no `{label}` in {output:?}"));
        line.trim().parse().unwrap()
    };
    assert_eq!(count("Failed:"), 0, "{said}");
    assert!(count("Passed:") >= least, "{least} tests in {said}");
}

fn files_written_over_afp_are_the_users(place: &Place, zone: &Zone) {
    let mut stranger = Client::connect(&zone.address, zone.afp_port);
    assert_eq!(stranger.log_in("matt", "open-6am"), Err(NOT_AUTHENTICATED));

    let mut matt = Client::connect(&zone.address, zone.afp_port);
    matt.log_in("matt", PASSWORD).unwrap();
    let volume = matt.open_volume("spec");
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let found = matt.write_and_read(volume, "written over AFP", &content);
    assert_eq!(found.len(), content.len());
    assert!(found == content, "what was read is not what was written");
    matt.log_out();

    let folder = "/var/backups/timemachine/matt";
    let file = format!("{folder}/written over AFP");
    let listed = place.ask("testsuite", &["/usr/bin/ls", "-lnd", folder, &file]);
    let owners: Vec<_> = listed
        .lines()
        .map(|line| line.split_whitespace().nth(2).unwrap())
        .collect();
    assert_eq!(owners, ["1001", "1001"], "{listed}");
    assert!(listed.starts_with("drwx------"), "{listed}");
    let output = place.inside("testsuite", &["/usr/bin/cat", &file]);
    assert!(output.stdout == content, "the file's content");
    // the database of the volume is where the recipe says that the state is
    let database = "/opt/local/var/netatalk/CNID/spec/.AppleDB/cnid2.db";
    place.ask("testsuite", &["/usr/bin/ls", database]);
}

/// Somebody who is logged in, with a volume open, as a Mac that makes a backup.
fn session(zone: &Zone) -> (Client, [u8; 2]) {
    let mut matt = Client::connect(&zone.address, zone.afp_port);
    matt.log_in("matt", PASSWORD).unwrap();
    let volume = matt.open_volume("spec");
    (matt, volume)
}

fn apply_again(place: &Place, more: &[&str]) -> Command {
    let mut apply = place.zonewright(&[&["apply", "testsuite"], more].concat());
    apply.env("MATT_PASSWORD", PASSWORD);
    apply
}

/// A changed parameter of the template means a restart, and that waits for the session and says so.
fn a_session_holds_up_a_restart(place: &Place, zone: &Zone) {
    // clients that went away without a word keep their sessions for a day
    place.inside(
        "testsuite",
        &["/usr/bin/pkill", "-TERM", "-u", "matt", "-x", "afpd"],
    );
    sleep(Duration::from_secs(1));
    let (mut matt, volume) = session(zone);
    let served = || place.ask("testsuite", &["/usr/bin/pgrep", "-u", "matt", "-x", "afpd"]);
    let process = served();
    write_zone(place, ", server-name = \"renamed\"");
    let mut apply = apply_again(place, &[])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(apply.stderr.take().unwrap()).lines();
    let mut waiting = lines.by_ref().map(Result::unwrap);
    let line = waiting.find(|line| line.starts_with("waiting")).unwrap();
    assert!(
        line.starts_with("waiting for matt, connected for "),
        "{line}"
    );
    let how = " so far); --end-sessions would end the session";
    assert!(line.ends_with(how), "{line}");
    // longer than several looks at it: the backup goes on
    for round in 0..4 {
        sleep(Duration::from_secs(2));
        matt.tickle();
        let content = format!("round {round}");
        let name = format!("while waiting {round}");
        let found = matt.write_and_read(volume, &name, content.as_bytes());
        assert_eq!(found, content.as_bytes());
    }
    assert_eq!(served(), process);
    assert!(apply.try_wait().unwrap().is_none(), "it did not wait");
    assert_eq!(ask_from_outside(zone).name(), "testsuite");
    matt.log_out();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(apply.wait().unwrap().success(), "{rest:?}");
    let again = rest.iter().find(|line| line.contains("waiting"));
    assert_eq!(again, None, "a pipe is told once: {rest:?}");
    assert_eq!(ask_from_outside(zone).name(), "renamed");
}

fn a_session_is_ended_where_one_may(place: &Place, zone: &Zone) {
    let (matt, _) = session(zone);
    write_zone(place, ", server-name = \"renamed again\"");
    let output = apply_again(place, &["--end-sessions"]).output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("waiting"), "{said}");
    assert!(matt.gets_cut_off());
    assert_eq!(ask_from_outside(zone).name(), "renamed again");
}

#[test]
fn a_small_recipe_is_applied_in_seconds() {
    let Some(place) = Place::new() else { return };
    let zone = "[host]\nsandbox = true\n\n[[recipe]]\nname = \"fping\"\n";
    place.write("zones/small.toml", zone);
    let said = succeed(place.zonewright(&["apply", "small"]));
    assert!(
        said.contains("the right version is installed: passes"),
        "{said}"
    );
    assert!(said.contains("it pings: passes"), "{said}");
    let files = place.ask("small", &["/opt/local/sbin/pkg_info", "-qL", "zw-fping"]);
    let files: Vec<&str> = files.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        files,
        ["/opt/local/man/man8/fping.8", "/opt/local/sbin/fping"]
    );
    let again = succeed(place.zonewright(&["apply", "small"]));
    assert!(again.ends_with(": nothing to do\n"), "{again}");
}
