//! The words between a zone's emulated commands and the supervisor outside.

use thiserror::Error;

/// Why the supervisor did not do what a zone asked.
#[derive(Debug, Error)]
pub enum ControlError {
    /// It said no.
    #[error("the sandbox refused: {0}")]
    Refused(String),
    /// It could not be asked.
    #[error("cannot reach the sandbox's supervisor")]
    Unreachable(#[source] std::io::Error),
}

/// Makes exactly the files of these packages (names of the index) visible in the calling zone's
/// `/usr`: the whole set, not a difference.
///
/// # Errors
///
/// When the supervisor cannot be reached or cannot make a layer.
pub fn show_packages(names: &[&str]) -> Result<(), ControlError> {
    let _ = names;
    Err(ControlError::Refused(
        "package layers are not made here".into(),
    ))
}
