//! `file.*`: files, directories and links as they should be. One file a function (or a pair that shares all its code).

mod absent;
mod backup;
mod contents;
mod directory;
mod exists;
mod managed;
mod owner;
mod source;
mod symlink;
mod tree;

use super::{OpaqueRun, PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "file",
    doc: "Files, directories and links as they should be.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "managed",
            doc: "A file with the given content, mode and owner.\n\nContent comes from `contents`, `contents_pillar`, \
                  `contents_grains` or a `source` (`salt://` or a local path), optionally through a template.",
            example: "/etc/motd: {file.managed: [{contents: hello}, {mode: '0644'}]}",
            args: managed::Managed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(managed::Managed::bind(f, a)?))),
        },
        StateFunction {
            name: "directory",
            doc: "A directory with the given mode and owner, optionally all below it, optionally nothing else in it.",
            example: "/srv/www: {file.directory: [{mode: '0755'}, {makedirs: true}]}",
            args: directory::Directory::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(directory::Directory::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "No file, link or directory of that name; a directory goes with all below it.",
            example: "/etc/motd.old: {file.absent: []}",
            args: absent::Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(absent::Absent::bind(f, a)?))),
        },
        StateFunction {
            name: "symlink",
            doc: "A symbolic link to a target.",
            example: "/etc/nginx/enabled: {file.symlink: [{target: /etc/nginx/available}]}",
            args: symlink::Symlink::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(symlink::Symlink::bind(f, a)?))),
        },
        StateFunction {
            name: "exists",
            doc: "Fails unless the path is there. Changes nothing.",
            example: "/etc/hosts: {file.exists: []}",
            args: exists::Presence::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(exists::Exists(exists::Presence::bind(f, a)?)))),
        },
        StateFunction {
            name: "missing",
            doc: "Fails if the path is there. Changes nothing.",
            example: "/etc/nologin: {file.missing: []}",
            args: exists::Presence::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(exists::Missing(exists::Presence::bind(f, a)?)))),
        },
    ],
};
