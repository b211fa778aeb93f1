//! What a backup tool does with snapshots, one row of the facts after another.

use super::Pool;

#[test]
fn snapshots_are_made_together_listed_in_order_and_rolled_back_to() {
    let Some(pool) = Pool::new("snapshots") else {
        return;
    };
    pool.says("create @D/mac");
    pool.run("echo one >/data/mac/file").succeeds();
    pool.says("snapshot -o zonewright:rule=daily @D@a @D/mac@a");
    pool.run("echo two >/data/mac/file; touch /data/mac/new")
        .succeeds();
    pool.says("snapshot -r @D@b");
    pool.says("snapshot @D/mac@0");

    let list = "list -H -t snapshot -o name -s creation -d 1 @D/mac";
    assert_eq!(pool.says(list), "@D/mac@a\n@D/mac@b\n@D/mac@0\n");
    let rows =
        pool.says("list -Hp -t snapshot -o name,creation,used,refer,zonewright:rule -d 1 @D/mac");
    let first: Vec<&str> = rows.lines().next().unwrap().split('\t').collect();
    assert_eq!((first[0], first[4]), ("@D/mac@a", "daily"));
    assert!(first[1].parse::<u64>().unwrap() > 1_700_000_000, "{rows}");
    assert!(first[3].parse::<u64>().unwrap() > 0, "{rows}");

    assert_eq!(
        pool.refuses("rollback @D/mac@b"),
        "cannot rollback to '@D/mac@b': more recent snapshots or bookmarks exist\n\
         use '-r' to force deletion of the following snapshots and bookmarks:\n@D/mac@0\n"
    );
    pool.says("rollback -r @D/mac@a");
    let files = pool.run("cat /data/mac/file; ls /data/mac").succeeds();
    assert_eq!(files.out, "one\nfile\n");
    assert_eq!(
        pool.says("list -H -t snapshot -o name -r @D"),
        "@D@a\n@D@b\n@D/mac@a\n"
    );
}

#[test]
fn none_of_several_snapshots_is_made_where_one_cannot_be() {
    let Some(pool) = Pool::new("together") else {
        return;
    };
    pool.says("create @D/mac");
    pool.says("snapshot @D/mac@a");
    assert_eq!(
        pool.refuses("snapshot @D@a @D/mac@a"),
        "cannot create snapshot '@D/mac@a': dataset already exists\nno snapshots were created\n"
    );
    assert_eq!(pool.says("list -H -t snapshot -o name"), "@D/mac@a\n");
}

#[test]
fn a_swap_keeps_newer_snapshots_and_the_old_content() {
    let Some(pool) = Pool::new("exchange") else {
        return;
    };
    pool.says("create -o refquota=1G -o a:b=x @D/mac");
    pool.run("echo one >/data/mac/file").succeeds();
    pool.says("snapshot @D/mac@a");
    pool.run("echo two >/data/mac/file").succeeds();
    pool.says("snapshot @D/mac@b");

    pool.says("clone @D/mac@a @D/mac-new");
    assert_eq!(pool.says("get -H -o value origin @D/mac-new"), "@D/mac@a\n");
    assert_eq!(pool.says("get -H -o value clones @D/mac@a"), "@D/mac-new\n");
    assert_eq!(
        pool.says("get -H -o value,source refquota @D/mac-new"),
        "none\tdefault\n"
    );
    pool.says("promote @D/mac-new");
    pool.says("rename @D/mac @D/mac-before");
    pool.says("rename @D/mac-new @D/mac");

    let files = pool
        .run("cat /data/mac/file /data/mac-before/file")
        .succeeds();
    assert_eq!(files.out, "one\ntwo\n");
    assert_eq!(
        pool.says("list -H -t all -o name,origin -r @D"),
        "@D\t-\n@D/mac\t-\n@D/mac@a\t-\n@D/mac-before\t@D/mac@a\n@D/mac-before@b\t-\n"
    );
    assert_eq!(
        pool.refuses("destroy @D/mac@a"),
        "cannot destroy '@D/mac@a': snapshot has dependent clones\n\
         use '-R' to destroy the following datasets:\n@D/mac-before\n"
    );
    assert_eq!(
        pool.refuses("destroy -r @D/mac"),
        "cannot destroy '@D/mac': filesystem has dependent clones\n\
         use '-R' to destroy the following datasets:\n@D/mac-before\n"
    );
    pool.says("destroy -R @D/mac");
    assert_eq!(pool.says("list -H -t all -o name -r @D"), "@D\n");
}

#[test]
fn a_held_snapshot_outlives_whoever_destroys_it() {
    let Some(pool) = Pool::new("held") else {
        return;
    };
    pool.says("snapshot @D@a");
    pool.says("snapshot @D@b");
    pool.says("hold Keep @D@a");
    assert_eq!(
        pool.refuses("hold Keep @D@a"),
        "cannot hold snapshot '@D@a': tag already exists on this dataset\n"
    );
    let holds = pool.says("holds -H @D@a");
    assert!(
        holds.starts_with("@D@a\tKeep\t") && holds.ends_with('\n'),
        "{holds}"
    );
    assert_eq!(pool.says("list -Hp -o userrefs @D@a"), "1\n");
    assert_eq!(
        pool.refuses("destroy @D@b,a"),
        "cannot destroy snapshot @D@a: dataset is busy\n"
    );
    assert_eq!(pool.says("list -H -t snapshot -o name"), "@D@a\n@D@b\n");
    assert_eq!(
        pool.refuses("release nope @D@a"),
        "cannot release hold from snapshot '@D@a': no such tag on this dataset\n"
    );
    pool.says("destroy -d @D@a");
    assert_eq!(
        pool.says("list -H -o name,defer_destroy @D@a"),
        "@D@a\ton\n"
    );
    pool.says("release Keep @D@a");
    assert_eq!(pool.says("list -H -t snapshot -o name"), "@D@b\n");
}

#[test]
fn lists_and_ranges_are_destroyed_and_measured() {
    let Some(pool) = Pool::new("ranges") else {
        return;
    };
    for name in ["a", "b", "c", "d", "e"] {
        pool.run(&format!(
            "head -c 200000 /dev/urandom >/data/{name}; zfs snapshot @D@{name}; rm /data/{name}"
        ))
        .succeeds();
    }
    let dry = pool.says("destroy -nvp @D@b%d");
    let (lines, reclaimed) = dry.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(lines, "destroy\t@D@b\ndestroy\t@D@c\ndestroy\t@D@d");
    let bytes: u64 = reclaimed
        .strip_prefix("reclaim\t")
        .unwrap()
        .parse()
        .unwrap();
    assert!(bytes > 400_000, "{dry}");
    assert_eq!(pool.says("list -H -t snapshot -o name").lines().count(), 5);

    pool.says("destroy @D@b%c");
    pool.says("destroy @D@a,nosuch,e");
    assert_eq!(pool.says("list -H -t snapshot -o name"), "@D@d\n");
    assert_eq!(
        pool.refuses("destroy @D@nosuch"),
        "could not find any snapshots to destroy; check snapshot names.\n"
    );
    pool.says("destroy @D@%");
    assert_eq!(pool.says("list -H -t snapshot -o name"), "");
}

// illumos destroys the snapshots of a tree before it finds the tree in use.
#[test]
fn a_busy_file_system_stays_but_its_snapshots_go() {
    let Some(pool) = Pool::new("busy") else {
        return;
    };
    pool.says("create @D/mac");
    pool.says("snapshot @D/mac@a");
    let inside = |line: &str| {
        pool.run(&format!("cd /data/mac && zfs {line}"))
            .exits(1)
            .err
    };
    let busy = "cannot unmount '/data/mac': Device busy\n";
    assert_eq!(inside("rename @D/mac @D/other"), busy);
    assert_eq!(inside("unmount @D/mac"), busy);
    assert_eq!(inside("set mountpoint=/elsewhere @D/mac"), busy);
    assert_eq!(
        pool.says("list -H -t all -o name,mounted -r @D/mac"),
        "@D/mac\tyes\n@D/mac@a\t-\n"
    );
    assert_eq!(inside("destroy -r @D/mac"), busy);
    assert_eq!(
        pool.says("list -H -t all -o name,mounted -r @D/mac"),
        "@D/mac\tyes\n"
    );
    pool.says("destroy -r @D/mac");
    assert_eq!(pool.says("list -H -o name -r @D"), "@D\n");
}

#[test]
fn a_stream_is_sent_from_a_zone_and_received_in_the_global_zone_only() {
    let Some(pool) = Pool::new("stream") else {
        return;
    };
    pool.run("echo one >/data/file; zfs snapshot @D@a")
        .succeeds();
    let sent = pool.run("zfs send @D@a | wc -c").succeeds();
    assert!(sent.out.trim().parse::<u64>().unwrap() > 1000, "{sent}");
    let refused = pool
        .run("zfs send @D@a >/root/stream && zfs receive @D/copy </root/stream")
        .exits(1);
    assert_eq!(
        refused.err,
        "cannot receive new filesystem stream: permission denied\n"
    );
    let refused = pool.zfs("send -w @D@a").exits(99);
    assert_eq!(
        refused.err,
        "zfs: `send -w` is not emulated in the sandbox\n"
    );
}
