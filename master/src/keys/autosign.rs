//! Which new keys the configuration accepts or rejects without an operator: by id, and by grains that are claimed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fleet_common::ids::MinionId;
use fleet_common::target::{Pcre, glob};
use fleet_common::value::{Map, Value};

/// Longest file that is read.
const LONGEST: u64 = 1 << 20;

/// The files that decide; all are read anew for every key they are asked about.
#[derive(Debug, Clone, Default)]
pub struct Autosign {
    /// Ids, globs or regular expressions of ids, one a line (`autosign_file`).
    pub accept: Option<PathBuf>,
    /// The same, for keys that are rejected (`autoreject_file`): it wins.
    pub reject: Option<PathBuf>,
    /// A file for every grain that counts, with its values (`autosign_grains_dir`).
    pub grains: Option<PathBuf>,
}

impl Autosign {
    /// True when any is configured.
    pub fn is_configured(&self) -> bool {
        self.accept.is_some() || self.reject.is_some() || self.grains.is_some()
    }

    /// True when keys of this id are not wanted.
    pub fn rejects(&self, id: &MinionId) -> bool {
        self.reject.as_deref().is_some_and(|path| names(path, id))
    }

    /// What lets a key of this id in, with these grains claimed: the name of the setting.
    pub fn accepts(&self, id: &MinionId, claimed: &Map) -> Option<&'static str> {
        if self.accept.as_deref().is_some_and(|path| names(path, id)) {
            return Some("autosign_file");
        }
        let by_grain = self.grains.as_deref().is_some_and(|folder| vouched(folder, claimed));
        by_grain.then_some("autosign_grains_dir")
    }
}

/// True when a line of the file means the id.
fn names(path: &Path, id: &MinionId) -> bool {
    lines(path).iter().any(|line| {
        let id = id.as_str();
        line == id || glob::matches(line, id) || Pcre::new(&format!("(?:{line})\\Z")).is_ok_and(|re| re.matches(id))
    })
}

/// True when a claimed grain has one of the values in its file. The names of files are those of the folder: nothing
/// that a minion sent forms a path.
fn vouched(folder: &Path, claimed: &Map) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).any(|entry| {
        let told = entry.file_name().to_str().and_then(|name| claimed.get(name)).and_then(text);
        told.is_some_and(|told| lines(&entry.path()).contains(&told))
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(if *truth { "True" } else { "False" }.to_owned()),
        _ => None,
    }
}

/// The lines of a file that say something. A file that others could have written says nothing.
fn lines(path: &Path) -> Vec<String> {
    match read(path) {
        Ok(text) => {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
        }
        Err(why) => {
            tracing::warn!("{}: {why}: it accepts and rejects nothing", path.display());
            Vec::new()
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let meta = file.metadata().map_err(|error| error.to_string())?;
    let own = rustix::process::geteuid().as_raw();
    if !meta.is_file() {
        return Err("not a regular file".to_owned());
    }
    if meta.mode() & 0o022 != 0 || (meta.uid() != 0 && meta.uid() != own) {
        return Err("others can write it (chmod go-w, chown to the master's account)".to_owned());
    }
    if meta.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn id(text: &str) -> MinionId {
        text.parse().unwrap()
    }

    #[test]
    fn ids_are_named_by_line_glob_or_whole_expression() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("autosign.conf");
        write(&path, "# web servers\nweb*\n\ndb1\n(app|api)[0-9]+\nbroken(\n", 0o644);
        let autosign = Autosign { accept: Some(path.clone()), ..Autosign::default() };
        let accepts = |text: &str| autosign.accepts(&id(text), &Map::new()).is_some();
        assert!(accepts("web7") && accepts("db1") && accepts("api12"));
        assert!(!accepts("db10") && !accepts("api12x") && !accepts("xapi1") && !accepts("broken"));
        assert!(!autosign.rejects(&id("web7")));
        write(&path, "web*\n", 0o664);
        assert!(!accepts("web7"), "its group can write it");
    }

    #[test]
    fn a_claimed_grain_counts_only_if_the_folder_has_a_file_for_it() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("serial"), "A-1\nA-2\n", 0o644);
        fs::create_dir(dir.path().join("sub")).unwrap();
        write(&dir.path().join("sub/other"), "x\n", 0o644);
        let autosign = Autosign { grains: Some(dir.path().to_owned()), ..Autosign::default() };
        let accepts = |name: &str, value: Value| {
            let mut claimed = Map::new();
            claimed.insert(name, value);
            autosign.accepts(&id("web1"), &claimed).is_some()
        };
        assert!(accepts("serial", "A-2".into()));
        assert!(!accepts("serial", "A-3".into()) && !accepts("other", "x".into()) && !accepts("sub/other", "x".into()));
        assert!(!accepts("../serial", "A-1".into()) && !accepts("serial", Value::List(vec!["A-1".into()])));
    }
}
