//! `mount.mounted`.

use std::path::Path;

use fleet_common::args;

use super::super::{Applied, Failure, Plan, Report, Run, State};
use crate::cx::{Act, Look};
use crate::modules::mount::{self as tool, Change, Mount, compare, failed, is_meant};
use crate::system::mount::{self as system, Entry};

args! {
    /// Arguments of `mount.mounted`.
    pub struct Mounted {
        /// Where.
        name: String,
        /// What: a device, `UUID=…`, `LABEL=…`, an address, a directory for a bind mount.
        device: String,
        /// Kind of file system.
        fstype: String,
        /// Make the directory.
        mkmnt: bool = false,
        /// Options, a list or separated by commas.
        opts: Vec<String> = vec!["defaults".to_owned()],
        /// For `dump`.
        dump: String = "0".to_owned(),
        /// When it is checked at start: 0 never, 1 first, 2 then.
        pass_num: String = "0".to_owned(),
        /// The table.
        config: String = "/etc/fstab".to_owned(),
        /// Also in the table.
        persist: bool = true,
        /// Also now.
        mount: bool = true,
        /// User to run as.
        user: Option<String> = None,
        /// Which fields name the entry that is replaced: `auto`, or of name, device, fstype, opts.
        match_on: Vec<String> = vec!["auto".to_owned()],
        /// Expressions for devices that are as good.
        device_name_regex: Vec<String> = Vec::new(),
        /// More options that the kernel does not show.
        extra_mount_invisible_options: Vec<String> = Vec::new(),
        /// More options with values that the kernel does not show, by name.
        extra_mount_invisible_keys: Vec<String> = Vec::new(),
        /// Options that are not compared, by kind of file system.
        extra_mount_ignore_fs_keys: Option<fleet_common::value::Map> = None,
        /// Options that the kernel shows by other names.
        extra_mount_translate_options: Option<fleet_common::value::Map> = None,
        /// Options that are not compared.
        hidden_opts: Vec<String> = Vec::new(),
        /// Taken for trees written for the reference: options of the mount below are not added to the table.
        bind_mount_copy_active_opts: bool = true,
    }
}

/// Options that say how something is mounted and that no mount shows.
const INVISIBLE: &[&str] = &[
    "_netdev",
    "actimeo",
    "async",
    "auto",
    "bg",
    "bind",
    "bootwait",
    "comment",
    "defaults",
    "delay_connect",
    "direct-io-mode",
    "fg",
    "group",
    "intr",
    "loop",
    "nobootwait",
    "noauto",
    "nofail",
    "noowner",
    "nouser",
    "nouuid",
    "owner",
    "password",
    "port",
    "rbind",
    "reconnect",
    "retry",
    "rw",
    "soft",
    "suid",
    "dev",
    "exec",
    "user",
    "users",
    "relatime",
    "credentials",
    "secretfile",
    "cred",
    "backupvolfile-server",
    "log-level",
    "log-file",
    "fetch-attempts",
    "uid",
    "gid",
];

/// How the mount comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is there.
    Keep,
    /// Mount.
    Mount,
    /// Mount again with other options.
    Remount,
    /// Unmount what is there, then mount.
    Replace,
}

/// What to do.
pub struct Todo {
    way: Way,
    entry: Option<Entry>,
}

/// A size in bytes as the kernel shows it, in kibibytes.
fn plain_option(option: &str) -> String {
    let Some((key, value)) = option.split_once('=') else { return option.to_owned() };
    let split = value.len() - usize::from(value.ends_with(|unit: char| unit.is_ascii_alphabetic()));
    let (number, unit) = value.split_at(split);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "k" => 1,
        "m" => 1 << 10,
        "g" => 1 << 20,
        "t" => 1 << 30,
        _ => return option.to_owned(),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(number) => format!("{key}={number}k"),
        None => option.to_owned(),
    }
}

impl Mounted {
    fn is_bind(&self) -> bool {
        self.opts.iter().any(|opt| opt == "bind" || opt == "rbind")
    }

    fn entry(&self) -> Entry {
        Entry {
            device: self.device.clone(),
            point: self.name.clone(),
            fstype: self.fstype.clone(),
            opts: self.opts.join(","),
            dump: self.dump.clone(),
            pass: self.pass_num.clone(),
        }
    }

    /// Options that are wanted and that the mount does not have.
    fn missing(&self, now: &system::Mounted) -> Vec<String> {
        let active: Vec<String> = now.opts.iter().chain(&now.super_opts).map(|opt| plain_option(opt)).collect();
        let translated = |opt: &str| {
            let table = self.extra_mount_translate_options.as_ref()?;
            table.get(opt)?.as_str().map(str::to_owned)
        };
        let ignored = |key: &str| {
            let table = self.extra_mount_ignore_fs_keys.as_ref();
            let keys = table.and_then(|table| table.get(self.fstype.as_str())).and_then(|keys| keys.as_list());
            keys.is_some_and(|keys| keys.iter().any(|known| known.as_str() == Some(key)))
        };
        let hidden = [&self.extra_mount_invisible_options, &self.extra_mount_invisible_keys, &self.hidden_opts];
        let shown = |opt: &&String| {
            let key = opt.split('=').next().unwrap_or_default();
            let known = INVISIBLE.contains(&key) || key.starts_with("x-") || ignored(key);
            !known && !hidden.iter().any(|list| list.contains(opt) || list.iter().any(|hidden| hidden == key))
        };
        let opts = self.opts.iter().filter(shown);
        opts.filter(|opt| {
            let plain = plain_option(&translated(opt).unwrap_or_else(|| (*opt).clone()));
            // `size=1m` is shown in kibibytes; `mode=0755` without its zero.
            let bare = plain.replace("mode=0", "mode=");
            !active.contains(&plain) && !active.contains(&bare)
        })
        .cloned()
        .collect()
    }

    /// How the mount comes about, with what a dry run says and what changes.
    fn way(&self) -> Result<(Way, Option<String>, Report), Failure> {
        let name = &self.name;
        let Some(now) = system::mounted(name).map_err(failed)? else {
            let there = Path::new(name).exists();
            if !there && !self.mkmnt {
                return Err(Failure::new("Mount directory is not present"));
            }
            let made = if there { "" } else { "created and " };
            let did = Report::new("Target was successfully mounted").change("mount", true);
            return Ok((Way::Mount, Some(format!("{name} would be {made}mounted")), did));
        };
        let patterns: Result<Vec<_>, _> = self.device_name_regex.iter().map(|text| regex::Regex::new(text)).collect();
        let patterns = patterns.map_err(|error| Failure::new(format!("device_name_regex: {error}")))?;
        let fits = now.is_of(&self.device, self.is_bind()) || patterns.iter().any(|regex| regex.is_match(&now.device));
        if !fits {
            let would =
                format!("An umount would have been forced because devices do not match.  Watched: {}", self.device);
            let why =
                format!("Forced unmount because devices don't match. Wanted: {}, current: {}", self.device, now.device);
            let did = Report::new("Target was successfully mounted").change("umount", why).change("mount", true);
            return Ok((Way::Replace, Some(would), did));
        }
        let missing = self.missing(&now);
        let did = Report::new("Target was already mounted");
        if missing.is_empty() {
            return Ok((Way::Keep, None, did));
        }
        let opts = missing.join(", ");
        let did = did.change("umount", format!("Forced remount because options ({opts}) changed"));
        // What lies behind a server or a process cannot be given other options.
        let again =
            !["nfs", "nfs4", "cifs", "smbfs"].contains(&self.fstype.as_str()) && !self.fstype.starts_with("fuse");
        let way = if again { Way::Remount } else { Way::Replace };
        Ok((way, Some(format!("Remount would be forced because options ({opts}) changed")), did))
    }

    fn mount_args(&self) -> Mount {
        Mount {
            name: self.name.clone(),
            device: Some(self.device.clone()),
            mkmnt: self.mkmnt,
            fstype: self.fstype.clone(),
            opts: self.opts.clone(),
            user: self.user.clone(),
            util: "mount".to_owned(),
        }
    }
}

impl State for Mounted {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let (way, would, mut did) =
            if self.mount { self.way()? } else { (Way::Keep, None, Report::new(format!("{name} not mounted"))) };
        let entry = self.entry();
        let change = match self.persist {
            true => compare(Path::new(&self.config), &entry, &self.match_on, false)?,
            false => Change::Present,
        };
        let mut said = vec![would.unwrap_or_else(|| did.comment.clone())];
        let (verb, sentence) = match change {
            Change::Present if !self.persist => ("", ""),
            Change::Present => ("", ". Entry already exists in the fstab."),
            Change::New => ("new", ". Added new entry to the fstab."),
            Change::Change => ("update", ". Updated the entry in the fstab."),
        };
        did.comment.push_str(sentence);
        if change != Change::Present {
            did = did.change("persist", verb);
            let is = if self.mount { "is mounted" } else { "is not mounted" };
            let what = if change == Change::New {
                "needs to be written to the fstab in order to be made persistent."
            } else {
                "its fstab entry must be updated."
            };
            said.push(if way == Way::Keep { format!("{name} {is}, but {what}") } else { format!("{name} {what}") });
        }
        if way == Way::Keep && change == Change::Present {
            return Ok(Plan::Nothing(did));
        }
        let would = Report::new(said.join(". ")).changes(did.changes.clone());
        let todo = Todo { way, entry: (change != Change::Present).then_some(entry) };
        Ok(Plan::Change { todo, would, did })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let args = self.mount_args();
        if todo.way == Way::Replace
            && let Some(why) = tool::unmount(&self.name, self.user.as_deref(), false)?
        {
            return Err(Failure::new(format!("Unable to unmount {}: {why}.", self.name)));
        }
        if todo.way != Way::Keep
            && let Some(why) = tool::mount(&args, todo.way == Way::Remount)?
        {
            return Err(Failure::new(why));
        }
        if let Some(entry) = &todo.entry {
            system::put(Path::new(&self.config), |known| is_meant(known, entry, &self.match_on), Some(entry))
                .map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }

    fn on_watch(&self, _look: &Look) -> Option<Result<Plan<Todo>, Failure>> {
        if !self.mount {
            return None;
        }
        let way = match system::mounted(&self.name) {
            Ok(Some(_)) => Way::Remount,
            Ok(None) => Way::Mount,
            Err(fault) => return Some(Err(failed(fault).into())),
        };
        let report = |text: &str| Report::new(format!("{} {text}", self.name)).change("mount", true);
        let (would, did) = (report("would be remounted"), report("remounted"));
        Some(Ok(Plan::Change { todo: Todo { way, entry: None }, would, did }))
    }
}

#[cfg(test)]
mod tests {
    use fleet_common::call::Arguments;

    use super::*;

    #[test]
    fn only_options_that_a_mount_shows_are_compared() {
        let arguments = Arguments::positional(["/m", "tmpfs", "tmpfs"])
            .with("opts", "size=1m,noauto,x-systemd.automount,mode=0755,ro,noexec");
        let args = Mounted::bind("mount.mounted", arguments).unwrap();
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        let now = system::Mounted {
            opts: list("rw,noexec"),
            super_opts: list("rw,size=1024k,mode=755"),
            ..Default::default()
        };
        assert_eq!(args.missing(&now), ["ro"]);
        assert_eq!((plain_option("size=2g"), plain_option("uid=3")), ("size=2097152k".to_owned(), "uid=3".to_owned()));
    }
}
