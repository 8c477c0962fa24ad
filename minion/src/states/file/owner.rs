//! User, group and mode of a file: what is asked for, how it differs, setting it.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use fleet_common::call::FromValue;
use fleet_common::value::{Map, Value};

use crate::states::Failure;
use crate::system::fs::{FileFault, Made, make_directory, plain};
use crate::system::user::Accounts;

/// A mode as written in a tree: `644`, `'0644'`, `keep`, or something that is no mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// As the source has it.
    Keep,
    /// Permission bits.
    Bits(u32),
    /// Not a mode; said when it would be set, as in the reference.
    Wrong(String),
}

impl FromValue for Mode {
    const KIND: &'static str = "mode";
    /// `644` (YAML drops a leading zero) and `'0644'` are the same octal digits.
    fn from_value(value: Value) -> Result<Self, Value> {
        let text = match &value {
            Value::Int(number) if *number >= 0 => number.to_string(),
            Value::Str(text) => text.trim().trim_matches(['\'', '"']).to_owned(),
            _ => return Err(value),
        };
        if text == "keep" {
            return Ok(Self::Keep);
        }
        let digits = text.trim_start_matches("0o").trim_start_matches("0O");
        match u32::from_str_radix(digits, 8) {
            Ok(bits) if bits <= 0o7777 => Ok(Self::Bits(bits)),
            _ => Ok(Self::Wrong(text)),
        }
    }
}

impl Mode {
    /// The bits, or a failure worded as the reference's.
    pub fn bits(&self) -> Result<Option<u32>, Failure> {
        match self {
            Self::Keep => Ok(None),
            Self::Bits(bits) => Ok(Some(*bits)),
            Self::Wrong(text) => Err(Failure::new(format!("Failed to change mode to {text}"))),
        }
    }
}

/// Bits as changes show them: four octal digits at least.
pub fn shown(bits: u32) -> String {
    format!("{bits:04o}")
}

/// Who shall own a file, and its mode; nothing asked for means nothing compared.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// User name or id.
    pub user: Option<String>,
    /// Group name or id.
    pub group: Option<String>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// Ids of [`Wanted`] on this system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resolved {
    /// User id to set.
    pub uid: Option<u32>,
    /// Group id to set.
    pub gid: Option<u32>,
    /// Bits to set.
    pub mode: Option<u32>,
}

impl Wanted {
    /// Finds the ids; a missing account or group fails with the reference's text.
    pub fn resolve(&self) -> Result<Resolved, Failure> {
        let accounts = Accounts::system();
        let uid = match self.user.as_deref().filter(|user| !user.is_empty()) {
            None => None,
            Some(user) => match accounts.account(user).map(|account| account.uid).or_else(|| user.parse().ok()) {
                Some(uid) => Some(uid),
                None => return Err(Failure::new(format!("User {user} is not available "))),
            },
        };
        let gid = match self.group.as_deref().filter(|group| !group.is_empty()) {
            None => None,
            Some(group) => match accounts.group(group).map(|group| group.gid).or_else(|| group.parse().ok()) {
                Some(gid) => Some(gid),
                None => return Err(Failure::new(format!("Group {group} is not available"))),
            },
        };
        Ok(Resolved { uid, gid, mode: self.mode })
    }

    /// The changes between a file as it is and as it is wanted, worded as asked for.
    pub fn changes(&self, resolved: &Resolved, now: &Metadata) -> Map {
        let mut changes = Map::new();
        if let (Some(uid), Some(user)) = (resolved.uid, &self.user)
            && uid != now.uid()
        {
            changes.insert("user", user);
        }
        if let (Some(gid), Some(group)) = (resolved.gid, &self.group)
            && gid != now.gid()
        {
            changes.insert("group", group);
        }
        // A link has no mode of its own.
        if let Some(mode) = resolved.mode
            && !now.is_symlink()
            && mode != now.mode() & 0o7777
        {
            changes.insert("mode", shown(mode));
        }
        changes
    }
}

impl Resolved {
    /// Sets owner, then mode (changing the owner clears set-user-id bits).
    pub fn apply(&self, path: &Path, follow: bool) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("{}: {}", path.display(), plain(&error)));
        if self.uid.is_some() || self.gid.is_some() {
            let chown = if follow { std::os::unix::fs::chown } else { std::os::unix::fs::lchown };
            chown(path, self.uid, self.gid).map_err(failed)?;
        }
        let link = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        if let Some(mode) = self.mode.filter(|_| follow || !link) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(())
    }
}

/// Directories on the way to `path` that do not exist yet are made, with the execute bits that the mode of a file
/// (or directory) implies. What another process makes meanwhile stays as that one makes it.
pub fn make_parents(path: &Path, resolved: &Resolved, dir_mode: Option<u32>) -> Result<Made, Failure> {
    let Some(parent) = path.parent().filter(|parent| !parent.exists()) else { return Ok(Made::default()) };
    let mut made = make_parents(parent, resolved, dir_mode)?;
    let mode = dir_mode.or_else(|| resolved.mode.map(searchable));
    let is_new = make_directory(parent, mode).map_err(FileFault::io(parent));
    if is_new.map_err(|fault| Failure::new(fault.to_string()))? {
        made.note(parent);
        Resolved { mode, ..*resolved }.apply(parent, true)?;
    }
    Ok(made)
}

/// A directory's mode made from a file's: who may read may also search.
pub fn searchable(mode: u32) -> u32 {
    mode | ((mode & 0o444) >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_digits_however_written() {
        for (value, mode) in [
            (Value::from(644), Mode::Bits(0o644)),
            (Value::from("0644"), Mode::Bits(0o644)),
            (Value::from("4755"), Mode::Bits(0o4755)),
            (Value::from("keep"), Mode::Keep),
            (Value::from("bogus"), Mode::Wrong("bogus".to_owned())),
            (Value::from(99), Mode::Wrong("99".to_owned())),
        ] {
            assert_eq!(Mode::from_value(value).unwrap(), mode);
        }
        assert_eq!(searchable(0o640), 0o750);
        assert_eq!(shown(0o4755), "4755");
    }

    #[test]
    fn several_make_the_same_parents_at_once() {
        for _ in 0..50 {
            let dir = tempfile::tempdir().unwrap();
            let together = std::sync::Barrier::new(4);
            let make = &|name: usize| {
                together.wait();
                let path = dir.path().join(format!("a/b/c/{name}"));
                make_parents(&path, &Resolved::default(), Some(0o750)).map(Made::keep)
            };
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|name| scope.spawn(move || make(name).is_ok())).collect();
                assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
            });
            let made = dir.path().join("a/b/c").metadata().unwrap();
            assert_eq!(made.mode() & 0o7777, 0o750);
        }
    }
}
