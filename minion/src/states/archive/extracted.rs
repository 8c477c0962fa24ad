//! `archive.extracted`.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::value::{Map, Value, python::str_};

use super::owner::Ids;
use super::unpack::stripped;
use crate::cx::{Act, Look};
use crate::files::anywhere;
use crate::files::web::{self, Wanted};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::archive::inside::{Inside, inner};
use crate::system::archive::{ArchiveError, Contents, Kind, tar, zip};
use crate::system::fs::{Made, make_all, plain};
use crate::system::http::without_account;

args! {
    /// Arguments of `archive.extracted`.
    pub struct Extracted {
        /// The directory.
        name: String,
        /// The archive: `salt://…`, `https://…`, a path, or a list of which the first that exists is used.
        source: Value,
        /// Checksum that the archive must have, or where a list of checksums is.
        source_hash: Option<String> = None,
        /// Name of the archive in that list, when it is another.
        source_hash_name: Option<String> = None,
        /// Not supported: unpack again when the checksum is another than last time.
        source_hash_update: bool = false,
        /// Not supported: believe the checksum of the archive instead of looking at what is there.
        skip_files_list_verify: bool = false,
        /// Do not check the checksum.
        skip_verify: bool = false,
        /// Password of a zip archive.
        password: Option<String> = None,
        /// Options of tar or unzip.
        options: Option<String> = None,
        /// Taken for trees written for the reference: compressions are known by their content.
        list_options: Option<String> = None,
        /// Options of tar, as they were once called.
        tar_options: Option<String> = None,
        /// Options of unzip, as they were once called.
        zip_options: Option<String> = None,
        /// What is of another kind than in the archive is removed first.
        force: bool = false,
        /// Unpack though everything is there.
        overwrite: bool = false,
        /// Remove what the archive has at its top before it is unpacked.
        clean: bool = false,
        /// Remove the directory before it is unpacked.
        clean_parent: bool = false,
        /// Owner of what was unpacked.
        user: Option<String> = None,
        /// Group of what was unpacked.
        group: Option<String> = None,
        /// Nothing is done when this path exists.
        if_missing: Option<String> = None,
        /// How many names are told of what was unpacked; true for 100.
        trim_output: Value = Value::Bool(false),
        /// Unpack with the program unzip.
        use_cmd_unzip: Option<bool> = None,
        /// Set the modes that a zip archive has.
        extract_perms: bool = true,
        /// Refuse an archive with more than one directory at its top.
        enforce_toplevel: bool = true,
        /// The path whose owner counts, instead of what the archive has at its top.
        enforce_ownership_on: Option<String> = None,
        /// `tar` or `zip`; told by the name when not given.
        archive_format: Option<String> = None,
        /// Keep an archive of a web server in the cache.
        keep_source: bool = true,
        /// As `keep_source`.
        keep: Option<bool> = None,
        /// Not used: a cached archive counts by its checksum.
        use_etag: bool = false,
        /// Taken for trees written for the reference: `user` and `group` hold for everything below in any case.
        recurse: Value = Value::Null,
    }
}

/// Whether what is there is of a kind.
type IsKind = fn(&Metadata) -> bool;

/// What is to be done.
pub struct Todo {
    /// The archive, on this machine.
    pub archive: PathBuf,
    /// The archive as people know it.
    pub shown: String,
    /// Its kind.
    pub kind: Kind,
    /// False when only owners differ.
    unpack: bool,
    /// Something is not there.
    missing: bool,
    remove: Vec<PathBuf>,
    /// What must have the owner.
    tops: Vec<PathBuf>,
    ids: Ids,
}

impl Extracted {
    /// The first archive that can be had: its path on this machine and its name.
    fn fetch(&self, look: &Look, run: &Run<'_>) -> Result<(PathBuf, String), Failure> {
        let mut why = None;
        let sources = match &self.source {
            Value::List(items) => items.clone(),
            one => vec![one.clone()],
        };
        for source in sources {
            let (name, hash) = match source.as_map().and_then(|map| map.get_index(0)) {
                Some((name, hash)) => (str_(name), Some(str_(hash))),
                None => (str_(&source), self.source_hash.clone()),
            };
            match self.one(look, run, &name, hash.as_deref()) {
                Ok(path) => return Ok((path, name)),
                Err(failure) => why = why.or(Some(failure)),
            }
        }
        Err(why.unwrap_or_else(|| Failure::new(format!("Invalid source \"{}\"", str_(&self.source)))))
    }

    fn one(&self, look: &Look, run: &Run<'_>, name: &str, hash: Option<&str>) -> Result<PathBuf, Failure> {
        let shown = without_account(name);
        let announced = match hash.filter(|hash| !self.skip_verify && !hash.is_empty()) {
            Some(hash) => {
                let names = [self.source_hash_name.as_deref().unwrap_or_default(), name];
                Some(
                    anywhere::announced(look, hash, run.saltenv, &names)
                        .map_err(|why| Failure::new(why.to_string()))?,
                )
            }
            None => None,
        };
        if web::is_web(name) {
            if announced.is_none() && !self.skip_verify {
                return Err(Failure::new(format!(
                    "Unable to verify upstream hash of source file {shown}, please set source_hash or set skip_verify or \
                     use_etag to True"
                )));
            }
            let wanted = Wanted { checksum: announced.as_ref(), any_copy: self.skip_verify, verify_ssl: None };
            let path = web::bring(look, name, run.saltenv, &wanted);
            return path.map_err(|error| Failure::new(format!("Failed to cache {shown}: {error}")));
        }
        let path = anywhere::path(look, name, run.saltenv).map_err(|why| Failure::new(why.to_string()))?;
        let Some(path) = path.filter(|path| path.is_file()) else {
            return Err(Failure::new(format!("Source file '{shown}' does not exist")));
        };
        match announced.filter(|sum| !web::has(&path, sum)) {
            Some(sum) => Err(Failure::new(format!("{shown} does not match the desired source_hash {}", sum.hex))),
            None => Ok(path),
        }
    }

    fn list(&self, archive: &Path, kind: Kind) -> Result<Contents, Failure> {
        let failed = |error| Failure::new(format!("Unable to list the contents of the archive: {error}"));
        if kind == Kind::Zip {
            if self.password.is_none() && zip::is_encrypted(archive).map_err(failed)? {
                return Err(Failure::new(
                    "The archive is password-protected, but no password was specified. Please set the 'password' argument.",
                ));
            }
            return zip::list(archive).map_err(failed);
        }
        let contents = tar::list(archive).map_err(failed)?;
        Ok(contents.without_first(self.program_options(kind).and_then(stripped).unwrap_or(0)))
    }

    /// True if something is not there; and names that are there as something else.
    fn compare(&self, contents: &Contents) -> (bool, Vec<String>) {
        let (mut missing, mut wrong) = (false, BTreeSet::new());
        let lists: [(&[String], IsKind); 3] = [
            (&contents.dirs, Metadata::is_dir),
            (&contents.files, |meta| !meta.is_dir() && !meta.is_symlink()),
            (&contents.links, Metadata::is_symlink),
        ];
        for (names, fits) in lists {
            for name in names {
                match std::fs::symlink_metadata(self.below(name)) {
                    Ok(meta) if fits(&meta) => {}
                    Ok(_) => {
                        wrong.insert(name.clone());
                    }
                    Err(_) => missing = true,
                }
            }
        }
        (missing, wrong.into_iter().collect())
    }

    /// Where a member is or would be: what stands before its name does not count. None leads out when this is asked.
    fn below(&self, name: &str) -> PathBuf {
        Path::new(&self.name).join(inner(Path::new(name)).unwrap_or_default())
    }

    /// What goes before the archive is unpacked, from the directory; all of it when it is the directory itself.
    fn removed(&self, contents: &Contents, wrong: &[String]) -> Vec<PathBuf> {
        if self.clean_parent {
            return Vec::from_iter(std::fs::symlink_metadata(&self.name).is_ok().then(PathBuf::new));
        }
        let names = if self.clean { [contents.top_dirs(), contents.top_files()].concat() } else { wrong.to_vec() };
        let names = names.iter().filter(|name| std::fs::symlink_metadata(self.below(name)).is_ok());
        names.filter_map(|name| inner(Path::new(name))).filter(|inner| !inner.as_os_str().is_empty()).collect()
    }

    /// Takes away what has this path from the directory; nothing that is reached through links to the outside.
    fn remove(&self, removed: &Path) -> Result<PathBuf, Failure> {
        let whole = Path::new(&self.name);
        if removed.as_os_str().is_empty() {
            let whole = PathBuf::from(self.name.trim_end_matches('/'));
            remove(&whole)?;
            return Ok(whole);
        }
        let gone = match Inside::open(whole).and_then(|inside| inside.remove(removed)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(whole.join(removed)),
        };
        gone.map_err(|error| {
            Failure::new(format!("Unable to remove {}: {}", whole.join(removed).display(), plain(&error)))
        })
    }

    fn trim(&self) -> Option<usize> {
        match &self.trim_output {
            Value::Bool(true) => Some(100),
            Value::Int(most) => usize::try_from(*most).ok().filter(|most| *most > 0),
            Value::Str(most) => most.parse().ok(),
            _ => None,
        }
    }

    /// Makes the directory and those above it that are missing.
    fn make_directory(&self, ids: Ids) -> Result<Made, Failure> {
        let directory = Path::new(&self.name);
        if directory.is_dir() {
            return Ok(Made::default());
        }
        let failed = |error| Failure::new(format!("{}: {}", self.name, plain(&error)));
        let made = make_all(directory).map_err(failed)?;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
        ids.set(&[directory.to_owned()])?;
        Ok(made)
    }

    /// Clears the way and unpacks; the changes are noted as they happen. What stands in the comment.
    fn bring(&self, todo: &Todo, changes: &mut Map) -> Result<String, Failure> {
        for inner in &todo.remove {
            let path = self.remove(inner)?;
            let mut removed = changes.get("removed").and_then(Value::as_list).unwrap_or_default().to_vec();
            removed.push(path.display().to_string().into());
            changes.insert("removed", Value::List(removed));
        }
        let made = self.make_directory(todo.ids)?;
        let is_new = !made.is_empty();
        let unpacked = self.unpack(todo);
        if unpacked.is_ok() {
            made.keep();
        } else {
            drop(made);
        }
        if is_new && Path::new(&self.name).is_dir() {
            changes.insert("directories_created", Value::List(vec![self.directory().into()]));
        }
        let mut names = unpacked?;
        if names.is_empty() {
            return Err(Failure::new(format!("No files were extracted from {}", todo.shown)));
        }
        let mut comment = format!("{} extracted to {}", todo.shown, self.directory());
        if todo.missing {
            comment.push_str(", due to absence of one or more files/dirs");
        }
        if let Some(most) = self.trim().filter(|most| *most < names.len()) {
            names.truncate(most);
            comment.push_str(&format!(". Output was trimmed to {most} number of lines"));
        }
        changes.insert("extracted_files", names.into_iter().collect::<Value>());
        Ok(comment)
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(|error| Failure::new(format!("Unable to remove {}: {}", path.display(), plain(&error))))
}

const PRESENT: &str = "All files in archive are already present";

impl State for Extracted {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.check()?;
        if let Some(path) = self.if_missing.as_ref().filter(|path| Path::new(path).exists()) {
            return Ok(Plan::Nothing(Report::new(format!("Path {path} exists"))));
        }
        let ids = Ids::of(self.user.as_deref(), self.group.as_deref())?;
        let (archive, name) = self.fetch(look, run)?;
        let (kind, shown, directory) = (self.kind(&name)?, without_account(&name), self.directory());
        let contents = self.list(&archive, kind)?;
        if let Some(member) = contents.leading_out() {
            let outside = ArchiveError::Outside { path: shown, member: member.to_owned() };
            return Err(Failure::new(outside.to_string()));
        }
        self.refuse_bomb(&contents, kind)?;
        let (missing, wrong) = self.compare(&contents);
        if !wrong.is_empty() && !self.clean && !self.clean_parent && !self.force {
            let listed: String = wrong.iter().map(|name| format!("\n- {name}")).collect();
            return Err(Failure::new(format!(
                "The below paths (relative to {directory}) exist, but are the incorrect type (file instead of directory, \
                 symlink instead of file, etc.). To proceed with extraction, set 'force' to True. Note that this will \
                 remove these paths before extracting.\n{listed}"
            )));
        }
        let unpack = self.overwrite || missing || !wrong.is_empty();
        let tops: Vec<PathBuf> = match &self.enforce_ownership_on {
            Some(path) => vec![PathBuf::from(path)],
            None => {
                let (dirs, files, links) = (contents.top_dirs(), contents.top_files(), contents.top_links());
                dirs.iter().chain(&files).chain(&links).map(|name| self.below(name)).collect()
            }
        };
        let remove = if unpack { self.removed(&contents, &wrong) } else { Vec::new() };
        let todo = Todo { archive, shown: shown.clone(), kind, unpack, missing, remove, tops, ids };
        if unpack {
            let mut would = format!("Archive {shown} would be extracted to {directory}");
            if self.clean {
                would.push_str(", after cleaning destination path(s)");
            }
            if missing {
                would.push_str(", due to absence of one or more files/dirs");
            }
            let report = Report::new(would).change("extracted_files", contents.all().into_iter().collect::<Value>());
            return Ok(Plan::Change { todo, did: report.clone(), would: report });
        }
        if ids.differing(&todo.tops).0.is_empty() {
            return Ok(Plan::Nothing(Report::new(PRESENT)));
        }
        let would = format!("{PRESENT}. Ownership would be updated on one or more files/directories.");
        let changed = |text: &str| Report::new(text).change("updated ownership", true);
        Ok(Plan::Change { todo, would: changed(&would), did: changed(PRESENT) })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let mut changes = Map::new();
        let comment = if todo.unpack { self.bring(&todo, &mut changes) } else { Ok(PRESENT.to_owned()) };
        let told = |failure: Failure, changes: &Map| Failure(failure.0.changes(changes.clone()));
        let comment = comment.map_err(|failure| told(failure, &changes))?;
        let (_, absent) = todo.ids.differing(&todo.tops);
        let there: Vec<PathBuf> = todo.tops.iter().filter(|top| !absent.contains(top)).cloned().collect();
        if todo.ids.set(&there).map_err(|failure| told(failure, &changes))? {
            changes.insert("updated ownership", true);
        }
        if !absent.is_empty() && self.if_missing.is_none() {
            let listed: String = absent.iter().map(|path| format!("\n- {}", path.display())).collect();
            let text = format!(
                "{comment}\n\nWhile trying to enforce user/group ownership, the following paths were missing:\n{listed}"
            );
            return Err(Failure(Report::new(text).changes(changes)));
        }
        let is_web = todo.archive.components().any(|part| part.as_os_str() == "extrn_files");
        if is_web && !self.keep.unwrap_or(self.keep_source) {
            remove(&todo.archive)?;
        }
        Ok(Applied::Really(Report::new(comment).changes(changes)))
    }
}
