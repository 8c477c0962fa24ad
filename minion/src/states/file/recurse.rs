//! `file.recurse`: a directory of the tree, file by file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::Arguments;
use fleet_common::files::{FileError, FileSource};
use fleet_common::value::{Map, Value};

use super::copy::remove;
use super::managed::{self, Managed};
use super::names::Names;
use super::owner::{Mode, Resolved, Wanted, make_parents};
use super::text::named;
use super::tree::Kept;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::{Made, make_directory, plain};

args! {
    /// Arguments of `file.recurse`.
    pub struct Recurse {
        /// The directory.
        name: String,
        /// The directory of the tree: `salt://…`, or a list of which the first that exists is used.
        source: Vec<String>,
        /// Remove everything in it that no other state puts there.
        clean: bool = false,
        /// Owner.
        user: Option<String> = None,
        /// Group.
        group: Option<String> = None,
        /// Mode of directories.
        dir_mode: Option<Mode> = None,
        /// Refused, with a hint: files and directories have modes of their own.
        mode: Option<Value> = None,
        /// Mode of files; `keep` for those of the sources.
        file_mode: Option<Mode> = None,
        /// Symbolic links of the tree stay links.
        keep_symlinks: bool = false,
        /// A file in the way of a symbolic link is replaced.
        force_symlinks: bool = false,
        /// Make directories of the tree that hold no file too.
        include_empty: bool = false,
        /// Patterns of paths below the source that are taken; all when not given.
        include_pat: Option<Value> = None,
        /// Patterns of paths below the source that are not taken.
        exclude_pat: Option<Value> = None,
        /// How deep below the source: 0 for its own files only.
        maxdepth: Option<i64> = None,
        /// Replace the content of files that exist.
        replace: bool = true,
        /// Show the differences in the changes.
        show_changes: bool = true,
        /// Template engine to render the files with.
        template: Option<String> = None,
        /// Names for the templates; they win over `defaults`.
        context: Option<Map> = None,
        /// Names for the templates.
        defaults: Option<Map> = None,
        /// `minion`: keep former files in the cache directory.
        backup: Option<Value> = None,
        /// Keep fetched sources in the cache (always done here).
        keep_source: bool = true,
        /// Taken for trees written for the reference: directories above are made in any case.
        makedirs: bool = true,
    }
}

/// What is to be done, in order.
#[derive(Default)]
pub struct Todo {
    /// What stands where a directory or file is to be, or where nothing shall be.
    remove: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    owner: Resolved,
    files: Vec<(Managed, managed::Todo)>,
    links: Vec<(PathBuf, String)>,
}

/// What the plan finds for all entries together.
#[derive(Default)]
struct Found {
    todo: Todo,
    sections: Vec<(String, String)>,
    would: Map,
    did: Map,
    kept: Vec<PathBuf>,
}

impl State for Recurse {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let top = named(self.name.trim_end_matches('/'), "recurse")?;
        if self.mode.is_some() {
            return Err(Failure::new(
                "'mode' is not allowed in 'file.recurse'. Please use 'file_mode' and 'dir_mode'.",
            ));
        }
        let files = look.file_source();
        let (environment, source) = self.existing(&*files, run.saltenv)?;
        if top.exists() && !top.is_dir() {
            return Err(Failure::new(format!("The path {} exists and is not a directory", self.name)));
        }
        let mode = self.dir_mode.as_ref().map_or(Ok(None), Mode::bits)?;
        let wanted = Wanted { user: self.user.clone(), group: self.group.clone(), mode };
        let mut found = Found { kept: run.kept.to_vec(), ..Found::default() };
        found.todo.owner = wanted.resolve()?;
        self.find_entries(&*files, look, run, (&environment, &source, &top), &mut found)?;
        if self.clean && top.is_dir() {
            let kept = Kept::new(&found.kept, self.exclude_pat.as_ref(), &top)?;
            let strays: Vec<PathBuf> =
                kept.strays(&top)?.into_iter().filter(|stray| stray.whole).map(|stray| stray.path).collect();
            if !strays.is_empty() {
                let mut names: Vec<String> = strays.iter().map(|path| path.display().to_string()).collect();
                names.sort();
                found.sections.push(("removed".to_owned(), names.join("\n")));
                found.did.insert("removed", names.into_iter().collect::<Value>());
                found.todo.remove.extend(strays);
            }
        }
        let Found { todo, sections, would, did, .. } = found;
        if sections.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("The directory {} is in the correct state", self.name))));
        }
        let listing: Vec<String> = sections.iter().map(|(name, text)| format!("\n#### {name} ####\n{text}")).collect();
        Ok(Plan::Change {
            todo,
            would: Report::new(listing.join("\n").trim()).changes(would),
            did: Report::new(format!("Recursively updated {}", self.name)).changes(did),
        })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let failed =
            |path: &Path, error: &std::io::Error| Failure::new(format!("{}: {}", path.display(), plain(error)));
        for path in &todo.remove {
            remove(path).map_err(|error| failed(path, &error))?;
        }
        let mut made = Made::default();
        for path in &todo.directories {
            if !path.is_dir() {
                made.take(make_parents(path, &todo.owner, todo.owner.mode)?);
                if make_directory(path, todo.owner.mode).map_err(|error| failed(path, &error))? {
                    made.note(path);
                }
            }
            todo.owner.apply(path, true)?;
        }
        for (path, target) in &todo.links {
            std::os::unix::fs::symlink(target, path).map_err(|error| failed(path, &error))?;
        }
        for (managed, one) in todo.files {
            managed.apply(act, one)?;
        }
        made.keep();
        Ok(Applied::AsPlanned)
    }
}

impl Recurse {
    /// The environment and directory of the first source that exists.
    fn existing(&self, files: &dyn FileSource, environment: &str) -> Result<(String, String), Failure> {
        let mut single = None;
        for written in &self.source {
            let Some(rest) = written.strip_prefix("salt://") else {
                return Err(Failure::new(format!("Invalid source '{written}' (must be a salt:// URI)")));
            };
            let (path, environment) = rest.split_once("?saltenv=").unwrap_or((rest, environment));
            let path = path.trim_end_matches('/');
            let below = if path.is_empty() { String::new() } else { format!("{path}/") };
            if self.takes_all() {
                files.prefetch(environment, &below).map_err(broken)?;
            }
            let is_directory = !files.list(environment, &below).map_err(broken)?.is_empty()
                || files.directories(environment, path).map_err(broken)?.iter().any(|name| name == path);
            if is_directory {
                return Ok((environment.to_owned(), path.to_owned()));
            }
            if files.stat(environment, path).map_err(broken)?.is_some() {
                single = Some((path.to_owned(), environment.to_owned()));
            }
        }
        Err(match single {
            Some((path, environment)) => Failure::new(format!(
                "The directory '{path}' does not exist on the salt fileserver in saltenv '{environment}'"
            )),
            None => Failure::new("Recurse failed: none of the specified sources were found"),
        })
    }

    /// True when no file below the source is left out: then all are fetched at once.
    fn takes_all(&self) -> bool {
        self.include_pat.is_none() && self.exclude_pat.is_none() && self.maxdepth.is_none()
    }

    fn find_entries(
        &self,
        files: &dyn FileSource,
        look: &Look,
        run: &Run<'_>,
        (environment, source, top): (&str, &str, &Path),
        found: &mut Found,
    ) -> Result<(), Failure> {
        let (include, exclude) = (
            Names::parse(self.include_pat.as_ref(), "include_pat")?,
            Names::parse(self.exclude_pat.as_ref(), "exclude_pat")?,
        );
        let taken = |relative: &str| (include.is_empty() || include.fit(relative)) && !exclude.fit(relative);
        let deep = |relative: &str| {
            self.maxdepth
                .is_some_and(|most| i64::try_from(relative.matches('/').count()).is_ok_and(|depth| depth > most))
        };
        let below = if source.is_empty() { String::new() } else { format!("{source}/") };
        let names = files.list(environment, &below).map_err(broken)?;
        let chosen: Vec<&str> = names
            .iter()
            .filter_map(|name| name.strip_prefix(&below))
            .filter(|relative| taken(relative) && !deep(relative))
            .collect();
        let mut directories: BTreeSet<PathBuf> = BTreeSet::from([top.to_owned()]);
        for relative in &chosen {
            directories
                .extend(top.join(relative).ancestors().skip(1).take_while(|path| *path != top).map(Path::to_owned));
        }
        if self.include_empty {
            let all = files.directories(environment, &below).map_err(broken)?;
            let relative = all.iter().filter_map(|name| name.strip_prefix(&below)).filter(|name| !name.is_empty());
            directories.extend(relative.filter(|name| taken(name)).map(|name| top.join(name)));
        }
        for path in directories {
            self.find_directory(path, top, found)?;
        }
        for relative in chosen {
            let origin = format!("{below}{relative}");
            let link = if self.keep_symlinks {
                files.stat(environment, &origin).map_err(broken)?.and_then(|stat| stat.link)
            } else {
                None
            };
            let path = top.join(relative);
            match link {
                Some(target) => self.find_link(path, target, found)?,
                None => self.find_file(path, &format!("salt://{origin}?saltenv={environment}"), look, run, found)?,
            }
        }
        Ok(())
    }

    fn find_directory(&self, path: PathBuf, top: &Path, found: &mut Found) -> Result<(), Failure> {
        let name = path.display().to_string();
        let change = |key: &str, value: Map| -> Map { [(key, value)].into_iter().collect() };
        let new: Map = [("directory", "new")].into_iter().collect();
        match path.symlink_metadata() {
            Ok(_) if path.is_dir() => {
                let meta = path.metadata().map_err(|error| Failure::new(format!("{name}: {}", plain(&error))))?;
                let wanted = Wanted { user: self.user.clone(), group: self.group.clone(), mode: found.todo.owner.mode };
                let differs = wanted.changes(&found.todo.owner, &meta);
                if !differs.is_empty() {
                    found.sections.push((name.clone(), format!("The directory {name} will be changed")));
                    found.would.insert(name.as_str(), change(&name, differs.clone()));
                    found.did.insert(name.as_str(), change(&name, differs));
                    found.todo.directories.push(path.clone());
                }
            }
            now => {
                if now.is_ok() {
                    if !self.clean {
                        return Err(Failure::new(format!("{name}: Specified location {name} exists and is a file")));
                    }
                    found.todo.remove.push(path.clone());
                }
                let listed = format!("The following files will be changed:\n{name}: directory - new\n");
                found.sections.push((name.clone(), listed));
                found.would.insert(name.as_str(), change(&name, new.clone()));
                if path != top {
                    found.did.insert(name.as_str(), change(&name, new));
                }
                found.todo.directories.push(path.clone());
            }
        }
        found.kept.push(path);
        Ok(())
    }

    fn find_link(&self, path: PathBuf, target: String, found: &mut Found) -> Result<(), Failure> {
        let name = path.display().to_string();
        found.kept.push(path.clone());
        if std::fs::read_link(&path).is_ok_and(|now| now == Path::new(&target)) {
            return Ok(());
        }
        if path.symlink_metadata().is_ok() {
            if !path.is_symlink() && !self.force_symlinks {
                return Err(Failure::new(format!("File exists where the symlink {name} should be")));
            }
            found.todo.remove.push(path.clone());
        }
        found.sections.push((name.clone(), format!("Symlink {name} to {target} is set for creation")));
        let new: Map = [("new", name.as_str())].into_iter().collect();
        found.would.insert(name.as_str(), new.clone());
        found.did.insert(name.as_str(), new);
        found.todo.links.push((path, target));
        Ok(())
    }

    fn find_file(
        &self,
        path: PathBuf,
        origin: &str,
        look: &Look,
        run: &Run<'_>,
        found: &mut Found,
    ) -> Result<(), Failure> {
        let name = path.display().to_string();
        found.kept.push(path.clone());
        if self.clean && self.replace && path.is_dir() {
            found.todo.remove.push(path);
        }
        let managed = self.managed(&name, origin)?;
        match managed.plan(look, run)? {
            Plan::Nothing(_) | Plan::Same { .. } => {}
            Plan::Change { todo, would, did } => {
                found.sections.push((name.clone(), would.comment));
                found.would.insert(name.as_str(), would.changes);
                found.did.insert(name.as_str(), did.changes);
                found.todo.files.push((managed, todo));
            }
        }
        Ok(())
    }

    /// The same file as a `file.managed`.
    fn managed(&self, name: &str, origin: &str) -> Result<Managed, Failure> {
        let mut keyword = Map::new();
        keyword.insert("name", name);
        keyword.insert("source", origin);
        keyword.insert("makedirs", true);
        keyword.insert("replace", self.replace);
        keyword.insert("show_changes", self.show_changes);
        let texts = [("user", &self.user), ("group", &self.group), ("template", &self.template)];
        let maps = [("context", &self.context), ("defaults", &self.defaults)];
        keyword.extend(texts.into_iter().filter_map(|(key, text)| Some((key, Value::from(text.as_deref()?)))));
        keyword.extend(maps.into_iter().filter_map(|(key, map)| Some((key, Value::Map(map.clone()?)))));
        if let Some(backup) = &self.backup {
            keyword.insert("backup", backup.clone());
        }
        let managed = Managed::bind("file.recurse", Arguments { positional: Vec::new(), keyword });
        let mut managed = managed.map_err(|error| Failure::new(error.to_string()))?;
        (managed.mode, managed.dir_mode) = (self.file_mode.clone(), self.dir_mode.clone());
        Ok(managed)
    }
}

fn broken(error: FileError) -> Failure {
    Failure::new(format!("Recurse failed: {error}"))
}
