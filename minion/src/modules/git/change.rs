//! `git.*` that changes a repository.

use std::path::Path;

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::args::{
    Archive, Branch, Checkout, Clone, Discard, Fetch, Files, Init, Merge, Message, Push, RemoteSet, Stash, Submodule,
    SymbolicRef, Tag, Update, WorktreeAdd, WorktreePrune, WorktreeRm,
};
use super::how::{How, failed, words};
use super::query::{remote_of, repo};
use crate::cx::Act;
use crate::system::git::{Git, plain_word};
use crate::system::http::without_account;

/// A word that cannot be an option.
fn plain(word: &str) -> Result<String, CallError> {
    Ok(plain_word(word).map_err(failed)?.to_owned())
}

/// Runs git in a directory; what it said.
fn tell(act: &Act, how: &How, cwd: &str, words: &[String]) -> CallResult {
    Ok(how.git_in(act, cwd)?.tell(words).map_err(failed)?.into())
}

/// Runs git in a directory; what it wrote to its output.
fn ask(act: &Act, how: &How, cwd: &str, words: &[String]) -> CallResult {
    Ok(how.git_in(act, cwd)?.ask(words).map_err(failed)?.into())
}

pub(super) fn add(act: &Act, arguments: Arguments) -> CallResult {
    let args = Files::bind("git.add", arguments)?;
    let mut words = words(&args.git_opts, &["add", "--verbose"], &args.opts)?;
    words.extend(["--".to_owned(), args.filename.clone()]);
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn rm(act: &Act, arguments: Arguments) -> CallResult {
    let args = Files::bind("git.rm", arguments)?;
    let mut words = words(&args.git_opts, &["rm"], &args.opts)?;
    words.extend(["--".to_owned(), args.filename.clone()]);
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn archive(act: &Act, arguments: Arguments) -> CallResult {
    let args = Archive::bind("git.archive", arguments)?;
    let mut words = words(&args.git_opts, &["archive"], &args.opts)?;
    let directory = Path::new(&args.cwd).file_name().map(|name| format!("{}/", name.to_string_lossy()));
    let prefix = args.prefix.clone().or(directory).unwrap_or_default();
    if !prefix.is_empty() {
        words.push(format!("--prefix={}/", prefix.trim_end_matches('/')));
    }
    words.extend(args.format.iter().map(|format| format!("--format={format}")));
    words.extend([format!("--output={}", args.output), plain(&args.rev)?]);
    args.how().git_in(act, &args.cwd)?.ask(&words).map_err(failed)?;
    Ok(true.into())
}

pub(super) fn branch(act: &Act, arguments: Arguments) -> CallResult {
    let args = Branch::bind("git.branch", arguments)?;
    let mut words = words(&args.git_opts, &["branch"], &args.opts)?;
    if let Some(name) = &args.name {
        words.push(plain(name)?);
    }
    args.how().git_in(act, &args.cwd)?.ask(&words).map_err(failed)?;
    Ok(true.into())
}

pub(super) fn checkout(act: &Act, arguments: Arguments) -> CallResult {
    let args = Checkout::bind("git.checkout", arguments)?;
    let mut words = words(&args.git_opts, &["checkout"], "")?;
    words.extend(args.force.then(|| "--force".to_owned()));
    let options = super::how::words("", &[], &args.opts)?;
    let makes_branch = options.iter().any(|option| ["-b", "-B", "--orphan"].contains(&option.as_str()));
    words.extend(options);
    match &args.rev {
        Some(rev) => words.push(plain(rev)?),
        None if makes_branch => {}
        None => {
            return Err(CallError::Invocation("'rev' argument is required unless -b or -B in opts".to_owned()));
        }
    }
    // The names of files that differ are no news for a person; git says the rest on its error stream.
    let git = args.how().git_in(act, &args.cwd)?;
    let finished = git.run(&words).map_err(failed)?;
    if finished.status != 0 {
        return Err(CallError::Failed(format!("git checkout: {}", finished.err())));
    }
    let said = [finished.err(), finished.out()];
    Ok(said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n").into())
}

pub(super) fn clone(act: &Act, arguments: Arguments) -> CallResult {
    let args = Clone::bind("git.clone", arguments)?;
    if !args.cwd.starts_with('/') {
        return Err(CallError::Failed(format!("Specified cwd '{}' is not absolute", args.cwd)));
    }
    let (git, url) = args.how().git(act)?.address(&args.url).map_err(failed)?;
    let mut words = words(&args.git_opts, &["clone"], &args.opts)?;
    words.extend(["--".to_owned(), url]);
    let git = match &args.name {
        Some(name) => {
            std::fs::create_dir_all(&args.cwd).map_err(|error| CallError::Failed(format!("{}: {error}", args.cwd)))?;
            words.push(name.clone());
            git.cwd(&args.cwd)
        }
        None => {
            words.push(args.cwd.clone());
            git
        }
    };
    git.ask(&words).map_err(failed)?;
    Ok(true.into())
}

pub(super) fn commit(act: &Act, arguments: Arguments) -> CallResult {
    let args = Message::bind("git.commit", arguments)?;
    let mut words = words(&args.git_opts, &["commit"], &args.opts)?;
    words.extend(["-m".to_owned(), args.message.clone()]);
    if let Some(file) = &args.filename {
        words.extend(["--".to_owned(), file.clone()]);
    }
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn discard(act: &Act, arguments: Arguments) -> CallResult {
    let args = Discard::bind("git.discard_local_changes", arguments)?;
    let words = ["checkout", "--", &args.path].map(str::to_owned);
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn fetch(act: &Act, arguments: Arguments) -> CallResult {
    let args = Fetch::bind("git.fetch", arguments)?;
    let mut words = words(&args.git_opts, &["fetch", "--verbose"], &args.opts)?;
    words.extend(args.force.then(|| "--force".to_owned()));
    let mut git = args.how().git_in(act, &args.cwd)?;
    if let Some(remote) = &args.remote {
        let (with_login, remote) = git.address(remote).map_err(failed)?;
        git = with_login;
        words.push(remote);
    }
    for spec in &args.refspecs {
        words.push(plain(spec)?);
    }
    let finished = git.run(&words).map_err(failed)?;
    if finished.status != 0 {
        return Err(CallError::Failed(format!("git fetch: {}", finished.err())));
    }
    Ok(fetched(&finished.err()).into())
}

/// What `git fetch --verbose` told of references: new and changed ones by kind and name.
fn fetched(said: &str) -> Map {
    let mut found = Map::new();
    for line in said.lines() {
        let Some((left, name)) = line.split_once(" -> ") else { continue };
        let name = name.split_whitespace().next().unwrap_or_default();
        let new = left.contains("[new branch]") || left.contains("[new tag]");
        let kind = if left.contains("[new tag]") { "new tags" } else { "new branches" };
        if new {
            push(&mut found, kind, name.into());
        } else if let Some((old, fresh)) = left.split_whitespace().find_map(commits) {
            let row = Map::from_iter([("old", Value::from(old)), ("new", Value::from(fresh))]);
            let kind = if left.contains("[tag update]") { "updated tags" } else { "updated branches" };
            let rows = found.get_mut(kind).and_then(|rows| if let Value::Map(rows) = rows { Some(rows) } else { None });
            match rows {
                Some(rows) => drop(rows.insert(name, row)),
                None => drop(found.insert(kind, Map::from_iter([(name, row)]))),
            }
        }
    }
    found
}

fn push(found: &mut Map, kind: &str, name: Value) {
    match found.get_mut(kind) {
        Some(Value::List(names)) => names.push(name),
        _ => drop(found.insert(kind, vec![name])),
    }
}

/// `aaa..bbb` or `aaa...bbb` as two commits.
fn commits(word: &str) -> Option<(&str, &str)> {
    let (old, new) = word.split_once("..")?;
    Some((old, new.trim_start_matches('.')))
}

pub(super) fn init(act: &Act, arguments: Arguments) -> CallResult {
    let args = Init::bind("git.init", arguments)?;
    if !args.cwd.starts_with('/') {
        return Err(CallError::Failed(format!("Specified cwd '{}' is not absolute", args.cwd)));
    }
    let mut words = words(&args.git_opts, &["init"], &args.opts)?;
    words.extend(init_options(args.bare, &args.template, &args.separate_git_dir, &args.shared));
    words.push(args.cwd.clone());
    Ok(args.how().git(act)?.ask(&words).map_err(failed)?.into())
}

/// The options of `git init`.
pub fn init_options(
    bare: bool,
    template: &Option<String>,
    separate: &Option<String>,
    shared: &Option<String>,
) -> Vec<String> {
    let mut words: Vec<String> = bare.then(|| "--bare".to_owned()).into_iter().collect();
    let pairs = [("template", template), ("separate-git-dir", separate), ("shared", shared)];
    words.extend(pairs.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("--{name}={value}"))));
    words
}

pub(super) fn merge(act: &Act, arguments: Arguments) -> CallResult {
    let args = Merge::bind("git.merge", arguments)?;
    let mut words = words(&args.git_opts, &["merge"], &args.opts)?;
    if let Some(rev) = &args.rev {
        words.push(plain(rev)?);
    }
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn rebase(act: &Act, arguments: Arguments) -> CallResult {
    let args = Merge::bind("git.rebase", arguments)?;
    let mut words = words(&args.git_opts, &["rebase"], &args.opts)?;
    words.push(plain(args.rev.as_deref().unwrap_or("master"))?);
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn pull(act: &Act, arguments: Arguments) -> CallResult {
    let args = Update::bind("git.pull", arguments)?;
    ask(act, &args.how(), &args.cwd, &words(&args.git_opts, &["pull"], &args.opts)?)
}

pub(super) fn reset(act: &Act, arguments: Arguments) -> CallResult {
    let args = Update::bind("git.reset", arguments)?;
    ask(act, &args.how(), &args.cwd, &words(&args.git_opts, &["reset"], &args.opts)?)
}

pub(super) fn push_to(act: &Act, arguments: Arguments) -> CallResult {
    let args = Push::bind("git.push", arguments)?;
    let (git, remote) = args.how().git_in(act, &args.cwd)?.address(&args.remote).map_err(failed)?;
    let mut words = words(&args.git_opts, &["push"], &args.opts)?;
    words.extend([remote, plain(&args.ref_)?]);
    Ok(git.ask(&words).map_err(failed)?.into())
}

pub(super) fn remote_set(act: &Act, arguments: Arguments) -> CallResult {
    let args = RemoteSet::bind("git.remote_set", arguments)?;
    let repo = repo(act, &args.how(), &args.cwd)?;
    set_remote(&repo.git, &args.remote, &args.url, args.push_url.as_deref())?;
    remote_of(&repo, &args.remote, true).map(Into::into)
}

/// Gives a remote its address, without a login.
pub fn set_remote(git: &Git, remote: &str, url: &str, push_url: Option<&str>) -> Result<(), CallError> {
    let (_, url) = git.clone().address(url).map_err(failed)?;
    let remote = plain(remote)?;
    let known = git.ask(&["remote"]).map_err(failed)?.lines().any(|name| name == remote);
    let order: &[&str] = if known { &["remote", "set-url"] } else { &["remote", "add"] };
    let words: Vec<&str> = order.iter().copied().chain(["--", &remote, &url]).collect();
    git.ask(&words).map_err(failed)?;
    if let Some(push_url) = push_url {
        git.ask(&["remote", "set-url", "--push", "--", &remote, &without_account(push_url)]).map_err(failed)?;
    }
    Ok(())
}

pub(super) fn stash(act: &Act, arguments: Arguments) -> CallResult {
    let args = Stash::bind("git.stash", arguments)?;
    ask(act, &args.how(), &args.cwd, &words(&args.git_opts, &["stash", &plain(&args.action)?], &args.opts)?)
}

pub(super) fn submodule(act: &Act, arguments: Arguments) -> CallResult {
    let args = Submodule::bind("git.submodule", arguments)?;
    ask(act, &args.how(), &args.cwd, &words(&args.git_opts, &["submodule", &plain(&args.command)?], &args.opts)?)
}

pub(super) fn symbolic_ref(act: &Act, arguments: Arguments) -> CallResult {
    let args = SymbolicRef::bind("git.symbolic_ref", arguments)?;
    let mut words = words(&args.git_opts, &["symbolic-ref"], &args.opts)?;
    words.push(plain(&args.ref_)?);
    if let Some(value) = &args.value {
        words.push(plain(value)?);
    }
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn tag(act: &Act, arguments: Arguments) -> CallResult {
    let args = Tag::bind("git.tag", arguments)?;
    let mut words = words(&args.git_opts, &["tag"], &args.opts)?;
    if let Some(message) = &args.message {
        words.extend(["-a".to_owned(), "-m".to_owned(), message.clone()]);
    }
    words.push(plain(&args.name)?);
    let deletes = words.iter().any(|word| word == "-d" || word == "--delete");
    words.extend((!deletes).then(|| plain(&args.ref_)).transpose()?);
    ask(act, &args.how(), &args.cwd, &words)
}

pub(super) fn worktree_add(act: &Act, arguments: Arguments) -> CallResult {
    let args = WorktreeAdd::bind("git.worktree_add", arguments)?;
    let mut words = words(&args.git_opts, &["worktree", "add"], &args.opts)?;
    words.extend(args.force.then(|| "--force".to_owned()));
    words.extend(args.detach.then(|| "--detach".to_owned()));
    if args.reset_branch {
        let name = Path::new(&args.worktree_path).file_name().map(|name| name.to_string_lossy().into_owned());
        words.extend(["-B".to_owned(), name.unwrap_or_default()]);
    }
    words.push(plain(&args.worktree_path)?);
    if let Some(rev) = &args.ref_ {
        words.push(plain(rev)?);
    }
    tell(act, &args.how(), &args.cwd, &words)
}

pub(super) fn worktree_prune(act: &Act, arguments: Arguments) -> CallResult {
    let args = WorktreePrune::bind("git.worktree_prune", arguments)?;
    let mut words = words(&args.git_opts, &["worktree", "prune"], &args.opts)?;
    words.extend(args.dry_run.then(|| "--dry-run".to_owned()));
    words.extend(args.verbose.then(|| "--verbose".to_owned()));
    words.extend(args.expire.iter().map(|time| format!("--expire={time}")));
    tell(act, &args.how(), &args.cwd, &words)
}

pub(super) fn worktree_rm(act: &Act, arguments: Arguments) -> CallResult {
    let args = WorktreeRm::bind("git.worktree_rm", arguments)?;
    let how = How { user: args.user, ..How::default() };
    // Of a working tree beside another `.git` is a file; the main one must not go away by mistake.
    if !Path::new(&args.cwd).join(".git").is_file() {
        return Err(CallError::Failed(format!("{} is not a git worktree", args.cwd)));
    }
    how.git_in(act, &args.cwd)?.ask(&["worktree", "remove", "--force", &args.cwd]).map_err(failed)?;
    Ok(true.into())
}
