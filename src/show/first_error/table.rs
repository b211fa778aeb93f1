//! One row a tool: how its errors look, what its word is worth, which lines belong to them.

use std::ops::Range;

use super::{blocks, signs};

/// What a tool's word is worth. What comes first is believed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// What made everything else fail: a full disk, no memory.
    Cause,
    /// It says what is wrong with the sources.
    Compiler,
    Linker,
    /// A test that did not pass. What the tools under test say comes after it.
    Test,
    Tool,
    /// What a shell says of a command that `configure` may only have tried.
    Shell,
    /// It says that something failed, and not why.
    Report,
    /// A line that reads like an error.
    Guess,
}

/// How one tool says that something went wrong.
pub(super) struct Tool {
    /// As people call it.
    pub(super) name: &'static str,
    pub(super) worth: Worth,
    /// Whether this line is an error of this tool.
    pub(super) says: fn(&[&str], usize) -> bool,
    /// The lines to show for it.
    pub(super) block: fn(&[&str], usize) -> Vec<Range<usize>>,
    /// What to do about it, from the line and the folder in which the command ran.
    pub(super) help: fn(&str, Option<&str>) -> Option<String>,
}

const fn tool(
    name: &'static str,
    worth: Worth,
    says: fn(&[&str], usize) -> bool,
    block: fn(&[&str], usize) -> Vec<Range<usize>>,
    help: fn(&str, Option<&str>) -> Option<String>,
) -> Tool {
    Tool {
        name,
        worth,
        says,
        block,
        help,
    }
}

/// All rows. The first that knows a line has it.
#[rustfmt::skip]
pub(super) const TOOLS: &[Tool] = &[
    tool("disk",          Worth::Cause,    signs::disk_full,      blocks::around,   signs::disk_help),
    tool("memory",        Worth::Cause,    signs::no_memory,      blocks::around,   signs::memory_help),
    tool("ld.so.1",       Worth::Cause,    signs::runtime_linker, blocks::around,   signs::runtime_linker_help),
    tool("linker",        Worth::Report,   signs::linker_report,  blocks::around,   signs::no_help),
    tool("compiler",      Worth::Compiler, signs::compiler,       blocks::compiler, signs::compiler_help),
    tool("assembler",     Worth::Compiler, signs::assembler,      blocks::around,   signs::no_help),
    tool("GNU ld",        Worth::Linker,   signs::gnu_ld,         blocks::linker,   signs::linker_help),
    tool("illumos ld",    Worth::Linker,   signs::illumos_ld,     blocks::illumos,  signs::linker_help),
    tool("tests",         Worth::Test,     signs::test,           blocks::test,     signs::no_help),
    tool("meson",         Worth::Tool,     signs::meson,          blocks::around,   signs::meson_help),
    tool("cmake",         Worth::Tool,     signs::cmake,          blocks::cmake,    signs::no_help),
    tool("configure",     Worth::Tool,     signs::configure,      blocks::around,   signs::configure_help),
    tool("make",          Worth::Tool,     signs::make,           blocks::around,   signs::no_help),
    tool("ninja",         Worth::Tool,     signs::ninja,          blocks::around,   signs::no_help),
    tool("python",        Worth::Tool,     signs::python,         blocks::around,   signs::no_help),
    tool("perl",          Worth::Tool,     signs::perl,           blocks::around,   signs::no_help),
    tool("pkgin",         Worth::Tool,     signs::pkgin,          blocks::around,   signs::pkgin_help),
    tool("pkg_add",       Worth::Tool,     signs::pkg_add,        blocks::around,   signs::pkg_add_help),
    tool("installation",  Worth::Tool,     signs::installation,   blocks::around,   signs::no_help),
    tool("svccfg",        Worth::Tool,     signs::svccfg,         blocks::around,   signs::no_help),
    tool("svcadm",        Worth::Tool,     signs::svcadm,         blocks::around,   signs::no_help),
    tool("svcs",          Worth::Tool,     signs::svcs,           blocks::service,  signs::service_help),
    tool("tar",           Worth::Tool,     signs::tar,            blocks::around,   signs::no_help),
    tool("shell",         Worth::Shell,    signs::shell,          blocks::around,   signs::shell_help),
    tool("reports",       Worth::Report,   signs::report,         blocks::before,   signs::no_help),
    tool("",              Worth::Guess,    signs::guess,          blocks::around,   signs::no_help),
];
