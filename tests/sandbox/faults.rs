//! Faults that the sandbox is told to make: each is real, strikes where it was ordered, and is gone
//! when it is disarmed.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zonewright::host::{self, Exit, Host, HostError};
use zonewright::script::Script;

use super::harness::Zone;

type Outcome = Result<(Exit, String), HostError>;

/// Runs a script over a connection.
fn run(door: &mut impl Host, script: &'static str) -> Outcome {
    let (exit, out, errors) = host::run_to_string(door, &Script::new("test").shell(script))?;
    let text = [out, errors].concat();
    Ok((exit, String::from_utf8(text).unwrap()))
}

/// The same in the background, over a connection of its own.
fn start(zone: &Zone, script: &'static str) -> JoinHandle<Outcome> {
    let mut door = zone.door();
    thread::spawn(move || run(&mut door, script))
}

fn output(door: &mut impl Host, script: &'static str) -> String {
    let (exit, out) = run(door, script).unwrap();
    assert_eq!(exit, Exit::Code(0), "{out}");
    out
}

/// Waits until something is so, and says what is so instead when it does not come.
#[track_caller]
fn wait_for(zone: &Zone, script: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let found = zone.try_shell(script).out;
        if found == wanted {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{script}: {found}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_before_anything_is_made() {
    let Some(zone) = Zone::new("nonsense") else {
        return;
    };
    let up = |fault: &str| zone.run(&["sandbox", "up", "nonsense", "--fault", fault]);
    for (fault, said) in [
        (
            "gtar#x=fail",
            "error: `--fault gtar#x=fail`: `x` is no number from 1 on (at character 6)\n",
        ),
        (
            "connection=full",
            "error: `--fault connection=full`: `full` cannot strike at `connection#N`: possible there \
             are `cut(BYTES)`, `silent(BYTES)`, `delay(MS)`\n",
        ),
    ] {
        let refused = up(fault).exits(2);
        assert!(refused.err.starts_with(said), "{refused}");
        assert!(
            refused.err.contains("help: `zonewright sandbox up --help`"),
            "{refused}"
        );
    }
    let list = zone.run(&["sandbox", "list"]).succeeds();
    assert!(!list.out.contains("nonsense"), "{list}");

    zone.run(&["sandbox", "up", "nonsense"]).succeeds();
    let refused = up("now=full").exits(1);
    let said = "`now=full` needs a zone that was made for faults: end the zone, and make it again \
                with `--fault`";
    assert!(refused.err.contains(said), "{refused}");
    assert!(zone.watched().faults.is_empty());
}

#[test]
fn the_nth_run_of_a_command_fails_or_prints_or_hangs() {
    let Some(zone) = Zone::new("commands") else {
        return;
    };
    zone.arm(&[
        "gtar#2=fail(3,no tape)",
        "svcs=print(all is well)",
        "sed=fail(0)",
    ]);
    let mut door = zone.door();
    let script = r"
status() { printf '%s:%s ' $1 $?; }
/usr/bin/gtar --version >/dev/null; status first
/opt/local/bin/gtar --version; status second
/usr/bin/gtar --version >/dev/null; status third
/usr/bin/svcs; status svcs
/usr/bin/svcs -H -o state ssh
echo x | /usr/bin/sed s/x/y/; status sed
echo x | /usr/bin/sed s/x/y/
";
    let said = output(&mut door, script);
    assert_eq!(
        said,
        "first:0 second:3 third:0 all is well\nsvcs:0 online\nsed:0 y\nno tape\n"
    );

    // the program of a package that is not there yet, and one that a user without rights runs
    zone.arm(&["cc=fail(4,cc: out of memory)", "ninja=hang"]);
    let script = r"
/opt/local/bin/pkgin -y install gcc13 ninja-build >/dev/null 2>&1
cd /var/tmp; echo 'int main(void) { return 0; }' >a.c
/opt/local/gcc13/bin/cc a.c; echo $?
/opt/local/gcc13/bin/cc a.c && ./a.out; echo $?
/usr/bin/su - admin -c '/opt/local/bin/ninja --version >/dev/null; echo waited'
";
    let running = start(&zone, script);
    zone.wait_for_fault();
    thread::sleep(Duration::from_millis(100));
    assert!(!running.is_finished());
    zone.disarm();
    let (_, said) = running.join().unwrap().unwrap();
    assert_eq!(said, "4\n0\nwaited\ncc: out of memory\n");

    let list = zone.run(&["sandbox", "list"]).succeeds();
    assert!(!list.out.contains("ninja"), "{list}");
}

/// A script of three steps that prints nothing: once nobody reads any more, printing would end it.
const THREE: &str = r"
f() { echo x >>/var/tmp/$1; }
f one
f two
f three
";

#[test]
fn scripts_are_counted_and_left_as_they_are() {
    let Some(zone) = Zone::new("counted") else {
        return;
    };
    let mut door = zone.door();
    let script = r#"
f() { false | true; echo "${PIPESTATUS[*]} $?"; return 7; }
x=$(f); echo "$x $?"
set -- a "b c"; echo "$@" "$_"
( exit 3 ) || echo "$? $#"
trap 'echo bye' EXIT
[ -v BASH_ENV ] || echo none
"#;
    let plain = run(&mut door, script).unwrap();
    assert_eq!(plain.1, "1 0 0 7\na b c b c\n3 2\nnone\nbye\n");
    zone.run(&["sandbox", "up", "counted", "--count-scripts"])
        .succeeds();
    assert_eq!(run(&mut door, script).unwrap(), plain);
    output(&mut door, "true");
    output(&mut door, "true; true; true");
    let counts = zone.watched().scripts;
    let [first, second, third] = counts[..] else {
        panic!("{counts:?}");
    };
    assert!(first > second && third == second + 2, "{counts:?}");
    zone.disarm();
    output(&mut door, "true");
    assert!(zone.watched().scripts.is_empty());
}

#[test]
fn a_script_fails_or_prints_or_is_cut_before_within_or_after() {
    let Some(zone) = Zone::new("script") else {
        return;
    };
    let mut door = zone.door();
    zone.run(&["sandbox", "up", "script", "--count-scripts"])
        .succeeds();
    output(&mut door, THREE);
    // behind it: a call, what it calls, and once more, and what the frame does at the end
    let before_two = zone.watched().scripts[0] - 8;
    let ran = |what: &str| {
        let found = zone.shell("cd /var/tmp; for f in one two three; do [ -f $f ] && echo -n \"$f \"; done; rm -f one two three");
        assert_eq!(found.trim(), what);
    };
    ran("one two three");

    let after = |fault: &str| {
        zone.arm(&["script#2=hang", fault]);
        let mut door = zone.door();
        let outcome = run(&mut door, THREE);
        zone.wait_for_fault();
        (outcome, zone.run(&["sandbox", "list"]))
    };
    let (outcome, list) = after("script=fail(9,sshd: no shell)");
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, HostError::NoEnd { status: 9, stderr, .. } if stderr == "sshd: no shell"),
        "{error:?}"
    );
    for line in [
        "  script#2=hang: armed\n",
        "  script=fail(9,sshd: no shell): happened\n",
    ] {
        assert!(list.out.contains(line), "{list}");
    }
    zone.disarm();
    assert!(matches!(
        after("script=print(Welcome)").0,
        Err(HostError::NoEnd { status: 0, .. })
    ));
    ran("");
    zone.disarm();
    let within = format!("script.{before_two}=fail(9,enough)");
    let (outcome, _) = after(&within);
    let (exit, said) = outcome.unwrap();
    assert_eq!(exit, Exit::Code(9), "{said}");
    assert!(said.ends_with("enough\n"), "{said}");
    ran("one");
    zone.disarm();

    assert!(matches!(after("script=cut").0, Err(HostError::Lost { .. })));
    ran("");
    zone.disarm();
    assert!(matches!(
        after("script.end=cut").0,
        Err(HostError::Lost { .. })
    ));
    ran("one two three");
    zone.disarm();
    // what was cut off runs on, as on a real host
    assert!(matches!(
        after(&format!("script.{before_two}=cut")).0,
        Err(HostError::Lost { .. })
    ));
    wait_for(&zone, "ls /var/tmp/three 2>/dev/null", "/var/tmp/three\n");
    ran("one two three");
}

#[test]
fn a_new_connection_is_cut_or_silent_or_late() {
    let Some(zone) = Zone::new("network") else {
        return;
    };
    let mut open = zone.door();
    let access = zone.access();
    let greeting = |limit: usize| {
        use std::io::Read as _;
        let mut stream = std::net::TcpStream::connect((access.address, access.ssh_port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(700)))
            .unwrap();
        let mut bytes = vec![0; limit];
        let result = stream.read_exact(&mut bytes);
        result.map(|()| String::from_utf8(bytes).unwrap())
    };
    let kind = |limit| greeting(limit).unwrap_err().kind();
    zone.arm(&[
        "connection#2=cut",
        "connection#3=cut(4)",
        "connection#4=silent",
    ]);
    assert_eq!(greeting(8).unwrap(), "SSH-2.0-");
    use std::io::ErrorKind::{ConnectionReset, UnexpectedEof, WouldBlock};
    assert!(matches!(kind(1), UnexpectedEof | ConnectionReset));
    assert_eq!(greeting(4).unwrap(), "SSH-");
    assert_eq!(kind(1), WouldBlock);
    assert_eq!(greeting(8).unwrap(), "SSH-2.0-");
    assert_eq!(output(&mut open, "echo untouched"), "untouched\n");

    zone.arm(&["now=silent"]);
    let held = thread::spawn(move || run(&mut open, "echo back").map(|(_, out)| out));
    assert_eq!(kind(1), WouldBlock, "later ones are silent too");
    assert!(!held.is_finished());
    zone.disarm();
    assert_eq!(held.join().unwrap().unwrap(), "back\n");

    zone.arm(&["now=delay(150)"]);
    let begun = Instant::now();
    greeting(8).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(150));
    zone.disarm();

    let mut open = zone.door();
    output(&mut open, "true");
    zone.arm(&["now=cut"]);
    assert!(run(&mut open, "true").is_err());
    assert_eq!(output(&mut zone.door(), "echo anew"), "anew\n");
}

#[test]
fn a_full_disk_is_full_for_everybody_until_it_is_healed() {
    let Some(zone) = Zone::new("full") else {
        return;
    };
    // a zone that is made with a fault has a disk that can be filled
    zone.arm(&["pkgin=fail(1,no)"]);
    // what starts in it writes logs, and the repository's old file goes a moment after the new one
    // is there
    let started = "/usr/bin/svcs -H -o state svc:/milestone/multi-user-server:default";
    let used = "/usr/bin/df -k /var | awk 'NR == 2 { print $3 }'";
    zone.until(&format!(
        "[ \"$({started})\" = online ] && used=$({used}) && sleep 1 && [ \"$({used})\" = \"$used\" ]"
    ));
    zone.disarm();
    zone.arm(&["script.2=full(2000000)"]);
    let mut door = zone.door();
    // more than the room by what a late writer may take or give back
    let script = r"
: first
head -c 4000000 /dev/zero >/var/tmp/big 2>/dev/null; echo $?
written=$(stat -c %s /var/tmp/big)
[ $written -ge 1500000 ] && [ $written -le 2500000 ]; echo $?
{ echo x >/var/tmp/small; } 2>&1 | grep -c 'No space left on device'
echo x >/tmp/temporary && cat /tmp/temporary
/usr/bin/su - admin -c 'echo x >hers' 2>&1 | grep -c 'No space left on device'
/usr/bin/df -k /var | awk 'NR == 2 { print $4 }'
";
    assert_eq!(output(&mut door, script), "1\n0\n1\nx\n1\n0\n");
    zone.disarm();
    let healed = "echo x >/var/tmp/later && cat /var/tmp/later; ctstat >/dev/null && echo y";
    assert_eq!(output(&mut door, healed), "x\ny\n");
    // connections and contracts need no room, and neither does a reboot
    zone.arm(&["now=full"]);
    let script =
        "ctrun -l none true && ps -o ctid= -p $$ >/tmp/c && [ -s /tmp/c ] && echo contract";
    assert_eq!(output(&mut zone.door(), script), "contract\n");
    zone.arm(&["now=reboot"]);
    // what a start writes for a moment it lets go of again, so there is a little room
    let kept = "cat /var/tmp/later; head -c 16000000 /dev/zero 2>/dev/null >/var/tmp/new || echo still full";
    let (_, said) = run(&mut zone.door(), kept).unwrap();
    assert!(said.starts_with("x\nstill full\n"), "{said}");
}

#[test]
fn a_reboot_ends_every_process_and_keeps_every_file() {
    let Some(zone) = Zone::new("reboot") else {
        return;
    };
    let mut door = zone.door();
    let before = output(
        &mut door,
        "sleep 1000 >/dev/null 2>&1 & echo x >/var/tmp/kept; echo x >/tmp/gone; uname -n; kstat -p unix:0:system_misc:boot_time",
    );
    // boot times are whole seconds
    thread::sleep(Duration::from_secs(1));
    zone.arm(&["script.3=reboot", "script#2=print(counting goes on)"]);
    let lost = run(
        &mut door,
        ": one; : two; echo x >/var/tmp/kept2; sleep 100; echo x >/var/tmp/late",
    )
    .unwrap_err();
    assert!(matches!(lost, HostError::Lost { .. }), "{lost}");
    // the list is given once the zone is up again
    let happened: Vec<u64> = zone
        .watched()
        .faults
        .iter()
        .map(|fault| fault.happened)
        .collect();
    assert_eq!(happened, [1, 0]);
    let mut door = zone.door();
    assert!(matches!(
        run(&mut door, "true"),
        Err(HostError::NoEnd { status: 0, .. })
    ));
    let after = output(
        &mut door,
        "cat /var/tmp/kept; ls /tmp/gone /var/tmp/late 2>/dev/null; pgrep -x sleep; svcs -H -o state ssh; uname -n; kstat -p unix:0:system_misc:boot_time",
    );
    let (name, boot) = before.split_once('\n').unwrap();
    let rest = after.strip_prefix(&format!("x\nonline\n{name}\n"));
    assert!(
        rest.is_some_and(|rest| rest != boot),
        "{after} after {before}"
    );
}
