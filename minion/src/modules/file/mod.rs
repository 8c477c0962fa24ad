//! `file.*`: files, directories and links. One table a subject; all have the module's name.

mod attrs;
mod backups;
mod content;
mod edit;
mod find;
mod find_actions;
mod hash;
mod inspect;
mod links;
mod manage;
mod managed;
mod managed_meta;
mod open_files;
mod owner;
mod patch;
mod path;
mod perms;
mod selinux;
mod tree;

pub(crate) use attrs::{are_settable, are_so, letters, set as set_attributes};
pub(crate) use content::{flags, store, text};
pub(crate) use edit::keep;

use crate::cx::Module;

/// What `sys.doc file` says of the module.
const DOC: &str = "Files, directories and links.";

/// The tables of the module.
pub const MODULES: [&Module; 18] = [
    &attrs::MODULE,
    &backups::MODULE,
    &content::MODULE,
    &edit::MODULE,
    &find::MODULE,
    &hash::MODULE,
    &inspect::MODULE,
    &links::MODULE,
    &manage::MODULE,
    &managed::MODULE,
    &managed_meta::MODULE,
    &open_files::MODULE,
    &owner::MODULE,
    &patch::MODULE,
    &path::MODULE,
    &perms::MODULE,
    &selinux::MODULE,
    &tree::MODULE,
];
