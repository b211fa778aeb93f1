//! Accounts: what stands in passwd, and that nothing else does.

use std::fs;

use serde_json::{Value, json};
use zonewright::secrets::Passwords;
use zonewright::shadow::ShadowState;
use zonewright::site::model::{Password, User};

use super::ledger::{Ledger, texts};
use super::place::Place;

const COMMENT: &str = "zone user[].comment";
const HOME: &str = "zone user[].home";
const SHELL: &str = "zone user[].shell";
const SERVICE_HOME: &str = "recipe user[].home";

pub fn add(recipe: &mut Value, zone: &mut Value, place: &Place) {
    let (comments, homes, shells) = (texts(COMMENT), texts(HOME), texts(SHELL));
    let mut users = Vec::new();
    for index in 0..comments.len().max(homes.len()).max(shells.len()) {
        let mut user = json!({ "name": format!("z{index}"), "uid": 3000 + index });
        for (key, texts) in [("comment", &comments), ("home", &homes), ("shell", &shells)] {
            if let Some(text) = texts.get(index) {
                user[key] = json!(text);
            }
        }
        users.push(user);
    }
    zone["user"] = json!(users);
    let parents: Vec<&str> = homes
        .iter()
        .map(|home| home.rsplit_once('/').unwrap().0)
        .collect();
    place.folders(&parents);
    let homes = texts(SERVICE_HOME).into_iter().enumerate();
    recipe["user"] = homes
        .map(|(index, home)| json!({ "name": format!("s{index}"), "home": home }))
        .collect();
}

pub fn read(place: &Place, ledger: &mut Ledger) {
    let passwd = String::from_utf8(place.read("/etc/passwd")).unwrap();
    let fields = |name: &str| -> Vec<&str> {
        let prefix = format!("{name}:");
        let mut lines = passwd.lines().filter(|line| line.starts_with(&prefix));
        let fields: Vec<&str> = lines.next().unwrap().split(':').collect();
        assert_eq!((fields.len(), lines.next()), (7, None), "{fields:?}");
        fields
    };
    for (path, at) in [(COMMENT, 4), (HOME, 5), (SHELL, 6)] {
        for (index, text) in texts(path).iter().enumerate() {
            ledger.hold_one(path, text, fields(&format!("z{index}"))[at].as_bytes());
        }
    }
    for (index, text) in texts(SERVICE_HOME).iter().enumerate() {
        ledger.hold_one(
            SERVICE_HOME,
            text,
            fields(&format!("s{index}"))[5].as_bytes(),
        );
    }
    // one line for each account, and no account that nobody asked for
    for file in ["/etc/passwd", "/etc/shadow"] {
        let text = String::from_utf8(place.read(file)).unwrap();
        let ours = |line: &&str| {
            let name = line.split(':').next().unwrap();
            let number = name.strip_prefix(['z', 's']).map(str::parse::<u32>);
            matches!(number, Some(Ok(_)))
        };
        let wanted = texts(COMMENT)
            .len()
            .max(texts(HOME).len())
            .max(texts(SHELL).len());
        assert_eq!(
            text.lines().filter(ours).count(),
            wanted + texts(SERVICE_HOME).len(),
            "{file}"
        );
        let width = text.lines().map(|line| line.split(':').count()).max();
        assert_eq!(width, Some(if file == "/etc/passwd" { 7 } else { 9 }));
    }
}

/// Passwords are read on the controller: from files of any name, from commands with any argument.
pub fn read_passwords(ledger: &mut Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let user = |password: Password| User {
        name: "matt".to_owned(),
        password: Some(password),
        ..User::default()
    };
    let accepts = |user: &User, password: &str| {
        let mut passwords = Passwords::new(Some(folder.path()));
        let hash = passwords
            .wanted_hash(user, None, &mut |_| None)
            .unwrap()
            .unwrap();
        assert_eq!(ShadowState::parse(&hash.0).accepts(password), Some(true));
    };
    let field = "zone user[].password.file";
    for (index, text) in texts(field).iter().enumerate() {
        // no file can have such a name, or it would not be in the folder
        if text.starts_with("..") || text.len() > 255 {
            ledger.note(field, text);
            continue;
        }
        let path = folder.path().join(text);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("secret {index}\n")).unwrap();
        accepts(
            &user(Password::File(text.into())),
            &format!("secret {index}"),
        );
        ledger.note(field, text);
    }
    let field = "zone user[].password.command[]";
    let program = folder
        .path()
        .join(format!("print $(touch {}-program)", super::nasty::canary()));
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    let said = folder.path().join("said");
    let script = format!(
        "#!/usr/bin/bash\nprintf '%s\\0' \"$@\" >'{}'\necho secret\n",
        said.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let words = [vec![program.to_str().unwrap().to_owned()], texts(field)].concat();
    accepts(&user(Password::Command(words)), "secret");
    let found = super::place::ended_by_nul(&fs::read(&said).unwrap());
    for (text, found) in texts(field).iter().zip(&found) {
        ledger.hold_one(field, text, found.as_bytes());
    }
}
