//! The builtins of bash 4.3 that scripts may use, with their options in that version.
//!
//! `eval` and `source` are left out on purpose: what they run cannot be read here.

/// The options of a builtin, as for getopt; `*` where they are not looked at. None: not allowed.
pub fn options(name: &str) -> Option<&'static str> {
    Some(match name {
        ":" | "true" | "false" | "[" | "test" | "let" | "set" | "kill" | "break" | "continue"
        | "exit" | "return" | "shift" | "getopts" | "ulimit" => "*",
        "builtin" | "times" => "",
        "cd" => "LPe",
        "command" => "pVv",
        "declare" | "typeset" | "local" => "aAfFgilrtuxnp",
        "disown" => "ahr",
        "echo" => "neE",
        "exec" => "cla:",
        "export" => "fnp",
        "hash" => "r",
        "jobs" => "lnprs",
        "mapfile" | "readarray" => "n:O:s:tu:C:c:",
        "printf" => "v:",
        "pwd" => "LP",
        "read" => "a:d:ei:n:N:p:rst:u:",
        "readonly" => "aAfp",
        "shopt" => "pqsuo",
        "trap" => "lp",
        "type" => "afptP",
        "umask" => "pS",
        "unset" => "fvn",
        "wait" => "n",
        _ => return None,
    })
}

/// Builtins that bash has and scripts may not use, and why.
pub fn forbidden(name: &str) -> Option<&'static str> {
    match name {
        "eval" => Some("what it runs cannot be checked"),
        "source" | "." => Some("what it reads cannot be checked"),
        "alias" | "unalias" => Some("aliases are not expanded in a script"),
        _ => None,
    }
}

/// `shopt` names that bash 4.3 does not know.
pub fn is_newer_option(name: &str) -> bool {
    [
        "array_expand_once",
        "assoc_expand_once",
        "inherit_errexit",
        "localvar_inherit",
        "localvar_unset",
        "noexpand_translation",
        "patsub_replacement",
        "progcomp_alias",
        "varredir_close",
    ]
    .contains(&name)
}

/// Variables that bash 4.3 does not set, with the version that brought them.
pub fn newer_variable(name: &str) -> Option<&'static str> {
    match name {
        "EPOCHSECONDS" | "EPOCHREALTIME" | "BASH_ARGV0" => Some("5.0"),
        "SRANDOM" => Some("5.1"),
        "BASH_MONOSECONDS" | "BASH_TRAPSIG" | "GLOBSORT" => Some("5.3"),
        _ => None,
    }
}
