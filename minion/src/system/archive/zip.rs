//! Archives of zip.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::inside::{Facts, Inside, inner};
use super::{ArchiveError, Contents};

/// Longest target of a symbolic link.
const TARGET: u64 = 4096;
/// The kinds of files in the mode of a member.
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const DIRECTORY: u32 = 0o040_000;

fn open(path: &Path) -> Result<ZipArchive<File>, ArchiveError> {
    let file = File::open(path).map_err(ArchiveError::io(path))?;
    ZipArchive::new(file).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: ZipError) -> ArchiveError {
    match error {
        ZipError::Io(error) => ArchiveError::io(path)(error),
        ZipError::InvalidArchive(_) => {
            ArchiveError::Failed { path: path.display().to_string(), why: "not a zip file".to_owned() }
        }
        other => ArchiveError::Failed { path: path.display().to_string(), why: other.to_string() },
    }
}

fn is_kind(mode: Option<u32>, kind: u32) -> bool {
    mode.is_some_and(|mode| mode & KIND == kind)
}

/// True if a member needs a password.
pub fn is_encrypted(path: &Path) -> Result<bool, ArchiveError> {
    let mut archive = open(path)?;
    for number in 0..archive.len() {
        if archive.by_index_raw(number).map_err(|error| failed(path, error))?.encrypted() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is in an archive. Directories that only the names of files tell are listed, too.
pub fn list(path: &Path) -> Result<Contents, ArchiveError> {
    let mut archive = open(path)?;
    let (mut dirs, mut files, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..archive.len() {
        let member = archive.by_index_raw(number).map_err(|error| failed(path, error))?;
        let name = member.name().to_owned();
        if let Some((above, _)) = name.trim_end_matches('/').rsplit_once('/') {
            dirs.push(format!("{above}/"));
        }
        if member.is_dir() || is_kind(member.unix_mode(), DIRECTORY) {
            dirs.push(format!("{}/", name.trim_end_matches('/')));
        } else if is_kind(member.unix_mode(), LINK) {
            links.push(name);
        } else {
            files.push(name);
        }
    }
    Ok(Contents::new(dirs, files, links))
}

/// Brings all members into a directory, with their modes if asked for; their names.
pub fn extract(
    path: &Path,
    directory: &Path,
    password: Option<&str>,
    modes: bool,
) -> Result<Vec<String>, ArchiveError> {
    let mut archive = open(path)?;
    let mut inside = Inside::make(directory).map_err(ArchiveError::io(path))?;
    let mut names = Vec::new();
    for number in 0..archive.len() {
        let mut member = match password {
            Some(password) => archive.by_index_decrypt(number, password.as_bytes()),
            None => archive.by_index(number),
        }
        .map_err(|error| match error {
            ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
                ArchiveError::Password { path: path.display().to_string(), member: format!("number {number}") }
            }
            other => failed(path, other),
        })?;
        let name = member.name().to_owned();
        let outside = || ArchiveError::Outside { path: path.display().to_string(), member: name.clone() };
        let inner = member.enclosed_name().as_deref().and_then(inner).ok_or_else(outside)?;
        match bring(&mut member, &inner, &mut inside, modes) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error()) => return Err(outside()),
            brought => brought.map_err(ArchiveError::io(path))?,
        }
        names.push(name);
    }
    inside.finish().map_err(ArchiveError::io(path))?;
    Ok(names)
}

fn bring<R: Read>(member: &mut ZipFile<'_, R>, inner: &Path, inside: &mut Inside, modes: bool) -> io::Result<()> {
    if inner.as_os_str().is_empty() {
        return Ok(());
    }
    let kind = member.unix_mode();
    let mode = kind.filter(|mode| modes && mode & 0o777 != 0).map(|mode| mode & 0o777);
    let facts = Facts { mode, ..Facts::default() };
    if member.is_dir() || is_kind(kind, DIRECTORY) {
        return inside.directory(inner, facts);
    }
    if is_kind(kind, LINK) {
        let mut target = String::new();
        member.take(TARGET).read_to_string(&mut target)?;
        return inside.symlink(inner, Path::new(&target), Facts::default());
    }
    inside.file(inner, facts, |file| io::copy(member, file).map(drop))
}
