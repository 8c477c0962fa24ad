//! `git`: the program, and what repositories here and elsewhere have.

mod client;
mod remote;
mod repo;

pub use client::{Git, GitError, KEY_LIMIT, Login, plain_word};
pub use remote::{Remote, parse_refs};
pub use repo::{Repo, Worktree};
