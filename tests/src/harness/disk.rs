//! A small disk in memory that can be filled.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, mounted until dropped.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one of `mib` MiB at a directory, which is made.
    ///
    /// # Errors
    /// The reason, for a test to skip itself by.
    pub fn mount(at: &Path, mib: u32) -> Result<Self, String> {
        fs::create_dir_all(at).map_err(|error| error.to_string())?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "fleet-test"]).arg(at);
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Self { at: at.to_owned() }),
            Ok(output) => Err(format!("nothing can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Uses every byte that is left.
    pub fn fill(&self) {
        let Ok(mut file) = fs::File::create(self.filler()) else { return };
        for size in [1 << 20, 4096, 1] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
    }

    /// Gives them back.
    pub fn free(&self) {
        // One that was not filled is as good.
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still uses it keeps it until the end; a lazy unmount is enough.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}
