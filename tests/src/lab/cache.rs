//! The image of all hosts and the packages they install, made once for each recipe and kept outside the checkout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use fleet_common::digest;
use rustix::fs::{FlockOperation, flock};

use super::fault::Fault;
use super::image;

/// A finished image, kept from being removed as long as this lives.
#[derive(Debug)]
pub struct Image {
    dir: PathBuf,
    _in_use: File,
}

impl Image {
    /// The root file system of a host that has not been started yet.
    pub fn root(&self) -> PathBuf {
        self.dir.join("image")
    }

    /// The package repository.
    pub fn packages(&self) -> PathBuf {
        self.dir.join("packages")
    }
}

/// The image of the current recipe: the one that is there, else a new one. `fresh` makes a new one in any case.
pub fn image(fresh: bool) -> Result<Image, Fault> {
    let base = directory();
    fs::create_dir_all(&base).map_err(Fault::file(&base))?;
    let recipe = image::Recipe::of_this_machine();
    let name = digest::of_bytes("sha256", recipe.text().as_bytes()).unwrap_or_default();
    let name: String = name[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let dir = base.join(&name);
    // One maker at a time; others wait for it and find its image.
    let making = lock_file(&base.join("making.lock"))?;
    flock(&making, FlockOperation::LockExclusive).map_err(|error| Fault::file(&base)(error.into()))?;
    if fresh || !dir.is_dir() {
        remove_unused(&base);
        if dir.is_dir() {
            return Err(Fault::Wrong(format!("{} is in use by another lab", dir.display())));
        }
        let scratch = base.join(format!("{name}.new"));
        recipe.make(&scratch, &base.join("making.log"))?;
        fs::rename(&scratch, &dir).map_err(Fault::file(&dir))?;
    }
    let in_use = lock_file(&base.join(format!("{name}.lock")))?;
    flock(&in_use, FlockOperation::LockShared).map_err(|error| Fault::file(&dir)(error.into()))?;
    Ok(Image { dir, _in_use: in_use })
}

/// Where images are kept: `FLEET_LAB_CACHE`, else in the user's cache directory.
fn directory() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("FLEET_LAB_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(|| PathBuf::from("/root")).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("fleet-lab")
    })
}

fn lock_file(path: &Path) -> Result<File, Fault> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(Fault::file(path))
}

/// Removes images of older recipes and halves of broken attempts, except those that a lab runs on.
fn remove_unused(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let path = entry.path();
        if !path.is_dir() {
            continue;
        }
        let free = lock_file(&path.with_extension("lock"))
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
        if free && let Err(error) = fs::remove_dir_all(&path) {
            eprintln!("lab: {}: {error}", path.display());
        }
    }
}
