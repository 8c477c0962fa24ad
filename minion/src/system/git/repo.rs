//! What a repository on this machine is and has.

use std::path::{Path, PathBuf};

use super::{Git, GitError, parse_refs, plain_word};

/// A repository in a directory.
#[derive(Clone)]
pub struct Repo {
    /// How git is run there.
    pub git: Git,
    /// The directory.
    pub path: PathBuf,
}

/// One working tree of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worktree {
    /// Where it is.
    pub path: String,
    /// The commit that is checked out.
    pub head: Option<String>,
    /// The branch; `None` for a detached head.
    pub branch: Option<String>,
    /// True when the directory is gone.
    pub stale: bool,
    /// True for a repository without files.
    pub bare: bool,
}

impl Repo {
    /// The repository whose top is this directory, working tree or bare; `None` if there is none.
    pub fn at(git: &Git, path: &Path) -> Option<Self> {
        let bare = path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir();
        // In a submodule or a working tree beside another, `.git` is a file.
        let is_repo = bare || path.join(".git").exists();
        is_repo.then(|| Self { git: git.clone().cwd(path), path: path.to_owned() })
    }

    /// The commit a revision stands for; `None` when there is none.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let asked = format!("{}^{{commit}}", plain_word(revision).ok()?);
        self.git.ask(&["rev-parse", "--quiet", "--verify", &asked]).ok().filter(|commit| !commit.is_empty())
    }

    /// The branch that is checked out; `None` for a detached head.
    pub fn branch(&self) -> Option<String> {
        self.git.ask(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok()
    }

    /// References of a kind (`refs/heads`, `refs/tags`, `refs/remotes`), short names with their objects.
    pub fn refs(&self, kind: &str) -> Result<Vec<(String, String)>, GitError> {
        let lines = self.git.ask(&["for-each-ref", "--format=%(objectname) %(refname)", kind])?;
        let short = |(name, object): (String, String)| {
            (name.strip_prefix(kind).unwrap_or(&name).trim_start_matches('/').to_owned(), object)
        };
        Ok(parse_refs(&lines).into_iter().map(short).collect())
    }

    /// What the branch follows (`origin/main`).
    pub fn upstream(&self, branch: &str) -> Option<String> {
        let asked = format!("{branch}@{{upstream}}");
        self.git.ask(&["rev-parse", "--quiet", "--abbrev-ref", "--verify", &asked]).ok()
    }

    /// The address of a remote, to fetch from or to push to.
    pub fn remote_url(&self, remote: &str, push: bool) -> Option<String> {
        let words: &[&str] =
            if push { &["remote", "get-url", "--push", "--", remote] } else { &["remote", "get-url", "--", remote] };
        self.git.ask(words).ok()
    }

    /// True if files that git knows differ from what is checked out.
    pub fn is_changed(&self) -> Result<bool, GitError> {
        Ok(!self.git.ask(&["status", "--porcelain", "--untracked-files=no"])?.is_empty())
    }

    /// True if a commit is an ancestor of (or the same as) another.
    pub fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, GitError> {
        Ok(self.git.run(&["merge-base", "--is-ancestor", older, newer])?.status == 0)
    }

    /// The values of a key of the configuration; none when it is not set.
    pub fn settings(git: &Git, global: bool, key: &str) -> Result<Vec<String>, GitError> {
        let scope = if global { "--global" } else { "--local" };
        let finished = git.run(&["config", scope, "--null", "--get-all", key])?;
        // 1: the key is not set.
        match finished.status {
            0 => Ok(nul_separated(&finished.stdout)),
            1 => Ok(Vec::new()),
            _ => Err(git.failure(&["config", scope, "--get-all", key], &finished)),
        }
    }

    /// Keys that match an expression, with their values.
    pub fn settings_like(
        git: &Git,
        global: bool,
        key: &str,
        value: Option<&str>,
    ) -> Result<Vec<(String, Vec<String>)>, GitError> {
        let scope = if global { "--global" } else { "--local" };
        let mut words = vec!["config", scope, "--null", "--get-regexp", key];
        words.extend(value);
        let finished = git.run(&words)?;
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        match finished.status {
            0 => {}
            1 => return Ok(found),
            _ => return Err(git.failure(&words, &finished)),
        }
        for entry in nul_separated(&finished.stdout) {
            let (name, value) = entry.split_once('\n').unwrap_or((&entry, ""));
            match found.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value.to_owned()),
                None => found.push((name.to_owned(), vec![value.to_owned()])),
            }
        }
        Ok(found)
    }

    /// The working trees of the repository.
    pub fn worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let mut trees: Vec<Worktree> = Vec::new();
        for line in self.git.ask(&["worktree", "list", "--porcelain"])?.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            if word == "worktree" {
                trees.push(Worktree { path: rest.to_owned(), stale: !Path::new(rest).is_dir(), ..Worktree::default() });
            }
            let Some(tree) = trees.last_mut() else { continue };
            match word {
                "HEAD" => tree.head = Some(rest.to_owned()),
                "branch" => tree.branch = Some(rest.trim_start_matches("refs/heads/").to_owned()),
                "bare" => tree.bare = true,
                _ => {}
            }
        }
        Ok(trees)
    }
}

fn nul_separated(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split_terminator('\0').map(str::to_owned).collect()
}
