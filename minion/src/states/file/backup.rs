//! Former files kept in the cache directory (`backup: minion`).

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};

use crate::cx::Look;
use crate::files::below::{Below, Spot};
use crate::states::Failure;
use crate::system::fs::plain;

/// Where the cache keeps former versions of a file, without the time that ends each one's name; `None` for a path that
/// is not absolute or no text.
pub fn spot(look: &Look, path: &Path) -> Option<Spot> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.strip_prefix("/").ok()?.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    Below::new(look.cache_dir().join("file_backup")).spot(parts.join("/"))
}

/// Copies the file to `<cachedir>/file_backup/<path>_<time>`, with its mode and owner; the directories are private.
pub fn keep(look: &Look, path: &Path) -> Result<(), Failure> {
    let failed = |why: String| Failure::new(format!("{} cannot be kept as a backup: {why}", path.display()));
    let spot = spot(look, path).ok_or_else(|| failed("its path is not absolute, or no text".to_owned()))?;
    let copy = || -> std::io::Result<()> {
        // One handle for all: whoever swaps the file meanwhile gives one file's content no other's owner.
        let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let former = std::fs::File::options().read(true).custom_flags(flags).open(path)?;
        let meta = former.metadata()?;
        if !meta.is_file() || meta.len() > super::source::MAX_FILE {
            return Err(std::io::Error::other("it is no regular file, or too large"));
        }
        let stamp = jiff::Zoned::now().strftime("%a_%b_%d_%H:%M:%S_%f_%Y").to_string();
        let written = spot.below.write(&format!("{}_{stamp}", spot.name), |file| {
            let mut content = Vec::new();
            former.take(super::source::MAX_FILE).read_to_end(&mut content)?;
            file.write_all(&content)?;
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (meta.uid(), meta.gid()) {
                std::os::unix::fs::fchown(&*file, Some(meta.uid()), Some(meta.gid()))?;
            }
            file.set_permissions(std::fs::Permissions::from_mode(meta.mode() & 0o7777))
        });
        written.map(drop)
    };
    copy().map_err(|error| failed(plain(&error)))
}
