//! The command `zonewright`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(status) = zonewright::sandbox::emulate::dispatch() {
        return ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1));
    }
    zonewright::command::main()
}
