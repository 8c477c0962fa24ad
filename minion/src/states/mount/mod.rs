//! `mount.*`: what is mounted, now and at start, and swap space.

mod fstab;
mod mounted;
mod swap;
mod unmounted;

use super::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "mount",
    doc: "What is mounted, now and at start, and swap space.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "mounted",
            doc: "Something mounted on a directory, and listed in the table of what is mounted at start.",
            example: "/srv/data: {mount.mounted: [{device: /dev/vdb}, {fstype: ext4}, {mkmnt: true}]}",
            args: mounted::Mounted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(mounted::Mounted::bind(f, a)?))),
        },
        StateFunction {
            name: "unmounted",
            doc: "Nothing mounted on a directory.",
            example: "/srv/data: {mount.unmounted: [{persist: true}]}",
            args: unmounted::Unmounted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(unmounted::Unmounted::bind(f, a)?))),
        },
        StateFunction {
            name: "swap",
            doc: "A device or file that memory is swapped to.",
            example: "/swapfile: {mount.swap: []}",
            args: swap::Swap::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(swap::Swap::bind(f, a)?))),
        },
        StateFunction {
            name: "fstab_present",
            doc: "An entry of the table of what is mounted at start.",
            example: "/dev/vdb: {mount.fstab_present: [{fs_file: /srv/data}, {fs_vfstype: ext4}]}",
            args: fstab::Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(fstab::Present::bind(f, a)?))),
        },
        StateFunction {
            name: "fstab_absent",
            doc: "No such entry in the table of what is mounted at start.",
            example: "/dev/vdb: {mount.fstab_absent: [{fs_file: /srv/data}]}",
            args: fstab::Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(fstab::Absent::bind(f, a)?))),
        },
    ],
};
