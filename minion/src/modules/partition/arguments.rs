//! Arguments of `partition.*`.

use fleet_common::args;

args! {
    /// A disk or a partition.
    pub struct Disk {
        /// Its device.
        device: String = String::new(),
    }
}

args! {
    /// Arguments of `partition.list`.
    pub struct List {
        /// The disk.
        device: String,
        /// In what places are counted: `s`, `kB`, `MiB`, `cyl`, `%`, …
        unit: Option<String> = None,
    }
}

args! {
    /// Arguments of `partition.align_check`.
    pub struct Align {
        /// The disk.
        device: String,
        /// `minimal` or `optimal`.
        part_type: String,
        /// The number of the partition.
        partition: i64,
    }
}

args! {
    /// A partition.
    pub struct Minor {
        /// The disk.
        device: String,
        /// The number of the partition.
        minor: i64,
    }
}

args! {
    /// Arguments of `partition.set_id`.
    pub struct SetId {
        /// The disk.
        device: String,
        /// The number of the partition.
        minor: i64,
        /// The type: `83`, or an identifier of GPT.
        system_id: String,
    }
}

args! {
    /// Arguments of `partition.mklabel`.
    pub struct Label {
        /// The disk.
        device: String,
        /// The kind of table: `gpt`, `msdos`, …
        label_type: String,
    }
}

args! {
    /// Arguments of `partition.mkpart`.
    pub struct Make {
        /// The disk.
        device: String,
        /// `primary`, `logical` or `extended`.
        part_type: String,
        /// The file system that will be on it: it is not made.
        fs_type: Option<String> = None,
        /// Where it begins: megabytes, or a number with a unit.
        start: Option<String> = None,
        /// Where it ends.
        end: Option<String> = None,
    }
}

args! {
    /// Arguments of `partition.name`.
    pub struct Name {
        /// The disk.
        device: String,
        /// The number of the partition.
        partition: i64,
        /// The name.
        name: String,
    }
}

args! {
    /// Arguments of `partition.set`.
    pub struct Set {
        /// The disk.
        device: String,
        /// The number of the partition.
        minor: i64,
        /// The flag: `boot`, `lvm`, …
        flag: String,
        /// `on` or `off`.
        state: bool,
    }
}

args! {
    /// Arguments of `partition.toggle`.
    pub struct Toggle {
        /// The disk.
        device: String,
        /// The number of the partition.
        partition: i64,
        /// The flag: `boot`, `lvm`, …
        flag: String,
    }
}

args! {
    /// Arguments of `partition.disk_set`.
    pub struct DiskSet {
        /// The disk.
        device: String,
        /// The flag: `pmbr_boot`, …
        flag: String,
        /// `on` or `off`.
        state: bool,
    }
}

args! {
    /// Arguments of `partition.disk_toggle`.
    pub struct DiskFlag {
        /// The disk.
        device: String,
        /// The flag: `pmbr_boot`, …
        flag: String,
    }
}

args! {
    /// Arguments of `partition.cp`.
    pub struct Copy {
        /// The disk.
        device: String,
        /// The number of the partition that is copied.
        from_minor: i64,
        /// The number of the partition that is written over.
        to_minor: i64,
    }
}

args! {
    /// Arguments of `partition.resize`.
    pub struct Resize {
        /// The disk.
        device: String,
        /// The number of the partition.
        minor: i64,
        /// Where it begins.
        start: String,
        /// Where it ends.
        end: String,
    }
}

args! {
    /// Arguments of `partition.rescue`.
    pub struct Rescue {
        /// The disk.
        device: String,
        /// From where.
        start: String,
        /// Up to where.
        end: String,
    }
}

args! {
    /// Arguments of `partition.probe`.
    pub struct Probe {
        /// The disks.
        *devices: Vec<String>,
    }
}

args! {
    /// Arguments of `partition.mkfs`.
    pub struct MakeFs {
        /// The partition.
        device: String,
        /// The file system: `ext4`, `fat32`, `linux-swap`, …
        fs_type: String,
    }
}
