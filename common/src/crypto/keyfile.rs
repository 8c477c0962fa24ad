//! Key files: secrets readable by their owner only from the first moment, never half written, never overwritten by
//! a second process that starts at the same time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::certificate::Signed;
use crate::diag::{Diagnostic, Place};
use crate::proto::decode::{Limits, decode, encode};

/// Mode of a secret.
pub(super) const SECRET: u32 = 0o600;
/// Mode of what anybody may read.
pub(super) const PUBLIC: u32 = 0o644;
/// No key file is larger.
const MAX_BYTES: u64 = 16 * 1024;

/// The text of a secret file; `None` when there is none. A file that others can read is refused.
pub(super) fn read_secret(path: &Path) -> Result<Option<Zeroizing<String>>, Diagnostic> {
    let Some(file) = open(path)? else { return Ok(None) };
    let facts = file.metadata().map_err(|error| failed("read", path, &error))?;
    if facts.mode() & 0o077 != 0 {
        let mode = facts.mode() & 0o7777;
        return Err(about(path, format!("this secret key can be read by others (mode {mode:04o})"))
            .help(format!("nobody else may have read it: chmod 600 {}", path.display()))
            .help("somebody may have: move it away, and a new key is made at the next start"));
    }
    let own = rustix::process::geteuid().as_raw();
    if facts.uid() != own && facts.uid() != 0 {
        return Err(about(path, format!("this secret key belongs to uid {}, not to uid {own}", facts.uid()))
            .help(format!("chown {own} {}", path.display())));
    }
    content(path, file).map(Some)
}

/// The text of a public file; `None` when there is none.
pub(super) fn read_public(path: &Path) -> Result<Option<String>, Diagnostic> {
    let Some(file) = open(path)? else { return Ok(None) };
    Ok(Some(content(path, file)?.to_string()))
}

/// Creates a file with its whole content at once. `false` when it exists already: then nothing is changed.
pub(super) fn create(path: &Path, text: &str, mode: u32) -> Result<bool, Diagnostic> {
    let temporary = write_temporary(path, text, mode)?;
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => sync_directory(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("create", path, &error)),
    }
}

/// Puts a file in the place of another, whole or not at all.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Diagnostic> {
    let temporary = write_temporary(path, text, mode)?;
    if let Err(error) = fs::rename(&temporary, path) {
        let _ = fs::remove_file(&temporary);
        return Err(failed("write", path, &error));
    }
    sync_directory(path)
}

/// Moves a key file over another, atomically.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Diagnostic> {
    fs::rename(from, to).map_err(|error| failed("replace", to, &error))?;
    sync_directory(to)
}

/// Removes a key file; one that is not there is as good.
pub(super) fn remove(path: &Path) -> Result<(), Diagnostic> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

/// The signed statements in a file, one a line; a line that is none ends them.
pub(super) fn statements(path: &Path) -> Result<Vec<Signed>, Diagnostic> {
    let text = read_public(path)?.unwrap_or_default();
    let parse = |line: &str| decode(&STANDARD.decode(line).ok()?, Limits::UNKNOWN_PEER).ok();
    Ok(text.lines().map_while(parse).collect())
}

/// Writes signed statements, one a line.
pub(super) fn keep_statements(path: &Path, all: &[Signed]) -> Result<(), Diagnostic> {
    let lines: String = all.iter().map(|signed| STANDARD.encode(encode(signed)) + "\n").collect();
    replace(path, &lines, PUBLIC)
}

/// Creates the directory of keys, closed to others. An existing one is left as it is, but refused when anybody may
/// put files of his own there.
pub(super) fn directory(path: &Path) -> Result<(), Diagnostic> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| failed("create", path, &error))?;
    let mode = fs::metadata(path).map_err(|error| failed("read", path, &error))?.mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(about(path, format!("anybody can change the keys in this directory (mode {mode:04o})"))
            .help(format!("chmod 700 {}", path.display())));
    }
    Ok(())
}

/// A fault of a key file.
pub(super) fn about(path: &Path, message: impl Into<String>) -> Diagnostic {
    Diagnostic::config(message).at(Place::new(path.display().to_string(), 0, 0))
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Diagnostic {
    about(path, format!("cannot {verb} the key file: {error}"))
}

fn open(path: &Path) -> Result<Option<File>, Diagnostic> {
    // O_NONBLOCK: a fifo in this place must not hang the program.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => {
            let regular = file.metadata().map_err(|error| failed("read", path, &error))?.is_file();
            if regular { Ok(Some(file)) } else { Err(about(path, "this is no regular file, a key file is expected")) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn content(path: &Path, file: File) -> Result<Zeroizing<String>, Diagnostic> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| failed("read", path, &error))?;
    Ok(text)
}

fn write_temporary(path: &Path, text: &str, mode: u32) -> Result<PathBuf, Diagnostic> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.{:016x}", rand::random::<u64>()));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        // The umask may have taken bits from the mode of a public file.
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_bits_truncate(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        failed("create", path, &error)
    })?;
    Ok(temporary)
}

fn sync_directory(path: &Path) -> Result<(), Diagnostic> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(|error| failed("write", path, &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_closed_from_creation_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.pem");
        assert!(create(&path, "one", SECRET).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(!create(&path, "two", SECRET).unwrap());
        assert_eq!(read_secret(&path).unwrap().unwrap().as_str(), "one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn open_secrets_are_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.pem");
        for mode in [0o640, 0o604, 0o620] {
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let text = read_secret(&path).unwrap_err().to_string();
            assert!(text.contains("chmod 600") && text.contains(&format!("{mode:04o}")), "{text}");
        }
    }

    #[test]
    fn directories_are_closed_and_open_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pki/master");
        directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(directory(&path).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_fifo_or_directory_is_no_key_and_does_not_hang() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(read_secret(&path).unwrap_err().message.contains("regular"));
        assert!(read_public(dir.path()).is_err());
        assert!(read_public(&dir.path().join("none")).unwrap().is_none());
    }
}
