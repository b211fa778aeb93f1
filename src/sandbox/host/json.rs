//! `json [-a] [-H] [KEY…]`: values out of JSON on standard input. The smallest part of the real
//! command, with what scripts need; everything else is refused.

use std::ffi::OsString;
use std::io::{self, Read, Write};

use serde_json::Value;

use super::not_emulated;

pub(crate) fn run(args: &[OsString]) -> i32 {
    let args: Vec<String> = args
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut text = String::new();
    let mut output = io::stdout().lock();
    let result = match read(&args) {
        Ok(asked) => io::stdin()
            .read_to_string(&mut text)
            .and_then(|_| answer(&asked, &text, &mut output)),
        Err(option) => not_emulated("json", &option),
    };
    result.unwrap_or_else(|error| {
        eprintln!("json: {error}");
        1
    })
}

#[derive(Debug, Default)]
struct Asked {
    is_array: bool,
    keys: Vec<String>,
}

fn read(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    for arg in args {
        match arg.strip_prefix('-') {
            None => asked.keys.push(arg.clone()),
            Some("a" | "Ha" | "aH") => asked.is_array = true,
            Some("H") => {}
            Some(_) => return Err(arg.clone()),
        }
    }
    Ok(asked)
}

fn answer(asked: &Asked, text: &str, output: &mut dyn Write) -> io::Result<i32> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            eprintln!("json: error: input is not JSON: {error}");
            return Ok(1);
        }
    };
    let rows: Vec<&Value> = match (&value, asked.is_array) {
        (Value::Array(list), true) => list.iter().collect(),
        (value, _) => vec![value],
    };
    for row in rows {
        if asked.keys.is_empty() {
            writeln!(output, "{}", shown(row))?;
            continue;
        }
        let values = asked.keys.iter().map(|key| find(row, key));
        if asked.is_array {
            let cells: Vec<String> = values.map(|v| v.map_or(String::new(), shown)).collect();
            writeln!(output, "{}", cells.join(" "))?;
        } else {
            for value in values.flatten() {
                writeln!(output, "{}", shown(value))?;
            }
        }
    }
    Ok(0)
}

fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(key) {
        return Some(found);
    }
    key.split('.').try_fold(value, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str], text: &str) -> String {
        let args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
        let mut output = Vec::new();
        assert_eq!(answer(&read(&args).unwrap(), text, &mut output).unwrap(), 0);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn values_are_found_by_dotted_keys() {
        let text = r#"{"a": {"b": [1, {"c": "x y"}]}, "d.e": true}"#;
        assert_eq!(asked(&["a.b.1.c"], text), "x y\n");
        assert_eq!(asked(&["d.e", "a.b.0"], text), "true\n1\n");
        assert_eq!(asked(&["nothing"], text), "");
        assert_eq!(
            asked(&["a.b"], text),
            "[\n  1,\n  {\n    \"c\": \"x y\"\n  }\n]\n"
        );
    }

    #[test]
    fn elements_of_an_array_are_lines() {
        let text = r#"[{"u": "1", "s": "on"}, {"u": "2"}]"#;
        assert_eq!(asked(&["-Ha", "u", "s"], text), "1 on\n2 \n");
        assert_eq!(read(&["-o".to_owned()]).unwrap_err(), "-o");
    }
}
