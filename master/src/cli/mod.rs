//! Command lines: clap types, their translation into requests, and what is printed.

pub mod key_backend;
mod key_screen;
pub mod keyctl;
mod progress;
pub mod saltctl;
pub mod saltmaster;
mod show;
mod target_args;
