//! `file.managed`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::accumulated::collected;
use super::difference::difference;
use super::owner::{Mode, Resolved, Wanted, make_parents, shown};
use super::source::Check;
use super::{backup, contents, source};
use crate::cx::{Act, Look};
use crate::modules::file as functions;
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::command::Command;
use crate::system::fs::{Made, WriteOptions, read_bounded, umask, write_atomic};

args! {
    /// Arguments of `file.managed`.
    pub struct Managed {
        /// The file.
        name: String,
        /// Where the content comes from: `salt://...`, `https://...`, a local path, or a list of which the first that
        /// exists is used.
        source: Option<Value> = None,
        /// Checksum that a source outside the tree must have, `algorithm=hex`, or where a list of checksums is.
        source_hash: Option<String> = None,
        /// Name of the source in that list, when it is another.
        source_hash_name: Option<String> = None,
        /// Do not check a source's checksum.
        skip_verify: bool = false,
        /// Check the certificate of a source's server; as configured when not given.
        verify_ssl: Option<bool> = None,
        /// Keep the fetched source in the cache (always done here).
        keep_source: bool = true,
        /// Owner.
        user: Option<String> = None,
        /// Group.
        group: Option<String> = None,
        /// Mode, or `keep` for that of the source.
        mode: Option<Mode> = None,
        /// Template engine to render the content with.
        template: Option<String> = None,
        /// Names for the template; they win over `defaults`.
        context: Option<Value> = None,
        /// Names for the template, which also knows name, source, user, group, mode and attrs.
        defaults: Option<Value> = None,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// Mode of directories that are made.
        dir_mode: Option<Mode> = None,
        /// Replace the content of a file that exists.
        replace: bool = true,
        /// `minion`: keep the former file in the cache directory.
        backup: Option<Value> = None,
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// Make the file if it is missing.
        create: bool = true,
        /// The content: a text, or a list of lines.
        contents: Option<Value> = None,
        /// Pillar key (or keys) of the content.
        contents_pillar: Vec<String> = Vec::new(),
        /// Grain key (or keys) of the content.
        contents_grains: Vec<String> = Vec::new(),
        /// End the content with a newline.
        contents_newline: bool = true,
        /// Between the parts of a key.
        contents_delimiter: String = ":".to_owned(),
        /// The content may be empty.
        allow_empty: bool = true,
        /// Follow a symbolic link at `name`.
        follow_symlinks: bool = true,
        /// A command that must succeed on the new content, which it gets as a file.
        check_cmd: Option<String> = None,
        /// Directory of the file for `check_cmd`.
        tmp_dir: Option<String> = None,
        /// Ending of the file for `check_cmd`.
        tmp_ext: Option<String> = None,
        /// Show the whole content of a new file in the changes of a dry run.
        new_file_diff: bool = false,
        /// Encoding of the content; only UTF-8 is supported.
        encoding: Option<String> = None,
        /// Letters of the attributes that it shall have and no others, as chattr(1) knows them.
        attrs: Option<String> = None,
    }
}

/// What is to be done to the file.
#[derive(Debug, Clone)]
pub struct Todo {
    path: PathBuf,
    /// New content; `None` leaves it.
    content: Option<Vec<u8>>,
    resolved: Result<Resolved, Failure>,
    /// Text of a mode that is none: the file is written, then the state fails, as in the reference.
    wrong_mode: Option<String>,
    dir_mode: Option<u32>,
    exists: bool,
    /// What is reported beside attributes when they are asked for: a new file's are known only when it is there.
    beside_attrs: Report,
}

impl State for Managed {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.check()?;
        let name = &self.name;
        let path = self.target();
        let now = std::fs::metadata(&path).ok();
        if now.is_none() && !self.create {
            let text = format!("File {name} is not present and is not set for creation");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        self.not_a_directory(now.as_ref())?;
        let fetched = self.content(look, run, now.is_some())?;
        self.planned(path, now, fetched)
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let path = &todo.path;
        let resolved = todo.resolved?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        let mut made = Made::default();
        if !parent.is_dir() {
            if !self.makedirs {
                return Err(Failure::new("Parent directory not present"));
            }
            made = make_parents(path, &resolved, todo.dir_mode)?;
        }
        if let Some(content) = &todo.content {
            self.run_check(act, content)?;
            if todo.exists
                && self
                    .backup
                    .as_ref()
                    .is_some_and(|mode| mode.as_str() == Some("minion") || mode.as_bool() == Some(true))
            {
                backup::keep(act, path)?;
            }
            let mode = if todo.wrong_mode.is_some() { Some(0o600) } else { resolved.mode };
            let options = WriteOptions { mode, uid: resolved.uid, gid: resolved.gid, ..WriteOptions::default() };
            write_atomic(path, content, &options).map_err(|fault| Failure::new(fault.to_string()))?;
        } else {
            resolved.apply(path, true)?;
        }
        made.keep();
        match todo.wrong_mode {
            Some(text) => {
                let report = Report::new(format!("Failed to change mode to {text}"));
                Err(Failure(if todo.exists { report } else { report.change("diff", "New file") }))
            }
            None => self.apply_attributes(act, path, todo.beside_attrs),
        }
    }
}

/// New content and, where it is known, the mode of its source.
pub(crate) struct Content {
    /// `None` leaves it as it is.
    pub bytes: Option<Vec<u8>>,
    /// Permission bits of its source.
    pub source_mode: Option<u32>,
    /// It comes from a source, not from a text.
    pub from_source: bool,
    /// A file that is there keeps its content, whatever it is.
    pub kept: bool,
}

impl Managed {
    /// Puts a file with a content that is known already in place (`file.manage_file`).
    pub(crate) fn manage(&self, act: &Act, content: Content) -> Result<Report, Failure> {
        self.check()?;
        let path = self.target();
        let now = std::fs::metadata(&path).ok();
        self.not_a_directory(now.as_ref())?;
        match self.planned(path, now, content)? {
            Plan::Nothing(did) | Plan::Same { did, .. } => Ok(did),
            Plan::Change { todo, did, .. } => match self.apply(act, todo)? {
                Applied::AsPlanned => Ok(did),
                Applied::Really(did) => Ok(did),
            },
        }
    }

    fn planned(&self, path: PathBuf, now: Option<Metadata>, content: Content) -> Result<Plan<Todo>, Failure> {
        match now {
            None => self.create_plan(path, content),
            Some(now) => self.update_plan(path, &now, content),
        }
    }

    fn not_a_directory(&self, now: Option<&Metadata>) -> Result<(), Failure> {
        if now.is_some_and(Metadata::is_dir) {
            return Err(Failure::new(format!("Specified target {} is a directory", self.name)));
        }
        Ok(())
    }

    /// Sets the attributes, last: nothing can be written to a file that has some of them.
    fn apply_attributes(&self, act: &Act, path: &Path, beside: Report) -> Result<Applied, Failure> {
        let Some(wanted) = &self.attrs else { return Ok(Applied::AsPlanned) };
        let Some(old) = functions::set_attributes(act, path, wanted)? else { return Ok(Applied::Really(beside)) };
        let change = Map::from_iter([("old", old.as_str()), ("new", wanted.as_str())]);
        Ok(Applied::Really(beside.change("attrs", change)))
    }

    fn check(&self) -> Result<(), Failure> {
        let name = &self.name;
        if name.is_empty() {
            return Err(Failure::new("Destination file name is required"));
        }
        if !Path::new(name).is_absolute() {
            return Err(Failure::new(format!("Specified file {name} is not an absolute path")));
        }
        if let Some(attrs) = self.attrs.as_ref().filter(|attrs| !functions::are_settable(attrs)) {
            return Err(Failure::new(format!("Failed to change attributes to {attrs}")));
        }
        if self
            .encoding
            .as_ref()
            .is_some_and(|name| !["utf-8", "utf8", "ascii"].contains(&name.to_lowercase().as_str()))
        {
            return Err(Failure::new("file.managed: only 'encoding: utf-8' is supported yet"));
        }
        let texts = usize::from(self.contents.as_ref().is_some_and(|contents| !contents.is_null()))
            + usize::from(!self.contents_pillar.is_empty())
            + usize::from(!self.contents_grains.is_empty());
        if self.is_sourced() && texts > 0 {
            return Err(Failure::new(
                "'source' cannot be used in combination with 'contents', 'contents_pillar', or 'contents_grains'",
            ));
        }
        if texts > 1 {
            return Err(Failure::new("Only one of 'contents', 'contents_pillar', and 'contents_grains' is permitted"));
        }
        if texts > 0 && self.mode == Some(Mode::Keep) {
            return Err(Failure::new(
                "Mode preservation cannot be used in combination with 'contents', 'contents_pillar', or 'contents_grains'",
            ));
        }
        for (what, names) in [("Context", &self.context), ("Defaults", &self.defaults)] {
            if names.as_ref().is_some_and(|names| names.as_map().is_none()) {
                return Err(Failure::new(format!("{what} must be formed as a dict")));
            }
        }
        Ok(())
    }

    fn is_sourced(&self) -> bool {
        self.source.as_ref().is_some_and(Value::truthy)
    }

    /// True if a content is declared that a file which is there shall have.
    fn replaces(&self) -> bool {
        self.replace && (self.source.as_ref().is_some_and(|it| it.as_str() != Some("")) || self.has_text())
    }

    /// The file itself: behind a symbolic link unless that is to be replaced.
    fn target(&self) -> PathBuf {
        let path = PathBuf::from(&self.name);
        if self.follow_symlinks { std::fs::canonicalize(&path).unwrap_or(path) } else { path }
    }

    fn content(&self, look: &Look, run: &Run<'_>, exists: bool) -> Result<Content, Failure> {
        let none = Content { bytes: None, source_mode: None, from_source: false, kept: false };
        if exists && !self.replaces() {
            return Ok(Content { kept: true, ..none });
        }
        let texts = contents::Sources {
            contents: self.contents.as_ref(),
            pillar: &self.contents_pillar,
            grains: &self.contents_grains,
            delimiter: &self.contents_delimiter,
            newline: self.contents_newline,
        };
        let (bytes, source_mode, path, source) = match contents::resolve(look, &texts)? {
            Some(bytes) => {
                self.may_be(&bytes)?;
                (bytes, None, self.name.clone(), None)
            }
            None => match self
                .source
                .as_ref()
                .map_or(Ok(None), |source| source::fetch(look, source, run.saltenv, &self.source_check()))?
            {
                None => return Ok(none),
                Some(fetched) => (fetched.bytes, fetched.mode, fetched.path, Some(fetched.source)),
            },
        };
        let bytes = match &self.template {
            Some(engine) => {
                let mut names = source.as_ref().map(|source| self.own_names(source)).unwrap_or_default();
                for given in [&self.defaults, &self.context].into_iter().flatten().filter_map(Value::as_map) {
                    names.extend(given.clone());
                }
                let texts = collected(run, &self.name);
                if !texts.is_empty() {
                    names.insert("accumulator", texts.into_iter().collect::<Map>());
                }
                source::render(look, engine, bytes, &path, run.saltenv, names)?
            }
            None => bytes,
        };
        Ok(Content { bytes: Some(bytes), source_mode, from_source: source.is_some(), kept: false })
    }

    /// What a template of a source knows of the file.
    fn own_names(&self, source: &str) -> Map {
        let mode = match &self.mode {
            None | Some(Mode::Keep) => Value::Null,
            Some(Mode::Bits(bits)) => shown(*bits).into(),
            Some(Mode::Wrong(text)) => text.as_str().into(),
        };
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        source::own_names(&self.name, source, [text(&self.user), text(&self.group), mode, text(&self.attrs)])
    }

    /// A text that is empty where `allow_empty` is false is refused.
    fn may_be(&self, content: &[u8]) -> Result<(), Failure> {
        if self.allow_empty || content.iter().any(|byte| *byte != b'\n') {
            return Ok(());
        }
        let from = match (self.contents_pillar.first(), self.contents_grains.first()) {
            (Some(key), _) => format!("contents_pillar {key}"),
            (_, Some(key)) => format!("contents_grains {key}"),
            _ => "'contents'".to_owned(),
        };
        Err(Failure::new(format!(
            "{from} value would result in empty contents. Set allow_empty to True to allow the managed file to be empty."
        )))
    }

    fn source_check(&self) -> Check<'_> {
        Check {
            name: &self.name,
            hash: self.source_hash.as_deref(),
            hash_name: self.source_hash_name.as_deref(),
            skip: self.skip_verify,
            verify_ssl: self.verify_ssl,
        }
    }

    fn wanted(&self, content: &Content) -> (Wanted, Option<String>) {
        let (mode, wrong) = match &self.mode {
            None => (None, None),
            Some(Mode::Keep) => (content.source_mode, None),
            Some(Mode::Bits(bits)) => (Some(*bits), None),
            Some(Mode::Wrong(text)) => (None, Some(text.clone())),
        };
        (Wanted { user: self.user.clone(), group: self.group.clone(), mode }, wrong)
    }

    fn dir_mode(&self) -> Result<Option<u32>, Failure> {
        self.dir_mode.as_ref().map_or(Ok(None), Mode::bits)
    }

    fn would(&self) -> Report {
        Report::new(format!(
            "The file {} is set to be changed\nNote: No changes made, actual changes may\nbe different due to other states.",
            self.name
        ))
    }

    fn create_plan(&self, path: PathBuf, content: Content) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let (mut wanted, wrong_mode) = self.wanted(&content);
        let usual = 0o666 & !umask();
        // The reference makes files from a source, and those with a mode, as 0600 first and reports what it sets after.
        let reported = (content.from_source || wanted.mode.is_some()).then(|| wanted.mode.unwrap_or(usual));
        wanted.mode = wanted.mode.or(Some(usual));
        let resolved = wanted.resolve();
        let empty = content.bytes.is_none();
        let mut did = if empty {
            Report::new("Empty file").change("new", format!("file {name} created"))
        } else {
            Report::new(format!("File {name} updated")).change("diff", "New file")
        };
        if let Some(mode) = reported.filter(|mode| empty || *mode != 0o600) {
            did = did.change("mode", shown(mode));
        }
        if let Ok(resolved) = &resolved {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            for (key, asked, differs) in [
                ("user", &self.user, resolved.uid.is_some_and(|wanted| wanted != uid)),
                ("group", &self.group, resolved.gid.is_some_and(|wanted| wanted != gid)),
            ] {
                if let Some(asked) = asked.as_ref().filter(|_| differs) {
                    did = did.change(key, asked);
                }
            }
        }
        let todo = Todo {
            path,
            content: Some(content.bytes.unwrap_or_default()),
            resolved,
            wrong_mode,
            dir_mode: self.dir_mode()?,
            exists: false,
            beside_attrs: did.clone(),
        };
        Ok(Plan::Change { todo, would: self.would().change("newfile", name), did })
    }

    fn update_plan(&self, path: PathBuf, now: &Metadata, content: Content) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let (wanted, wrong_mode) = self.wanted(&content);
        let resolved = wanted.resolve()?;
        let mut changes = wanted.changes(&resolved, now);
        let mut new = None;
        if let Some(bytes) = content.bytes {
            let old = read_bounded(&path, source::MAX_FILE).map_err(|fault| Failure::new(fault.to_string()))?;
            if old != bytes {
                let shown =
                    if self.show_changes { difference(&old, &bytes) } else { "<show_changes=False>".to_owned() };
                let mut all = Map::new();
                all.insert("diff", shown);
                all.extend(changes);
                changes = all;
                new = Some(bytes);
            }
        }
        let attrs = match &self.attrs {
            Some(attrs) if !functions::are_so(&functions::letters(&path)?, attrs) => Some(attrs),
            _ => None,
        };
        if changes.is_empty() && wrong_mode.is_none() && attrs.is_none() {
            let (would, did) = if !content.kept {
                (format!("The file {name} is in the correct state"), format!("File {name} is in the correct state"))
            } else {
                (
                    format!("File {name} not updated"),
                    format!("File {name} exists with proper permissions. No changes made."),
                )
            };
            return Ok(Plan::Same { would: Report::new(would), did: Report::new(did) });
        }
        let managed = !content.kept && (content.from_source || new.is_some() || self.has_text());
        let did = if managed { format!("File {name} updated") } else { String::new() };
        let did = Report::new(did).changes(changes.clone());
        let would = match (content.kept, changes.get("mode").and_then(Value::as_str)) {
            (false, _) => self.would(),
            (true, Some(mode)) => Report::new(format!(
                "File {name} will be updated with permissions {mode} from its current state of {}",
                shown(now.mode() & 0o7777)
            )),
            (true, None) => Report::new(format!("File {name} not updated")),
        };
        let would = attrs.into_iter().fold(would.changes(changes), |would, attrs| would.change("attrs", attrs));
        let todo = Todo {
            path,
            content: new,
            resolved: Ok(resolved),
            wrong_mode,
            dir_mode: self.dir_mode()?,
            exists: true,
            beside_attrs: did.clone(),
        };
        Ok(Plan::Change { todo, would, did })
    }

    fn has_text(&self) -> bool {
        self.contents.is_some() || !self.contents_pillar.is_empty() || !self.contents_grains.is_empty()
    }

    /// Runs `check_cmd` on the new content in a private file.
    fn run_check(&self, _act: &Act, content: &[u8]) -> Result<(), Failure> {
        let Some(check) = &self.check_cmd else { return Ok(()) };
        let folder = self.tmp_dir.clone().map_or_else(std::env::temp_dir, PathBuf::from);
        let suffix = self.tmp_ext.clone().unwrap_or_default();
        let failed =
            |why: String| Failure::new(format!("check_cmd: the new content cannot be kept for checking: {why}"));
        let file = tempfile::Builder::new().prefix("check-").suffix(&suffix).tempfile_in(folder);
        let file = file.map_err(|error| failed(error.to_string()))?;
        std::fs::write(file.path(), content).map_err(|error| failed(error.to_string()))?;
        let line = format!("{check} {}", file.path().display());
        let finished = Command::shell("/bin/sh", line).run().map_err(|error| Failure::new(error.to_string()))?;
        if finished.status == 0 {
            return Ok(());
        }
        let output = [finished.stdout, finished.stderr].concat();
        let output = String::from_utf8_lossy(&output).trim().to_owned();
        let separator = if output.is_empty() { "" } else { "\n" };
        let comment = format!("check_cmd execution failed{separator}{output}");
        Err(Failure(Report { skip_watch: true, ..Report::new(comment) }))
    }
}
