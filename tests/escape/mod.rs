//! Values that a shell, a file format or a terminal would take for more than text, in every string
//! of a recipe and a zone file: refused at the desk, or read back byte for byte where they went.

mod desk;
mod fields;
mod nasty;
