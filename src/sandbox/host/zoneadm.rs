//! `zoneadm list` with `-c`, `-i`, `-p` and `-v`. Everything that changes a zone is `vmadm`'s.

use std::io::{self, Write};

use serde_json::Value;

use super::{Live, not_emulated};
use crate::sandbox::vm::vmadm::Host;

pub(crate) fn run(args: &[String]) -> io::Result<i32> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let ["list", options @ ..] = words.as_slice() else {
        return not_emulated("zoneadm", &words.join(" "));
    };
    let mut letters = String::new();
    for word in options {
        match word.strip_prefix('-') {
            Some(more) if !more.is_empty() && more.chars().all(|c| "cipvn".contains(c)) => {
                letters.push_str(more);
            }
            _ => return not_emulated("zoneadm list", word),
        }
    }
    let has = |letter| letters.contains(letter);
    let mut output = io::stdout().lock();
    if has('v') && !has('p') {
        row(&mut output, ["ID", "NAME", "STATUS", "PATH", "BRAND", "IP"])?;
    }
    let show = |output: &mut dyn Write, zone: Zone| {
        if has('p') {
            writeln!(output, "{}", zone.line())
        } else if has('v') {
            row(
                output,
                [
                    &zone.id,
                    &zone.name,
                    &zone.state,
                    &zone.path,
                    &zone.brand,
                    &zone.ip,
                ],
            )
        } else {
            writeln!(output, "{}", zone.name)
        }
    };
    if !has('n') {
        show(&mut output, Zone::global())?;
    }
    for machine in Live.machines()? {
        let zone = Zone::of(&machine);
        let is_wanted = match zone.state.as_str() {
            "running" | "shutting_down" => true,
            "installed" => has('i') || has('c'),
            _ => has('c'),
        };
        if is_wanted {
            show(&mut output, zone)?;
        }
    }
    Ok(0)
}

fn row(output: &mut dyn Write, cells: [&str; 6]) -> io::Result<()> {
    let [id, name, state, path, brand, ip] = cells;
    writeln!(
        output,
        "{id:>4} {name:<36} {state:<10} {path:<45} {brand:<14} {ip:<6}"
    )
}

/// A line of the list.
struct Zone {
    id: String,
    name: String,
    state: String,
    path: String,
    uuid: String,
    brand: String,
    ip: String,
    debug: String,
}

impl Zone {
    fn global() -> Self {
        Self {
            id: "0".into(),
            name: "global".into(),
            state: "running".into(),
            path: "/".into(),
            uuid: String::new(),
            brand: "liveimg".into(),
            ip: "shared".into(),
            debug: "0".into(),
        }
    }

    fn of(machine: &serde_json::Map<String, Value>) -> Self {
        let text = |name: &str| match machine.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let id = text("zoneid");
        Self {
            debug: id.clone(),
            id: if id.is_empty() { "-".into() } else { id },
            name: text("zonename"),
            state: text("zone_state"),
            path: text("zonepath"),
            uuid: text("uuid"),
            brand: text("brand"),
            ip: "excl".into(),
        }
    }

    // 7:4f1c…:running:/zones/4f1c…:4f1c…:joyent:excl:7
    fn line(&self) -> String {
        let path = self.path.replace(':', "\\:");
        [
            self.id.as_str(),
            &self.name,
            &self.state,
            &path,
            &self.uuid,
            &self.brand,
            &self.ip,
            &self.debug,
        ]
        .join(":")
    }
}
