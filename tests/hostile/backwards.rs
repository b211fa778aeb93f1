//! What goes backwards: a clock, a version.

use super::row::{RECIPE, Site};
use crate::sandbox::harness::Zone;

/// Every program of the zone sees a clock that is an hour slow.
const SLOW_CLOCK: &str = r#"
cat >/root/clock.c <<'C'
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec -= 3600;
    return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
C
/opt/local/gcc13/bin/gcc -shared -fPIC -O2 -o /root/clock.so /root/clock.c &&
chmod 0711 /root && echo /root/clock.so >/etc/ld.so.preload
"#;

#[test]
fn a_clock_an_hour_off_is_noted_and_one_that_is_set_back_does_no_harm() {
    let Some(zone) = Zone::serving("hostile-clock") else {
        return;
    };
    let note = "the zone's clock is 60 min behind this machine's";
    for words in [&["plan"][..], &["apply"], &["status"]] {
        let ran = zone.run(&[words, &[&zone.alias]].concat()).succeeds();
        assert_eq!(ran.err, "", "a good clock is worth no word: {ran}");
    }
    zone.shell(SLOW_CLOCK);
    let before = zone.shell("date +%s").trim().parse::<u64>().unwrap();
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((3590..=3610).contains(&(now - before)), "{before} {now}");
    for words in [&["plan"][..], &["apply"], &["status"]] {
        let ran = zone.run(&[words, &[&zone.alias]].concat()).succeeds();
        let told = ran.err.matches(note).count();
        assert_eq!(told, 1, "{ran}");
        assert!(ran.err.contains("`svcs -xv ntp`"), "{ran}");
    }
    zone.shell("rm /etc/ld.so.preload");

    // the clock was an hour fast while it was configured, and is set right before it is compiled
    zone.set_parameters("variant = \"slow\"");
    zone.shell(
        "cd /opt/local/bin && mv ninja ninja.good && printf '%s\\n' '#!/usr/bin/bash' \
         '[ \"$1\" = --version ] && exec /opt/local/bin/ninja.good --version' 'exit 1' >ninja && chmod 0755 ninja",
    );
    let failed = zone.apply().exits(1);
    assert!(
        failed.err.contains("failed compile zw-greeter-1.0"),
        "{failed}"
    );
    zone.shell("cd /opt/local/bin && mv -f ninja.good ninja");
    zone.shell("find /var/db/zonewright/build/*/ -exec touch -h -d '+1 hour' {} +");
    let ran = zone.apply().succeeds();
    assert!(!ran.err.contains("done configure"), "{ran}");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 slow loudly\n"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn a_lower_version_is_said_to_be_one_and_installed_as_the_recipe_says() {
    let Some(zone) = Zone::serving("hostile-version") else {
        return;
    };
    let archive = zone.site.join("distfiles/greeter-1.0.tar.gz");
    std::fs::copy(&archive, zone.site.join("distfiles/greeter-2.0.tar.gz")).unwrap();
    zone.edit(RECIPE, "version = \"1.0\"", "version = \"2.0\"");
    zone.apply().succeeds();
    assert_eq!(
        zone.shell("pkg_info -E zw-greeter").trim(),
        "zw-greeter-2.0"
    );

    // a dependency that is older than the recipe wants
    zone.edit(RECIPE, "[\"libevent\"]", "[\"libevent>=9\"]");
    let plan = zone.plan().succeeds();
    let line = plan
        .out
        .lines()
        .find(|line| line.starts_with("  ~ package libevent>=9 "));
    let line = line.unwrap_or_else(|| panic!("{plan}"));
    let why = "greeter needs it; libevent-2.1.12 does not fit";
    assert!(line.ends_with(why), "{plan}");

    Site::fresh(&zone.site, &zone.alias);
    let plan = zone.plan().succeeds();
    let line = plan
        .out
        .lines()
        .find(|line| line.contains("package zw-greeter-2.0 by"));
    let line = line.unwrap_or_else(|| panic!("{plan}"));
    assert!(
        line.starts_with("-/+ package zw-greeter-2.0 by zw-greeter-1.0  "),
        "{plan}"
    );
    assert!(line.ends_with("older than what is installed"), "{plan}");
    zone.apply().succeeds();
    assert_eq!(
        zone.shell("pkg_info -E zw-greeter").trim(),
        "zw-greeter-1.0"
    );
    assert_eq!(
        zone.greeting(),
        "hello from hostile-version loudly 2.1.12-stable"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}
