//! `git.detached`.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::super::{Applied, Failure, Plan, Report, Run, State};
use super::place::{Place, clone, failed, look_at, replacing, taken, would_clone};
use crate::cx::{Act, Look};
use crate::modules::git::How;
use crate::system::git::{Git, Remote, Repo, plain_word};
use crate::system::http::without_account;

args! {
    /// Arguments of `git.detached`.
    pub struct Detached {
        /// Where to clone from.
        name: String,
        /// Directory of the repository.
        target: String,
        /// Branch of the remote, tag or commit.
        rev: String,
        /// What the remote is called.
        remote: String = "origin".to_owned(),
        /// User to run git as.
        user: Option<String> = None,
        /// Only used on Windows.
        password: Option<String> = None,
        /// Remove what is there and is no repository.
        force_clone: bool = false,
        /// Throw changes away that are in the way.
        force_checkout: bool = false,
        /// Fetch even when the revision is here.
        fetch_remote: bool = true,
        /// Throw all changes away.
        hard_reset: bool = false,
        /// Update submodules, too.
        submodules: bool = false,
        /// Private keys for servers reached by ssh.
        identity: Vec<String> = Vec::new(),
        /// User for addresses of http.
        https_user: Option<String> = None,
        /// Password for addresses of http.
        https_pass: Option<String> = None,
        /// Encoding of what git writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
    }
}

/// What to do.
pub struct Todo {
    git: Git,
    url: String,
    /// The repository that is there.
    repo: Option<Repo>,
    /// What is there goes away.
    forced: bool,
    /// The commit.
    commit: String,
    before: Option<String>,
}

impl Detached {
    /// The commit that the revision means: of the repository, or of what the remote says.
    fn wanted(&self, git: &Git, url: &str, repo: Option<&Repo>) -> Result<String, Failure> {
        plain_word(&self.rev).map_err(failed)?;
        let hexadecimal = self.rev.len() >= 7 && self.rev.bytes().all(|byte| byte.is_ascii_hexdigit());
        let here = |name: &str| repo.and_then(|repo| repo.commit(name));
        if self.fetch_remote || repo.is_none() {
            let remote = Remote::ask(git, url, &[], None)
                .map_err(|error| Failure::new(format!("Failed to check remote refs: {}", error.why())))?;
            let prefix = format!("{}/", self.remote);
            let branch = self.rev.strip_prefix(&prefix).unwrap_or(&self.rev);
            let named = remote.branch(branch).or_else(|| remote.tag(&self.rev)).or_else(|| remote.get(&self.rev));
            if let Some(commit) = named.or_else(|| hexadecimal.then(|| remote.starting(&self.rev)).flatten()) {
                return Ok(commit.to_owned());
            }
        }
        let known = here(&format!("{}/{}", self.remote, self.rev)).or_else(|| here(&self.rev));
        match known {
            Some(commit) => Ok(commit),
            None if hexadecimal => Ok(self.rev.clone()),
            None => Err(Failure::new(format!("Revision '{}' does not exist", self.rev))),
        }
    }

    fn check_out(&self, todo: &Todo, repo: &Repo) -> Result<String, Failure> {
        let git = &repo.git;
        if repo.commit(&todo.commit).is_none() {
            let heads = format!("+refs/heads/*:refs/remotes/{}/*", self.remote);
            git.ask(&["fetch", "--tags", "--", &todo.url, &heads])
                .map_err(|error| Failure::new(format!("Fetch failed: {}", error.why())))?;
        }
        let commit =
            repo.commit(&todo.commit).ok_or_else(|| Failure::new(format!("Revision '{}' does not exist", self.rev)))?;
        if self.hard_reset {
            git.ask(&["reset", "--hard", "HEAD"]).map_err(failed)?;
        }
        let mut words = vec!["checkout", "--quiet", "--detach"];
        words.extend(self.force_checkout.then_some("--force"));
        words.push(&commit);
        git.ask(&words).map_err(failed)?;
        if self.submodules {
            git.ask(&["submodule", "update", "--init", "--recursive"]).map_err(failed)?;
        }
        Ok(commit)
    }
}

impl State for Detached {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let how = How {
            user: self.user.clone(),
            identity: self.identity.clone(),
            https: (self.https_user.clone(), self.https_pass.clone()),
            saltenv: Some(run.saltenv.to_owned()),
        };
        let (git, url) = how.git(look)?.address(&self.name).map_err(failed)?;
        plain_word(&self.remote).map_err(failed)?;
        let (target, shown) = (&self.target, without_account(&self.name));
        let (repo, forced) = match look_at(&git, target)? {
            Place::Repo(repo) => (Some(*repo), false),
            Place::Free => (None, false),
            Place::Taken if self.force_clone => (None, true),
            Place::Taken => return Err(taken(target)),
        };
        let commit = self.wanted(&git, &url, repo.as_ref())?;
        let before = repo.as_ref().and_then(|repo| repo.commit("HEAD"));
        let is_there = before.as_ref().is_some_and(|head| head.starts_with(&commit));
        let changed = match &repo {
            Some(repo) if is_there => {
                let dirty = self.hard_reset && repo.is_changed().map_err(failed)?;
                repo.branch().is_some() || dirty
            }
            _ => true,
        };
        if !changed {
            return Ok(Plan::Nothing(Report::new("Already checked out at correct revision")));
        }
        let done = format!("Commit ID {commit} was checked out at {target}");
        let (would, did) = if repo.is_some() {
            (format!("{commit} would be checked out at {target}"), done)
        } else {
            (would_clone(&shown, target, forced), format!("{shown} cloned to {target}. {done}."))
        };
        let head = Map::from_iter([
            ("old", before.as_deref().map_or(Value::Null, Value::from)),
            ("new", Value::from(commit.as_str())),
        ]);
        let report = |text: String| {
            let report = Report::new(text);
            let report = if forced { report.change("forced clone", true) } else { report };
            report.change("HEAD", head.clone())
        };
        let todo = Todo { git, url, repo, forced, commit, before };
        Ok(Plan::Change { todo, would: report(would), did: report(did) })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let commit = match &todo.repo {
            Some(repo) => self.check_out(&todo, repo)?,
            None => replacing(&self.target, todo.forced, || {
                let options = ["--no-checkout", "--origin", &self.remote].map(str::to_owned);
                let repo = clone(&todo.git, &options, &todo.url, &self.target)?;
                self.check_out(&todo, &repo)
            })?,
        };
        if commit == todo.commit {
            return Ok(Applied::AsPlanned);
        }
        // The revision was given by its first digits, and the whole of it is known only now.
        let head =
            Map::from_iter([("old", todo.before.map_or(Value::Null, Value::from)), ("new", commit.as_str().into())]);
        let report = Report::new(format!("Commit ID {commit} was checked out at {}", self.target)).change("HEAD", head);
        Ok(Applied::Really(report))
    }
}
