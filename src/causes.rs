//! An error and its causes in one line, for places that show one line of text.
//!
//! Some libraries repeat the cause in their own words; it is then not said twice.

use std::error::Error;

/// The error, its cause, the cause's cause and so on.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] io::Error);

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("no space");
        assert_eq!(
            in_one_line(&Outer("cannot write", cause())),
            "cannot write: no space"
        );
        assert_eq!(
            in_one_line(&Outer("it has no space", cause())),
            "it has no space"
        );
        assert_eq!(in_one_line(&cause()), "no space");
    }
}
