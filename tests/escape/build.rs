//! Sources, patches, the commands of a build and their environment, and what was staged.

use serde_json::{Value, json};

use super::ledger::{Joined, Ledger, arrives, joined, texts, texts_up_to};
use super::place::{Place, archive, ended_by_nul};

/// Names of files inside of an archive, and of files that a build stages.
pub const NAMES: &[&str] = &[
    "a b",
    " a",
    "-rf",
    "--",
    "'",
    "\"",
    "$HOME",
    "`touch zw-pwned`",
    "$(touch zw-pwned)",
    ";",
    "&",
    "*",
    "?",
    "[a]",
    "~",
    "#",
    "\\",
    "a\\nb",
    "a\\",
    "%s",
    "é ü 日本",
    "日\u{3000}本",
    "{a,b}",
    "<&>",
    "!",
    "=",
    "A=b",
    "(",
    "|",
];

/// Names that an archive may have, and a package cannot list.
pub const NOT_IN_PACKAGES: &[&str] = &["a\nb", "a ", "\tb", "@a", "+b", "\u{1b}[31m"];

const PHASES: [&str; 4] = ["configure", "compile", "test", "stage"];
const SHARE: &str = "/opt/local/share/strange";

/// Where a build wants a program: behind the first path that the table of the desk has for it.
fn program(path: &str) -> Joined {
    joined(path, "/", 900).remove(0)
}

pub fn add(recipe: &mut Value, place: &Place) {
    let patches = texts("recipe source[].patches[].file");
    for (index, name) in patches.iter().enumerate() {
        let patch = format!("--- /dev/null\n+++ b/patched-{index}\n@@ -0,0 +1 @@\n+{index}\n");
        place.zone.write(&format!("patches/{name}"), &patch);
    }
    let (into, unverified, urls) = (
        texts("recipe source[].into"),
        texts("recipe source[].unverified"),
        texts("recipe source[].urls[]"),
    );
    let mut sources = vec![json!({
        "urls": [format!("http://127.0.0.1:{}/first.tar.gz", place.server.port)],
        "unverified": "it is made anew", "patches": patches,
    })];
    for index in 0..into.len().max(unverified.len()).max(urls.len()) {
        let plain = format!("{index}.tar.gz");
        let target = urls.get(index).map_or(plain.as_str(), |url| target(url));
        let mut source = json!({
            "urls": [format!("http://127.0.0.1:{}/{target}", place.server.port)],
            "unverified": unverified.get(index).map_or("it is made anew", String::as_str),
        });
        if let Some(into) = into.get(index) {
            source["into"] = json!(into);
        }
        sources.push(source);
    }
    recipe["source"] = json!(sources);
    let rest = archive(&[("root/marker", "x\n", 0o644)]);
    place.server.gives(packed(), rest);

    let mut custom = json!({});
    for phase in PHASES {
        let field = format!("recipe build.custom.{phase}[][0]");
        let program = program(&field);
        place.recorders(&[&program.arrives]);
        let arguments = texts(&format!("recipe build.custom.{phase}[][1]"));
        let arguments = [vec!["/opt/record".to_owned(), phase.to_owned()], arguments].concat();
        custom[phase] = json!([[program.raw], arguments]);
    }
    let list = "find . -print0 | sort -z >\"$HOME/record/tree\"";
    let compile = custom["compile"].as_array_mut().unwrap();
    compile.push(json!(["/usr/bin/bash", "-c", list]));
    custom["stage"]
        .as_array_mut()
        .unwrap()
        .push(json!(["/opt/stage"]));
    let mut environment = json!({ "RECORD_NAME": "strange" });
    for (index, text) in texts("recipe build.environment.*").iter().enumerate() {
        environment[format!("E{index}")] = json!(text);
    }
    recipe["build"] = json!({
        "system": "custom", "test": true, "custom": custom, "environment": environment,
        "discard": texts("recipe build.discard[]"),
    });
    let names = NAMES.iter().map(|name| format!("{SHARE}/names/{name}"));
    // what a `*` in the list must not take with it
    let spared = ["/opt/local/share/strange/spared".to_owned()];
    let gone = texts("recipe build.discard[]").into_iter();
    let gone = gone.map(|text| arrives("recipe build.discard[]", &text));
    let staged: Vec<String> = names.chain(spared).chain(gone).collect();
    place.list("/opt/staged/strange", &staged);
}

/// A URL without its host.
fn target(url: &str) -> &str {
    url.strip_prefix("https://example.org/").unwrap()
}

fn packed() -> Vec<u8> {
    let names = NAMES.iter().chain(NOT_IN_PACKAGES);
    let names: Vec<String> = names.map(|name| format!("root/names/{name}")).collect();
    let files: Vec<(&str, &str, u32)> = names.iter().map(|name| (&**name, "x\n", 0o644)).collect();
    archive(&files)
}

pub fn read(place: &Place, ledger: &mut Ledger, stderr: &str) {
    let recorded = place.recorded(SHARE);
    for phase in PHASES {
        let field = format!("recipe build.custom.{phase}[][0]");
        let wanted = program(&field);
        let found = recorded.iter().find(|words| words[0] == wanted.arrives);
        ledger.hold(
            &field,
            &wanted,
            &found.unwrap_or_else(|| panic!("{field}: {recorded:?}"))[0],
        );
        let field = format!("recipe build.custom.{phase}[][1]");
        let found = recorded
            .iter()
            .find(|words| words.get(1).is_some_and(|word| word == phase));
        let arguments = &found.unwrap()[2..];
        let wanted = texts(&field);
        assert_eq!(arguments.len(), wanted.len(), "{phase}");
        for (text, found) in wanted.iter().zip(arguments) {
            ledger.hold_one(&field, text, found.as_bytes());
        }
    }
    let field = "recipe build.environment.*";
    let environment = ended_by_nul(&place.read(&format!("{SHARE}/environment")));
    for (index, text) in texts(field).iter().enumerate() {
        let name = format!("E{index}=");
        let found = environment
            .iter()
            .find_map(|variable| variable.strip_prefix(&name));
        ledger.hold_one(field, text, found.unwrap().as_bytes());
    }
    read_tree(place, ledger);
    let asked = place.server.asked();
    for text in texts("recipe source[].urls[]") {
        // a fragment is for who reads the answer
        let wanted = arrives("recipe source[].urls[]", &text);
        let wanted = target(&wanted).split('#').next().unwrap();
        let found = asked.iter().find(|asked| asked[1..] == *wanted);
        assert!(found.is_some(), "{text} was not asked for: {asked:?}");
        ledger.note("recipe source[].urls[]", &text);
    }
    for text in texts("recipe source[].unverified") {
        let shown = zonewright::show::plain::lines(&text).into_owned();
        assert!(
            stderr.contains(&format!("is NOT VERIFIED ({shown}); its sha256 is")),
            "{text}"
        );
        ledger.note("recipe source[].unverified", &text);
    }
    read_staged(place, ledger);
}

/// The source tree: every name of the archive in every folder that the recipe unpacks it into, and
/// what the patches made.
fn read_tree(place: &Place, ledger: &mut Ledger) {
    let tree = ended_by_nul(&place.read(&format!("{SHARE}/tree")));
    let has = |path: &str| tree.iter().any(|found| found == path);
    for name in NAMES.iter().chain(NOT_IN_PACKAGES) {
        assert!(has(&format!("./names/{name}")), "{name:?} of {tree:?}");
    }
    for text in texts("recipe source[].into") {
        assert!(has(&format!("./{text}/marker")), "{text}");
        ledger.note("recipe source[].into", &text);
    }
    let description = place.zone.shell("pkg_info -qd zw-strange");
    for (index, text) in texts("recipe source[].patches[].file").iter().enumerate() {
        assert!(has(&format!("./patched-{index}")), "{text}");
        let line = format!("Patched with {text}.\n");
        assert!(description.contains(&line), "{description}");
        ledger.note("recipe source[].patches[].file", text);
    }
}

fn read_staged(place: &Place, ledger: &mut Ledger) {
    let listed = place.zone.shell("pkg_info -qL zw-strange");
    let paths: Vec<String> = NAMES
        .iter()
        .map(|name| format!("{SHARE}/names/{name}"))
        .collect();
    for (path, found) in paths.iter().zip(place.read_all(&paths)) {
        assert!(
            listed.lines().any(|line| line == path),
            "{path} of {listed}"
        );
        assert_eq!(String::from_utf8(found).unwrap(), *path);
    }
    place.zone.shell(&format!("test -f {SHARE}/spared"));
    let field = "recipe build.discard[]";
    for text in texts(field) {
        let path = arrives(field, &text);
        assert!(!listed.lines().any(|line| line == path), "{path}");
        ledger.note(field, &text);
    }
    let left = place
        .zone
        .shell("cd /srv/builddiscard 2>/dev/null && find . | head; true");
    assert_eq!(left, "");
}

/// The other build systems: recipes whose tools write down what they are given.
pub const SYSTEMS: [(&str, &[&str]); 4] = [
    ("autotools", &["gmake"]),
    ("meson", &["meson"]),
    ("cmake", &["cmake", "ctest"]),
    ("make", &["gmake"]),
];

/// A recipe for a build system, with its part of the folders to build in.
pub fn of_system(place: &Place, index: usize) -> Option<Value> {
    let (system, tools) = SYSTEMS[index];
    for tool in tools {
        place.recorders(&[format!("/opt/local/bin/{tool}")]);
    }
    let folders = folders();
    let folder = folders.get(index)?;
    let archive = archive(&[("root/configure", super::place::RECORD, 0o755)]);
    let name = format!("{system}.tar.gz");
    let sha256 = zonewright::receipt::sha256_hex(&archive);
    std::fs::create_dir_all(place.zone.site.join("distfiles")).unwrap();
    std::fs::write(place.zone.site.join("distfiles").join(&name), archive).unwrap();
    Some(json!({
        "package": { "name": system, "version": "1.0", "summary": "Another" },
        "source": [{
            "urls": [format!("https://example.invalid/{name}")], "sha256": sha256, "into": folder.raw,
        }],
        "build": {
            "system": system, "directory": folder.raw,
            "environment": { "CC": "/usr/bin/false", "RECORD_NAME": system },
            "options": options(), "make-arguments": make_arguments(),
        },
    }))
}

fn options() -> Vec<String> {
    texts_up_to("recipe build.options[].value", 4_000)
}

fn make_arguments() -> Vec<String> {
    texts_up_to("recipe build.make-arguments[]", 4_000)
}

/// A name in a tar archive has 155 bytes and then 100.
fn folders() -> Vec<Joined> {
    joined("recipe build.directory", "/", 150)
}

pub fn read_systems(place: &Place, ledger: &mut Ledger) {
    assert!(
        folders().len() <= SYSTEMS.len(),
        "{} folders",
        folders().len()
    );
    for (index, (system, tools)) in SYSTEMS.iter().enumerate() {
        let Some(folder) = folders().get(index).cloned() else {
            continue;
        };
        let share = format!("/opt/local/share/{system}");
        let recorded = place.recorded(&share);
        let has = |wanted: &[String], program: &str| {
            let named = recorded.iter().filter(|words| words[0].ends_with(program));
            let mut named = named.filter(|words| words.len() > wanted.len());
            named.any(|words| words.windows(wanted.len()).any(|found| found == wanted))
        };
        if *system != "make" {
            let program = if *system == "autotools" {
                "/configure"
            } else {
                tools[0]
            };
            let wanted: Vec<String> = options()
                .iter()
                .map(|text| {
                    arrives("recipe build.options[].value", text).replace("strange", system)
                })
                .collect();
            assert!(has(&wanted, program), "{system}: {recorded:?}");
            options()
                .iter()
                .for_each(|text| ledger.note("recipe build.options[].value", text));
        }
        if tools.contains(&"gmake") {
            let wanted: Vec<String> = make_arguments()
                .iter()
                .map(|text| {
                    arrives("recipe build.make-arguments[]", text).replace("strange", system)
                })
                .collect();
            assert!(has(&wanted, "gmake"), "{system}: {recorded:?}");
            make_arguments()
                .iter()
                .for_each(|text| ledger.note("recipe build.make-arguments[]", text));
        }
        let pwd = String::from_utf8(place.read(&format!("{share}/pwd"))).unwrap();
        let (_, below) = pwd.strip_suffix('\n').unwrap().split_once("/src/").unwrap();
        ledger.hold("recipe build.directory", &folder, below);
    }
}
