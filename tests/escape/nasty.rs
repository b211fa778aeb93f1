//! Texts that something on the way could take for more than text.

/// What no run may ever make: a file whose name begins so, here or in a zone. Other processes may
/// run the same tests.
pub fn canary() -> String {
    format!("/tmp/zw-pwned-{}", std::process::id())
}

/// The texts, each with the name by which a failure speaks of it.
pub fn all() -> Vec<(&'static str, String)> {
    let texts = [
        ("a blank", "a b"),
        ("two blanks", "a  b"),
        ("a blank at the end", "a "),
        ("a blank at the beginning", " a"),
        ("a double quote", "\""),
        ("quoted", "\"a\""),
        ("a single quote", "'"),
        ("a quote inside", "it's"),
        ("a variable", "$HOME"),
        ("a netatalk variable", "$u"),
        ("braces", "${HOME}"),
        ("backquotes", "`touch /tmp/zw-pwned-1`"),
        ("a substitution", "$(touch /tmp/zw-pwned-2)"),
        ("a second command", "; touch /tmp/zw-pwned-3"),
        ("a pipe", "| touch /tmp/zw-pwned-4"),
        ("in the background", "& touch /tmp/zw-pwned-5 &"),
        ("a redirection", "> /tmp/zw-pwned-6"),
        ("a semicolon", ";"),
        ("a newline", "a\nb"),
        (
            "a command in a line of its own",
            "\ntouch /tmp/zw-pwned-7\n",
        ),
        ("a carriage return", "a\rb"),
        ("an option", "-rf"),
        ("the end of options", "--"),
        ("an assignment", "A=b"),
        ("not ASCII", "é ü 日本"),
        ("a wide blank", "日\u{3000}本"),
        ("a backslash", "\\"),
        ("an escape", "a\\nb\\"),
        ("a percent sign", "%"),
        ("a token", "%s %{a/b:,} %%"),
        ("a hash sign", "# a"),
        ("a star", "*"),
        ("a tilde", "~"),
        ("a home", "~root"),
        ("two braces", "{{"),
        ("a template", "{{package.name}}"),
        ("a raw template", "raw {{{package.name}}}"),
        ("an escaped template", "\\{{a}}"),
        ("alternatives", "{a,b}"),
        ("a class", "[a]"),
        ("markup", "<&>"),
        ("an entity", "&lt;&#10;"),
        ("the end of markup", "]]>"),
        ("a comment in markup", "-->"),
        ("a tab", "a\tb"),
        ("a colour", "\u{1b}[31mred\u{1b}[0m"),
        ("a title", "\u{1b}]0;title\u{7}"),
        ("eight bits", "\u{9b}31m"),
        ("delete", "a\u{7f}b"),
        ("right to left", "a\u{202e}b\u{2066}c"),
        ("NUL", "a\0b"),
        ("up", "../../../tmp/zw-pwned-8"),
        ("a colon", "a:b"),
        ("an at sign", "@exec touch /tmp/zw-pwned-9"),
        ("nothing", ""),
    ];
    let texts = texts.map(|(name, text)| (name, text.replace("/tmp/zw-pwned", &canary())));
    let mut all: Vec<(&str, String)> = texts.into();
    all.push(("long", "x".repeat(3_000)));
    all.push(("very long", "y".repeat(200_000)));
    all
}
