//! `file.*`: files, directories and links. One table a subject; all have the module's name.

mod backups;
mod content;
mod edit;
mod find;
mod hash;
mod inspect;
mod links;
mod owner;
mod patch;
mod path;
mod perms;
mod tree;

pub(crate) use content::{flags, store, text};
pub(crate) use edit::keep;

use crate::cx::Module;

/// What `sys.doc file` says of the module.
const DOC: &str = "Files, directories and links.";

/// The tables of the module.
pub const MODULES: [&Module; 12] = [
    &backups::MODULE,
    &content::MODULE,
    &edit::MODULE,
    &find::MODULE,
    &hash::MODULE,
    &inspect::MODULE,
    &links::MODULE,
    &owner::MODULE,
    &patch::MODULE,
    &path::MODULE,
    &perms::MODULE,
    &tree::MODULE,
];
