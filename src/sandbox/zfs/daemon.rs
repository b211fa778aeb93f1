//! The private zfs-fuse daemon of a supervisor, in a root of its own, and the real commands beside
//! it.
//!
//! Its root is an overlay of the image and of zfs-fuse's files, so its socket, its lock and its list
//! of pools lie in nobody's way. Every dataset is `zoned` as the daemon sees it: the real commands
//! then never mount or unmount anything, which is the supervisor's business alone. One thread holds
//! the daemon for as long as the supervisor lives: a parent-death signal is bound to a thread.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, chroot};

use crate::sandbox::error::{SandboxError, errno, file, run, tail};
use crate::sandbox::image::Image;
use crate::sandbox::paths;

use super::format;

/// The pool's name, as on every SmartOS host.
pub(crate) const POOL: &str = "zones";

/// How big the pool's sparse file is, unless the environment says otherwise.
const SIZE: u64 = 4 << 40;

/// How big it is where the state folder's file system has no files of that size.
const SMALL_SIZE: u64 = 256 << 30;

/// Names another size of a new pool's file: a number of bytes, or `64G`.
const SIZE_VARIABLE: &str = "ZONEWRIGHT_SANDBOX_POOL_SIZE";

/// How long the daemon may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

/// How long a file system may take to be let go by the daemon after it was unmounted.
const LET_GO_WITHIN: Duration = Duration::from_secs(5);

/// The daemon's number for "mount this", as its socket's header has it.
const MOUNT_REQUEST: u32 = 6;

/// Where its socket lies in its root.
const SOCKET: &str = "zfs_socket";

/// The folders of a daemon.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// The place below a sandbox's state folder.
    pub fn of(state: &Path) -> Self {
        Self {
            folder: state.join("pool"),
        }
    }

    /// The daemon's root, as the supervisor sees it.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn pool_file(&self) -> PathBuf {
        self.disk().join("zones.img")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("zfs-fuse.log")
    }

    /// Whether there is a pool that a start would take up again.
    pub fn has_pool(&self) -> bool {
        self.pool_file().exists()
    }

    /// The size of the pool's file.
    pub fn size(&self) -> Option<u64> {
        fs::metadata(self.pool_file()).ok().map(|file| file.len())
    }

    /// Removes the pool and everything beside it. The daemon must have ended.
    pub fn remove(&self) -> Result<(), SandboxError> {
        match fs::remove_dir_all(&self.folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(file("remove", &self.folder)(e)),
            _ => Ok(()),
        }
    }

    /// Mounts the daemon's root; what an earlier daemon left in it goes. The calling process is in
    /// the image's folder.
    pub fn mount(&self, tools: &str) -> Result<(), SandboxError> {
        self.unmount();
        let (upper, work, root) = (
            self.folder.join("upper"),
            self.folder.join("work"),
            self.root(),
        );
        for path in [&upper, &work] {
            match fs::remove_dir_all(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(file("remove", path)(e));
                }
                _ => {}
            }
        }
        for path in [&upper, &work, &root, &self.disk()] {
            fs::create_dir_all(path).map_err(file("make", path))?;
        }
        let handle = File::open(&self.folder).map_err(file("open", &self.folder))?;
        let options = format!(
            "lowerdir={tools}:root,upperdir={},workdir={},index=off",
            paths::short(&handle, "upper").display(),
            paths::short(&handle, "work").display(),
        );
        let (overlay, private) = (MsFlags::empty(), MsFlags::MS_PRIVATE);
        mount(
            Some("zfs-fuse"),
            &root,
            Some("overlay"),
            overlay,
            Some(options.as_str()),
        )
        .map_err(errno("mount", &root))?;
        mount(None::<&str>, &root, None::<&str>, private, None::<&str>)
            .map_err(errno("change the propagation of", &root))?;
        bind(Path::new("/proc"), &root.join("proc"))?;
        bind(&self.disk(), &root.join("pool"))?;
        // No more of the machine's: whatever the daemon tells its log is nobody's business.
        for name in ["fuse", "null", "zero", "random", "urandom"] {
            let node = root.join("dev").join(name);
            File::create(&node).map_err(file("make", &node))?;
            bind(&Path::new("/dev").join(name), &node)?;
        }
        Ok(())
    }

    /// Takes the daemon's root away. The daemon must have ended.
    pub fn unmount(&self) {
        let _ = umount2(&self.root(), MntFlags::MNT_DETACH);
    }

    /// Starts the daemon. It dies with the calling thread.
    pub fn spawn(&self) -> Result<Child, SandboxError> {
        let path = self.log();
        let log = File::create(&path).map_err(file("write", &path))?;
        let errors = log.try_clone().map_err(file("write", &path))?;
        let mut command = self.program("zfs-fuse")?;
        command.args(["-n", "-p", "/var/run/zfs/pid", "--no-kstat-mount"]);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        // SAFETY: runs between fork and exec; one system call and no allocation.
        unsafe { command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)) };
        command.spawn().map_err(|source| SandboxError::NotStarted {
            command: "zfs-fuse".into(),
            source,
        })
    }

    /// A program of the daemon's root.
    fn program(&self, name: &str) -> Result<Command, SandboxError> {
        let path = self.root();
        let root = File::open(&path).map_err(file("open", path))?;
        let root = OwnedFd::from(root);
        let mut command = Command::new(format!("/usr/sbin/{name}"));
        command.env_clear();
        command.envs([
            ("PATH", "/usr/sbin:/usr/bin"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
        ]);
        let enter = move || {
            nix::unistd::fchdir(&root)?;
            chroot(".")?;
            Ok(())
        };
        // SAFETY: runs between fork and exec; two system calls and no allocation.
        unsafe { command.pre_exec(enter) };
        Ok(command)
    }

    /// Waits until the daemon answers.
    pub fn wait_until_listening(&self, daemon: Pid) -> Result<(), SandboxError> {
        let begun = Instant::now();
        loop {
            match self.connect() {
                Ok(_) => return Ok(()),
                Err(source) if begun.elapsed() > LISTENS_WITHIN || kill(daemon, None).is_err() => {
                    let said = fs::read_to_string(self.log()).unwrap_or_default();
                    return Err(SandboxError::Failed {
                        command: "zfs-fuse".into(),
                        status: source.to_string(),
                        said: tail(&said, 5),
                    });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(3)),
            }
        }
    }

    fn connect(&self) -> io::Result<UnixStream> {
        let folder = File::open(self.root().join("var/run/zfs"))?;
        UnixStream::connect(paths::short(&folder, SOCKET))
    }

    /// Takes up the pool that is there, or makes one.
    pub fn open_pool(&self) -> Result<(), SandboxError> {
        if self.has_pool() && holds_pool(&self.pool_file()) {
            let mut import = self.program("zpool")?;
            import.args(["import", "-f", "-d", "/pool", POOL]);
            run(&mut import)?;
            // A rename that broke off may have left it otherwise.
            return self.real("zfs", &["set", "zoned=on", POOL]).map(drop);
        }
        let path = self.pool_file();
        let disk = File::create(&path).map_err(file("make", &path))?;
        disk.set_len(wanted_size())
            .or_else(|_| disk.set_len(SMALL_SIZE))
            .map_err(file("make", &path))?;
        let mountpoint = format!("/{POOL}");
        let mut create = self.program("zpool")?;
        create.args(["create", "-f", "-m", &mountpoint, POOL, "/pool/zones.img"]);
        run(&mut create)?;
        // Mounted by the command that made it, for once.
        self.real("zfs", &["set", "zoned=on", POOL])?;
        let mounted = self.root().join(POOL);
        let _ = umount2(&mounted, MntFlags::MNT_DETACH);
        Ok(())
    }

    /// Runs one of the real commands to its end, past all emulation; anything but status 0 is an
    /// error.
    pub fn real(&self, program: &str, words: &[&str]) -> Result<Output, SandboxError> {
        let mut command = self.program(program)?;
        run(command.args(words))
    }

    /// The same, whatever its status.
    pub fn try_real(&self, program: &str, words: &[String]) -> Result<Output, SandboxError> {
        let mut command = self.program(program)?;
        let output = command.args(words).stdin(Stdio::null()).output();
        output.map_err(|source| SandboxError::NotStarted {
            command: program.to_owned(),
            source,
        })
    }

    /// Starts one of the real commands on streams of somebody else's.
    pub fn start_real(
        &self,
        program: &str,
        words: &[String],
        [input, output, errors]: [OwnedFd; 3],
    ) -> Result<Child, SandboxError> {
        let mut command = self.program(program)?;
        command
            .args(words)
            .stdin(input)
            .stdout(output)
            .stderr(errors);
        command.spawn().map_err(|source| SandboxError::NotStarted {
            command: program.to_owned(),
            source,
        })
    }

    /// Mounts a dataset's file system at a folder below the daemon's root, whatever its properties
    /// say. One that was unmounted a moment ago may not be let go of yet.
    pub fn mount_dataset(&self, dataset: &str, folder: &str) -> io::Result<()> {
        fs::create_dir_all(self.root().join(folder.trim_start_matches('/')))?;
        let begun = Instant::now();
        loop {
            match self.ask_to_mount(dataset, folder) {
                Err(e)
                    if e.raw_os_error() == Some(nix::libc::EBUSY)
                        && begun.elapsed() < LET_GO_WITHIN =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                result => return result,
            }
        }
    }

    fn ask_to_mount(&self, dataset: &str, folder: &str) -> io::Result<()> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(LISTENS_WITHIN))?;
        stream.write_all(&mount_request(dataset, folder)?)?;
        let mut status = [0; 4];
        stream.read_exact(&mut status)?;
        match i32::from_ne_bytes(status) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Runs a command again while it says that a dataset is busy that was just unmounted.
    pub fn real_after_unmount(&self, words: &[String]) -> Result<Output, SandboxError> {
        let begun = Instant::now();
        loop {
            let output = self.try_real("zfs", words)?;
            let said = String::from_utf8_lossy(&output.stderr);
            if !said.contains("dataset is busy") || begun.elapsed() > LET_GO_WITHIN {
                return Ok(output);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

// The header is a C structure of 32 bytes: what is wanted, then the lengths of name, folder and
// options with the flags before the last, then user and group. The three texts follow it.
fn mount_request(dataset: &str, folder: &str) -> io::Result<Vec<u8>> {
    let length = |text: &str| {
        u32::try_from(text.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let words = [
        MOUNT_REQUEST,
        0,
        length(dataset)?,
        length(folder)?,
        0,
        0,
        0,
        0,
    ];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.extend_from_slice(dataset.as_bytes());
    bytes.extend_from_slice(folder.as_bytes());
    Ok(bytes)
}

/// Whether a pool was ever made in the file: its first label is not empty.
fn holds_pool(path: &Path) -> bool {
    let mut label = vec![0; 64 << 10];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut label, 16 << 10));
    read.is_ok() && label.iter().any(|byte| *byte != 0)
}

fn bind(from: &Path, to: &Path) -> Result<(), SandboxError> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(errno("mount", to))
}

fn wanted_size() -> u64 {
    let asked = std::env::var(SIZE_VARIABLE).ok();
    asked.and_then(|text| format::bytes(&text)).unwrap_or(SIZE)
}

/// Why there can be no daemon on this machine at all; none when nothing stands against it.
pub(super) fn obstacle() -> Option<&'static str> {
    (!Path::new("/dev/fuse").exists()).then_some(
        "this machine has no `/dev/fuse` (`modprobe fuse`; in a container, give it the device)",
    )
}

/// The image that a daemon's root is made of.
pub(super) fn tools(image: &Image) -> Result<String, SandboxError> {
    super::tools::ensure(image, &mut |_| {})
}

#[cfg(test)]
mod tests {
    use super::*;

    // Recorded from `zfs mount zones/u/data` of Debian's 0.7.0-30.
    #[test]
    fn a_mount_request_is_the_bytes_that_the_real_command_sends() {
        let mut recorded = vec![6, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 13, 0, 0, 0];
        recorded.resize(32, 0);
        recorded.extend_from_slice(b"zones/u/data/zones/u/data");
        assert_eq!(
            mount_request("zones/u/data", "/zones/u/data").unwrap(),
            recorded
        );
    }

    #[test]
    fn a_pool_file_that_nothing_was_written_to_holds_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zones.img");
        let disk = File::create(&path).unwrap();
        disk.set_len(1 << 30).unwrap();
        assert!(!holds_pool(&path));
        disk.write_all_at(b"x", 20 << 10).unwrap();
        assert!(holds_pool(&path));
        assert!(!holds_pool(&folder.path().join("absent")));
    }
}
