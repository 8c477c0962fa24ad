//! What differs between a repository and the remote.

use std::collections::BTreeMap;

use fleet_common::value::{Map, Value};

use super::super::super::{Failure, Plan, Report, Run, State};
use super::super::place::{Place, failed, look_at, short, taken, would_clone};
use super::args::{Force, Latest};
use super::wanted::{Kind, Wanted, spec_takes};
use super::{Checkout, Deed, Todo, Update};
use crate::cx::{Act, Look};
use crate::modules::git::How;
use crate::states::Applied;
use crate::system::git::{Git, Remote, Repo, plain_word};
use crate::system::http::without_account;

/// The two commits of a move.
pub(super) fn revision(old: Option<&str>, new: &str) -> Map {
    Map::from_iter([("old", old.map_or(Value::Null, Value::from)), ("new", Value::from(new))])
}

/// Sentences in a row: with a full stop each, unless there is only one.
pub(super) fn sentences<'s>(texts: impl Iterator<Item = &'s str>) -> String {
    let texts: Vec<&str> = texts.collect();
    if texts.len() < 2 { texts.concat() } else { format!("{}.", texts.join(". ")) }
}

impl State for Latest {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        for word in [&self.rev, &self.remote].into_iter().chain(&self.branch) {
            plain_word(word).map_err(failed)?;
        }
        if (self.bare || self.mirror) && self.branch.is_some() {
            return Err(Failure::new("'branch' cannot be used with 'bare' or 'mirror': nothing is checked out"));
        }
        let how = How {
            user: self.user.clone(),
            identity: self.identity.clone(),
            https: (self.https_user.clone(), self.https_pass.clone()),
            saltenv: Some(run.saltenv.to_owned()),
        };
        let (git, url) = how.git(look)?.address(&self.name).map_err(failed)?;
        let place = look_at(&git, &self.target)?;
        let remote = Remote::ask(&git, &url, &[], None)
            .map_err(|error| Failure::new(format!("Failed to check remote refs: {}", error.why())))?;
        let wanted = Wanted::find(self, remote)?;
        match place {
            Place::Repo(repo) if self.bare || self.mirror => self.plan_bare(*repo, url, &wanted),
            Place::Repo(repo) => self.plan_update(*repo, url, wanted),
            Place::Free => Ok(self.plan_clone(git, url, wanted, false)),
            Place::Taken if self.force_clone => Ok(self.plan_clone(git, url, wanted, true)),
            Place::Taken => Err(taken(&self.target)),
        }
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        match todo {
            Todo::Clone { git, url, wanted, forced } => self.clone_new(&git, &url, &wanted, forced),
            Todo::Update(update) => self.update(*update),
            Todo::Bare { repo, url } => {
                self.fetch_bare(&repo, &url)?;
                Ok(Applied::AsPlanned)
            }
        }
    }
}

impl Latest {
    /// The address as people may see it.
    pub(super) fn shown(&self) -> String {
        without_account(&self.name)
    }

    fn plan_clone(&self, git: Git, url: String, wanted: Wanted, forced: bool) -> Plan<Todo> {
        let would = Report::new(would_clone(&self.shown(), &self.target, forced)).changes(self.cloned(&wanted, forced));
        // The sentences of the real run follow from what the clone brings.
        let did = would.clone();
        Plan::Change { todo: Todo::Clone { git, url, wanted, forced }, would, did }
    }

    /// The changes of a clone.
    pub(super) fn cloned(&self, wanted: &Wanted, forced: bool) -> Map {
        let mut changes = Map::new();
        if forced {
            changes.insert("forced clone", true);
        }
        changes.insert("new", format!("{} => {}", self.shown(), self.target));
        if let Some(commit) = &wanted.commit {
            changes.insert("revision", revision(None, commit));
        }
        changes
    }

    fn up_to_date(&self) -> String {
        format!("Repository {} is up-to-date", self.target)
    }

    /// A repository without files has what the remote has, or gets it.
    fn plan_bare(&self, repo: Repo, url: String, wanted: &Wanted) -> Result<Plan<Todo>, Failure> {
        let here: BTreeMap<String, String> = repo.refs("refs").map_err(failed)?.into_iter().collect();
        let followed = |name: &str| self.mirror || name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        let mut moved = Map::new();
        for (name, commit) in wanted.remote.refs.iter().filter(|(name, _)| !name.ends_with("^{}") && followed(name)) {
            let Some(short_name) = name.strip_prefix("refs/") else { continue };
            let old = here.get(short_name);
            if old != Some(commit) {
                moved.insert(name.as_str(), revision(old.map(String::as_str), commit));
            }
        }
        if moved.is_empty() {
            return Ok(Plan::Nothing(Report::new(self.up_to_date())));
        }
        let report = |text: &str| {
            Report::new(format!("Bare repository at {} {text}", self.target)).change("refs", moved.clone())
        };
        let (would, did) = (report("would be fetched"), report("was fetched, resulting in updated refs"));
        Ok(Plan::Change { todo: Todo::Bare { repo, url }, would, did })
    }

    fn plan_update(&self, repo: Repo, url: String, wanted: Wanted) -> Result<Plan<Todo>, Failure> {
        let force = self.force()?;
        let (branch, before) = (repo.branch(), repo.commit("HEAD"));
        let (checkout, base) = self.checkout(&repo, branch.as_deref(), before.as_deref(), &wanted);
        let here = wanted.commit.as_deref().and_then(|commit| repo.commit(commit));
        // Digits that are not in the remote's list may be of a commit that is here.
        let target = here.clone().or_else(|| wanted.commit.clone());
        let is_there = base.is_some() && base == target || target.is_none();
        let changed = repo.is_changed().map_err(failed)?;
        let (new_tags, stale_tags) = self.tags(&repo, &wanted)?;
        let fetch = wanted.commit.is_some() && here.is_none() || !new_tags.is_empty();
        let mut deeds = Vec::new();
        let set_remote = self.remote_deed(&repo, &url, &mut deeds);
        if fetch {
            deeds.push(Deed {
                would: format!("Remote '{}' would be fetched", self.remote),
                did: format!("{} was fetched, resulting in updated refs", self.shown()),
            });
        }
        if !stale_tags.is_empty() {
            let names = stale_tags.join(", ");
            deeds.push(Deed {
                would: format!("The following tags would be removed from the local checkout: {names}"),
                did: format!("The following tags were removed from the local checkout: {names}"),
            });
        }
        checkout_deed(&checkout, &wanted, &mut deeds);
        let mut update = Update {
            upstream: self.upstream(&repo, branch.as_deref(), &checkout, &wanted, &mut deeds),
            update: !is_there && self.update_head,
            discard: changed && (force == Force::Always || force == Force::Update && !is_there),
            submodules: self.submodules && (!is_there || stale_submodules(&repo)?),
            up_to_date: is_there,
            repo,
            wanted,
            url,
            set_remote,
            fetch,
            stale_tags,
            checkout,
            before,
            deeds,
        };
        if !self.update_head && !is_there {
            return Ok(self.left_behind(update, target.as_deref().unwrap_or_default()));
        }
        if !is_there {
            self.check_update(&update, base.as_deref(), target.as_deref(), branch.as_deref(), changed)?;
        }
        self.last_deeds(&mut update, base.as_deref(), here.as_deref())?;
        Ok(self.report(update, target.as_deref(), &new_tags, changed))
    }

    /// Which branch is checked out first, and the commit it is at then.
    fn checkout(
        &self,
        repo: &Repo,
        branch: Option<&str>,
        before: Option<&str>,
        wanted: &Wanted,
    ) -> (Checkout, Option<String>) {
        match &self.branch {
            Some(name) if branch != Some(name) => match repo.commit(&format!("refs/heads/{name}")) {
                Some(commit) => (Checkout::Switch(name.clone()), Some(commit)),
                None => (Checkout::New(name.clone()), wanted.commit.clone()),
            },
            _ => (Checkout::Stay, before.map(str::to_owned)),
        }
    }

    /// Tags that the remote has and the repository has not, and the other way round.
    fn tags(&self, repo: &Repo, wanted: &Wanted) -> Result<(Vec<String>, Vec<String>), Failure> {
        let here = repo.refs("refs/tags").map_err(failed)?;
        let is_here = |name: &str| here.iter().any(|(known, _)| known == name);
        let is_there = |name: &str| wanted.remote.tags().any(|(known, _)| known == name);
        let fetched = |name: &str| spec_takes(&self.refspec_tag, name);
        let new = if self.fetch_tags {
            let missing = wanted.remote.tags().map(|(name, _)| name).filter(|name| !is_here(name) && fetched(name));
            missing.map(str::to_owned).collect()
        } else {
            Vec::new()
        };
        let stale = if self.sync_tags && self.fetch_tags {
            here.iter().map(|(name, _)| name.clone()).filter(|name| !is_there(name)).collect()
        } else {
            Vec::new()
        };
        Ok((new, stale))
    }

    /// True when the remote gets (another) address.
    fn remote_deed(&self, repo: &Repo, url: &str, deeds: &mut Vec<Deed>) -> bool {
        let (remote, shown) = (&self.remote, without_account(url));
        let now = repo.remote_url(remote, false);
        let deed = match &now {
            Some(now) if now == url => return false,
            Some(now) => {
                let change = format!("from {} to {shown}", without_account(now));
                Deed {
                    would: format!("Remote '{remote}' would be changed {change}"),
                    did: format!("Remote '{remote}' changed {change}"),
                }
            }
            None => Deed {
                would: format!("Remote '{remote}' would be set to {shown}"),
                did: format!("Remote '{remote}' set to {shown}"),
            },
        };
        deeds.push(deed);
        true
    }

    /// What the branch is to follow, if that changes.
    fn upstream(
        &self,
        repo: &Repo,
        branch: Option<&str>,
        checkout: &Checkout,
        wanted: &Wanted,
        deeds: &mut Vec<Deed>,
    ) -> Option<Option<String>> {
        let follows = wanted.upstream()?;
        let name = match checkout {
            // The sentence on the new branch says it.
            Checkout::New(_) => return Some(follows),
            Checkout::Switch(name) => name,
            Checkout::Stay => branch?,
        };
        let now = repo.upstream(name);
        if now == follows {
            return None;
        }
        let (verb, rest) = match (&now, &follows) {
            (_, None) => ("unset", String::new()),
            (None, Some(name)) => ("set", format!(" to {name}")),
            (Some(_), Some(name)) => ("updated", format!(" to {name}")),
        };
        deeds.push(Deed {
            would: format!("Tracking branch would be {verb}{rest}"),
            did: format!("Tracking branch was {verb}{rest}"),
        });
        Some(follows)
    }

    /// The remote has something else, and the branch stays where it is.
    fn left_behind(&self, update: Update, target: &str) -> Plan<Todo> {
        let head = update.before.as_deref().map_or("none", short);
        let text = format!(
            "Remote head ({}) is already present and local HEAD ({head}) does not match, but update_head=False. HEAD \
             has not been updated locally.",
            short(target)
        );
        if update.deeds.is_empty() {
            return Plan::Nothing(Report::new(text));
        }
        let would = Report::new(sentences(update.deeds.iter().map(|deed| deed.would.as_str())));
        let did = Report::new(text);
        Plan::Change { todo: Todo::Update(Box::new(update)), would, did }
    }

    /// An update that is not allowed, as far as that is known before fetching.
    fn check_update(
        &self,
        update: &Update,
        base: Option<&str>,
        target: Option<&str>,
        branch: Option<&str>,
        changed: bool,
    ) -> Result<(), Failure> {
        let Some(target) = target else { return Ok(()) };
        if changed && !update.discard {
            let (from, after) = match &update.checkout {
                Checkout::Switch(name) => (String::new(), format!(" (after checking out local branch '{name}')")),
                _ => (base.map(|base| format!(" from {}", short(base))).unwrap_or_default(), String::new()),
            };
            return Err(Failure::new(format!(
                "Repository would be updated{from} to {}{after}, but there are uncommitted changes. Set 'force_reset' \
                 to True (or 'remote-changes') to force this update and discard these changes.",
                short(target)
            )));
        }
        match update.is_forward(base, target)? {
            Some(false) if self.force()? == Force::No => Err(self.no_forward(target, branch)),
            _ => Ok(()),
        }
    }

    /// The failure of an update that is not a fast-forward.
    pub(super) fn no_forward(&self, target: &str, branch: Option<&str>) -> Failure {
        let mut text = format!(
            "Repository would be updated to {}, but this is not a fast-forward merge. Set 'force_reset' to True to \
             force this update.",
            short(target)
        );
        if let Some(branch) = branch.filter(|branch| self.rev != "HEAD" && self.rev != *branch && self.branch.is_none())
        {
            text.push_str(&format!(
                " The desired rev ({0}) differs from the name of the local branch ({branch}), if the desired rev is a \
                 branch name then a forced update could possibly be avoided by setting the 'branch' argument to '{0}' \
                 instead.",
                self.rev
            ));
        }
        Failure::new(text)
    }

    /// The sentences on changes that go away, and on the branch that moves.
    fn last_deeds(&self, update: &mut Update, base: Option<&str>, here: Option<&str>) -> Result<(), Failure> {
        if update.discard {
            update.deeds.push(Deed {
                would: "Uncommitted changes would be discarded".to_owned(),
                did: "Uncommitted changes were discarded".to_owned(),
            });
        }
        if update.submodules {
            update.deeds.push(Deed {
                would: "Submodules would be updated".to_owned(),
                did: "Submodules were updated".to_owned(),
            });
        }
        let Some(target) = here.or(update.wanted.commit.as_deref()).filter(|_| update.update) else { return Ok(()) };
        let (shown, short_target) = (update.wanted.shown(), short(target));
        let from = base.map(|base| format!(" from {}", short(base))).unwrap_or_default();
        let (would, did) = if update.is_forward(base, target)? == Some(false) {
            ("hard-reset", "hard-reset")
        } else {
            ("updated", "fast-forwarded")
        };
        update.deeds.push(Deed {
            would: format!("Repository would be {would}{from} to {short_target}"),
            did: format!("Repository was {did} to {shown}"),
        });
        Ok(())
    }

    /// The plan with what is said of it.
    fn report(&self, update: Update, target: Option<&str>, new_tags: &[String], changed: bool) -> Plan<Todo> {
        let idle = update.deeds.is_empty();
        if idle && changed {
            return Plan::Nothing(Report::new(format!(
                "{}, but with uncommitted changes. Set 'force_reset' to True to purge uncommitted changes.",
                self.up_to_date()
            )));
        }
        if idle {
            return Plan::Nothing(Report::new(self.up_to_date()));
        }
        let mut changes = Map::new();
        if !update.stale_tags.is_empty() {
            changes.insert("deleted_tags", update.stale_tags.iter().map(Value::from).collect::<Vec<_>>());
        }
        if !new_tags.is_empty() {
            changes.insert("new_tags", new_tags.iter().map(Value::from).collect::<Vec<_>>());
        }
        if update.discard && update.up_to_date || update.deeds.iter().any(|deed| deed.did.contains("hard-reset")) {
            changes.insert("forced update", true);
        }
        if let Some(target) = target.filter(|target| update.before.as_deref() != Some(target)) {
            changes.insert("revision", revision(update.before.as_deref(), target));
        }
        let tell = |said: fn(&Deed) -> &str, made: &str| {
            let all = sentences(update.deeds.iter().map(said));
            let text = if update.up_to_date { format!("{}\n\n{made}: {all}", self.up_to_date()) } else { all };
            Report::new(text).changes(changes.clone())
        };
        let would = tell(|deed| &deed.would, "Changes that would be made");
        let did = tell(|deed| &deed.did, "Changes made");
        Plan::Change { todo: Todo::Update(Box::new(update)), would, did }
    }
}

impl Update {
    /// True if the branch can move without losing commits; `None` before the commit is fetched.
    pub(super) fn is_forward(&self, base: Option<&str>, target: &str) -> Result<Option<bool>, Failure> {
        let Some(base) = base else { return Ok(Some(true)) };
        if self.repo.commit(target).is_none() {
            return Ok(None);
        }
        self.repo.is_ancestor(base, target).map(Some).map_err(failed)
    }
}

fn checkout_deed(checkout: &Checkout, wanted: &Wanted, deeds: &mut Vec<Deed>) {
    let (what, rest) = match checkout {
        Checkout::Stay => return,
        Checkout::Switch(name) => (format!("Branch '{name}'"), String::new()),
        Checkout::New(name) => {
            let start = match wanted.commit.as_deref() {
                Some(commit) if wanted.kind != Kind::Commit => format!("{} ({})", wanted.place, short(commit)),
                _ => wanted.place.clone(),
            };
            (format!("New branch '{name}'"), format!(", with {start} as a starting point"))
        }
    };
    deeds.push(Deed {
        would: format!("{what} would be checked out{rest}"),
        did: format!("{what} was checked out{rest}"),
    });
}

/// True if a submodule is missing or elsewhere than the repository says.
fn stale_submodules(repo: &Repo) -> Result<bool, Failure> {
    let said = repo.git.ask(&["submodule", "status", "--recursive"]).map_err(failed)?;
    Ok(said.lines().any(|line| line.starts_with(['-', '+'])))
}
