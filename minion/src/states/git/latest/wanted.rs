//! Which commit a revision means on the remote.

use super::super::super::Failure;
use super::super::place::short;
use super::Latest;
use crate::system::git::Remote;

/// What kind of name the revision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the remote shows by default.
    Head,
    /// A branch.
    Branch,
    /// A tag.
    Tag,
    /// A commit by its digits.
    Commit,
}

/// The revision on the remote.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What kind of name it is.
    pub kind: Kind,
    /// Its commit, or the first digits of one; `None`: the remote is empty.
    pub commit: Option<String>,
    /// How people call it (`remote HEAD`, `origin/dev`, `v1`).
    pub place: String,
    /// All that the remote has.
    pub remote: Remote,
}

impl Wanted {
    /// Finds the revision in what the remote has.
    pub fn find(args: &Latest, remote: Remote) -> Result<Self, Failure> {
        let rev = &args.rev;
        let digits = rev.len() >= 7 && rev.len() <= 40 && rev.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = if rev == "HEAD" {
            (Kind::Head, remote.get("HEAD").map(str::to_owned), "remote HEAD".to_owned())
        } else if let Some(commit) = remote.branch(rev) {
            (Kind::Branch, Some(commit.to_owned()), format!("{}/{rev}", args.remote))
        } else if let Some(commit) = remote.tag(rev) {
            (Kind::Tag, Some(commit.to_owned()), rev.clone())
        } else if digits {
            let rev = rev.to_lowercase();
            let commit = remote.starting(&rev).map_or_else(|| rev.clone(), str::to_owned);
            (Kind::Commit, Some(commit), short(&rev).to_owned())
        } else {
            return Err(Failure::new(format!("No revision matching '{rev}' exists in the remote repository")));
        };
        let (kind, commit, place) = found;
        if args.depth.is_some() && !matches!(kind, Kind::Branch | Kind::Tag) {
            return Err(Failure::new(
                "When 'depth' is used, 'rev' must be set to the name of a branch or tag on the remote repository",
            ));
        }
        Ok(Self { kind, commit, place, remote })
    }

    /// `origin/dev (9b893e0)`; a commit is not said twice.
    pub fn shown(&self) -> String {
        match &self.commit {
            Some(commit) if self.kind != Kind::Commit => format!("{} ({})", self.place, short(commit)),
            _ => self.place.clone(),
        }
    }

    /// What a branch at this revision follows: `None`, leave it; `Some(None)`, nothing.
    pub fn upstream(&self) -> Option<Option<String>> {
        match self.kind {
            Kind::Head => None,
            Kind::Branch => Some(Some(self.place.clone())),
            Kind::Tag | Kind::Commit => Some(None),
        }
    }
}

/// True if a part of a refspec, with at most one star, takes a name.
pub fn spec_takes(spec: &str, name: &str) -> bool {
    match spec.split_once('*') {
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => name == spec,
    }
}
