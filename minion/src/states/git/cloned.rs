//! `git.cloned`.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::super::{Applied, Failure, Plan, Report, Run, State};
use super::place::{Place, clone, failed, look_at, taken};
use crate::cx::{Act, Look};
use crate::modules::git::How;
use crate::system::git::{Git, Repo, plain_word};
use crate::system::http::without_account;

args! {
    /// Arguments of `git.cloned`.
    pub struct Cloned {
        /// Where to clone from.
        name: String,
        /// Directory of the repository.
        target: String,
        /// The branch that is checked out.
        branch: Option<String> = None,
        /// User to run git as.
        user: Option<String> = None,
        /// Only used on Windows.
        password: Option<String> = None,
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
pub enum Todo {
    /// Clone this address.
    Clone(Box<Git>, String),
    /// Check the branch out.
    Branch(Box<Repo>, String),
}

impl Cloned {
    fn how(&self, run: &Run<'_>) -> How {
        How {
            user: self.user.clone(),
            identity: self.identity.clone(),
            https: (self.https_user.clone(), self.https_pass.clone()),
            saltenv: Some(run.saltenv.to_owned()),
        }
    }

    fn switch(&self, repo: &Repo, branch: &str) -> Result<(), Failure> {
        let known = repo.commit(&format!("refs/heads/{branch}")).is_some();
        let start = format!("origin/{branch}");
        let words: &[&str] = if known { &["checkout", branch] } else { &["checkout", "-b", branch, &start] };
        repo.git.ask(words).map_err(|why| Failure::new(format!("Failed to change branch to '{branch}': {why}")))?;
        Ok(())
    }
}

impl State for Cloned {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (url, target) = (without_account(&self.name), &self.target);
        if let Some(branch) = &self.branch {
            plain_word(branch).map_err(failed)?;
        }
        let (git, address) = self.how(run).git(look)?.address(&self.name).map_err(failed)?;
        let repo = match look_at(&git, target)? {
            Place::Repo(repo) => repo,
            Place::Taken => return Err(taken(target)),
            Place::Free => {
                let with = self.branch.as_ref().map(|name| format!(" with branch '{name}'")).unwrap_or_default();
                let report = |text: &str| {
                    Report::new(format!("{url} {text} to {target}{with}")).change("new", format!("{url} => {target}"))
                };
                let todo = Todo::Clone(Box::new(git), address);
                return Ok(Plan::Change { todo, would: report("would be cloned"), did: report("cloned") });
            }
        };
        let Some(branch) = &self.branch else {
            return Ok(Plan::Nothing(Report::new(format!("Repository already exists at {target}"))));
        };
        let now = repo.branch();
        if now.as_ref() == Some(branch) {
            let text = format!("Repository already exists at {target} and is checked out to branch '{branch}'");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let change = Map::from_iter([("old", now.map_or(Value::Null, Value::from)), ("new", branch.as_str().into())]);
        let report = |text: &str| Report::new(format!("{text} to '{branch}'")).change("branch", change.clone());
        Ok(Plan::Change {
            todo: Todo::Branch(repo, branch.clone()),
            would: report("Branch would be changed"),
            did: report("Branch changed"),
        })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        match todo {
            Todo::Clone(git, url) => {
                let branch = self.branch.iter().flat_map(|name| ["--branch".to_owned(), name.clone()]);
                clone(&git, &branch.collect::<Vec<_>>(), &url, &self.target)?;
            }
            Todo::Branch(repo, branch) => self.switch(&repo, &branch)?,
        }
        Ok(Applied::AsPlanned)
    }
}
