//! `git.latest`: a repository cloned and brought to what the remote has of a revision.

mod apply;
mod args;
mod plan;
mod wanted;

use crate::system::git::{Git, Repo};

pub use args::Latest;
use wanted::Wanted;

/// A sentence before and after the deed.
struct Deed {
    would: String,
    did: String,
}

/// Which branch is checked out first.
enum Checkout {
    /// The one that is.
    Stay,
    /// A branch that exists.
    Switch(String),
    /// A new one, at the revision.
    New(String),
}

/// What to do.
pub enum Todo {
    /// There is no repository: clone. True when what is there goes away.
    Clone { git: Git, url: String, wanted: Wanted, forced: bool },
    /// There is one: bring it up to date.
    Update(Box<Update>),
    /// There is one without files: bring its references up to date.
    Bare { repo: Repo, url: String },
}

/// The work on a repository that is there.
pub struct Update {
    repo: Repo,
    wanted: Wanted,
    url: String,
    /// The remote gets another address.
    set_remote: bool,
    fetch: bool,
    /// Tags that the remote does not have.
    stale_tags: Vec<String>,
    checkout: Checkout,
    /// The branch follows this from now on; `Some(None)`: nothing.
    upstream: Option<Option<String>>,
    /// The commit before.
    before: Option<String>,
    /// Move the branch to the revision.
    update: bool,
    /// Throw changes away.
    discard: bool,
    submodules: bool,
    /// What is said afterwards, and for an update that turns out to need force.
    deeds: Vec<Deed>,
    up_to_date: bool,
}
