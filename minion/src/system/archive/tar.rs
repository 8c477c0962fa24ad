//! Archives of tar.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::FileType;
use tar::{Archive, Entry, EntryType};

use super::inside::{Facts, Inside, inner};
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

/// The content of the first member that is picked, by its path; `None` if there is none, or it has more than `limit` bytes.
pub fn member(path: &Path, limit: u64, pick: impl Fn(&Path) -> bool) -> Result<Option<Vec<u8>>, ArchiveError> {
    let failed = ArchiveError::io(path);
    let mut archive = Archive::new(Unpacked::open(path)?);
    for entry in archive.entries().map_err(&failed)? {
        let mut entry = entry.map_err(&failed)?;
        let is_file = entry.header().entry_type().is_file();
        if !(is_file && pick(Path::new(OsStr::from_bytes(&entry.path_bytes())))) {
            continue;
        }
        let mut content = Vec::new();
        entry.by_ref().take(limit.saturating_add(1)).read_to_end(&mut content).map_err(&failed)?;
        return Ok(Some(content).filter(|content| content.len() as u64 <= limit));
    }
    Ok(None)
}

/// Brings all members into a directory, with their modes and times, and their owners where we may; their names.
pub fn extract(path: &Path, directory: &Path) -> Result<Vec<String>, ArchiveError> {
    let failed = ArchiveError::io(path);
    let mut archive = Archive::new(Unpacked::open(path)?);
    let mut inside = Inside::make(directory).map_err(&failed)?;
    let mut names = Vec::new();
    for entry in archive.entries().map_err(&failed)? {
        let mut entry = entry.map_err(&failed)?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        let outside = || ArchiveError::Outside { path: path.display().to_string(), member: name.clone() };
        match bring(&mut entry, &mut inside) {
            Ok(true) => {}
            Ok(false) => return Err(outside()),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error()) => return Err(outside()),
            Err(error) => return Err(failed(error)),
        }
        names.push(name);
    }
    inside.finish().map_err(&failed)?;
    Ok(names)
}

/// Brings one member; false if its name, or the name of the one it is linked with, leads out.
fn bring<R: Read>(entry: &mut Entry<'_, R>, inside: &mut Inside) -> io::Result<bool> {
    let Some(inner) = inner(Path::new(OsStr::from_bytes(&entry.path_bytes()))) else { return Ok(false) };
    if inner.as_os_str().is_empty() {
        return Ok(true);
    }
    let header = entry.header();
    let id = |id: u64| u32::try_from(id).map_err(|_| io::Error::other(format!("{id} is no number of an account")));
    let owner =
        if rustix::process::geteuid().is_root() { Some((id(header.uid()?)?, id(header.gid()?)?)) } else { None };
    let mtime = header.mtime().ok().and_then(|mtime| i64::try_from(mtime).ok());
    let facts = Facts { mode: Some(header.mode()? & 0o7777), owner, mtime };
    let device = |header: &tar::Header| -> io::Result<u64> {
        let (major, minor) = (header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0));
        Ok(rustix::fs::makedev(major, minor))
    };
    let kind = header.entry_type();
    // Archives older than the kinds of members tell a directory by the end of its name.
    let is_old_directory = header.as_ustar().is_none() && entry.path_bytes().ends_with(b"/");
    match kind {
        EntryType::Symlink | EntryType::Link => {
            let target = entry.link_name_bytes().ok_or_else(|| io::Error::other("a link that leads nowhere"))?;
            let target = Path::new(OsStr::from_bytes(&target));
            if kind == EntryType::Symlink {
                inside.symlink(&inner, target, facts)?;
                return Ok(true);
            }
            let Some(other) = self::inner(target) else { return Ok(false) };
            inside.hard_link(&inner, &other)?;
        }
        EntryType::Directory => inside.directory(&inner, facts)?,
        EntryType::Fifo => inside.node(&inner, FileType::Fifo, 0, facts)?,
        EntryType::Char => inside.node(&inner, FileType::CharacterDevice, device(header)?, facts)?,
        EntryType::Block => inside.node(&inner, FileType::BlockDevice, device(header)?, facts)?,
        _ if is_old_directory => inside.directory(&inner, facts)?,
        // Other kinds are read as files: the format says so.
        _ => inside.file(&inner, facts, |file| io::copy(entry, file).map(drop))?,
    }
    Ok(true)
}
