//! The integration tests, in one binary.

mod script_grammar;
