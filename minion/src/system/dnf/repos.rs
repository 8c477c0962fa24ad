//! Repositories: the files that configure them, sections by id.

use std::path::{Path, PathBuf};

use super::client::Places;
use crate::edit::Ini;
use crate::system::fs::{FileFault, WriteOptions, make_directory, read_bounded, write_atomic};

/// The largest file that is read.
const LIMIT: u64 = 16 << 20;

/// Where dnf looks when its configuration does not say.
const USUAL: [&str; 3] = ["/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d"];

/// A configured repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its id.
    pub id: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// Its options in their order.
    pub options: Vec<(String, String)>,
    /// The remarks in its section, without their signs.
    pub comments: Vec<String>,
}

impl Repository {
    /// An option.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

/// A file that could not be read or written.
fn text(path: &Path) -> Result<String, FileFault> {
    match read_bounded(path, LIMIT) {
        Ok(bytes) => Ok(whole_values(&String::from_utf8_lossy(&bytes))),
        Err(fault) if fault.is_missing() => Ok(String::new()),
        Err(fault) => Err(fault),
    }
}

/// Values that go on in lines further in, as one line each: dnf takes addresses separated by blanks.
fn whole_values(text: &str) -> String {
    let mut whole = String::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) && !line.trim().is_empty() && whole.ends_with(|last| last != '\n') {
            whole.push(' ');
            whole.push_str(line.trim());
            continue;
        }
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(line);
    }
    whole
}

/// The directories with files of repositories, the first of which is for new ones.
pub fn directories(places: &Places) -> Result<Vec<PathBuf>, FileFault> {
    let root = places.root.clone().unwrap_or_else(|| "/".into());
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let config = places.config.clone().unwrap_or_else(|| below("/etc/dnf/dnf.conf"));
    let ini = Ini::parse(&text(&config)?, "=");
    // What the configuration says is meant as it stands, with a root as well.
    if let Some(told) = ini.get(Some("main"), "reposdir") {
        return Ok(told.split([',', ' ']).filter(|path| !path.is_empty()).map(PathBuf::from).collect());
    }
    let (mut there, others): (Vec<PathBuf>, Vec<PathBuf>) =
        USUAL.iter().map(|path| below(path)).partition(|path| path.is_dir());
    there.extend(others);
    Ok(there)
}

/// All repositories.
pub fn list(places: &Places) -> Result<Vec<Repository>, FileFault> {
    let mut found = Vec::new();
    for directory in directories(places)? {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "repo"));
        files.sort();
        for file in files {
            let ini = Ini::parse(&text(&file)?, "=");
            found.extend(ini.sections().map(|id| Repository {
                id: id.to_owned(),
                file: file.clone(),
                options: ini.pairs(Some(id)).into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
                comments: ini.remarks(id),
            }));
        }
    }
    Ok(found)
}

/// Writes a repository into its file, in the place of the one with its id.
pub fn write(repository: &Repository) -> Result<(), FileFault> {
    let mut ini = Ini::parse(&text(&repository.file)?, "=").without_spaces(true);
    let section = Some(repository.id.as_str());
    ini.add(section);
    for key in ini.pairs(section).iter().map(|(key, _)| (*key).to_owned()).collect::<Vec<String>>() {
        if repository.option(&key).is_none() {
            ini.unset(section, &key);
        }
    }
    for (key, value) in &repository.options {
        ini.set(section, key, value);
    }
    ini.set_remarks(&repository.id, &repository.comments);
    if let Some(parent) = repository.file.parent() {
        make_directory(parent, Some(0o755)).map_err(FileFault::io(parent))?;
    }
    store(&repository.file, &ini)
}

/// Removes a repository; true if its whole file went.
pub fn remove(repository: &Repository) -> Result<bool, FileFault> {
    let file = &repository.file;
    let mut ini = Ini::parse(&text(file)?, "=").without_spaces(true);
    ini.remove(&repository.id);
    if ini.sections().next().is_none() {
        std::fs::remove_file(file).map_err(FileFault::io(file))?;
        return Ok(true);
    }
    store(file, &ini)?;
    Ok(false)
}

fn store(file: &Path, ini: &Ini) -> Result<(), FileFault> {
    // An address may hold a password: a file that is there keeps its mode.
    let mode = if file.exists() { None } else { Some(0o644) };
    write_atomic(file, ini.text().as_bytes(), &WriteOptions { mode, ..WriteOptions::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_written() {
        let dir = tempfile::tempdir().unwrap();
        let parts = dir.path().join("etc/yum.repos.d");
        std::fs::create_dir_all(&parts).unwrap();
        let places = Places { root: Some(dir.path().to_owned()), config: None };
        let path = parts.join("t.repo");
        std::fs::write(&path, "[a]\n# why\nname=A\nbaseurl=http://x/\n    http://y/\n\n[b]\nname = B\n").unwrap();
        let mut all = list(&places).unwrap();
        assert_eq!(all[0].option("baseurl"), Some("http://x/ http://y/"));
        assert_eq!((all[0].comments.as_slice(), all[1].option("name")), (["why".to_owned()].as_slice(), Some("B")));
        all[0].options = vec![("name".to_owned(), "AA".to_owned()), ("enabled".to_owned(), "0".to_owned())];
        all[0].comments = vec!["new".to_owned()];
        write(&all[0]).unwrap();
        assert_eq!(list(&places).unwrap()[0], all[0]);
        assert!(!remove(&all[1]).unwrap() && remove(&all[0]).unwrap() && !path.exists());
        assert!(list(&places).unwrap().is_empty());
    }
}
