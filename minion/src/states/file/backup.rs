//! Former files kept in the cache directory (`backup: minion`).

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use crate::cx::Look;
use crate::states::Failure;
use crate::system::fs::{WriteOptions, plain, read_bounded, write_atomic};

/// Copies the file to `<cachedir>/file_backup/<path>_<time>`, with its mode and owner; the directories are private.
pub fn keep(look: &Look, path: &Path) -> Result<(), Failure> {
    let failed = |why: String| Failure::new(format!("{} cannot be kept as a backup: {why}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| failed(plain(&error)))?;
    let content = read_bounded(path, super::source::MAX_FILE).map_err(|fault| failed(fault.to_string()))?;
    let folder =
        look.cache_dir().join("file_backup").join(path.parent().unwrap_or(path).strip_prefix("/").unwrap_or(path));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).map_err(|error| failed(plain(&error)))?;
    let now = jiff::Zoned::now();
    let stamp = now.strftime("%a_%b_%d_%H:%M:%S_%f_%Y");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let options = WriteOptions {
        mode: Some(meta.mode() & 0o7777),
        uid: Some(meta.uid()),
        gid: Some(meta.gid()),
        ..WriteOptions::default()
    };
    write_atomic(&folder.join(format!("{name}_{stamp}")), &content, &options).map_err(|fault| failed(fault.to_string()))
}
