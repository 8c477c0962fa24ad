//! Cloning, and bringing a repository up to date.

use super::super::super::{Applied, Failure, Report};
use super::super::place::{clone, failed, replacing, short};
use super::args::{Force, Latest};
use super::plan::sentences;
use super::wanted::{Kind, Wanted};
use super::{Checkout, Update};
use crate::modules::git::set_remote;
use crate::system::git::{Git, Repo};

impl Latest {
    /// Clones, and checks out what is wanted.
    pub(super) fn clone_new(&self, git: &Git, url: &str, wanted: &Wanted, forced: bool) -> Result<Applied, Failure> {
        let mut options: Vec<String> = Vec::new();
        let kind = match (self.mirror, self.bare) {
            (true, _) => {
                options.push("--mirror".to_owned());
                " as mirror"
            }
            (false, true) => {
                options.push("--bare".to_owned());
                " as bare repository"
            }
            (false, false) => {
                options.extend(["--origin".to_owned(), self.remote.clone()]);
                ""
            }
        };
        if let Some(depth) = self.depth {
            options.extend([format!("--depth={depth}"), "--branch".to_owned(), self.rev.clone()]);
        }
        let mut said = vec![format!("{} cloned to {}{kind}", self.shown(), self.target)];
        replacing(&self.target, forced, || {
            let repo = clone(git, &options, url, &self.target)?;
            if kind.is_empty() && wanted.commit.is_some() {
                self.settle_clone(&repo, wanted, &mut said)
            } else {
                Ok(())
            }
        })?;
        let comment = sentences(said.iter().map(String::as_str));
        Ok(Applied::Really(Report::new(comment).changes(self.cloned(wanted, forced))))
    }

    fn settle_clone(&self, repo: &Repo, wanted: &Wanted, said: &mut Vec<String>) -> Result<(), Failure> {
        let git = &repo.git;
        let commit = wanted.commit.as_deref().unwrap_or_default();
        let now = repo.branch();
        let mut follows = wanted.upstream();
        match &self.branch {
            Some(name) if now.as_ref() != Some(name) => {
                git.ask(&["checkout", "--quiet", "-b", name, commit]).map_err(failed)?;
                said.push(format!("Branch '{name}' checked out, with {} as a starting point", wanted.shown()));
                follow(repo, follows.take())?;
            }
            _ => {}
        }
        if repo.commit("HEAD") != repo.commit(commit) {
            git.ask(&["reset", "--quiet", "--hard", commit]).map_err(failed)?;
            said.push(format!("Repository was reset to {}", wanted.shown()));
        }
        if let (Some(follows), Some(name)) = (follows, repo.branch()) {
            let now = repo.upstream(&name);
            if now != follows {
                said.push(match (&now, &follows) {
                    (_, None) => "Tracking branch was unset".to_owned(),
                    (None, Some(name)) => format!("Tracking branch was set to {name}"),
                    (Some(_), Some(name)) => format!("Tracking branch was updated to {name}"),
                });
                follow(repo, Some(follows))?;
            }
        }
        if self.submodules {
            git.ask(&["submodule", "update", "--init", "--recursive"]).map_err(failed)?;
        }
        Ok(())
    }

    /// Fetches the references of a repository without files.
    pub(super) fn fetch_bare(&self, repo: &Repo, url: &str) -> Result<(), Failure> {
        let force = if self.force_fetch || self.mirror { "+" } else { "" };
        let specs = if self.mirror {
            vec!["+refs/*:refs/*".to_owned()]
        } else {
            vec![format!("{force}refs/heads/*:refs/heads/*"), format!("{force}refs/tags/*:refs/tags/*")]
        };
        fetch(&repo.git, url, &specs)
    }

    fn fetch(&self, update: &Update) -> Result<(), Failure> {
        let force = if self.force_fetch { "+" } else { "" };
        let (branches, tags, remote) = (&self.refspec_branch, &self.refspec_tag, &self.remote);
        let mut specs = vec![format!("{force}refs/heads/{branches}:refs/remotes/{remote}/{branches}")];
        if self.fetch_tags {
            specs.push(format!("{force}refs/tags/{tags}:refs/tags/{tags}"));
        }
        if update.wanted.kind == Kind::Commit {
            // A commit that no branch names any more: servers may still hand it out.
            specs.extend(update.wanted.commit.clone().filter(|commit| commit.len() == 40));
        }
        fetch(&update.repo.git, &update.url, &specs)
    }

    /// Does what was planned for a repository that is there.
    pub(super) fn update(&self, update: Update) -> Result<Applied, Failure> {
        let git = &update.repo.git;
        if update.set_remote {
            set_remote(git, &self.remote, &update.url, None)?;
        }
        if !update.stale_tags.is_empty() {
            let words = ["tag", "--delete"].into_iter().chain(update.stale_tags.iter().map(String::as_str));
            git.ask(&words.collect::<Vec<_>>()).map_err(failed)?;
        }
        let branch = update.repo.branch();
        let target = update.wanted.commit.clone().unwrap_or_default();
        let mut unforeseen = false;
        if update.fetch {
            self.fetch(&update)?;
            let base = match &update.checkout {
                Checkout::Stay => update.before.clone(),
                Checkout::Switch(name) => update.repo.commit(&format!("refs/heads/{name}")),
                Checkout::New(_) => None,
            };
            let forward = !update.update || update.is_forward(base.as_deref(), &target)? == Some(true);
            if !forward && self.force()? == Force::No {
                let why = self.no_forward(&target, branch.as_deref());
                let made = format!("{} was fetched, resulting in updated refs", self.shown());
                return Err(Failure::new(format!("{why}\n\nChanges already made: {made}")));
            }
            unforeseen = !forward;
        }
        self.move_head(&update, &target)?;
        if update.submodules {
            git.ask(&["submodule", "update", "--init", "--recursive"]).map_err(failed)?;
        }
        if !unforeseen {
            return Ok(Applied::AsPlanned);
        }
        let said = sentences(update.deeds.iter().map(|deed| deed.did.as_str()));
        let changes = fleet_common::value::Map::from_iter([("forced update", fleet_common::value::Value::from(true))]);
        let report = Report::new(said.replace("fast-forwarded", "hard-reset")).changes(changes);
        Ok(Applied::Really(report.change("revision", super::plan::revision(update.before.as_deref(), &target))))
    }

    /// Checks out, throws away and moves, as planned.
    fn move_head(&self, update: &Update, target: &str) -> Result<(), Failure> {
        let git = &update.repo.git;
        if update.discard {
            git.ask(&["reset", "--quiet", "--hard", "HEAD"]).map_err(failed)?;
        }
        let mut words = vec!["checkout", "--quiet"];
        words.extend(self.force_checkout.then_some("--force"));
        match &update.checkout {
            Checkout::Stay => {}
            Checkout::Switch(name) => drop(git.ask(&[words, vec![name]].concat()).map_err(failed)?),
            Checkout::New(name) => drop(git.ask(&[words, vec!["-b", name, target]].concat()).map_err(failed)?),
        }
        if update.update {
            let base = update.repo.commit("HEAD");
            // Where no commit is lost git itself minds files that nobody added; else force was asked for.
            let forward = update.is_forward(base.as_deref(), target)? == Some(true);
            let words: &[&str] =
                if forward { &["merge", "--quiet", "--ff-only"] } else { &["reset", "--quiet", "--hard"] };
            git.ask(&[words, &[target]].concat())
                .map_err(|error| Failure::new(format!("Failed to update to {}: {}", short(target), error.why())))?;
        }
        follow(&update.repo, update.upstream.clone())
    }
}

/// Lets the branch that is checked out follow another, or nothing.
fn follow(repo: &Repo, follows: Option<Option<String>>) -> Result<(), Failure> {
    match follows {
        None => Ok(()),
        Some(Some(name)) => repo.git.ask(&["branch", "--quiet", "--set-upstream-to", &name]).map(drop).map_err(failed),
        Some(None) => {
            let branch = repo.branch().filter(|branch| repo.upstream(branch).is_some());
            match branch {
                Some(_) => repo.git.ask(&["branch", "--unset-upstream"]).map(drop).map_err(failed),
                None => Ok(()),
            }
        }
    }
}

fn fetch(git: &Git, url: &str, specs: &[String]) -> Result<(), Failure> {
    let mut words = vec!["fetch".to_owned(), "--no-tags".to_owned(), "--".to_owned(), url.to_owned()];
    words.extend(specs.iter().cloned());
    git.ask(&words).map(drop).map_err(|error| {
        Failure::new(format!(
            "Fetch failed. Set 'force_fetch' to True to force the fetch if the failure was due to not being able to \
             fast-forward. Output of the fetch command follows:\n\n{}",
            error.why()
        ))
    })
}
