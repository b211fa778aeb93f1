//! What a zone sees and may change of the pool, and what of it appears where.

use super::Pool;

#[test]
fn a_zone_sees_its_own_datasets_and_the_names_above_them() {
    let (Some(one), Some(two)) = (Pool::new("own"), Pool::new("other")) else {
        return;
    };
    let names = one.zone.shell("zfs list -H -o name");
    let expected = format!("zones\nzones/{0}\nzones/{0}/data\n", one.uuid);
    assert_eq!(names, expected);
    let other = two.name();
    for line in ["list", "get all", "destroy"] {
        let said = format!("cannot open '{other}': dataset does not exist\n");
        assert_eq!(one.refuses(&format!("{line} {other}")), said);
    }
    let all = one.global(&["list", "-H", "-o", "name"]).succeeds();
    assert!(
        all.out.contains(&one.name()) && all.out.contains(&other),
        "{all}"
    );
}

#[test]
fn what_only_the_global_zone_may_do_is_denied_in_a_zone() {
    let Some(pool) = Pool::new("denied") else {
        return;
    };
    let above = format!("zones/{}", pool.uuid);
    for (line, action) in [
        (
            "set quota=1G @D".to_owned(),
            "cannot set property for '@D'".to_owned(),
        ),
        (
            "set zoned=off @D".to_owned(),
            "cannot set property for '@D'".to_owned(),
        ),
        (
            format!("set a:b=c {above}"),
            format!("cannot set property for '{above}'"),
        ),
        (
            format!("create {above}/x"),
            format!("cannot create '{above}/x'"),
        ),
        (
            format!("snapshot {above}@x"),
            format!("cannot create snapshot '{above}@x'"),
        ),
        (
            "create zones/x".to_owned(),
            "cannot create 'zones/x'".to_owned(),
        ),
    ] {
        assert_eq!(
            pool.refuses(&line),
            format!("{action}: permission denied\n")
        );
    }
    pool.says("create @D/mac");
    pool.says("set quota=1G @D/mac");
    pool.says("set refquota=2G @D");
    let user = pool.run("su admin -c 'zfs snapshot @D@x'").exits(1);
    assert_eq!(
        user.err,
        "cannot create snapshot '@D@x': permission denied\n"
    );
    pool.run("su admin -c 'zfs list @D'").succeeds();
}

#[test]
fn a_mount_point_is_the_zones_own_and_moves_with_everything_below() {
    let (Some(one), Some(two)) = (Pool::new("mounts"), Pool::new("elsewhere")) else {
        return;
    };
    // both are mounted at /data, each in its own zone
    one.run("echo one >/data/file").succeeds();
    two.run("echo two >/data/file").succeeds();
    assert_eq!(one.run("cat /data/file").out, "one\n");
    assert_eq!(two.run("cat /data/file").out, "two\n");
    assert!(!std::path::Path::new("/data/file").exists());

    one.says("create @D/mac");
    one.run("touch /data/mac/here").succeeds();
    assert_eq!(
        one.says("get -H -o value,source mountpoint @D/mac"),
        "/data/mac\tinherited from @D\n"
    );
    one.says("set mountpoint=/export/backups @D");
    assert_eq!(
        one.says("list -H -o name,mountpoint,mounted -r @D"),
        "@D\t/export/backups\tyes\n@D/mac\t/export/backups/mac\tyes\n"
    );
    one.run("test -e /export/backups/mac/here && test ! -e /data/file")
        .succeeds();
    let df = one.run("df /export/backups/mac | tail -1").succeeds();
    assert!(df.out.starts_with("@D/mac "), "{df}");
    assert_eq!(one.says("mount").lines().count(), 2);

    one.says("set mountpoint=none @D/mac");
    one.run("test ! -e /export/backups/mac/here").succeeds();
    one.says("inherit mountpoint @D/mac");
    one.run("test -e /export/backups/mac/here").succeeds();
    one.says("unmount /export/backups/mac");
    one.says("mount @D/mac");
    assert_eq!(
        one.refuses("mount @D/mac"),
        "cannot mount '@D/mac': filesystem already mounted\n"
    );
    let global = one.global(&["set", "mountpoint=/x", &one.name()]).exits(1);
    assert!(
        global
            .err
            .ends_with("cannot be set on dataset in a non-global zone\n"),
        "{global}"
    );
}

#[test]
fn a_folder_with_files_is_not_mounted_over() {
    let Some(pool) = Pool::new("full") else {
        return;
    };
    pool.run("mkdir /data/mac && touch /data/mac/file")
        .succeeds();
    let made = pool.zfs("create @D/mac").exits(1);
    assert_eq!(
        made.err,
        "cannot mount '/data/mac': directory is not empty\n\
         filesystem successfully created, but not mounted\n"
    );
    assert_eq!(pool.says("list -H -o mounted @D/mac"), "no\n");
}

#[test]
fn a_zone_without_a_delegated_dataset_has_none() {
    let Some(zone) = super::Zone::new("undelegated") else {
        return;
    };
    zone.run(&["sandbox", "up", "undelegated"]).succeeds();
    let list = zone.try_shell("zfs list").succeeds();
    assert_eq!(
        (list.out.as_str(), list.err.as_str()),
        ("", "no datasets available\n")
    );
    assert_eq!(zone.try_shell("zpool list").err, "no pools available\n");
}

#[test]
fn what_is_not_emulated_says_so() {
    let Some(pool) = Pool::new("absent-parts") else {
        return;
    };
    for line in [
        "create -V 1G @D/volume",
        "set snapdir=visible @D",
        "bookmark @D@a @D#a",
        "allow @D",
        "get logicalused @D",
        "create -n @D/x",
    ] {
        let ran = pool.zfs(line).exits(99);
        assert!(
            ran.err.ends_with("is not emulated in the sandbox\n"),
            "{ran}"
        );
    }
    pool.zfs("list -z").exits(2);
    let pools = pool.run("zpool create other c1t0d0").exits(99);
    assert_eq!(
        pools.err,
        "zpool: `create` is not emulated in the sandbox\n"
    );
}
