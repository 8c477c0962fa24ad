//! What an `archive.extracted` may not ask for, and the kind of its archive.

use std::path::Path;

use super::extracted::Extracted;
use crate::states::Failure;
use crate::system::archive::{Contents, Kind};

impl Extracted {
    /// What cannot be meant, or not together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let absolute = |path: Option<&String>| path.is_none_or(|path| Path::new(path).is_absolute());
        let name = self.name.trim_end_matches('/');
        let bad = if !Path::new(&self.name).is_absolute() {
            Some(format!("{} is not an absolute path", self.name))
        } else if Path::new(name).is_file() {
            Some(format!("{name} exists and is not a directory"))
        } else if !absolute(self.if_missing.as_ref()) {
            Some("Value for 'if_missing' is not an absolute path".to_owned())
        } else if !absolute(self.enforce_ownership_on.as_ref()) {
            Some("Value for 'enforce_ownership_on' is not an absolute path".to_owned())
        } else if self.enforce_ownership_on.as_ref().is_some_and(|path| !Path::new(path).starts_with(name)) {
            Some(format!("Value for 'enforce_ownership_on' must be within {}", self.directory()))
        } else if self.clean && self.clean_parent {
            Some("Only one of 'clean' and 'clean_parent' can be set to True".to_owned())
        } else if self.source_hash_update || self.skip_files_list_verify {
            let name = if self.source_hash_update { "source_hash_update" } else { "skip_files_list_verify" };
            Some(format!("archive.extracted: the argument '{name}' is not implemented"))
        } else {
            None
        };
        bad.map_or(Ok(()), |text| Err(Failure::new(text)))
    }

    /// The directory, with a slash at its end.
    pub(super) fn directory(&self) -> String {
        format!("{}/", self.name.trim_end_matches('/'))
    }

    /// The kind of the archive, as given or as its name tells.
    pub(super) fn kind(&self, source: &str) -> Result<Kind, Failure> {
        let kind = match &self.archive_format {
            Some(name) => Kind::named(name).ok_or_else(|| {
                Failure::new(format!(
                    "Invalid archive_format '{name}'. Either set it to a supported value (tar, rar, zip) or remove this \
                     argument and the archive format will be guessed based on file extension."
                ))
            })?,
            None => Kind::of_file(source).ok_or_else(|| {
                Failure::new(
                    "Could not guess archive_format from the value of the 'source' argument. Please set this \
                     archive_format to one of the following: tar, rar, zip",
                )
            })?,
        };
        match kind {
            Kind::Rar => Err(Failure::new("archive.extracted: archives of rar are not supported")),
            Kind::Tar if self.password.is_some() => {
                Err(Failure::new("The 'password' argument is only supported for zip archives"))
            }
            kind => Ok(kind),
        }
    }

    /// Refuses an archive that would spread over the directory.
    pub(super) fn refuse_bomb(&self, contents: &Contents, kind: Kind) -> Result<(), Failure> {
        if !self.enforce_toplevel || (contents.top_dirs().len() <= 1 && contents.top_files().is_empty()) {
            return Ok(());
        }
        let (directory, kind) = (self.directory(), kind.name());
        Err(Failure::new(format!(
            "Archive does not have a single top-level directory. To allow this archive to be extracted, set \
             'enforce_toplevel' to False. To avoid a '{kind}-bomb' it may also be advisable to set a top-level directory by \
             adding it to the 'name' value (for example, setting 'name' to {directory}some_dir instead of {directory})."
        )))
    }
}
