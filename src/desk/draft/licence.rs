//! Licences known by their words, as SPDX calls them.
//!
//! COPYING says which text it is; whether a later version will do is said in the sources' headers.

use super::Files;

/// Words that only this licence has, and what it must not have; the first that fits counts.
const TEXTS: &[(&str, &[&str], &[&str])] = &[
    (
        "AGPL-3.0",
        &["gnu affero general public license version 3"],
        &[],
    ),
    (
        "LGPL-3.0",
        &["gnu lesser general public license version 3"],
        &[],
    ),
    (
        "LGPL-2.1",
        &["gnu lesser general public license version 2.1"],
        &[],
    ),
    (
        "LGPL-2.0",
        &["gnu library general public license version 2"],
        &[],
    ),
    ("GPL-3.0", &["gnu general public license version 3"], &[]),
    ("GPL-2.0", &["gnu general public license version 2"], &[]),
    ("Apache-2.0", &["apache license version 2.0"], &[]),
    ("MPL-2.0", &["mozilla public license version 2.0"], &[]),
    (
        "CDDL-1.0",
        &["common development and distribution license"],
        &[],
    ),
    (
        "BSD-4.3TAHOE",
        &[
            "this paragraph are duplicated in all such forms",
            "acknowledge that the software was developed",
        ],
        &[],
    ),
    (
        "BSD-4-Clause",
        &[
            "redistribution and use in source and binary forms",
            "all advertising materials",
        ],
        &[],
    ),
    (
        "BSD-3-Clause",
        &[
            "redistribution and use in source and binary forms",
            "endorse or promote products",
        ],
        &[],
    ),
    (
        "BSD-2-Clause",
        &["redistribution and use in source and binary forms"],
        &[],
    ),
    (
        "MIT",
        &["permission is hereby granted, free of charge, to any person obtaining a copy"],
        &[],
    ),
    (
        "ISC",
        &[
            "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee",
        ],
        &[],
    ),
    (
        "ISC",
        &[
            "permission to use, copy, modify, and distribute this software for any purpose with or without fee",
        ],
        &[],
    ),
    (
        "Zlib",
        &[
            "this software is provided 'as-is'",
            "altered source versions must be plainly marked",
        ],
        &[],
    ),
    (
        "Unlicense",
        &["this is free and unencumbered software released into the public domain"],
        &[],
    ),
];

/// The licence of a source, and the file that says so.
pub(super) fn licence(files: &Files<'_>) -> Option<(String, String)> {
    let is_licence = |path: &&String| {
        let name = path.to_ascii_uppercase();
        !path.contains('/')
            && ["COPYING", "LICENSE", "LICENCE", "COPYRIGHT"]
                .iter()
                .any(|begin| name.starts_with(begin))
    };
    files.keys().filter(is_licence).find_map(|path| {
        let known = of_text(&words(files.get(path)?))?;
        let full = match known.contains("GPL") {
            true if may_be_later(files) => format!("{known}-or-later"),
            true => format!("{known}-only"),
            false => known.to_owned(),
        };
        Some((full, path.clone()))
    })
}

fn of_text(text: &str) -> Option<&'static str> {
    let fits = |(_, has, lacks): &&(&str, &[&str], &[&str])| {
        has.iter().all(|words| text.contains(words))
            && !lacks.iter().any(|words| text.contains(words))
    };
    TEXTS.iter().find(fits).map(|(name, _, _)| *name)
}

/// In lower case, with one blank between words and without what comments begin with.
fn words(bytes: &[u8]) -> String {
    let head = bytes.get(..20_000).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head).to_lowercase();
    let words = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "*" | "#" | "//" | "dnl" | ";"));
    words
        .collect::<Vec<_>>()
        .join(" ")
        .replace("license, version", "license version")
}

/// Whether a source's header, or the readme, allows later versions.
fn may_be_later(files: &Files<'_>) -> bool {
    let is_source = |path: &str| {
        [
            ".c",
            ".h",
            ".cc",
            ".cpp",
            ".py",
            ".pl",
            ".md",
            "README",
            "COPYRIGHT",
        ]
        .iter()
        .any(|end| path.ends_with(end))
    };
    files
        .iter()
        .filter(|(path, _)| is_source(path))
        .take(400)
        .any(|(_, bytes)| words(bytes.get(..4000).unwrap_or(bytes)).contains("any later version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_known_by_their_words() {
        let gpl = b"  GNU GENERAL PUBLIC LICENSE\n     Version 2, June 1991\n" as &[u8];
        let later = b"/*\n * either version 2 of the License, or (at your\n * option) any later\n * version.\n */" as &[u8];
        let files = |list: &[(&str, &'static [u8])]| -> Files<'static> {
            list.iter()
                .map(|(path, bytes)| ((*path).to_owned(), *bytes))
                .collect()
        };
        let of = |list: &[(&str, &'static [u8])]| licence(&files(list)).map(|(name, _)| name);
        assert_eq!(of(&[("COPYING", gpl)]).unwrap(), "GPL-2.0-only");
        assert_eq!(
            of(&[("COPYING", gpl), ("a.c", later)]).unwrap(),
            "GPL-2.0-or-later"
        );
        assert_eq!(
            of(&[(
                "LICENSE.md",
                b"Permission is hereby granted, free of charge, to any\nperson obtaining a copy"
            )])
            .unwrap(),
            "MIT"
        );
        assert_eq!(of(&[("COPYING", b"All rights reserved.")]), None);
        assert_eq!(of(&[("sub/COPYING", gpl)]), None);
    }
}
