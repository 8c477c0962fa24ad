//! `file.directory`.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::owner::{Mode, Resolved, Wanted, make_parents};
use super::tree::{Entry, Recurse, below};
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{Made, make_directory, plain};

args! {
    /// Arguments of `file.directory`.
    pub struct Directory {
        /// The directory.
        name: String,
        /// Owner.
        user: Option<String> = None,
        /// Group.
        group: Option<String> = None,
        /// What is set below it too: `user`, `group`, `mode`; with `ignore_files`, `ignore_dirs`, `silent`.
        recurse: Vec<String> = Vec::new(),
        /// How deep `recurse` goes; no limit when not given.
        max_depth: Option<i64> = None,
        /// Mode of directories.
        dir_mode: Option<Mode> = None,
        /// Mode of files below it, with `recurse: [mode]`; that of directories when not given.
        file_mode: Option<Mode> = None,
        /// Another name for `dir_mode`.
        mode: Option<Mode> = None,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// Remove everything in it that no other state puts there.
        clean: bool = false,
        /// Pattern of names that `clean` leaves (a glob, or `E@` and a regular expression).
        exclude_pat: Option<Value> = None,
        /// Follow a symbolic link at `name`.
        follow_symlinks: bool = false,
        /// Replace a file that is in the way.
        force: bool = false,
        /// Move a file that is in the way to this name, beside it unless it is a path.
        backupname: Option<String> = None,
        /// A symbolic link to a directory is as good.
        allow_symlink: bool = true,
        /// Leave the directory itself as it is, only what is below it counts.
        children_only: bool = false,
        /// Another name for `user`.
        owner: Option<String> = None,
        /// Another name for `dir_mode`.
        dirmode: Option<Mode> = None,
    }
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Todo {
    path: PathBuf,
    create: bool,
    /// A file in the way goes, or moves to a backup name.
    in_the_way: bool,
    set: Vec<(PathBuf, Resolved)>,
    remove: Vec<PathBuf>,
    /// Owner and mode of a directory that is made; a missing account fails only then, as in the reference.
    own: Result<Resolved, Failure>,
    dir_mode: Option<u32>,
}

impl State for Directory {
    type Todo = Todo;

    fn plan(&self, _look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = self.name.trim_end_matches('/');
        if self.name.is_empty() {
            return Err(Failure::new("Must provide name to file.directory"));
        }
        let path = PathBuf::from(if name.is_empty() { "/" } else { name });
        if !path.is_absolute() {
            return Err(Failure::new(format!("Specified file {} is not an absolute path", self.name)));
        }
        let dir_mode =
            self.dir_mode.as_ref().or(self.dirmode.as_ref()).or(self.mode.as_ref()).map_or(Ok(None), Mode::bits)?;
        let file_mode = self.file_mode.as_ref().map_or(Ok(dir_mode), Mode::bits)?;
        let wanted =
            Wanted { user: self.user.clone().or(self.owner.clone()), group: self.group.clone(), mode: dir_mode };
        let own = wanted.resolve();
        let (set, remove) = (Vec::new(), Vec::new());
        let mut todo = Todo { path: path.clone(), create: false, in_the_way: false, set, remove, own, dir_mode };
        let (mut changes, mut own_changes) = (Map::new(), Map::new());
        let mut top = Map::new();
        if self.blocked(&path)? {
            todo.in_the_way = true;
            if self.force && self.backupname.is_none() {
                let what = if path.is_symlink() { "Symlink" } else { "File" };
                top.insert("forced", format!("{what} was forcibly replaced"));
            }
        }
        if todo.in_the_way || !path.exists() {
            todo.create = true;
            let new: Map = [("directory", "new")].into_iter().collect();
            changes.insert(path.display().to_string(), new);
            return Ok(self.report(todo, changes, top));
        }
        let resolved = todo.own.clone()?;
        let recurse = Recurse::parse(&self.recurse, self.max_depth)?;
        if !self.children_only {
            let itself = self.itself(&path)?;
            // The reference lists these changes once more at the top, and over them those of what is below.
            top.extend(self.compare(&itself, &wanted, resolved, &mut own_changes, &mut todo));
        }
        for entry in below(&path, &recurse)? {
            let one = entry.wanted(&wanted, file_mode, &recurse);
            let one_resolved = Resolved {
                uid: resolved.uid.filter(|_| one.user.is_some()),
                gid: resolved.gid.filter(|_| one.group.is_some()),
                mode: one.mode,
            };
            top.extend(self.compare(&entry, &one, one_resolved, &mut changes, &mut todo));
        }
        for (_, differs) in own_changes {
            changes.insert(path.display().to_string(), differs);
        }
        if self.clean {
            self.plan_clean(&path, run, &mut changes, &mut todo)?;
        }
        if recurse.silent && !changes.is_empty() {
            // What is set on single files is listed at the top, without their names.
            for (_, differs) in std::mem::take(&mut changes) {
                top.extend(differs.as_map().cloned().unwrap_or_default());
            }
            top.insert("recursion", "Changes silenced");
        }
        Ok(self.report(todo, changes, top))
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let path = &todo.path;
        let own = todo.own?;
        let failed = |error: std::io::Error| Failure::new(format!("{}: {}", path.display(), plain(&error)));
        if todo.in_the_way {
            match &self.backupname {
                Some(backup) => std::fs::rename(path, beside(path, backup)).map_err(failed)?,
                None => std::fs::remove_file(path).map_err(failed)?,
            }
        }
        if todo.create {
            let mut made = Made::default();
            let parent = path.parent().unwrap_or(Path::new("/"));
            if !parent.is_dir() {
                if !self.makedirs {
                    let report = Report::new(format!("No directory to create {} in", path.display()));
                    let new: Map = [("directory", "new")].into_iter().collect();
                    return Err(Failure(report.change(path.display().to_string(), new)));
                }
                made = make_parents(path, &own, todo.dir_mode)?;
            }
            if make_directory(path, own.mode).map_err(failed)? {
                made.note(path);
            }
            own.apply(path, true)?;
            made.keep();
        }
        for (path, resolved) in &todo.set {
            resolved.apply(path, false)?;
        }
        for path in &todo.remove {
            let directory = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
            let removed = if directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
            removed.map_err(|error| Failure::new(format!("{}: {}", path.display(), plain(&error))))?;
        }
        Ok(Applied::AsPlanned)
    }
}

/// Where a backup goes: a name without a directory stays beside what it is of.
fn beside(path: &Path, backup: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).join(backup)
}

impl Directory {
    /// True when something that is no directory is in the way and may be replaced.
    fn blocked(&self, path: &Path) -> Result<bool, Failure> {
        let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(false) };
        let directory = meta.is_dir() || (meta.is_symlink() && self.allow_symlink && path.is_dir());
        if directory {
            return Ok(false);
        }
        if let Some(backup) = &self.backupname
            && !self.force
            && std::fs::symlink_metadata(beside(path, backup)).is_ok()
        {
            return Err(Failure::new(format!("File exists where the backup target {backup} should go")));
        }
        if self.force || self.backupname.is_some() {
            return Ok(true);
        }
        let kind = if meta.is_symlink() { "symlink" } else { "file" };
        Err(Failure::new(format!("Specified location {} exists and is a {kind}", path.display())))
    }

    /// The directory itself: what a link leads to, where links are followed.
    fn itself(&self, path: &Path) -> Result<Entry, Failure> {
        match path.canonicalize() {
            Ok(real) if self.follow_symlinks => Entry::of(&real),
            _ => Entry::of(path),
        }
    }

    fn compare(&self, entry: &Entry, wanted: &Wanted, resolved: Resolved, changes: &mut Map, todo: &mut Todo) -> Map {
        let differs = wanted.changes(&resolved, &entry.meta);
        if !differs.is_empty() {
            changes.insert(entry.path.display().to_string(), differs.clone());
            todo.set.push((entry.path.clone(), resolved));
        }
        differs
    }

    fn plan_clean(&self, path: &Path, run: &Run<'_>, changes: &mut Map, todo: &mut Todo) -> Result<(), Failure> {
        let kept = super::tree::Kept::new(run.kept, self.exclude_pat.as_ref(), path)?;
        for stray in kept.strays(path)? {
            let removed: Map = [("removed", "Removed due to clean")].into_iter().collect();
            changes.insert(stray.path.display().to_string(), removed);
            if stray.whole {
                todo.remove.push(stray.path);
            }
        }
        Ok(())
    }

    /// The plan with its texts: every change listed in a dry run, a summary in a real one.
    fn report(&self, todo: Todo, changes: Map, top: Map) -> Plan<Todo> {
        let name = todo.path.display().to_string();
        if changes.is_empty() && top.is_empty() {
            return Plan::Nothing(Report::new(format!("The directory {name} is in the correct state")));
        }
        let mut listing = "The following files will be changed:\n".to_owned();
        for (path, what) in &changes {
            for (key, value) in what.as_map().into_iter().flatten() {
                let [path, key, value] = [path, key, value].map(|part| part.as_str().unwrap_or(""));
                listing.push_str(&format!("{path}: {key} - {value}\n"));
            }
        }
        let mut would = changes.clone();
        if let Some(forced) = top.get("forced").and_then(Value::as_str) {
            would.insert("forced", forced.replace(" was ", " would be "));
        }
        if let Some(backup) = self.backupname.as_ref().filter(|_| todo.in_the_way) {
            listing = format!("{name} would be backed up and replaced with a new directory");
            would.insert("backup", format!("{name} would be renamed to {backup}"));
        }
        let mut did = changes;
        let below = if self.children_only { "/*" } else { "" };
        let mut comment = if todo.create { String::new() } else { format!("Directory {name}{below} updated") };
        if !todo.remove.is_empty() {
            did.insert("removed", todo.remove.iter().map(|path| path.display().to_string()).collect::<Value>());
            comment = format!("Files cleaned from directory {name}");
        }
        did.extend(top);
        Plan::Change { todo, would: Report::new(listing).changes(would), did: Report::new(comment).changes(did) }
    }
}
