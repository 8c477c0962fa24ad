//! Small values that a minion keeps from one call to the next: each a closed file in its cache directory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fleet_common::call::CallError;
use fleet_common::proto::decode::{Limits, decode, encode};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cx::Look;
use crate::system::fs::{WriteOptions, plain, read_bounded, write_atomic};

/// Most bytes of such a file.
const MOST_BYTES: u64 = 16 << 20;

/// A file of the cache directory that holds one value as msgpack, mode 0600.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its name.
    pub file: &'static str,
    /// What to do when it cannot be read, told after the reason.
    pub remedy: &'static str,
}

/// Whoever else would change the file waits until this is dropped (or the process ends).
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child that was forked meanwhile.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Kept {
    fn path(&self, look: &Look) -> PathBuf {
        look.cache_dir().join(self.file)
    }

    /// What is kept; a file that is not there is the default. One that is damaged or too large is an error.
    pub fn read<T: DeserializeOwned + Default>(&self, look: &Look) -> Result<T, CallError> {
        let path = self.path(look);
        match read_bounded(&path, MOST_BYTES) {
            Ok(bytes) => decode(&bytes, Limits::SESSION)
                .map_err(|error| CallError::Failed(format!("{}: {error}; {}", path.display(), self.remedy))),
            Err(fault) if fault.is_missing() => Ok(T::default()),
            Err(fault) => Err(CallError::Failed(fault.to_string())),
        }
    }

    /// Forgets what is kept, readable or not.
    pub fn clear(&self, look: &Look) -> Result<(), CallError> {
        let path = self.path(look);
        let _held = hold(look.cache_dir(), &path)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(CallError::Failed(format!("{}: {}", path.display(), plain(&error))))
            }
            _ => Ok(()),
        }
    }

    /// Changes what is kept; nobody else changes it meanwhile. An error of `change` leaves it as it was.
    pub fn change<T: DeserializeOwned + Default + Serialize, R>(
        &self,
        look: &Look,
        change: impl FnOnce(&mut T) -> Result<R, CallError>,
    ) -> Result<R, CallError> {
        let path = self.path(look);
        let _held = hold(look.cache_dir(), &path)?;
        let mut value = self.read(look)?;
        let result = change(&mut value)?;
        let bytes = encode(&value);
        if bytes.len() as u64 > MOST_BYTES {
            return Err(CallError::Failed(format!("{}: more than {MOST_BYTES} bytes would be kept", path.display())));
        }
        let options = WriteOptions { mode: Some(0o600), ..WriteOptions::default() };
        write_atomic(&path, &bytes, &options).map_err(|fault| CallError::Failed(fault.to_string()))?;
        Ok(result)
    }
}

fn hold(cache_dir: &Path, path: &Path) -> Result<Held, CallError> {
    let lock = path.with_extension("lock");
    let failed = |error: std::io::Error| CallError::Failed(format!("{}: {}", lock.display(), plain(&error)));
    std::fs::create_dir_all(cache_dir).map_err(failed)?;
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
    let file = options.map_err(failed)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(Held(file))
}
