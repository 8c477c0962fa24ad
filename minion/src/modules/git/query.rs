//! `git.*` that looks: revisions, branches, remotes, states of files.

use std::path::Path;

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::args::{
    Branches, Commit, Diff, LsRemote, MergeBase, MergeTree, Place, RemoteGet, RemoteRefs, Remotes, RevParse, Revision,
    Trees, Version,
};
use super::how::{How, failed, words};
use crate::cx::Look;
use crate::system::git::{Git, Remote, Repo, plain_word};
use crate::system::http::without_account;

/// The repository around a directory.
pub(super) fn repo(look: &Look, how: &How, cwd: &str) -> Result<Repo, CallError> {
    Ok(Repo { git: how.git_in(look, cwd)?, path: Path::new(cwd).to_owned() })
}

fn names(items: Vec<(String, String)>) -> Value {
    items.into_iter().map(|(name, _)| Value::from(name)).collect::<Vec<_>>().into()
}

fn pairs(items: Vec<(String, String)>) -> Value {
    items.into_iter().collect::<Map>().into()
}

pub(super) fn version(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Version::bind("git.version", arguments)?;
    let said = Git::new().and_then(|git| git.ask(&["--version"])).map_err(failed)?;
    let version = said.split_whitespace().nth(2).unwrap_or_default().to_owned();
    if !args.versioninfo {
        return Ok(version.into());
    }
    let part = |part: &str| part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from);
    Ok(Value::from(version.split('.').map(part).collect::<Vec<_>>()).into())
}

pub(super) fn current_branch(look: &Look, arguments: Arguments) -> CallResult {
    let args = Place::bind("git.current_branch", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    Ok(git.ask(&["rev-parse", "--abbrev-ref", "HEAD"]).map_err(failed)?.into())
}

pub(super) fn describe(look: &Look, arguments: Arguments) -> CallResult {
    let args = Revision::bind("git.describe", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    let rev = plain_word(&args.rev).map_err(failed)?;
    Ok(git.ask(&["describe", "--always", rev]).map_err(failed)?.into())
}

pub(super) fn revision(look: &Look, arguments: Arguments) -> CallResult {
    let args = Commit::bind("git.revision", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    let mut words = vec!["rev-parse"];
    words.extend(args.short.then_some("--short"));
    words.extend(["--verify", plain_word(&args.rev).map_err(failed)?]);
    Ok(git.ask(&words).map_err(failed)?.into())
}

pub(super) fn rev_parse(look: &Look, arguments: Arguments) -> CallResult {
    let args = RevParse::bind("git.rev_parse", arguments)?;
    let mut words = words(&args.git_opts, &["rev-parse"], &args.opts)?;
    if let Some(rev) = &args.rev {
        words.push(plain_word(rev).map_err(failed)?.to_owned());
    }
    Ok(args.how().git_in(look, &args.cwd)?.ask(&words).map_err(failed)?.into())
}

pub(super) fn list_branches(look: &Look, arguments: Arguments) -> CallResult {
    let args = Branches::bind("git.list_branches", arguments)?;
    let kind = if args.remote { "refs/remotes" } else { "refs/heads" };
    let git = args.how().git_in(look, &args.cwd)?;
    let said = git.ask(&["for-each-ref", "--format=%(refname:short)", kind]).map_err(failed)?;
    Ok(Value::from(said.lines().map(Value::from).collect::<Vec<_>>()).into())
}

pub(super) fn list_tags(look: &Look, arguments: Arguments) -> CallResult {
    let args = Place::bind("git.list_tags", arguments)?;
    Ok(names(repo(look, &args.how(), &args.cwd)?.refs("refs/tags").map_err(failed)?).into())
}

pub(super) fn list_worktrees(look: &Look, arguments: Arguments) -> CallResult {
    let args = Trees::bind("git.list_worktrees", arguments)?;
    let trees = repo(look, &args.how(), &args.cwd)?.worktrees().map_err(failed)?;
    let row = |tree: crate::system::git::Worktree| {
        let mut row = Map::from_iter([("stale", Value::from(tree.stale))]);
        row.insert("HEAD", tree.head.map_or(Value::Null, Value::from));
        row.insert("detached", tree.branch.is_none() && !tree.bare);
        row.insert("branch", tree.branch.map_or(Value::Null, Value::from));
        (Value::from(tree.path), Value::from(row))
    };
    let shown = trees.into_iter().filter(|tree| tree.stale || !args.stale).map(row);
    Ok(shown.collect::<Map>().into())
}

pub(super) fn is_worktree(look: &Look, arguments: Arguments) -> CallResult {
    let args = Place::bind("git.is_worktree", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    let asked = git.ask(&["rev-parse", "--absolute-git-dir", "--git-common-dir"]).unwrap_or_default();
    let mut lines = asked.lines();
    let (own, common) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // In the main working tree both are the same directory.
    let absolute = |path: &str| Path::new(&args.cwd).join(path).canonicalize().ok();
    Ok((!own.is_empty() && absolute(own) != absolute(common)).into())
}

pub(super) fn status(look: &Look, arguments: Arguments) -> CallResult {
    let args = Place::bind("git.status", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    let said = git.ask(&["status", "-z", "--porcelain"]).map_err(failed)?;
    let mut found: [(&str, Vec<Value>); 4] =
        [("modified", vec![]), ("deleted", vec![]), ("new", vec![]), ("untracked", vec![])];
    let mut entries = said.split('\0');
    while let Some(entry) = entries.next() {
        let Some((state, file)) = entry.split_at_checked(3) else { continue };
        let kind = match state.trim() {
            "??" => 3,
            state if state.starts_with('R') => {
                // The name it had comes in an entry of its own.
                entries.next();
                2
            }
            state if state.contains('A') => 2,
            state if state.contains('D') => 1,
            _ => 0,
        };
        found[kind].1.push(file.into());
    }
    Ok(found.into_iter().filter(|(_, files)| !files.is_empty()).collect::<Map>().into())
}

fn remote_row(repo: &Repo, remote: &str, redact: bool) -> Option<Value> {
    let shown = |url: String| if redact { without_account(&url) } else { url };
    let fetch = repo.remote_url(remote, false)?;
    let push = repo.remote_url(remote, true).unwrap_or_else(|| fetch.clone());
    Some(Map::from_iter([("fetch", shown(fetch)), ("push", shown(push))]).into())
}

pub(super) fn remotes(look: &Look, arguments: Arguments) -> CallResult {
    let args = Remotes::bind("git.remotes", arguments)?;
    let repo = repo(look, &args.how(), &args.cwd)?;
    let known = repo.git.ask(&["remote"]).map_err(failed)?;
    let rows = known.lines().filter_map(|name| Some((Value::from(name), remote_row(&repo, name, args.redact_auth)?)));
    Ok(rows.collect::<Map>().into())
}

pub(super) fn remote_get(look: &Look, arguments: Arguments) -> CallResult {
    let args = RemoteGet::bind("git.remote_get", arguments)?;
    let repo = repo(look, &args.how(), &args.cwd)?;
    remote_of(&repo, &args.remote, args.redact_auth).map(Into::into)
}

/// Where a remote is fetched from and pushed to.
pub(super) fn remote_of(repo: &Repo, remote: &str, redact: bool) -> Result<Value, CallError> {
    remote_row(repo, remote, redact).ok_or_else(|| {
        CallError::Failed(format!("Remote '{remote}' not present in git checkout located at {}", repo.path.display()))
    })
}

pub(super) fn ls_remote(look: &Look, arguments: Arguments) -> CallResult {
    let args = LsRemote::bind("git.ls_remote", arguments)?;
    let git = match &args.cwd {
        Some(cwd) => args.how().git_in(look, cwd)?,
        None => args.how().git(look)?,
    };
    let (git, remote) = git.address(&args.remote).map_err(failed)?;
    let mut options = words(&args.git_opts, &["ls-remote"], &args.opts)?;
    options.extend(["--".to_owned(), remote]);
    options.extend(args.ref_.clone());
    Ok(pairs(crate::system::git::parse_refs(&git.ask(&options).map_err(failed)?)).into())
}

pub(super) fn remote_refs(look: &Look, arguments: Arguments) -> CallResult {
    let args = RemoteRefs::bind("git.remote_refs", arguments)?;
    let (git, url) = args.how().git(look)?.address(&args.url).map_err(failed)?;
    let kinds = [(args.heads, "--heads"), (args.tags, "--tags")];
    let options: Vec<String> = kinds.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| (*name).to_owned()).collect();
    Ok(pairs(Remote::ask(&git, &url, &options, args.filter.as_deref()).map_err(failed)?.refs).into())
}

pub(super) fn merge_base(look: &Look, arguments: Arguments) -> CallResult {
    let args = MergeBase::bind("git.merge_base", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    let kinds = [args.octopus, args.is_ancestor, args.independent, args.fork_point.is_some()];
    if kinds.iter().filter(|kind| **kind).count() > 1 {
        let why = "Only one of 'octopus', 'is_ancestor', 'independent' and 'fork_point' is permitted";
        return Err(CallError::Invocation(why.to_owned()));
    }
    let mut words = words(&args.git_opts, &["merge-base"], &args.opts)?;
    let names = ["--octopus", "--is-ancestor", "--independent", "--fork-point"];
    words.extend(names.iter().zip(kinds).filter(|(_, wanted)| *wanted).map(|(name, _)| (*name).to_owned()));
    words.extend(args.all.then(|| "--all".to_owned()));
    for rev in args.fork_point.iter().chain(&args.refs) {
        words.push(plain_word(rev).map_err(failed)?.to_owned());
    }
    if args.is_ancestor {
        return Ok((git.run(&words).map_err(failed)?.status == 0).into());
    }
    let said = git.ask(&words).map_err(failed)?;
    Ok(if args.all { said.lines().map(Value::from).collect::<Vec<_>>().into() } else { said.into() })
}

pub(super) fn merge_tree(look: &Look, arguments: Arguments) -> CallResult {
    let args = MergeTree::bind("git.merge_tree", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    let (one, two) = (plain_word(&args.ref1).map_err(failed)?, plain_word(&args.ref2).map_err(failed)?);
    let base = match &args.base {
        Some(base) => plain_word(base).map_err(failed)?.to_owned(),
        None => git.ask(&["merge-base", one, two]).map_err(failed)?,
    };
    Ok(git.ask(&["merge-tree", &base, one, two]).map_err(failed)?.into())
}

pub(super) fn diff(look: &Look, arguments: Arguments) -> CallResult {
    let args = Diff::bind("git.diff", arguments)?;
    let git = args.how().git_in(look, &args.cwd)?;
    if args.no_index && args.cached {
        let why = "The 'no_index' and 'cached' options cannot be used together";
        return Err(CallError::Invocation(why.to_owned()));
    }
    let mut words = words(&args.git_opts, &["diff"], &args.opts)?;
    words.extend(args.no_index.then(|| "--no-index".to_owned()));
    words.extend(args.cached.then(|| "--cached".to_owned()));
    for item in args.item1.iter().chain(&args.item2) {
        words.push(plain_word(item).map_err(failed)?.to_owned());
    }
    words.push("--".to_owned());
    words.extend(args.paths.iter().cloned());
    let finished = git.run(&words).map_err(failed)?;
    // Two paths that differ are no failure.
    if finished.status == 0 || (args.no_index && finished.status == 1) {
        return Ok(finished.out().into());
    }
    Err(CallError::Failed(format!("git diff: {}", finished.err())))
}
