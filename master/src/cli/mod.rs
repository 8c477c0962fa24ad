//! Command lines: clap types, their translation into requests, and what is printed.

mod as_owner;
mod failure;
pub mod key_backend;
mod key_own;
mod key_screen;
pub mod keyctl;
mod live;
mod preview;
pub mod printing;
mod progress;
pub mod saltctl;
pub mod saltmaster;
pub mod saltrun;

mod target_args;
