//! Command lines: clap types, their translation into requests, and what is printed.

pub mod keyctl;
mod key_screen;
mod show;
