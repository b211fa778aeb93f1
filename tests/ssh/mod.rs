//! The SSH door against a real OpenSSH server on a loopback port.

mod exec;
mod login;
pub mod server;
