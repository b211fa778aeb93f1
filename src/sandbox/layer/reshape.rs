//! What is done to Debian's files to make a layer of them.
//!
//! Debian puts commands into `/usr/bin`, where on SmartOS nothing of pkgsrc ever appears: they move
//! to a folder of their own, and the scripts among them must then find their interpreters there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::sandbox::error::{SandboxError, file, run};
use crate::sandbox::image::Image;
use crate::sandbox::layer::HIDDEN_BIN;
use crate::sandbox::platform::names::TRIPLET;

/// Modules that no build tool loads; to compile them would take as long as all others.
const UNCOMPILED: &str =
    "/(idlelib|tkinter|turtledemo|pydoc_data|ensurepip|unittest|sqlite3|xmlrpc|wsgiref|curses)/";

/// Makes a layer of an unpacked `usr`; `below` are the `usr` of the layers it depends on.
pub(super) fn reshape(image: &Image, usr: &Path, below: &[PathBuf]) -> Result<(), SandboxError> {
    for bulk in [
        "share/doc",
        "share/man",
        "share/locale",
        "share/lintian",
        "share/info",
    ] {
        match fs::remove_dir_all(usr.join(bulk)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(file("remove", usr.join(bulk))(e));
            }
            _ => {}
        }
    }
    hide_commands(usr, below)?;
    link_data(usr)?;
    link_assembler(usr)?;
    compile_python(image, usr, below)
}

/// Moves a layer's commands out of sight.
fn hide_commands(usr: &Path, layers_below: &[PathBuf]) -> Result<(), SandboxError> {
    let hidden = usr.join(HIDDEN_BIN);
    fs::create_dir_all(&hidden).map_err(file("make", &hidden))?;
    let mut scripts = Vec::new();
    for below in ["bin", "sbin"] {
        let folder = usr.join(below);
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_moved(&name) {
                continue;
            }
            let (from, to) = (entry.path(), hidden.join(&name));
            match fs::read_link(&from) {
                Ok(target) => {
                    let target = moved_target(below, &target.to_string_lossy());
                    symlink(&target, &to).map_err(file("link", &to))?;
                    fs::remove_file(&from).map_err(file("remove", &from))?;
                }
                Err(_) => {
                    fs::rename(&from, &to).map_err(file("rename", &from))?;
                    scripts.push(to);
                }
            }
        }
    }
    let folders = layers_below.iter().map(PathBuf::as_path).chain([usr]);
    let is_hidden = |name: &str| {
        folders
            .clone()
            .any(|home| home.join(HIDDEN_BIN).join(name).exists())
    };
    scripts
        .iter()
        .try_for_each(|script| rewrite_script(script, &is_hidden))
}

/// CMake looks for its modules in `../share` beside the folder it is started from.
fn link_data(usr: &Path) -> Result<(), SandboxError> {
    let link = usr.join(HIDDEN_BIN).with_file_name("share");
    symlink("../../share", &link).map_err(file("link", &link))
}

fn is_moved(name: &str) -> bool {
    !name.starts_with(TRIPLET)
}

/// What a link that lay in `usr/BELOW` must say in `usr/lib/zonewright/bin`.
pub(crate) fn moved_target(below: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = vec!["usr", below];
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    match parts.as_slice() {
        ["usr", "bin" | "sbin", name] if is_moved(name) => (*name).to_owned(),
        ["usr", rest @ ..] => format!("../../../{}", rest.join("/")),
        other => format!("/{}", other.join("/")),
    }
}

/// Scripts name interpreters and each other by the place where Debian has them.
fn rewrite_script(path: &Path, is_hidden: &dyn Fn(&str) -> bool) -> Result<(), SandboxError> {
    let bytes = fs::read(path).map_err(file("read", path))?;
    let Some(Ok(text)) = bytes.starts_with(b"#!").then(|| String::from_utf8(bytes)) else {
        return Ok(());
    };
    let new = moved_commands(&text, is_hidden);
    if new == text {
        return Ok(());
    }
    let mode = fs::metadata(path)
        .map_err(file("read", path))?
        .permissions()
        .mode();
    fs::write(path, new).map_err(file("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(file("change", path))
}

/// A script's text with the new places of its interpreter and of hidden commands: autoconf's Perl
/// holds `'/usr/bin/autom4te'`.
fn moved_commands(text: &str, is_hidden: &dyn Fn(&str) -> bool) -> String {
    let (first, body) = text.split_at(text.find('\n').unwrap_or(text.len()));
    let mut new = match first.strip_prefix("#!").and_then(interpreter) {
        Some(line) => format!("#!{line}"),
        None => first.to_owned(),
    };
    let mut pieces = body.split("/usr/bin/");
    new.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let end = piece.find(|c| !is_of_name(c)).unwrap_or(piece.len());
        let folder = match piece.get(..end) {
            Some(name) if !name.is_empty() && is_hidden(name) => format!("/usr/{HIDDEN_BIN}/"),
            _ => "/usr/bin/".to_owned(),
        };
        new.push_str(&folder);
        new.push_str(piece);
    }
    new
}

/// The new first line (without `#!`) of a script, where the old one would not do.
fn interpreter(line: &str) -> Option<String> {
    let line = line.trim();
    let (program, rest) = line.split_once(' ').unwrap_or((line, ""));
    let name = program
        .strip_prefix("/usr/bin/")
        .or_else(|| program.strip_prefix("/bin/"))?;
    let new = match name {
        "perl" => "/usr/perl5/bin/perl".to_owned(),
        name if name.starts_with("python3") => format!("/usr/{HIDDEN_BIN}/{name}"),
        _ => return None,
    };
    Some(format!("{new} {rest}").trim_end().to_owned())
}

/// Python cannot keep compiled modules in a read-only `/usr`; without them each start of meson
/// would take a second more. The interpreter is this layer's or that of a layer below.
fn compile_python(image: &Image, usr: &Path, below: &[PathBuf]) -> Result<(), SandboxError> {
    let mut homes = std::iter::once(usr).chain(below.iter().map(PathBuf::as_path));
    let found = homes.find_map(|home| Some((home, newest_python(&home.join(HIDDEN_BIN))?)));
    let Some((home, python)) = found else {
        return Ok(());
    };
    let libraries = ["lib/python3", "lib/python3.13"].map(|l| usr.join(l));
    let libraries: Vec<_> = libraries.iter().filter(|l| l.is_dir()).collect();
    if libraries.is_empty() {
        return Ok(());
    }
    let mut command = image.program(&python, &libraries_of(usr, below));
    command
        .args(["-S", "-m", "compileall", "-q", "-x", UNCOMPILED, "-s"])
        .arg(usr);
    command
        .args(["-p", "/usr"])
        .args(libraries)
        .env("PYTHONHOME", home);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut command).map(drop)
}

/// Where a layer's programs find their libraries: many are in layers of their own, and a machine
/// may have none of them.
fn libraries_of(usr: &Path, below: &[PathBuf]) -> Vec<PathBuf> {
    std::iter::once(usr)
        .chain(below.iter().map(PathBuf::as_path))
        .map(|home| home.join("lib/x86_64-linux-gnu"))
        .collect()
}

fn newest_python(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let is_python = |name: &str| {
        name.strip_prefix("python3.")
            .is_some_and(|v| v.parse::<u32>().is_ok())
    };
    entries
        .map(|e| e.path())
        .filter(|p| {
            p.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(is_python)
        })
        .max()
}

/// gcc asks for `as` and `ld` in its own folder before it walks `PATH`, as pkgsrc's is built to.
fn link_assembler(usr: &Path) -> Result<(), SandboxError> {
    let Ok(versions) = fs::read_dir(usr.join("libexec/gcc/x86_64-linux-gnu")) else {
        return Ok(());
    };
    for version in versions.flatten().filter(|v| v.path().is_dir()) {
        for tool in ["as", "ld"] {
            let link = version.path().join(tool);
            symlink(format!("../../../../bin/{TRIPLET}{tool}"), &link)
                .map_err(file("link", &link))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_link_still_finds_what_it_named() {
        assert_eq!(moved_target("bin", "gcc-14"), "gcc-14");
        assert_eq!(
            moved_target("bin", "x86_64-linux-gnu-gcc-14"),
            "../../../bin/x86_64-linux-gnu-gcc-14"
        );
        assert_eq!(moved_target("sbin", "../bin/x"), "x");
        assert_eq!(
            moved_target("bin", "../share/meson/meson"),
            "../../../share/meson/meson"
        );
        assert_eq!(
            moved_target("bin", "/etc/alternatives/x"),
            "/etc/alternatives/x"
        );
        assert_eq!(moved_target("bin", "../../opt/x"), "/opt/x");
    }

    // libexpat.so.1 of the layer `expat` was found only where the machine had one too.
    #[test]
    fn a_layers_programs_find_the_libraries_of_the_layers_below() {
        let below = ["/l/expat/usr", "/l/libffi/usr"].map(PathBuf::from);
        let folders = libraries_of(Path::new("/l/python/usr"), &below);
        let expected = ["python", "expat", "libffi"]
            .map(|layer| PathBuf::from(format!("/l/{layer}/usr/lib/x86_64-linux-gnu")));
        assert_eq!(folders, expected);
    }

    #[test]
    fn debian_interpreters_are_replaced_and_others_kept() {
        assert_eq!(
            interpreter("/usr/bin/python3").as_deref(),
            Some("/usr/lib/zonewright/bin/python3")
        );
        assert_eq!(
            interpreter(" /usr/bin/perl -w").as_deref(),
            Some("/usr/perl5/bin/perl -w")
        );
        assert_eq!(interpreter("/usr/bin/env python3"), None);
        assert_eq!(interpreter("/bin/sh"), None);
    }

    #[test]
    fn a_moved_script_finds_the_commands_that_moved_with_it() {
        let is_hidden = |name: &str| ["autom4te", "m4"].contains(&name);
        let text = "#!/usr/bin/perl -w\n$m = '/usr/bin/autom4te'; # /usr/bin/m4, /usr/bin/ls\nx/usr/bin/m4a";
        assert_eq!(
            moved_commands(text, &is_hidden),
            "#!/usr/perl5/bin/perl -w\n$m = '/usr/lib/zonewright/bin/autom4te'; \
             # /usr/lib/zonewright/bin/m4, /usr/bin/ls\nx/usr/bin/m4a"
        );
        assert_eq!(moved_commands("#!/bin/sh", &is_hidden), "#!/bin/sh");
    }
}
