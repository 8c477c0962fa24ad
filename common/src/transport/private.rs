//! A directory nobody else enters, for the two ends of a relay to meet in.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::Rng;
use tokio::net::UnixListener;

use super::relay::RelayError;

/// Longest path a unix socket's address holds, with some room.
const MAX_SOCKET_PATH: usize = 100;

/// An open private directory.
pub struct Private {
    path: PathBuf,
    handle: std::fs::File,
}

/// A socket's path; the file is removed on drop.
pub struct SocketPath {
    file: PathBuf,
    address: PathBuf,
    /// Keeps an address through `/proc/self/fd` valid.
    _directory: std::fs::File,
}

impl Private {
    /// Opens the directory, making it if it is missing. Anything another user could enter or swap is refused.
    pub fn open(path: &Path) -> Result<Self, RelayError> {
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let flags = (rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW).bits();
        let handle = std::fs::OpenOptions::new().read(true).custom_flags(flags as i32).open(path)?;
        let metadata = handle.metadata()?;
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(RelayError::NotPrivate);
        }
        Ok(Self { path: path.to_owned(), handle })
    }

    /// Listens on a fresh socket in it.
    pub fn listen(self) -> Result<(UnixListener, SocketPath), RelayError> {
        let name = format!("relay-{:016x}", rand::rng().random::<u64>());
        let file = self.path.join(&name);
        // A long path does not fit a socket's address; the open directory has a short name.
        let address = if file.as_os_str().len() <= MAX_SOCKET_PATH {
            file.clone()
        } else {
            PathBuf::from(format!("/proc/self/fd/{}/{name}", self.handle.as_raw_fd()))
        };
        let listener = UnixListener::bind(&address)?;
        Ok((listener, SocketPath { file, address, _directory: self.handle }))
    }
}

impl SocketPath {
    /// What to connect to.
    pub fn address(&self) -> &Path {
        &self.address
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // Whoever was to connect has done so or never will.
        let _ = std::fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn only_a_private_directory_will_do() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("x".repeat(120));
        let (listener, socket) = Private::open(&path).expect("made").listen().expect("listens");
        let (_stream, accepted) = tokio::join!(tokio::net::UnixStream::connect(socket.address()), listener.accept());
        accepted.expect("a connection through the short name");
        assert_eq!(std::fs::read_dir(&path).expect("there").count(), 1);
        drop(socket);
        assert_eq!(std::fs::read_dir(&path).expect("there").count(), 0);

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).expect("ours");
        assert!(matches!(Private::open(&path), Err(RelayError::NotPrivate)));
        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).expect("made");
        assert!(matches!(Private::open(&link), Err(RelayError::Io(_))));
    }
}
