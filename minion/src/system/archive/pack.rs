//! Making archives of zip.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::ArchiveError;
use crate::system::fs::{WriteOptions, write_atomic_with};

/// From this size on a member needs the large form of the format.
const LARGE: u64 = u32::MAX as u64;

/// Packs files and whole directories into an archive that appears when it is complete; the names of its members.
///
/// Names are relative to `base` for what is in it, and to the root of the file system for the rest. What symbolic links
/// lead to is packed, not the links; links to directories are not walked, so that none is walked for ever.
pub fn pack(archive: &Path, sources: &[PathBuf], base: Option<&Path>) -> Result<Vec<String>, ArchiveError> {
    let mut members = Vec::new();
    for source in sources {
        gather(source, true, &mut members).map_err(ArchiveError::io(source))?;
    }
    let named: Vec<(String, PathBuf)> = members.into_iter().map(|path| (name(&path, base), path)).collect();
    let written = write_atomic_with(archive, &WriteOptions::default(), |file| write(file, &named));
    written.map_err(|fault| ArchiveError::Failed { path: archive.display().to_string(), why: fault.to_string() })?;
    Ok(named.into_iter().map(|(name, _)| name).collect())
}

/// A path, and everything below it. Directories end in a slash.
fn gather(path: &Path, follow: bool, members: &mut Vec<PathBuf>) -> io::Result<()> {
    let is_directory = if follow { path.metadata()?.is_dir() } else { path.symlink_metadata()?.is_dir() };
    if !is_directory {
        if path.metadata()?.is_file() {
            members.push(path.to_owned());
        }
        return Ok(());
    }
    members.push(path.join(""));
    let entries: io::Result<Vec<_>> = std::fs::read_dir(path)?.collect();
    let mut below: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    below.sort();
    below.iter().try_for_each(|path| gather(path, false, members))
}

fn name(path: &Path, base: Option<&Path>) -> String {
    let inside = base.and_then(|base| path.strip_prefix(base).ok()).unwrap_or(path);
    // `strip_prefix` and `Path` forget the slash at the end.
    let slash = if path.as_os_str().as_encoded_bytes().ends_with(b"/") { "/" } else { "" };
    format!("{}{slash}", inside.to_string_lossy().trim_matches('/'))
}

fn write(file: &mut File, members: &[(String, PathBuf)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(&mut *file);
    for (name, path) in members {
        add(&mut archive, name, path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    archive.finish()?;
    Ok(())
}

fn add<W: Write + Seek>(archive: &mut ZipWriter<W>, name: &str, path: &Path) -> io::Result<()> {
    let meta = path.metadata()?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(meta.permissions().mode() & 0o7777)
        .last_modified_time(changed(&meta))
        .large_file(meta.size() >= LARGE);
    if meta.is_dir() {
        return Ok(archive.add_directory(name, options)?);
    }
    archive.start_file(name, options)?;
    io::copy(&mut File::open(path)?, archive)?;
    Ok(())
}

/// When a file changed, as the format can say it (years from 1980 on).
fn changed(meta: &std::fs::Metadata) -> DateTime {
    let at = jiff::Timestamp::from_second(meta.mtime()).map(|at| at.to_zoned(jiff::tz::TimeZone::system()));
    let parts = at.ok().and_then(|at| {
        let year = u16::try_from(at.year()).ok()?;
        let [month, day, hour, minute, second] =
            [at.month(), at.day(), at.hour(), at.minute(), at.second()].map(i8::unsigned_abs);
        DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
    });
    parts.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::zip;
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let root = tempfile::tempdir().unwrap();
        let src = root.path().join("src");
        std::fs::create_dir_all(src.join("d/empty")).unwrap();
        std::fs::write(src.join("a"), "A\n").unwrap();
        std::fs::write(src.join("d/b"), "B\n").unwrap();
        std::fs::set_permissions(src.join("d/b"), std::fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::symlink(&src, src.join("d/round")).unwrap();
        let archive = root.path().join("o.zip");
        let names = pack(&archive, std::slice::from_ref(&src), Some(root.path())).unwrap();
        assert_eq!(names, ["src/", "src/a", "src/d/", "src/d/b", "src/d/empty/"]);
        let out = root.path().join("out");
        assert_eq!(zip::extract(&archive, &out, None, true).unwrap(), names);
        assert_eq!(std::fs::read(out.join("src/d/b")).unwrap(), b"B\n");
        assert_eq!(std::fs::metadata(out.join("src/d/b")).unwrap().mode() & 0o777, 0o750);
        let outside = pack(&archive, &[src.join("a")], None).unwrap();
        assert_eq!(outside, [src.join("a").to_string_lossy().trim_start_matches('/')]);
    }

    #[test]
    fn a_missing_source_leaves_no_archive() {
        let root = tempfile::tempdir().unwrap();
        let archive = root.path().join("o.zip");
        let error = pack(&archive, &[root.path().join("nope")], None).unwrap_err();
        assert!(error.to_string().contains("nope"), "{error}");
        assert!(!archive.exists());
    }
}
