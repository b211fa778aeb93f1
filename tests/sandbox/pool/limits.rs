//! Room: quotas that really stop a writer, numbers that really count, and the pool's own state.

use super::Pool;

#[test]
fn a_limit_stops_whoever_writes_past_it() {
    let Some(pool) = Pool::new("limits") else {
        return;
    };
    pool.says("create -o refquota=4M @D/mac");
    let full = pool
        .run("dd if=/dev/urandom of=/data/mac/big bs=64k count=200")
        .exits(1);
    assert!(full.err.contains("Disk quota exceeded"), "{full}");
    assert_eq!(
        pool.refuses("set refquota=1M @D/mac"),
        "cannot set property for '@D/mac': size is less than current used or reserved space\n"
    );
    assert_eq!(
        pool.says("list -Hp -o refquota,quota @D/mac"),
        "4194304\t0\n"
    );
    assert_eq!(pool.says("list -H -o refquota,quota @D/mac"), "4M\tnone\n");
    // a quota counts snapshots as well
    pool.says("set refquota=none quota=6M @D/mac");
    pool.says("snapshot @D/mac@a");
    let full = pool.run("dd if=/dev/urandom of=/data/mac/big bs=64k count=200 conv=notrunc");
    assert!(full.err.contains("Disk quota exceeded"), "{full}");
    for (value, why) in [
        ("junk", "bad numeric value 'junk'"),
        ("1", "size is less than"),
    ] {
        let said = pool.refuses(&format!("set quota={value} @D/mac"));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn written_and_used_count_what_changed() {
    let Some(pool) = Pool::new("counted") else {
        return;
    };
    let number = |line: &str| pool.says(line).trim().parse::<u64>().unwrap();
    pool.run("head -c 1000000 /dev/urandom >/data/a; zfs snapshot @D@a")
        .succeeds();
    assert!(number("get -Hp -o value written @D@a") > 1_000_000);
    assert_eq!(number("get -Hp -o value written @D"), 0);
    pool.run("head -c 500000 /dev/urandom >/data/b; zfs snapshot @D@b")
        .succeeds();
    let written = number("get -Hp -o value written @D@b");
    assert!((500_000..1_000_000).contains(&written), "{written}");
    pool.run("rm /data/a /data/b; zfs snapshot @D@c").succeeds();
    assert!(number("get -Hp -o value used @D@b") > 0);
    assert!(number("get -Hp -o value usedbysnapshots @D") > 1_400_000);
}

#[test]
fn user_properties_reach_children_and_snapshots_with_their_source() {
    let Some(pool) = Pool::new("marked") else {
        return;
    };
    pool.says("set zonewright:mac=Book zonewright:note= @D");
    pool.says("create @D/mac");
    pool.says("snapshot -o zonewright:rule=daily @D/mac@a");
    assert_eq!(
        pool.says("get -H -r -o name,value,source zonewright:mac @D"),
        "@D\tBook\tlocal\n@D/mac\tBook\tinherited from @D\n@D/mac@a\tBook\tinherited from @D\n"
    );
    assert_eq!(
        pool.says("get -H -o value,source zonewright:note @D"),
        "\tlocal\n"
    );
    assert_eq!(
        pool.says("get -H -r -s local -o name,property zonewright:mac,zonewright:rule @D"),
        "@D\tzonewright:mac\n@D/mac@a\tzonewright:rule\n"
    );
    pool.says("inherit zonewright:mac @D");
    assert_eq!(
        pool.says("get -H -o value,source zonewright:mac @D"),
        "-\t-\n"
    );
    assert_eq!(
        pool.refuses("set Capital:x=1 @D"),
        "cannot set property for '@D': invalid property 'Capital:x'\n"
    );
    let all = pool.says("get -H all @D");
    assert!(!all.contains("zonewright.sandbox"), "{all}");
}

#[test]
fn lz4_is_shown_as_it_was_set() {
    let Some(pool) = Pool::new("compressed") else {
        return;
    };
    pool.says("set compression=lz4 @D");
    pool.says("create @D/mac");
    assert_eq!(
        pool.says("get -H -r -o value,source compression @D"),
        "lz4\tlocal\nlz4\tinherited from @D\n"
    );
    pool.says("set compression=gzip @D/mac");
    assert_eq!(pool.says("get -H -o value compression @D/mac"), "gzip\n");
    pool.says("inherit compression @D/mac");
    assert_eq!(pool.says("get -H -o value compression @D/mac"), "lz4\n");
}

#[test]
fn the_pool_tells_how_it_is() {
    let Some(pool) = Pool::new("health") else {
        return;
    };
    let line = pool
        .run("zpool list -H -p -o name,size,alloc,free,cap,health")
        .succeeds();
    let fields: Vec<&str> = line.out.trim_end().split('\t').collect();
    let number = |at: usize| fields[at].parse::<u64>().unwrap();
    assert_eq!((fields[0], fields[5]), ("zones", "ONLINE"), "{line}");
    assert!(number(1) > 3 << 40, "{line}");
    assert_eq!(number(1), number(2) + number(3));
    assert_eq!(number(4), 0);
    let healthy = pool.run("zpool status -x zones").succeeds();
    assert_eq!(healthy.out, "pool 'zones' is healthy\n");
    let status = pool.run("zpool status zones").succeeds();
    for line in [
        "  pool: zones\n",
        " state: ONLINE\n",
        "errors: No known data errors\n",
    ] {
        assert!(status.out.contains(line), "{status}");
    }
    let denied = pool.run("zpool scrub zones").exits(1);
    assert_eq!(denied.err, "cannot scrub zones: permission denied\n");
    pool.zone.global("zpool", &["scrub", "zones"]).succeeds();
    pool.zone
        .until("zpool status zones | grep -q 'scan: scrub repaired 0 in .* with 0 errors on '");
    let missing = pool.run("zpool list other").exits(1);
    assert_eq!(missing.err, "cannot open 'other': no such pool\n");
}
