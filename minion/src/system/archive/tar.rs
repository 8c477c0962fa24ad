//! Archives of tar.

use std::path::Path;

use tar::{Archive, EntryType};

use super::packed::Unpacked;
use super::{ArchiveError, Contents};

/// What is in an archive.
pub fn list(path: &Path) -> Result<Contents, ArchiveError> {
    let failed = ArchiveError::io(path);
    let mut archive = Archive::new(Unpacked::open(path)?);
    let (mut dirs, mut files, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for entry in archive.entries().map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        match entry.header().entry_type() {
            EntryType::Directory => dirs.push(format!("{name}/")),
            EntryType::Symlink => links.push(name),
            EntryType::XGlobalHeader => {}
            _ => files.push(name),
        }
    }
    Ok(Contents::new(dirs, files, links))
}

/// Brings all members into a directory, with their modes and times, and their owners where we may; their names.
pub fn extract(path: &Path, directory: &Path) -> Result<Vec<String>, ArchiveError> {
    let failed = ArchiveError::io(path);
    let mut archive = Archive::new(Unpacked::open(path)?);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(rustix::process::geteuid().is_root());
    archive.set_overwrite(true);
    let mut names = Vec::new();
    for entry in archive.entries().map_err(&failed)? {
        let mut entry = entry.map_err(&failed)?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        if !entry.unpack_in(directory).map_err(&failed)? {
            return Err(ArchiveError::Outside { path: path.display().to_string(), member: name });
        }
        names.push(name);
    }
    Ok(names)
}
