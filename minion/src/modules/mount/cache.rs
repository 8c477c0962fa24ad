//! `mount.*` about what states mounted: kept in the minion's cache, by place.

use fleet_common::args;
use fleet_common::call::Function;
use fleet_common::value::{Map, Value};

use super::table::Name;
use crate::cx::Module;
use crate::kept::Kept;

const STORE: Kept = Kept { file: "mounts", remedy: "remove the file" };

/// The module.
pub const MODULE: Module = Module {
    name: "mount",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "read_mount_cache",
            "What is kept about a place; an empty mapping when nothing is.",
            "mount.read_mount_cache /mnt/share",
            Name::ROWS,
            |look, arguments| {
                let name = Name::bind("mount.read_mount_cache", arguments)?.name;
                let mut all: Map = STORE.read(look)?;
                Ok(all.remove(&name).unwrap_or_else(|| Map::new().into()).into())
            },
        ),
        Function::changes(
            "write_mount_cache",
            "Keeps how a place is mounted.",
            "mount.write_mount_cache /mnt/share /dev/sda1 False ext4 defaults",
            Written::ROWS,
            |act, arguments| {
                let Written { real_name, device, mkmnt, fstype, mount_opts } =
                    Written::bind("mount.write_mount_cache", arguments)?;
                let about = [("device", device), ("fstype", fstype), ("mkmnt", mkmnt), ("opts", mount_opts)];
                let about: Map = about.into_iter().collect();
                STORE.change(act.look(), |all: &mut Map| {
                    all.insert(real_name, about);
                    Ok(())
                })?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "delete_mount_cache",
            "Forgets how a place is mounted.",
            "mount.delete_mount_cache /mnt/share",
            Forgotten::ROWS,
            |act, arguments| {
                let name = Forgotten::bind("mount.delete_mount_cache", arguments)?.real_name;
                STORE.change(act.look(), |all: &mut Map| {
                    all.remove(&name);
                    Ok(())
                })?;
                Ok(true.into())
            },
        ),
    ],
};

args! {
    /// Arguments of `mount.write_mount_cache`.
    pub struct Written {
        /// The place.
        real_name: String,
        /// What is mounted there.
        device: Value,
        /// Whether the directory is made.
        mkmnt: Value,
        /// Kind of file system.
        fstype: Value,
        /// Options.
        mount_opts: Value,
    }
}

args! {
    /// Arguments of `mount.delete_mount_cache`.
    pub struct Forgotten {
        /// The place.
        real_name: String,
    }
}
