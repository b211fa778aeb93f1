//! The two processes between the supervisor and a zone's init: the launcher, which makes the
//! namespaces and waits, and its child, process 1 of the zone.
//!
//! The launcher's standard input is a pipe that the supervisor never writes to: when it ends, the
//! supervisor is gone, however it died, and the zone goes too. Killing process 1 ends every other
//! process of a PID namespace; that is the kernel's doing.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, execve, fork, pivot_root, sethostname, setsid};

use crate::causes::in_one_line;
use crate::sandbox::error::{SandboxError, errno, file, system};
use crate::sandbox::loopback;

/// The launcher's exit status when the zone asked to be started again.
pub(crate) const REBOOT: i32 = 71;
/// The launcher's exit status when the zone asked to be halted.
pub(crate) const HALT: i32 = 72;
/// The launcher's exit status when init ended or was killed.
const DIED: i32 = 73;
/// The launcher's exit status when the zone could not be made.
const FAILED: i32 = 74;

/// The descriptor limit of a SmartOS process, as far as the machine allows it.
const DESCRIPTORS: u64 = 65536;

/// What a zone must not do to the machine: kernel modules, clock, raw hardware, kernel log.
// CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME, CAP_MAC_OVERRIDE, CAP_MAC_ADMIN, CAP_SYSLOG, CAP_WAKE_ALARM
const DROPPED_CAPABILITIES: [i32; 7] = [16, 17, 25, 32, 33, 34, 35];

/// Runs the zone whose root is mounted at `root`, to its end; prints the number of its init first.
pub(crate) fn launch(root: &Path, hostname: &str, init: &Path) -> i32 {
    match run(root, hostname, init) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{}", in_one_line(&error));
            FAILED
        }
    }
}

fn run(root: &Path, hostname: &str, init: &Path) -> Result<i32, SandboxError> {
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWNET,
    )
    .map_err(system("make namespaces"))?;
    // What the supervisor mounts on the zone's /usr later must arrive here, nothing go back.
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_SLAVE,
        None::<&str>,
    )
    .map_err(errno("change the propagation of", "/"))?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.map_err(system("fork"))? {
        ForkResult::Child => {
            let error = become_init(root, hostname, init).err();
            eprintln!("{}", error.map_or_else(String::new, |e| in_one_line(&e)));
            // SAFETY: ends the process at once, which is the point.
            unsafe { nix::libc::_exit(FAILED) }
        }
        ForkResult::Parent { child } => wait_for(child),
    }
}

/// Waits for the zone's end, or ends it when the supervisor is gone. In one thread: after making
/// a PID namespace for its children a process can start no other.
fn wait_for(init: Pid) -> Result<i32, SandboxError> {
    let mut output = std::io::stdout();
    writeln!(output, "{init}")
        .and_then(|()| output.flush())
        .map_err(|source| SandboxError::System {
            doing: "report the zone's init",
            source,
        })?;
    let end_of_init = open_process(init)?;
    let input = std::io::stdin();
    let mut waiting = [
        PollFd::new(end_of_init.as_fd(), PollFlags::POLLIN),
        PollFd::new(input.as_fd(), PollFlags::POLLIN | PollFlags::POLLHUP),
    ];
    while matches!(
        poll(&mut waiting, PollTimeout::NONE),
        Err(nix::Error::EINTR)
    ) {}
    // The supervisor writes nothing: whatever its pipe reports is its end.
    if waiting.iter().skip(1).any(|w| w.any().unwrap_or(false)) {
        let _ = kill(init, Signal::SIGKILL);
    }
    loop {
        match waitpid(init, None) {
            // reboot(2) in a PID namespace ends its init by one of these signals.
            Ok(WaitStatus::Signaled(_, Signal::SIGHUP, _)) => return Ok(REBOOT),
            Ok(WaitStatus::Signaled(_, Signal::SIGINT, _)) => return Ok(HALT),
            Ok(WaitStatus::Exited(_, status)) if status == FAILED => return Ok(FAILED),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Ok(DIED),
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(system("wait for the zone's init")(error)),
        }
    }
}

/// A descriptor that becomes readable when the process ends.
fn open_process(process: Pid) -> Result<OwnedFd, SandboxError> {
    // SAFETY: takes numbers only, and the descriptor it gives belongs to nobody else.
    let number = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, process.as_raw(), 0) };
    let number = nix::errno::Errno::result(number).map_err(system("watch the zone's init"))?;
    let number =
        RawFd::try_from(number).map_err(|_| system("watch the zone's init")(nix::Error::EBADF))?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn become_init(
    root: &Path,
    hostname: &str,
    init: &Path,
) -> Result<std::convert::Infallible, SandboxError> {
    set_pdeathsig(Signal::SIGKILL).map_err(system("tie the zone to its launcher"))?;
    setsid().map_err(system("make a session"))?;
    sethostname(hostname).map_err(system("set the host name"))?;
    loopback::raise()?;
    mount_private(root)?;
    chdir(root).map_err(errno("enter", root))?;
    pivot_root(".", ".").map_err(errno("make the root of", root))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(errno("leave", "/"))?;
    chdir("/").map_err(errno("enter", "/"))?;
    redirect_streams()?;
    raise_descriptor_limit();
    drop_capabilities();
    let words = |text: &str| CString::new(text).map_err(|e| file("start", init)(e.into()));
    let path = words(&init.to_string_lossy())?;
    let environment = [
        words("PATH=/usr/sbin:/usr/bin")?,
        words("LANG=C")?,
        words("TZ=UTC")?,
    ];
    execve(&path, &[&path], &environment).map_err(errno("start", init))
}

/// The file systems that are made anew at each start of a zone.
fn mount_private(root: &Path) -> Result<(), SandboxError> {
    let guarded = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let fresh = |kind: &str, below: &str, flags: MsFlags, options: &str| {
        let target = root.join(below);
        mount(Some(kind), &target, Some(kind), flags, Some(options)).map_err(errno("mount", target))
    };
    fresh("proc", "proc", guarded | MsFlags::MS_NOEXEC, "")?;
    fresh("tmpfs", "tmp", guarded, "mode=1777")?;
    fresh("tmpfs", "var/run", guarded, "mode=755")?;
    fresh("tmpfs", "etc/svc/volatile", guarded, "mode=755")?;
    // Contracts are the kernel's: they need no room on a disk.
    fresh("tmpfs", "system/contract", guarded, "mode=555")?;
    fresh("tmpfs", "dev", MsFlags::MS_NOSUID, "mode=755")?;
    let sshd = root.join("var/run/sshd");
    fs::create_dir(&sshd).map_err(file("make", &sshd))?;
    for name in ["sys", "sysrq-trigger", "irq", "bus"] {
        let path = root.join("proc").join(name);
        if path.exists() {
            bind(&path, &path)?;
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | guarded;
            mount(None::<&str>, &path, None::<&str>, flags, None::<&str>)
                .map_err(errno("protect", &path))?;
        }
    }
    make_devices(&root.join("dev"))
}

/// Devices that every zone has, with the kernel's numbers for them.
const DEVICES: [(&str, u64, u64); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// A node of the zone's own: a zone's root that changes the mode of the machine's would change it for
/// everybody. Where none can be made, as in a container, it is the machine's.
fn make_device(target: &Path, name: &str, major: u64, minor: u64) -> Result<(), SandboxError> {
    let mode = Mode::from_bits_truncate(0o666);
    match mknod(target, SFlag::S_IFCHR, mode, makedev(major, minor)) {
        // whatever the umask took away
        Ok(()) => fs::set_permissions(target, fs::Permissions::from_mode(0o666))
            .map_err(file("change", target)),
        Err(nix::Error::EPERM) => {
            File::create(target).map_err(file("make", target))?;
            bind(&Path::new("/dev").join(name), target)
        }
        Err(error) => Err(errno("make", target)(error)),
    }
}

fn make_devices(dev: &Path) -> Result<(), SandboxError> {
    for (name, major, minor) in DEVICES {
        make_device(&dev.join(name), name, major, minor)?;
    }
    for below in ["pts", "shm"] {
        let folder = dev.join(below);
        fs::create_dir(&folder).map_err(file("make", &folder))?;
    }
    let pts = dev.join("pts");
    let guarded = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = "newinstance,ptmxmode=0666,mode=0620,gid=7";
    mount(Some("devpts"), &pts, Some("devpts"), guarded, Some(options))
        .map_err(errno("mount", &pts))?;
    let shm = dev.join("shm");
    fs::set_permissions(&shm, fs::Permissions::from_mode(0o1777)).map_err(file("change", &shm))?;
    for (name, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        symlink(target, dev.join(name)).map_err(file("link", dev.join(name)))?;
    }
    Ok(())
}

fn bind(from: &Path, to: &Path) -> Result<(), SandboxError> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(errno("mount", to))
}

/// Standard output goes where standard error goes, the zone's console; there is no input.
fn redirect_streams() -> Result<(), SandboxError> {
    let null = File::open("/dev/null").map_err(file("open", "/dev/null"))?;
    for (from, to) in [(null.as_raw_fd(), 0), (2, 1)] {
        // SAFETY: both numbers are open descriptors of this single-threaded process.
        nix::errno::Errno::result(unsafe { nix::libc::dup2(from, to) })
            .map_err(system("redirect the standard streams"))?;
    }
    Ok(())
}

/// As high as on SmartOS, or as high as it goes here.
fn raise_descriptor_limit() {
    if setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS).is_err()
        && let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(DESCRIPTORS), hard);
    }
}

fn drop_capabilities() {
    for capability in DROPPED_CAPABILITIES {
        // SAFETY: takes numbers only; one that this kernel lacks is refused, which is as good.
        unsafe { nix::libc::prctl(nix::libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}

/// Runs a command in the zone of that init, and ends as it ends.
pub(crate) fn enter(init: &str, words: &[OsString]) -> i32 {
    match run_in(init, words) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("zlogin: {}", in_one_line(&error));
            1
        }
    }
}

fn run_in(init: &str, words: &[OsString]) -> Result<i32, SandboxError> {
    let process = format!("/proc/{init}");
    let root = File::open(format!("{process}/root")).map_err(file("open", &process))?;
    let opened: Result<Vec<_>, _> = ["ipc", "uts", "net", "pid", "mnt"]
        .iter()
        .map(|kind| File::open(format!("{process}/ns/{kind}")).map_err(file("open", &process)))
        .collect();
    for namespace in opened? {
        setns(namespace, CloneFlags::empty()).map_err(system("enter the zone"))?;
    }
    nix::unistd::fchdir(&root).map_err(errno("enter", "/"))?;
    nix::unistd::chroot(".").map_err(errno("enter", "/"))?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.map_err(system("fork"))? {
        ForkResult::Child => {
            let error = become_command(words).err();
            eprintln!("{}", error.map_or_else(String::new, |e| in_one_line(&e)));
            // SAFETY: ends the process at once, which is the point.
            unsafe { nix::libc::_exit(1) }
        }
        ForkResult::Parent { child } => loop {
            match waitpid(child, None) {
                Ok(WaitStatus::Exited(_, status)) => return Ok(status),
                // Only the status is looked at, and a signal leaves none.
                Ok(WaitStatus::Signaled(..)) => return Ok(0),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(system("wait for the command")(error)),
            }
        },
    }
}

fn become_command(words: &[OsString]) -> Result<std::convert::Infallible, SandboxError> {
    setsid().map_err(system("make a session"))?;
    if chdir("/root").is_err() {
        chdir("/").map_err(errno("enter", "/"))?;
    }
    raise_descriptor_limit();
    drop_capabilities();
    let program = words.first().cloned().unwrap_or_default();
    let word = |text: &std::ffi::OsStr| {
        CString::new(text.as_encoded_bytes()).map_err(|e| file("start", &program)(e.into()))
    };
    let all: Result<Vec<CString>, _> = words.iter().map(|text| word(text)).collect();
    let environment: Result<Vec<CString>, _> = [
        format!("PATH={}", su_path()),
        "HOME=/root".to_owned(),
        "LOGNAME=root".to_owned(),
        "MAIL=/var/mail/root".to_owned(),
        "SHELL=/usr/bin/bash".to_owned(),
        "TZ=UTC".to_owned(),
    ]
    .iter()
    .map(|text| word(std::ffi::OsStr::new(text)))
    .collect();
    execve(&word(&program)?, &all?, &environment?).map_err(errno("start", &program))
}

/// The path that `su` gives to root.
fn su_path() -> String {
    let text = fs::read_to_string("/etc/default/su").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("SUPATH="))
        .unwrap_or("/usr/sbin:/usr/bin")
        .to_owned()
}
