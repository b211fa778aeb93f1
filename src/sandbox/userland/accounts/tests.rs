//! The exit codes of the account commands and what they leave in the files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::super::testing::run;
use super::*;

fn zone() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let etc = root.path().join("etc");
    fs::create_dir_all(etc.join("skel")).unwrap();
    fs::create_dir(root.path().join("home")).unwrap();
    fs::write(
        etc.join("passwd"),
        "root:x:0:0:Super-User:/root:/usr/bin/bash\nnobody:x:60001:60001::/:\n",
    )
    .unwrap();
    fs::write(etc.join("shadow"), "root:$6$x:1::::::\n").unwrap();
    fs::set_permissions(etc.join("shadow"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::write(etc.join("group"), "root::0:\nother::1:root\nstaff::10:\n").unwrap();
    fs::write(etc.join("skel/.profile"), "x").unwrap();
    root
}

fn file(root: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(root.path().join("etc").join(name)).unwrap()
}

#[test]
fn a_new_user_is_locked_and_has_the_defaults_of_the_platform() {
    let root = zone();
    let answer = run(root.path(), useradd, &["matt"], b"");
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
    assert!(file(&root, "passwd").ends_with("\nmatt:x:100:1::/home/matt:/bin/sh\n"));
    assert!(file(&root, "shadow").ends_with("\nmatt:*LK*:::::::\n"));
    assert!(!root.path().join("home/matt").exists());
    let mode = fs::metadata(root.path().join("etc/shadow")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o400);
}

#[test]
fn every_option_of_a_user_lands_in_its_field() {
    let root = zone();
    // the home becomes the user's own: only root could give it to somebody else
    let me = nix::unistd::geteuid().to_string();
    let gid = nix::unistd::getegid();
    let groups = format!("root::0:\nother::1:root\nmac::{gid}:\n");
    fs::write(root.path().join("etc/group"), groups).unwrap();
    let line = format!(
        "-u {me} -o -g mac -G other -d /home/m -m -Z -s /usr/bin/bash -c Matt \
         -K project=default -P All matt"
    );
    let args: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(run(root.path(), useradd, &args, b"").status, 0);
    let line = format!("matt:x:{me}:{gid}:Matt:/home/m:/usr/bin/bash\n");
    assert!(file(&root, "passwd").ends_with(&line));
    assert!(file(&root, "group").contains("other::1:root,matt\n"));
    assert_eq!(
        file(&root, "user_attr"),
        "matt::::type=normal;project=default;profiles=All\n"
    );
    assert!(root.path().join("home/m/.profile").exists());
    let home = fs::metadata(root.path().join("home/m")).unwrap();
    assert_eq!((home.mode() & 0o7777, home.gid()), (0o755, gid.as_raw()));
}

#[test]
fn exit_codes_tell_what_is_wrong() {
    let root = zone();
    let status = |args: &[&str]| run(root.path(), useradd, args, b"").status;
    assert_eq!(status(&[]), 2);
    assert_eq!(status(&["-u"]), 2);
    assert_eq!(status(&["-u", "x", "a"]), 3);
    assert_eq!(status(&["-s", "bash", "a"]), 3);
    assert_eq!(status(&["-u", "0", "a"]), 4);
    assert_eq!(status(&["-g", "nogroup", "a"]), 6);
    assert_eq!(status(&["-G", "nogroup", "a"]), 6);
    assert_eq!(status(&["root"]), 9);
    assert_eq!(status(&["-m", "-d", "/no/where", "a"]), 12);
    assert_eq!(status(&["-r", "a"]), 99);
    assert_eq!(file(&root, "passwd").lines().count(), 2);
    fs::remove_file(root.path().join("etc/shadow")).unwrap();
    assert_eq!(status(&["a"]), 7);
}

#[test]
fn a_long_or_odd_name_only_warns() {
    let root = zone();
    for (name, warns) in [
        ("timemach", false),
        ("timemachi", true),
        ("_x", true),
        ("a+b", true),
    ] {
        let answer = run(root.path(), useradd, &[name], b"");
        assert_eq!(
            (answer.status, answer.errors.contains("WARNING")),
            (0, warns),
            "{name}"
        );
    }
}

#[test]
fn an_existing_home_is_left_alone() {
    let root = zone();
    fs::create_dir(root.path().join("home/matt")).unwrap();
    assert_eq!(run(root.path(), useradd, &["-m", "matt"], b"").status, 0);
    assert_eq!(
        fs::read_dir(root.path().join("home/matt")).unwrap().count(),
        0
    );
}

#[test]
fn a_user_is_changed_renamed_and_removed() {
    let root = zone();
    run(root.path(), useradd, &["-G", "staff", "matt"], b"");
    let change = |args: &[&str]| run(root.path(), usermod, args, b"").status;
    assert_eq!(
        change(&["-u", "1001", "-s", "/usr/bin/bash", "-l", "mat", "matt"]),
        0
    );
    assert!(file(&root, "passwd").ends_with("mat:x:1001:1::/home/matt:/usr/bin/bash\n"));
    assert!(file(&root, "shadow").ends_with("mat:*LK*:::::::\n"));
    assert!(file(&root, "group").ends_with("staff::10:mat\n"));
    assert_eq!(change(&["-u", "1", "matt"]), 6);
    assert_eq!(change(&["-l", "root", "mat"]), 9);
    fs::create_dir(root.path().join("home/matt")).unwrap();
    assert_eq!(run(root.path(), userdel, &["mat"], b"").status, 0);
    assert!(root.path().join("home/matt").exists());
    assert!(file(&root, "group").ends_with("staff::10:\n"));
    assert_eq!(run(root.path(), userdel, &["mat"], b"").status, 6);
    run(root.path(), useradd, &["matt"], b"");
    assert_eq!(run(root.path(), userdel, &["-r", "matt"], b"").status, 0);
    assert!(!root.path().join("home/matt").exists());
}

#[test]
fn groups_are_added_changed_and_removed() {
    let root = zone();
    let add = |args: &[&str]| run(root.path(), groupadd, args, b"").status;
    assert_eq!(add(&["-g", "1001", "mac"]), 0);
    assert_eq!(add(&["next"]), 0);
    assert!(file(&root, "group").ends_with("mac::1001:\nnext::1002:\n"));
    assert_eq!(add(&["-g", "1001", "two"]), 4);
    assert_eq!(add(&["-o", "-g", "1001", "two"]), 0);
    assert_eq!(add(&["mac"]), 9);
    assert_eq!(add(&["-g", "x", "z"]), 3);
    assert_eq!(add(&["-r", "z"]), 99);
    assert_eq!(
        run(
            root.path(),
            groupmod,
            &["-n", "macs", "-g", "7", "mac"],
            b""
        )
        .status,
        0
    );
    assert!(file(&root, "group").contains("macs::7:\n"));
    assert_eq!(
        run(root.path(), groupmod, &["-n", "root", "macs"], b"").status,
        9
    );
    assert_eq!(run(root.path(), groupdel, &["macs"], b"").status, 0);
    assert_eq!(run(root.path(), groupdel, &["macs"], b"").status, 6);
}
