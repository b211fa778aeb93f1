//! POSIX extended expressions, as `pkgin search` takes them: the C library's own, which is also
//! what the real one calls.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr;

use nix::libc;

/// A compiled expression.
pub struct Expression {
    compiled: libc::regex_t,
}

impl Expression {
    /// Compiles an expression that does not mind case; `None` if it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = CString::new(text).ok()?;
        let flags = libc::REG_EXTENDED | libc::REG_ICASE | libc::REG_NOSUB;
        let mut compiled = MaybeUninit::<libc::regex_t>::uninit();
        // SAFETY: the pattern is a live terminated string; regcomp fills the struct when it
        // returns 0, and only then is it taken for filled.
        let compiled = unsafe {
            if libc::regcomp(compiled.as_mut_ptr(), text.as_ptr(), flags) != 0 {
                return None;
            }
            compiled.assume_init()
        };
        Some(Self { compiled })
    }

    /// Whether the expression matches somewhere in the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        let Ok(text) = CString::new(text) else {
            return false;
        };
        // SAFETY: compiled by `parse`, the text is live and terminated, no matches are asked for.
        unsafe { libc::regexec(&self.compiled, text.as_ptr(), 0, ptr::null_mut(), 0) == 0 }
    }
}

impl Drop for Expression {
    fn drop(&mut self) {
        // SAFETY: compiled by `parse` and freed only here.
        unsafe { libc::regfree(&mut self.compiled) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_extended_and_do_not_mind_case() {
        for (expression, text, expected) in [
            ("^gcc[0-9]+$", "gcc13", true),
            ("^gcc[0-9]+$", "gcc13-libs", false),
            ("berkeley", "Berkeley DB", true),
            ("meson|ninja", "ninja-build", true),
        ] {
            let compiled = Expression::parse(expression).unwrap();
            assert_eq!(compiled.is_match(text), expected, "{expression} {text}");
        }
        assert!(Expression::parse("(").is_none());
    }
}
