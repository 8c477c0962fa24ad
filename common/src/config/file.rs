//! The keys of a configuration file and its includes, each with the place it was written at.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::take::FromConfig;
use super::{known, of_modules};
use crate::diag::{Diagnostic, Place, excerpt};
use crate::value::{Map, Value};
use crate::yaml;

/// Largest configuration file that is read.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Deepest chain of includes.
const MAX_INCLUDES: usize = 8;

/// The settings of one program: what its files say, and which keys the program has asked for.
#[derive(Debug, Default)]
pub struct Settings {
    values: Map,
    origins: BTreeMap<String, Origin>,
    asked: BTreeSet<&'static str>,
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
struct Origin {
    place: Place,
    line: String,
}

impl Settings {
    /// Reads `main` and what it includes: the globs of its `include` and `default_include` keys (`includes`, such as
    /// `master.d/*.conf`, where it has none), relative to its directory, in sorted order; later files win.
    /// A main file that does not exist is the same as an empty one.
    pub fn load(main: &Path, includes: &str) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        settings.read(main, 0)?;
        let default = match settings.values.get("default_include") {
            Some(Value::Str(glob)) => glob.clone(),
            _ => includes.to_owned(),
        };
        let folder = main.parent().unwrap_or(Path::new("."));
        for path in matching(folder, &default) {
            settings.read(&path, 1)?;
        }
        settings.asked.extend(["default_include", "include"]);
        Ok(settings)
    }

    /// Settings from a text, as if it were the file `name`.
    pub fn from_text(text: &str, name: &str) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        settings.join(text, Path::new(name))?;
        Ok(settings)
    }

    /// The files that were read, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// All keys as written, later files over earlier ones: what templates see as `opts`.
    pub fn raw(&self) -> &Map {
        &self.values
    }

    /// Sets a key as a command line option does; it wins over the files.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.values.insert(key, value);
        self.origins.insert(key.to_owned(), Origin { place: Place::new("<command line>", 0, 0), line: String::new() });
    }

    /// The value of a key, or `None` when it is not set (or set to nothing).
    pub fn get<T: FromConfig>(&mut self, key: &'static str) -> Result<Option<T>, Diagnostic> {
        self.asked.insert(key);
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::from_config(value).map(Some).map_err(|expected| self.wrong(key, &expected, value)),
        }
    }

    /// The value of a key, or a default.
    pub fn or<T: FromConfig>(&mut self, key: &'static str, default: T) -> Result<T, Diagnostic> {
        Ok(self.get(key)?.unwrap_or(default))
    }

    /// A path below `root_dir`: an absolute path (the default too) moves under a `root_dir` that is not `/`.
    pub fn path(&mut self, key: &'static str, default: &str) -> Result<PathBuf, Diagnostic> {
        let root: String = self.or("root_dir", "/".to_owned())?;
        let path = PathBuf::from(self.or(key, default.to_owned())?);
        let root = Path::new(&root);
        Ok(if path.starts_with(root) { path } else { root.join(path.strip_prefix("/").unwrap_or(&path)) })
    }

    /// A fault in the value of a key, with its place; `help` says what to write instead.
    pub fn fault(&self, key: &str, message: impl Into<String>, help: &str) -> Diagnostic {
        let mut diagnostic = Diagnostic::config(message).about(key);
        if let Some(origin) = self.origins.get(key) {
            diagnostic = diagnostic.at(origin.place.clone());
            if !origin.line.is_empty() {
                diagnostic = diagnostic.excerpt(origin.line.clone());
            }
        }
        if help.is_empty() { diagnostic } else { diagnostic.help(help) }
    }

    /// Warnings about keys that nothing asked for: known ones without effect here, and unknown ones with a suggestion.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let asked = |key: &&str| self.asked.contains(key) || of_modules::is_of_a_module(key);
        let unasked = self.values.keys().filter_map(Value::as_str).filter(|key| !asked(key));
        unasked
            .map(|key| {
                if known::KEYS.binary_search(&key).is_ok() {
                    self.fault(key, "this key of the reference has no effect here yet", "")
                } else {
                    let candidates = self.asked.iter().copied().chain(known::KEYS.iter().copied());
                    self.fault(key, "unknown key", "").did_you_mean(key, candidates)
                }
            })
            .collect()
    }

    fn wrong(&self, key: &str, expected: &str, value: &Value) -> Diagnostic {
        self.fault(key, format!("{expected} is expected, not {}", described(value)), "")
    }

    fn read(&mut self, path: &Path, depth: usize) -> Result<(), Diagnostic> {
        let shown = path.display().to_string();
        let at = |message: String| Diagnostic::config(message).at(Place::new(shown.clone(), 0, 0));
        let mut text = String::new();
        match std::fs::File::open(path) {
            Ok(file) => {
                owned(&file, path).map_err(&at)?;
                file.take(MAX_FILE + 1)
                    .read_to_string(&mut text)
                    .map_err(|error| at(format!("cannot be read: {error}")))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && depth == 0 => return Ok(()),
            Err(error) => return Err(at(format!("cannot be read: {error}"))),
        }
        if text.len() as u64 > MAX_FILE {
            return Err(at(format!("larger than {MAX_FILE} bytes")));
        }
        let own = self.join(&text, path)?;
        self.files.push(path.to_owned());
        if depth >= MAX_INCLUDES {
            return Err(at("includes are nested too deeply".to_owned()).help("look for a file that includes itself"));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        for pattern in own {
            let found = matching(folder, &pattern);
            if found.is_empty() && !pattern.contains(['*', '?', '[']) {
                return Err(at(format!("include '{pattern}' does not exist")));
            }
            for path in found {
                self.read(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Joins a file's keys over what is there; gives back what it includes.
    fn join(&mut self, text: &str, path: &Path) -> Result<Vec<String>, Diagnostic> {
        let name = path.display().to_string();
        let document = yaml::load(text, &name).map_err(|error| {
            let mut diagnostic = Diagnostic::from(error);
            diagnostic.kind = crate::diag::Kind::Config;
            diagnostic
        })?;
        let map = match document.value {
            Value::Null => return Ok(Vec::new()),
            Value::Map(map) => map,
            other => {
                let message = format!("a mapping of keys to values is expected, not {}", described(&other));
                return Err(Diagnostic::config(message)
                    .at(Place::new(name, 1, 1))
                    .help("write one 'key: value' a line"));
            }
        };
        let mut includes = Vec::new();
        for (index, (key, value)) in map.into_iter().enumerate() {
            let mark = document.marks.key(index);
            let place = Place::new(name.clone(), mark.line, mark.column);
            let line = excerpt(text, mark.line, 0, 0);
            let Value::Str(key) = key else {
                return Err(Diagnostic::config("keys must be text").at(place).excerpt(line));
            };
            if key == "include" {
                match &value {
                    Value::Str(pattern) => includes.push(pattern.clone()),
                    Value::List(items) => {
                        includes.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned)))
                    }
                    _ => {}
                }
            }
            self.origins.insert(key.clone(), Origin { place, line });
            self.values.insert(key, value);
        }
        Ok(includes)
    }
}

/// Whoever can change the configuration of a program that runs as root is root: such a file is not read.
fn owned(file: &std::fs::File, path: &Path) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let others = |facts: &std::fs::Metadata| facts.uid() != 0 || facts.mode() & 0o002 != 0;
    let facts = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if !facts.is_file() {
        return Err("this is no regular file".to_owned());
    }
    if others(&facts) {
        return Err(format!("another account can change it: chown root {0} and chmod o-w {0}", path.display()));
    }
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    match std::fs::metadata(folder) {
        Ok(facts) if others(&facts) => {
            Err(format!("another account can replace it: chown root {0} and chmod o-w {0}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Int(number) => format!("the number {number}"),
        Value::Bool(truth) => format!("{truth}"),
        other => format!("a {}", other.kind()),
    }
}

/// Files that match a glob in the last part of a path relative to `folder`, sorted.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let path = folder.join(pattern);
    let (Some(parent), Some(last)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    if !last.contains(['*', '?', '[']) {
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let Ok(regex) = regex::Regex::new(&glob_pattern(last)) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()).filter(|entry| entry.path().is_file());
    let mut found: Vec<PathBuf> = names
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| !name.starts_with('.') && regex.is_match(name)))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn glob_pattern(glob: &str) -> String {
    let mut out = String::from("^");
    for part in glob.chars() {
        match part {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' | ']' => out.push(part),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_change_is_not_read_as_root() {
        use std::os::unix::fs::PermissionsExt;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("minion");
        std::fs::write(&path, "id: web1\n").unwrap();
        let load = || Settings::load(&path, "minion.d/*.conf");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(load().is_ok());
        mode(&path, 0o646);
        assert!(load().unwrap_err().to_string().contains("another account can change it"));
        mode(&path, 0o644);
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert!(load().is_err());
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        mode(dir.path(), 0o777);
        assert!(load().unwrap_err().to_string().contains("another account can replace it"));
        mode(dir.path(), 0o700);
        assert!(load().is_ok());
    }

    #[test]
    fn takes_values_and_warns_about_the_rest() {
        let text =
            "interface: 127.0.0.1\nauto_accept: yes\nintreface: x\ncherrypy_pam: 1\nret_port: high\nkeep_jobs: 24\n";
        let mut settings = Settings::from_text(text, "/etc/salt/master").unwrap();
        assert_eq!(settings.get::<String>("interface").unwrap().as_deref(), Some("127.0.0.1"));
        assert!(settings.or("auto_accept", false).unwrap());
        let error = settings.get::<u16>("ret_port").unwrap_err().to_string();
        assert!(
            error.starts_with("/etc/salt/master:5:1: ret_port: a whole number from 0 to 65535 is expected"),
            "{error}"
        );
        let warnings: Vec<String> = settings.warnings().iter().map(ToString::to_string).collect();
        assert!(
            warnings[0].contains(":3:1: intreface: unknown key") && warnings[0].contains("did you mean 'interface'?"),
            "{warnings:?}"
        );
        assert!(
            warnings.iter().any(|w| w.contains("keep_jobs: this key of the reference has no effect")),
            "{warnings:?}"
        );
    }

    #[test]
    fn includes_are_joined_in_order() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("master.d")).unwrap();
        std::fs::write(dir.path().join("master"), "a: 1\nb: 1\ninclude: extra.conf\n").unwrap();
        std::fs::write(dir.path().join("extra.conf"), "b: 2\nc: 2\n").unwrap();
        std::fs::write(dir.path().join("master.d/z.conf"), "c: 3\n").unwrap();
        let settings = Settings::load(&dir.path().join("master"), "master.d/*.conf").unwrap();
        let all: Vec<i64> =
            ["a", "b", "c"].iter().map(|key| settings.raw().get(key).unwrap().as_int().unwrap()).collect();
        assert_eq!(all, [1, 2, 3]);
        assert_eq!(settings.files().len(), 3);
    }

    #[test]
    fn root_dir_moves_every_path() {
        let mut settings = Settings::from_text("root_dir: /tmp/x\npki_dir: /tmp/x/pki\n", "minion").unwrap();
        assert_eq!(settings.path("pki_dir", "/etc/salt/pki/minion").unwrap(), PathBuf::from("/tmp/x/pki"));
        assert_eq!(
            settings.path("cachedir", "/var/cache/salt/minion").unwrap(),
            PathBuf::from("/tmp/x/var/cache/salt/minion")
        );
    }

    #[test]
    fn a_file_that_includes_itself_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("minion");
        std::fs::write(&main, "include: minion\n").unwrap();
        assert!(Settings::load(&main, "minion.d/*.conf").unwrap_err().to_string().contains("nested too deeply"));
    }
}
