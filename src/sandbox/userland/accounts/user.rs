//! Users: lines of `/etc/passwd`, `/etc/shadow`, `/etc/user_attr` and the members in `/etc/group`.
//!
//! A new account is locked (`*LK*`): neither `su` nor a key lets it in before `passwd -N`. An
//! existing home folder is left exactly as it is, even with `-m`.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

use super::group::{self, set_field};
use super::{
    BAD_ARGUMENT, Failure, HOME_FOLDER, ID_EXISTS, NAME_EXISTS, NO_SUCH_NAME, Parsed, Table, id,
    is_taken, name_warning, next_id,
};
use crate::sandbox::userland::below;

pub const LETTERS: &str = "u:og:G:d:mzZs:c:K:P:";
pub const MODIFY_LETTERS: &str = "u:og:G:d:ms:c:l:K:P:";

pub fn add(
    root: &Path,
    name: &str,
    options: &Parsed,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    if options.has('z') {
        return Err(Failure::not_emulated("-z (a dataset as home)"));
    }
    let mut tables = Tables::open(root)?;
    tables.refuse_taken_name(name)?;
    warnings.extend(name_warning(name));
    let uid = match options.text('u') {
        Some(text) => tables.free_uid(&text, options)?,
        None => next_id(&tables.users),
    };
    let gid = match options.text('g') {
        Some(group) => group::gid_of(&tables.groups, &group)?,
        None => 1,
    };
    let home = options.text('d').unwrap_or_else(|| format!("/home/{name}"));
    let shell = options.text('s').unwrap_or_else(|| "/bin/sh".to_owned());
    for path in [&home, &shell] {
        require_absolute(path)?;
    }
    let comment = options.text('c').unwrap_or_default();
    let row = [
        name.to_owned(),
        "x".to_owned(),
        uid.to_string(),
        gid.to_string(),
        comment,
        home,
    ];
    let home = row.last().cloned().unwrap_or_default();
    tables.users.set(name, &[row.as_slice(), &[shell]].concat());
    let shadow = [name, "*LK*", "", "", "", "", "", "", ""].map(str::to_owned);
    tables.shadow.set(name, &shadow);
    tables.set_groups(name, options)?;
    tables.set_attributes(name, options)?;
    if options.has('m') {
        // before the tables are saved: a home that cannot be made leaves no account behind
        make_home(root, &home, uid, gid)?;
    }
    tables.save()
}

pub fn modify(
    root: &Path,
    name: &str,
    options: &Parsed,
    _: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut tables = Tables::open(root)?;
    let mut row = tables.existing(name)?;
    let old_home = row.get(5).cloned().unwrap_or_default();
    if let Some(text) = options.text('u') {
        set_field(&mut row, 2, tables.free_uid(&text, options)?.to_string());
    }
    if let Some(group) = options.text('g') {
        set_field(
            &mut row,
            3,
            group::gid_of(&tables.groups, &group)?.to_string(),
        );
    }
    for (letter, field) in [('c', 4), ('d', 5), ('s', 6)] {
        if let Some(value) = options.text(letter) {
            if letter != 'c' {
                require_absolute(&value)?;
            }
            set_field(&mut row, field, value);
        }
    }
    tables.set_groups(name, options)?;
    tables.set_attributes(name, options)?;
    if options.has('m')
        && let Some(home) = options.text('d')
    {
        let (from, to) = (below(root, &old_home), below(root, &home));
        fs::rename(&from, &to).map_err(|error| {
            Failure::new(
                HOME_FOLDER,
                format!("Unable to move {old_home} to {home}: {error}."),
            )
        })?;
    }
    tables.users.set(name, &row);
    if let Some(new) = options.text('l') {
        tables.refuse_taken_name(&new)?;
        tables.rename(name, &new);
    }
    tables.save()
}

pub fn delete(
    root: &Path,
    name: &str,
    options: &Parsed,
    _: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut tables = Tables::open(root)?;
    let row = tables.existing(name)?;
    tables.users.remove(name);
    tables.shadow.remove(name);
    tables.attributes.remove(name);
    group::set_members(&mut tables.groups, name, &[]);
    tables.save()?;
    let home = row
        .get(5)
        .filter(|home| home.starts_with('/') && home.len() > 1);
    if let Some(home) = home.filter(|_| options.has('r')) {
        fs::remove_dir_all(below(root, home)).map_err(|error| {
            Failure::new(
                HOME_FOLDER,
                format!("Unable to remove the home directory: {error}."),
            )
        })?;
    }
    Ok(())
}

/// The four files of an account.
struct Tables {
    users: Table,
    shadow: Table,
    groups: Table,
    attributes: Table,
}

impl Tables {
    fn open(root: &Path) -> Result<Self, Failure> {
        Ok(Self {
            users: Table::open(root, "/etc/passwd")?,
            shadow: Table::open(root, "/etc/shadow")?,
            groups: Table::open(root, group::FILE)?,
            attributes: Table::open_or_empty(root, "/etc/user_attr")?,
        })
    }

    fn save(&self) -> Result<(), Failure> {
        for table in [&self.groups, &self.attributes, &self.shadow, &self.users] {
            table.save()?;
        }
        Ok(())
    }

    fn existing(&self, name: &str) -> Result<Vec<String>, Failure> {
        let missing = || Failure::new(NO_SUCH_NAME, format!("{name} does not exist."));
        self.users.find(name).ok_or_else(missing)
    }

    fn refuse_taken_name(&self, name: &str) -> Result<(), Failure> {
        if self.users.find(name).is_none() {
            return Ok(());
        }
        let message = format!("{name} is already in use.  Choose another.");
        Err(Failure::new(NAME_EXISTS, message))
    }

    fn free_uid(&self, text: &str, options: &Parsed) -> Result<u32, Failure> {
        let uid = id(text)?;
        if is_taken(&self.users, uid) && !options.has('o') {
            let message = format!("uid {uid} is already in use.  Choose another.");
            return Err(Failure::new(ID_EXISTS, message));
        }
        Ok(uid)
    }

    fn set_groups(&mut self, name: &str, options: &Parsed) -> Result<(), Failure> {
        let Some(list) = options.text('G') else {
            return Ok(());
        };
        let mut names = Vec::new();
        for group in list.split(',').filter(|group| !group.is_empty()) {
            let gid = group::gid_of(&self.groups, group)?.to_string();
            let of_gid = self
                .groups
                .rows()
                .find(|row| row.get(2) == Some(&gid.as_str()));
            names.extend(of_gid.and_then(|row| row.first().map(|name| (*name).to_owned())));
        }
        group::set_members(&mut self.groups, name, &names);
        Ok(())
    }

    // matt::::type=normal;profiles=Primary Administrator
    fn set_attributes(&mut self, name: &str, options: &Parsed) -> Result<(), Failure> {
        let mut wanted: Vec<String> = Vec::new();
        for pair in options.values('K') {
            let pair = pair.to_string_lossy().into_owned();
            if !pair.contains('=') {
                let message = format!("{pair} is not a valid key=value pair.");
                return Err(Failure::new(BAD_ARGUMENT, message));
            }
            wanted.push(pair);
        }
        wanted.extend(
            options
                .text('P')
                .map(|profiles| format!("profiles={profiles}")),
        );
        if wanted.is_empty() {
            return Ok(());
        }
        let old = self
            .attributes
            .find(name)
            .and_then(|row| row.get(4).cloned());
        let old = old.unwrap_or_else(|| "type=normal".to_owned());
        let key = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let mut kept: Vec<String> = old
            .split(';')
            .filter(|pair| !wanted.iter().any(|new| key(new) == key(pair)))
            .map(str::to_owned)
            .collect();
        kept.append(&mut wanted);
        let row = [name, "", "", ""].map(str::to_owned);
        self.attributes
            .set(name, &[row.as_slice(), &[kept.join(";")]].concat());
        Ok(())
    }

    fn rename(&mut self, name: &str, new: &str) {
        for table in [&mut self.users, &mut self.shadow, &mut self.attributes] {
            if let Some(mut row) = table.find(name) {
                set_field(&mut row, 0, new.to_owned());
                table.set(name, &row);
            }
        }
        let is_member = |row: &Vec<&str>| {
            row.get(3)
                .is_some_and(|members| members.split(',').any(|member| member == name))
        };
        let of: Vec<String> = self
            .groups
            .rows()
            .filter(is_member)
            .filter_map(|row| row.first().map(|name| (*name).to_owned()))
            .collect();
        group::set_members(&mut self.groups, name, &[]);
        group::set_members(&mut self.groups, new, &of);
    }
}

fn require_absolute(path: &str) -> Result<(), Failure> {
    if path.starts_with('/') && !path.contains([':', '\n']) {
        return Ok(());
    }
    Err(Failure::new(
        BAD_ARGUMENT,
        format!("{path} is not a valid path.  Choose another."),
    ))
}

/// Makes a home with what `/etc/skel` holds; one that exists is left alone.
fn make_home(root: &Path, home: &str, uid: u32, gid: u32) -> Result<(), Failure> {
    let folder = below(root, home);
    if folder.exists() {
        return Ok(());
    }
    let make = || -> io::Result<()> {
        fs::DirBuilder::new().mode(0o755).create(&folder)?;
        chown(&folder, Some(uid), Some(gid))?;
        let Ok(entries) = fs::read_dir(below(root, "/etc/skel")) else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let copy = folder.join(entry.file_name());
                fs::copy(entry.path(), &copy)?;
                chown(&copy, Some(uid), Some(gid))?;
            }
        }
        Ok(())
    };
    make().map_err(|error| {
        Failure::new(
            HOME_FOLDER,
            format!("Unable to create the home directory: {error}."),
        )
    })
}
