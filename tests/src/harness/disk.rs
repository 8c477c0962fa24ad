//! A small disk that can be filled: in memory, or a file system in a file.

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
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "fleet-test"]).arg(at))?;
        Ok(Self { at: at.to_owned() })
    }

    /// As [`Disk::mount`], with a file system that finds a place for what is written only when it goes to the disk: it may
    /// say then that there is none. Its image lies beside the directory.
    ///
    /// # Errors
    /// The reason, for a test to skip itself by.
    pub fn mount_image(at: &Path, mib: u32) -> Result<Self, String> {
        fs::create_dir_all(at).map_err(|error| error.to_string())?;
        let image = at.with_extension("image");
        let file = fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(u64::from(mib) << 20).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at))?;
        Ok(Self { at: at.to_owned() })
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

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("nothing can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{:?}: {error}", command.get_program())),
    }
}
