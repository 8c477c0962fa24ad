//! `mount.fstab_present`, `mount.fstab_absent`.

use std::path::Path;

use fleet_common::args;

use super::super::{Applied, Failure, Plan, Report, Run, State};
use crate::cx::{Act, Look};
use crate::modules::mount::{self as tool, Change, Mount, compare, failed, is_meant};
use crate::system::mount::{self as system, Entry};

args! {
    /// Arguments of `mount.fstab_present`.
    pub struct Present {
        /// What.
        name: String,
        /// Where.
        fs_file: String,
        /// Kind of file system.
        fs_vfstype: String,
        /// Options, a list or separated by commas.
        fs_mntops: Vec<String> = vec!["defaults".to_owned()],
        /// For `dump`.
        fs_freq: String = "0".to_owned(),
        /// When it is checked at start: 0 never, 1 first, 2 then.
        fs_passno: String = "0".to_owned(),
        /// How the entry names the device: `device`, `label`, `partlabel`, `partuuid` or `uuid`.
        mount_by: Option<String> = None,
        /// The table.
        config: String = "/etc/fstab".to_owned(),
        /// Only on AIX: mounted at start.
        mount: bool = true,
        /// Which fields name the entry that is replaced: `auto`, or of name, device, fstype, opts.
        match_on: Vec<String> = vec!["auto".to_owned()],
        /// Leave an entry that is there as it is.
        not_change: bool = false,
        /// Mount it, too, when the entry is new.
        fs_mount: bool = true,
    }
}

args! {
    /// Arguments of `mount.fstab_absent`.
    pub struct Absent {
        /// What.
        name: String,
        /// Where.
        fs_file: String,
        /// How the entry names the device: `device`, `label`, `partlabel`, `partuuid` or `uuid`.
        mount_by: Option<String> = None,
        /// The table.
        config: String = "/etc/fstab".to_owned(),
    }
}

/// A device as the entry names it.
fn named(device: &str, by: Option<&str>) -> Result<String, Failure> {
    let folder = match by {
        None | Some("device") => return Ok(device.to_owned()),
        Some(by @ ("label" | "partlabel" | "partuuid" | "uuid")) => by,
        Some(other) => {
            return Err(Failure::new(format!("mount_by is device, label, partlabel, partuuid or uuid, not '{other}'")));
        }
    };
    let real = system::device_path(device);
    let entries = std::fs::read_dir(format!("/dev/disk/by-{folder}"));
    let found = entries
        .into_iter()
        .flatten()
        .flatten()
        .find(|entry| std::fs::canonicalize(entry.path()).is_ok_and(|path| path.as_os_str() == real.as_str()));
    let name = found.map(|entry| entry.file_name().to_string_lossy().into_owned());
    name.map(|name| format!("{}={name}", folder.to_uppercase()))
        .ok_or_else(|| Failure::new(format!("{device} has no {folder}")))
}

impl State for Present {
    /// The entry, and whether it is mounted.
    type Todo = (Entry, bool);

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Self::Todo>, Failure> {
        let (place, config) = (&self.fs_file, &self.config);
        let entry = Entry {
            device: named(&self.name, self.mount_by.as_deref())?,
            point: if self.fs_vfstype == "swap" { "none".to_owned() } else { place.clone() },
            fstype: self.fs_vfstype.clone(),
            opts: self.fs_mntops.join(","),
            dump: self.fs_freq.clone(),
            pass: self.fs_passno.clone(),
        };
        let (done, would, changed) = match compare(Path::new(config), &entry, &self.match_on, self.not_change)? {
            Change::Present => {
                return Ok(Plan::Nothing(Report::new(format!("{place} entry was already in {config}."))));
            }
            Change::New => ("added in", "written in", "new"),
            Change::Change => ("updated in", "updated in", "change"),
        };
        let mount = self.fs_mount && changed == "new" && self.fs_vfstype != "swap";
        let mount = mount && system::mounted(place).map_err(failed)?.is_none();
        let (mut will, mut did) =
            (vec![format!("{place} entry will be {would} {config}.")], vec![format!("{place} entry {done} {config}.")]);
        if mount {
            will.push(format!("Will mount {} on {place}", self.name));
            did.push(format!("Mounted {} on {place}", self.name));
        }
        let report = |lines: Vec<String>| Report::new(lines.join("\n")).change("persist", changed);
        Ok(Plan::Change { would: report(will), did: report(did), todo: (entry, mount) })
    }

    fn apply(&self, _act: &Act, (entry, mount): Self::Todo) -> Result<Applied, Failure> {
        system::put(Path::new(&self.config), |known| is_meant(known, &entry, &self.match_on), Some(&entry))
            .map_err(failed)?;
        let args = Mount {
            name: self.fs_file.clone(),
            device: Some(entry.device.clone()),
            mkmnt: false,
            fstype: entry.fstype.clone(),
            opts: self.fs_mntops.clone(),
            user: None,
            util: "mount".to_owned(),
        };
        match if mount { tool::mount(&args, false)? } else { None } {
            None => Ok(Applied::AsPlanned),
            Some(why) => {
                let text = format!("{} entry added in {}.\nError while mounting {why}", self.fs_file, self.config);
                Err(Failure(Report::new(text).change("persist", "new")))
            }
        }
    }
}

impl Absent {
    fn is_meant(&self, device: &str, entry: &Entry) -> bool {
        entry.device == device && (entry.point == self.fs_file || entry.fstype == "swap")
    }
}

impl State for Absent {
    /// The device as the entry names it.
    type Todo = String;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<String>, Failure> {
        let (place, config) = (&self.fs_file, &self.config);
        let device = named(&self.name, self.mount_by.as_deref())?;
        let table = system::table(Path::new(config)).map_err(failed)?;
        if !table.iter().any(|entry| self.is_meant(&device, entry)) {
            return Ok(Plan::Nothing(Report::new(format!("{place} entry is already missing in {config}."))));
        }
        let report = |text: &str| Report::new(format!("{place} entry {text} {config}.")).change("persist", "removed");
        Ok(Plan::Change { todo: device, would: report("will be removed from"), did: report("removed from") })
    }

    fn apply(&self, _act: &Act, device: String) -> Result<Applied, Failure> {
        system::put(Path::new(&self.config), |entry| self.is_meant(&device, entry), None).map_err(failed)?;
        Ok(Applied::AsPlanned)
    }
}
