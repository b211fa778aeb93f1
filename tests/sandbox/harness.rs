//! A zone, a site and the controller's folders for one test.
//!
//! A static is never dropped, so the sandbox that all tests share is held by those that use it: the
//! last one to let go, however it ended, takes everything down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zonewright::facts::locks::Holder;
use zonewright::host::ssh::{Ssh, SshConfig, SshTarget};
use zonewright::host::transcript::{Recorder, Transcript};
use zonewright::receipt::sha256_hex;
use zonewright::recipe::load::load_recipe;
use zonewright::run::{
    self, Controller, Decisions, Door, Event, Locking, Report, RunError, View, Wish,
};
use zonewright::sandbox::{self, fault::Watched};
use zonewright::site::SiteRoot;
use zonewright::site::load::load_zone;
use zonewright::store::{Caller, Folders};

use super::archive;

/// The program under test, which the sandbox's zones run as well.
pub const BINARY: &str = env!("CARGO_BIN_EXE_zonewright");

/// The sandbox that the running tests share.
struct Ground {
    folder: TempDir,
}

impl Ground {
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Ground>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let ground = Self::new();
            // or whoever comes first would be told that it is started
            Ran::of(ground.command(&["sandbox", "up", sandbox::GLOBAL])).succeeds();
            *shared = Arc::downgrade(&ground);
            ground
        })
    }

    fn new() -> Arc<Self> {
        Self::with("ground")
    }

    /// The supervisor keeps the cache folder of whoever starts it, which must outlive it: the
    /// machine's, not that of a test.
    fn with(zone: &str) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let ground = Arc::new(Self { folder });
        Ran::of(ground.command(&["sandbox", "up", zone])).succeeds();
        ground
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        command.env(sandbox::paths::STATE_VARIABLE, self.folder.path());
        command
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = self.command(&["sandbox", "down"]).output();
    }
}

/// A zone that is not made yet, the site that describes it, and private folders.
pub struct Zone {
    pub alias: String,
    pub site: PathBuf,
    folder: TempDir,
    ground: Arc<Ground>,
}

impl Zone {
    /// A site with the fixture's recipes and a zone file that uses one; nothing, with the reason
    /// said, where there can be no sandbox.
    pub fn with_recipe(alias: &str, recipe: &str) -> Option<Self> {
        Self::on(Ground::shared, alias, recipe)
    }

    /// The same on a host that no other test uses, with a zone file's text in place of the usual one.
    pub fn alone(alias: &str, text: &str) -> Option<Self> {
        let zone = Self::on(Ground::new, alias, "greeter")?;
        zone.write(&format!("zones/{alias}.toml"), text);
        Some(zone)
    }

    /// The same on a host without an image and without a zone.
    pub fn on_empty_host(alias: &str, text: &str) -> Option<Self> {
        let zone = Self::on(|| Ground::with(sandbox::GLOBAL), alias, "greeter")?;
        zone.write(&format!("zones/{alias}.toml"), text);
        Some(zone)
    }

    fn on(ground: impl FnOnce() -> Arc<Ground>, alias: &str, recipe: &str) -> Option<Self> {
        let missing = sandbox::requirements();
        if let Some(missing) = missing.first() {
            let what = format!("the sandbox needs {}: {}", missing.what, missing.remedy);
            assert!(std::env::var_os("CI").is_none(), "{what}");
            eprintln!("skipped: {what}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        let zone = Self {
            alias: alias.to_owned(),
            site,
            folder,
            ground: ground(),
        };
        // packages are really built, while the image is the machine's one
        let shared = sandbox::paths::cache_folder().unwrap();
        fs::create_dir_all(&shared).unwrap();
        fs::create_dir_all(zone.folders().cache).unwrap();
        std::os::unix::fs::symlink(shared, zone.folders().cache.join("sandbox")).unwrap();
        write_site(&zone.site, alias, recipe);
        Some(zone)
    }

    /// A site whose zone file uses the greeter.
    pub fn new(alias: &str) -> Option<Self> {
        Self::with_recipe(alias, "greeter")
    }

    /// The same, applied: the greeter serves. Its package is built once, in another zone, so that
    /// no test depends on which of them was first.
    pub fn serving(alias: &str) -> Option<Self> {
        static PACKAGES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
        let zone = Self::new(alias)?;
        let packages = |zone: &Self| zone.folders().packages;
        let kept = PACKAGES.get_or_init(|| {
            let builder = Self::new("builder").unwrap();
            builder.apply().succeeds();
            files_below(&packages(&builder))
        });
        for (path, bytes) in kept {
            let path = packages(&zone).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        zone.apply().succeeds();
        Some(zone)
    }

    /// The controller's folders of this test.
    pub fn folders(&self) -> Folders {
        Folders {
            cache: self.folder.path().join("cache/zonewright"),
            state: self.folder.path().join("state/zonewright"),
            packages: self.folder.path().join("cache/zonewright/packages-sandbox"),
        }
    }

    /// A folder of this test for whatever it needs.
    pub fn own(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the site.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.site.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Changes a file of the site in one place.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let old = fs::read_to_string(self.site.join(path)).unwrap();
        assert_eq!(old.matches(from).count(), 1, "{path} has {from} once");
        self.write(path, &old.replace(from, to));
    }

    /// Gives the recipe these parameters in the zone file, in place of those it had.
    pub fn set_parameters(&self, parameters: &str) {
        let path = format!("zones/{}.toml", self.alias);
        let old = fs::read_to_string(self.site.join(&path)).unwrap();
        let kept = old.lines().filter(|line| !line.starts_with("parameters"));
        let lines = kept.flat_map(|line| {
            let more = line
                .starts_with("name")
                .then(|| format!("parameters = {{ {parameters} }}"));
            [Some(line.to_owned()), more]
        });
        let text: Vec<String> = lines.flatten().collect();
        self.write(&path, &(text.join("\n") + "\n"));
    }

    /// The program with this test's folders in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.ground.command(&[]);
        command.arg("--site").arg(&self.site).args(arguments);
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command.env("NO_COLOR", "1").env_remove("SSH_AUTH_SOCK");
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    pub fn apply(&self) -> Ran {
        self.run(&["apply", &self.alias])
    }

    pub fn plan(&self) -> Ran {
        self.run(&["plan", &self.alias])
    }

    /// Runs a script in the zone, past SSH, and gives what it printed.
    pub fn shell(&self, script: &str) -> String {
        let ran = self.try_shell(script);
        assert_eq!(ran.status, 0, "in the zone: {script}\n{ran}");
        ran.out
    }

    /// The same for a script that may fail.
    pub fn try_shell(&self, script: &str) -> Ran {
        let shell = ["sandbox", "shell", &self.alias, "--"];
        self.run(&[&shell[..], &["/usr/bin/bash", "-c", script]].concat())
    }

    /// What `zfs` or `zpool` answers the global zone's root.
    pub fn global(&self, program: &str, words: &[&str]) -> Ran {
        let state = self.ground.folder.path();
        let (out, err, status) = sandbox::zfs::in_global_zone(state, program, words).unwrap();
        Ran {
            command: format!("[{program}] {}", words.join(" ")),
            status,
            out,
            err,
        }
    }

    /// Makes the zone if there is none, and arms faults in it.
    #[track_caller]
    pub fn arm(&self, faults: &[&str]) {
        let ordered = faults.iter().flat_map(|fault| ["--fault", fault]);
        let words: Vec<&str> = ["sandbox", "up", &self.alias]
            .into_iter()
            .chain(ordered)
            .collect();
        self.run(&words).succeeds();
    }

    /// Disarms all faults and heals what they did.
    #[track_caller]
    pub fn disarm(&self) {
        self.run(&["sandbox", "up", &self.alias, "--no-faults"])
            .succeeds();
    }

    /// How often each armed fault happened, and how many commands each script ran.
    pub fn watched(&self) -> Watched {
        let list = self.run(&["sandbox", "list", "--json"]).succeeds();
        let document: serde_json::Value = serde_json::from_str(&list.out).unwrap();
        let zones = document["zones"].as_array().unwrap();
        let zone = zones
            .iter()
            .find(|zone| zone["alias"] == *self.alias)
            .unwrap();
        serde_json::from_value(zone.clone()).unwrap()
    }

    /// The same of the host.
    pub fn watched_on_host(&self) -> Watched {
        let list = self.run(&["sandbox", "list", "--json"]).succeeds();
        let document: serde_json::Value = serde_json::from_str(&list.out).unwrap();
        let zones = document["zones"].as_array().unwrap();
        let host = zones.iter().find(|zone| zone["alias"] == sandbox::GLOBAL);
        serde_json::from_value(host.unwrap().clone()).unwrap()
    }

    /// Runs a script on the host, past SSH, and gives what it printed.
    pub fn host_shell(&self, script: &str) -> String {
        self.run(&["sandbox", "up", sandbox::GLOBAL]).succeeds();
        let words = [
            "sandbox",
            "shell",
            sandbox::GLOBAL,
            "--",
            "/usr/bin/bash",
            "-c",
            script,
        ];
        self.run(&words).succeeds().out
    }

    /// Waits until the fault that was armed last has happened.
    #[track_caller]
    pub fn wait_for_fault(&self) {
        let begun = Instant::now();
        while self
            .watched()
            .faults
            .last()
            .is_none_or(|fault| fault.happened == 0)
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it did not happen"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts the program and goes on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments))
    }

    /// Waits until a script in the zone succeeds.
    pub fn until(&self, script: &str) {
        let since = std::time::Instant::now();
        while self.try_shell(script).status != 0 {
            assert!(
                since.elapsed().as_secs() < 60,
                "never true in the zone: {script}"
            );
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// What the greeter tells its clients.
    pub fn greeting(&self) -> String {
        self.shell(
            "exec 3<>/dev/tcp/127.0.0.1/7007 && IFS= read -r -t 10 line <&3 && printf %s \"$line\"",
        )
    }

    /// How to get in over SSH, as the sandbox says.
    pub fn access(&self) -> sandbox::Access {
        self.access_to(&self.alias)
    }

    /// The same for another zone of its sandbox, or its host.
    pub fn access_to(&self, alias: &str) -> sandbox::Access {
        let up = self.run(&["sandbox", "up", alias, "--json"]);
        let document: serde_json::Value = serde_json::from_str(&up.succeeds().out).unwrap();
        let text = |key: &str| document["zones"][0][key].as_str().unwrap().to_owned();
        let port = |key: &str| u16::try_from(document["zones"][0][key].as_u64().unwrap()).unwrap();
        sandbox::Access {
            address: text("address").parse().unwrap(),
            ssh_port: port("ssh-port"),
            afp_port: port("afp-port"),
            user: text("user"),
            identity: text("identity").into(),
            known_hosts: text("known-hosts").into(),
            uuid: text("uuid"),
        }
    }

    /// A connection of its own that writes down what goes through it.
    pub fn door(&self) -> Recorder<Ssh> {
        Recorder::new(self.connect(&self.access()))
    }

    /// The same to the zone's host, with nothing written down.
    pub fn host_door(&self) -> Ssh {
        self.connect(&self.access_to(sandbox::GLOBAL))
    }

    /// A connection by these words of the sandbox; whoever answers with another key is refused.
    pub fn connect(&self, access: &sandbox::Access) -> Ssh {
        let home = self.own("home");
        let config = SshConfig::load(&home, "root", None, &[]).unwrap();
        let destination = format!("{}@{}:{}", access.user, access.address, access.ssh_port);
        let mut target = SshTarget::parse(&destination, &config).unwrap();
        target.identities = vec![access.identity.clone()];
        target.known_hosts = vec![access.known_hosts.clone()];
        target.global_known_hosts.clear();
        Ssh::connect(&target, &mut |_| None).unwrap()
    }

    fn wish(&self) -> Wish {
        let site = SiteRoot::at(&self.site).unwrap();
        let zone = load_zone(&site, &self.alias).unwrap().zone;
        let systems = zonewright::build_system::names();
        let recipes = zone.recipes.iter().map(|used| {
            let loaded = load_recipe(&site, &used.name, &systems).unwrap();
            (used.name.clone(), loaded)
        });
        let recipes = recipes.collect();
        Wish { zone, recipes }
    }

    /// `apply` by the library: what it did, and everything that was sent.
    pub fn converge(&self) -> (Result<Report, RunError>, Transcript) {
        let mut door = self.door();
        let result = self.with_controller(|wish, controller| {
            let folders = self.folders();
            let mut begin = || folders.begin_run(&self.alias, &Caller::default(), 0);
            run::converge(
                &mut Door::new(&mut door),
                wish,
                controller,
                &mut None,
                &mut begin,
            )
        });
        (result, door.into_transcript())
    }

    /// `plan` by the library.
    pub fn look(&self) -> (Result<View, RunError>, Transcript) {
        let mut door = self.door();
        let result =
            self.with_controller(|wish, controller| run::look(&mut door, wish, controller));
        (result, door.into_transcript())
    }

    pub fn with_controller<T>(&self, work: impl FnOnce(&Wish, &mut Controller<'_>) -> T) -> T {
        let (wish, folders) = (self.wish(), self.folders());
        let mut passwords = zonewright::secrets::Passwords::new(Some(&self.site));
        let mut controller = Controller {
            folders: &folders,
            distfiles: vec![self.site.join("distfiles")],
            decisions: Decisions::default(),
            locking: Locking::of(Holder::default()),
            password: &mut |user, known| passwords.wanted_hash(user, known, &mut |_| None),
            watch: &mut |_: Event<'_>| {},
        };
        work(&wish, &mut controller)
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        let _ = self.command(&["sandbox", "down", &self.alias]).output();
    }
}

/// A program that ended.
#[derive(Debug)]
pub struct Ran {
    pub command: String,
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self::ended(&command, output)
    }

    pub fn ended(command: &Command, output: Output) -> Self {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        Self {
            command: words.join(" "),
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "zonewright {} ended with {}", self.command, self.status)?;
        write!(f, "--- stdout\n{}--- stderr\n{}", self.out, self.err)
    }
}

/// A program that runs; killed if it is let go before it has ended.
pub struct Running {
    command: Command,
    child: Option<std::process::Child>,
}

impl Running {
    pub fn of(mut command: Command) -> Self {
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        let child = Some(command.spawn().unwrap());
        Self { command, child }
    }

    /// Its end.
    pub fn wait(mut self) -> Ran {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        Ran::ended(&self.command, output)
    }

    /// Tells it something, and waits for its end.
    pub fn signal(self, name: &str) -> Ran {
        let process = self.child.as_ref().unwrap().id().to_string();
        let kill = Command::new("kill").args(["-s", name, &process]).status();
        assert!(kill.unwrap().success());
        self.wait()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) -> Ran {
        self.child.as_mut().unwrap().kill().unwrap();
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A site with the fixture's recipes and a sandbox zone that uses one.
pub fn write_site(site: &Path, alias: &str, recipe: &str) {
    copy_site(site);
    let text = format!(
        "[host]\nsandbox = true\n\n[zone]\nalias = \"{alias}\"\n\n[[recipe]]\nname = \"{recipe}\"\n"
    );
    fs::create_dir_all(site.join("zones")).unwrap();
    fs::write(site.join(format!("zones/{alias}.toml")), text).unwrap();
}

/// Copies the fixture's recipes and makes the archive that they name.
fn copy_site(site: &Path) {
    let fixture = archive::fixture();
    for part in ["recipes", "patches", "templates"] {
        for (path, bytes) in files_below(&fixture.join(part)) {
            let path = site.join(part).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let archive = archive::greeter();
    for recipe in ["greeter", "greeter-autotools", "slow"] {
        let path = site.join(format!("recipes/{recipe}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("@SHA256@", &sha256_hex(&archive))).unwrap();
    }
    fs::create_dir_all(site.join("distfiles")).unwrap();
    fs::write(site.join("distfiles/greeter-1.0.tar.gz"), archive).unwrap();
}

/// Every file below a folder, by its path in it, with its content.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                found.push((path.strip_prefix(folder).unwrap().to_owned(), bytes));
            }
        }
    }
    found.sort();
    found
}

/// The lines of one listing that the other lacks, both ways.
pub fn differences(before: &str, after: &str) -> String {
    let lacks = |sign: &'static str, text: &str, other: &str| {
        let other: Vec<&str> = other.lines().collect();
        let lines = text.lines().filter(|line| !other.contains(line));
        lines
            .map(|line| format!("{sign}{line}\n"))
            .collect::<String>()
    };
    lacks("-", before, after) + &lacks("+", after, before)
}
