//! Methods: from an argument list to the one string that SMF's restarter executes.
//!
//! The string passes two readers, and each must find nothing to interpret: the restarter, which
//! expands `%` tokens, and then `/sbin/sh -c "exec STRING"`.

use crate::script::quote;
use crate::smf::SmfError;

/// The longest value the repository takes; a longer one fails at import.
const LONGEST_VALUE: usize = 4095;

/// The `exec` string of a method.
///
/// `:true` and `:kill [-SIGNAL]` are words of the restarter's own and pass as they are.
///
/// # Errors
/// [`SmfError`] for a list without a program, a word that only looks like one of the restarter's
/// own, and a string that the repository would refuse.
pub fn exec_string(method: &'static str, arguments: &[String]) -> Result<String, SmfError> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let exec = match words.as_slice() {
        [] | ["", ..] => return Err(SmfError::NoProgram { method }),
        [":true"] => ":true".to_owned(),
        [":kill"] => ":kill".to_owned(),
        // with anything but one -SIGNAL behind it the restarter takes `:kill` for a shell command
        [":kill", signal] if is_signal(signal) => format!(":kill {signal}"),
        // `exec` would take it for an option of its own
        [program, ..] if program.starts_with([':', '-']) => {
            return Err(SmfError::Program {
                method,
                program: arguments.join(" "),
            });
        }
        words => words
            .iter()
            .map(|word| quote(word))
            .collect::<Vec<_>>()
            .join(" ")
            .replace('%', "%%"),
    };
    if exec.len() > LONGEST_VALUE {
        return Err(SmfError::Long {
            what: format!("the {method} method"),
            length: exec.len(),
        });
    }
    Ok(exec)
}

fn is_signal(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|signal| {
        !signal.is_empty() && signal.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// What the restarter makes of the string before it hands it to the shell.
    fn expand_tokens(exec: &str) -> String {
        let mut expanded = String::new();
        let mut rest = exec.chars();
        while let Some(c) = rest.next() {
            if c == '%' {
                assert_eq!(rest.next(), Some('%'), "a token in {exec:?}");
            }
            expanded.push(c);
        }
        expanded
    }

    #[test]
    fn hostile_arguments_arrive_as_they_were_given() {
        let hostile = [
            "", " ", "'", "\"", "'\"'\"", "$HOME", "${x}", "`id`", "$(id)", ";", "a;b", "|", "&",
            "\n", "a\nb", "%", "%%", "%s", "%{a/b:,}", "<", ">x", "&lt;", "é", "日本", "-n", "--",
            "=", "a=b", "~", "~root", "*", "?", "[a]", "{a,b}", "\\", "\\n", "\t", "#x", "!x",
            "\r",
        ];
        let mut words = vec!["/usr/bin/printf", "%s|"];
        words.extend(hostile);
        let exec = expand_tokens(&exec_string("start", &list(&words)).unwrap());
        for shell in ["/bin/sh", "/bin/bash"] {
            let output = std::process::Command::new(shell)
                .args(["-c", &format!("exec {exec}")])
                .output()
                .unwrap();
            assert!(output.status.success(), "{shell}: {output:?}");
            let expected = hostile.map(|word| format!("{word}|")).concat();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                expected,
                "{shell}"
            );
        }
    }

    #[test]
    fn the_restarters_own_words_pass_as_they_are() {
        assert_eq!(exec_string("stop", &list(&[":kill"])).unwrap(), ":kill");
        assert_eq!(
            exec_string("stop", &list(&[":kill", "-HUP"])).unwrap(),
            ":kill -HUP"
        );
        assert_eq!(exec_string("start", &list(&[":true"])).unwrap(), ":true");
        for words in [
            &[":kill", "HUP"][..],
            &[":kill", "-HUP", "x"],
            &[":kill", "-"],
            &[":kill", "-a;b"],
            &[":true", "x"],
            &[":false"],
            &["-a", "x"],
            &[""],
            &[],
        ] {
            assert!(exec_string("stop", &list(words)).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_string_the_repository_would_refuse_is_refused() {
        let fits = "x".repeat(LONGEST_VALUE - "/p ".len());
        assert!(exec_string("start", &list(&["/p", &fits])).is_ok());
        assert!(exec_string("start", &list(&["/p", &format!("{fits}x")])).is_err());
    }
}
