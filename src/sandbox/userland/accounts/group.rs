//! Groups: lines of `/etc/group`, `NAME:password:gid:member,member`.
//!
//! Removing a group does not ask whether it is somebody's first one.

use std::path::Path;

use super::{
    Failure, ID_EXISTS, NAME_EXISTS, NO_SUCH_NAME, Parsed, Table, id, is_taken, name_warning,
    next_id,
};

pub const FILE: &str = "/etc/group";

pub fn add(
    root: &Path,
    name: &str,
    options: &Parsed,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut groups = Table::open(root, FILE)?;
    refuse_taken_name(&groups, name)?;
    warnings.extend(name_warning(name));
    let gid = match options.text('g') {
        Some(text) => free_id(&groups, &text, options)?,
        None => next_id(&groups),
    };
    groups.set(
        name,
        &[
            name.to_owned(),
            String::new(),
            gid.to_string(),
            String::new(),
        ],
    );
    Ok(groups.save()?)
}

pub fn modify(
    root: &Path,
    name: &str,
    options: &Parsed,
    _: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut groups = Table::open(root, FILE)?;
    let mut row = existing(&groups, name)?;
    if let Some(text) = options.text('g') {
        let gid = free_id(&groups, &text, options)?;
        set_field(&mut row, 2, gid.to_string());
    }
    if let Some(new) = options.text('n') {
        refuse_taken_name(&groups, &new)?;
        set_field(&mut row, 0, new);
    }
    groups.set(name, &row);
    Ok(groups.save()?)
}

pub fn delete(root: &Path, name: &str, _: &Parsed, _: &mut Vec<String>) -> Result<(), Failure> {
    let mut groups = Table::open(root, FILE)?;
    existing(&groups, name)?;
    groups.remove(name);
    Ok(groups.save()?)
}

/// The number of a group given by name or number.
pub fn gid_of(groups: &Table, group: &str) -> Result<u32, Failure> {
    let named = groups.find(group).and_then(|row| row.get(2)?.parse().ok());
    let numbered = || group.parse().ok().filter(|gid| is_taken(groups, *gid));
    named.or_else(numbered).ok_or_else(|| missing(group))
}

/// Makes a user a member of exactly these groups.
pub fn set_members(groups: &mut Table, user: &str, of: &[String]) {
    let rows: Vec<Vec<String>> = groups
        .rows()
        .map(|row| row.into_iter().map(str::to_owned).collect())
        .collect();
    for mut row in rows {
        let [name, _, _, members] = row.as_mut_slice() else {
            continue;
        };
        let mut list: Vec<&str> = members
            .split(',')
            .filter(|member| !member.is_empty() && *member != user)
            .collect();
        if of.contains(name) {
            list.push(user);
        }
        *members = list.join(",");
        let name = name.clone();
        groups.set(&name, &row);
    }
}

fn free_id(groups: &Table, text: &str, options: &Parsed) -> Result<u32, Failure> {
    let gid = id(text)?;
    if is_taken(groups, gid) && !options.has('o') {
        let message = format!("gid {gid} is already in use.  Choose another.");
        return Err(Failure::new(ID_EXISTS, message));
    }
    Ok(gid)
}

fn refuse_taken_name(groups: &Table, name: &str) -> Result<(), Failure> {
    match groups.find(name) {
        Some(_) => {
            let message = format!("{name} is already in use.  Choose another.");
            Err(Failure::new(NAME_EXISTS, message))
        }
        None => Ok(()),
    }
}

fn existing(groups: &Table, name: &str) -> Result<Vec<String>, Failure> {
    groups.find(name).ok_or_else(|| missing(name))
}

fn missing(group: &str) -> Failure {
    Failure::new(
        NO_SUCH_NAME,
        format!("group {group} does not exist.  Choose another."),
    )
}

/// Sets a field of a line, which is made long enough.
pub fn set_field(row: &mut Vec<String>, index: usize, value: String) {
    if row.len() <= index {
        row.resize(index + 1, String::new());
    }
    if let Some(field) = row.get_mut(index) {
        *field = value;
    }
}
