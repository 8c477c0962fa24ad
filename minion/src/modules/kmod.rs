//! `kmod.*`: modules of the kernel, now and for the next start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use super::tool;
use crate::cx::{Act, Module};

/// What is loaded at start; the name is the reference's, so a list that it wrote goes on being managed.
const AT_START: &str = "/etc/modules-load.d/salt_managed.conf";
/// The list of systems that know no folder of lists.
const AT_START_ALONE: &str = "/etc/modules";

/// The module.
pub const MODULE: Module = Module {
    name: "kmod",
    doc: "Modules of the kernel.",
    functions: &[
        Function::reads(
            "available",
            "The modules that the running kernel has or could load.",
            "kmod.available",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("kmod.available", arguments)?;
                Ok(available()?.into_iter().collect::<Value>().into())
            },
        ),
        Function::reads(
            "check_available",
            "True if the running kernel has a module or could load it.",
            "kmod.check_available kvm",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("kmod.check_available", arguments)?.mod_;
                Ok(available()?.contains(&plain(&name)).into())
            },
        ),
        Function::reads("lsmod", "Loaded modules with size and users.", "kmod.lsmod", Nothing::ROWS, |_, arguments| {
            Nothing::bind("kmod.lsmod", arguments)?;
            Ok(loaded()?.into_iter().map(|entry| Value::from(entry.shown())).collect::<Value>().into())
        }),
        Function::reads(
            "mod_list",
            "Names of the loaded modules, or of those that are loaded at start.",
            "kmod.mod_list",
            List::ROWS,
            |_, arguments| {
                let names = match List::bind("kmod.mod_list", arguments)?.only_persist {
                    true => kept()?,
                    false => names()?,
                };
                Ok(names.into_iter().collect::<Value>().into())
            },
        ),
        Function::reads(
            "is_loaded",
            "True if a module is loaded.",
            "kmod.is_loaded kvm",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("kmod.is_loaded", arguments)?.mod_;
                Ok(names()?.contains(&plain(&name)).into())
            },
        ),
        Function::changes(
            "load",
            "Loads a module; names of those that were not there before.",
            "kmod.load kvm",
            Load::ROWS,
            |act, arguments| {
                let args = Load::bind("kmod.load", arguments)?;
                Ok(load(act, &args.mod_, args.persist)?.into_iter().collect::<Value>().into())
            },
        ),
        Function::changes(
            "remove",
            "Removes a module; names of those that are gone.",
            "kmod.remove kvm",
            Remove::ROWS,
            |act, arguments| {
                let args = Remove::bind("kmod.remove", arguments)?;
                Ok(remove(act, &args.mod_, args.persist, args.comment)?.into_iter().collect::<Value>().into())
            },
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A module.
    pub struct Name {
        /// Its name (`kvm`).
        mod_: String,
    }
}

args! {
    /// Arguments of `kmod.mod_list`.
    pub struct List {
        /// Those that are loaded at start instead.
        only_persist: bool = false,
    }
}

args! {
    /// Arguments of `kmod.load`.
    pub struct Load {
        /// The module.
        mod_: String,
        /// Also at the next start.
        persist: bool = false,
    }
}

args! {
    /// Arguments of `kmod.remove`.
    pub struct Remove {
        /// The module.
        mod_: String,
        /// Also not at the next start.
        persist: bool = false,
        /// Turn its line for the next start into a comment instead of removing it.
        comment: bool = true,
    }
}

/// A loaded module.
#[derive(Debug, PartialEq, Eq)]
struct Loaded {
    name: String,
    size: String,
    users: String,
    used_by: Vec<String>,
}

impl Loaded {
    fn shown(self) -> Map {
        let mut map = Map::from_iter([("size", self.size), ("module", self.name), ("depcount", self.users)]);
        map.insert("deps", self.used_by);
        map
    }
}

/// The kernel's own list; empty for a kernel that loads no modules.
fn loaded() -> Result<Vec<Loaded>, CallError> {
    Ok(parse(&tool::table(Path::new("/proc/modules"))?))
}

fn parse(text: &str) -> Vec<Loaded> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let (name, size, users, by) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let used_by = by.split(',').filter(|name| !name.is_empty() && *name != "-").map(str::to_owned).collect();
        Some(Loaded { name, size, users, used_by })
    };
    text.lines().filter_map(line).collect()
}

/// Names of the loaded modules.
pub fn names() -> Result<BTreeSet<String>, CallError> {
    Ok(loaded()?.into_iter().map(|entry| entry.name).collect())
}

/// The kernel's own writing of a name.
pub fn plain(name: &str) -> String {
    name.replace('-', "_")
}

fn folder() -> PathBuf {
    Path::new("/lib/modules").join(rustix::system::uname().release().to_string_lossy().as_ref())
}

/// The name of a module by its file; `None` for other files.
fn of_file(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let name = [".ko", ".ko.xz", ".ko.gz", ".ko.zst"].iter().find_map(|end| file.strip_suffix(end))?;
    Some(plain(name))
}

/// Modules that are part of the running kernel.
pub fn built_in() -> Result<BTreeSet<String>, CallError> {
    Ok(tool::table(&folder().join("modules.builtin"))?.lines().filter_map(of_file).collect())
}

/// Modules that the running kernel has or could load.
pub fn available() -> Result<BTreeSet<String>, CallError> {
    let mut found = built_in()?;
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        // A folder that went away meanwhile has no modules.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => found.extend(entry.file_name().to_str().and_then(of_file)),
                Err(_) => {}
            }
        }
    }
    Ok(found)
}

fn at_start() -> &'static Path {
    let folder = Path::new(AT_START).parent().is_some_and(Path::is_dir);
    Path::new(if folder { AT_START } else { AT_START_ALONE })
}

/// Modules that are loaded at start.
pub fn kept() -> Result<BTreeSet<String>, CallError> {
    let text = tool::table(at_start())?;
    let name = |line: &str| line.split_whitespace().next().filter(|name| !name.starts_with(['#', ';'])).map(plain);
    Ok(text.lines().filter_map(name).collect())
}

/// A name that is no option and no path.
fn checked(name: &str) -> Result<String, CallError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(fits) {
        return Err(CallError::Invocation(format!("{name:?} cannot be the name of a module of the kernel")));
    }
    Ok(plain(name))
}

/// Loads a module, now and if asked for also at start; names of those that were not there before.
pub fn load(_act: &Act, name: &str, persist: bool) -> Result<BTreeSet<String>, CallError> {
    let name = checked(name)?;
    let before = names()?;
    if !before.contains(&name) && !built_in()?.contains(&name) {
        let failed = |error| CallError::Failed(format!("Error loading module {name}: {error}"));
        tool::output(&["modprobe", &name]).map_err(failed)?;
    }
    let mut new: BTreeSet<String> = names()?.difference(&before).cloned().collect();
    if persist && !kept()?.contains(&name) {
        edit(&name, Some(&name))?;
        new.insert(name);
    }
    Ok(new)
}

/// Removes a module, now and if asked for also at start; names of those that are gone.
pub fn remove(_act: &Act, name: &str, persist: bool, comment: bool) -> Result<BTreeSet<String>, CallError> {
    let name = checked(name)?;
    let before = names()?;
    if before.contains(&name) {
        let failed = |error| CallError::Failed(format!("Error removing module {name}: {error}"));
        tool::output(&["rmmod", &name]).map_err(failed)?;
    }
    let now = names()?;
    let mut gone: BTreeSet<String> = before.difference(&now).cloned().collect();
    if persist && kept()?.contains(&name) {
        edit(&name, comment.then(|| format!("#{name}")).as_deref())?;
        gone.insert(name);
    }
    Ok(gone)
}

/// Puts a line in the place of a module's line at start, whether that is switched off or not; none removes it.
fn edit(name: &str, line: Option<&str>) -> Result<(), CallError> {
    tool::store(at_start(), &edited(&tool::table(at_start())?, name, line))
}

fn edited(text: &str, name: &str, mut line: Option<&str>) -> String {
    let mut lines = Vec::new();
    for old in text.lines() {
        let word = old.trim_start_matches(['#', ' ']).split_whitespace().next().unwrap_or_default();
        // Behind a comment sign only the name alone is a module that was switched off.
        let is_it = plain(word) == name && (!old.starts_with('#') || old.trim_start_matches(['#', ' ']).trim() == word);
        match is_it {
            true => lines.extend(line.take()),
            false => lines.push(old),
        }
    }
    lines.extend(line);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read() {
        let read = parse("nf_tables 311296 2 nft_compat,nft_x, Live 0x0\nloop 40960 0 - Live 0x0\nshort\n");
        assert_eq!(read[0].used_by, ["nft_compat", "nft_x"]);
        assert_eq!((read[1].name.as_str(), read[1].users.as_str(), read[1].used_by.len()), ("loop", "0", 0));
        assert_eq!(read.len(), 2);
        assert_eq!(of_file("kernel/net/a-b.ko.xz").as_deref(), Some("a_b"));
        assert_eq!(of_file("modules.dep"), None);
    }

    #[test]
    fn lists_for_the_start_keep_what_is_not_meant() {
        let text = "# dummy is for tests\nloop max_loop=8\n#dummy\n";
        assert_eq!(edited(text, "dummy", Some("dummy")), "# dummy is for tests\nloop max_loop=8\ndummy\n");
        assert_eq!(edited(text, "loop", Some("#loop")), "# dummy is for tests\n#loop\n#dummy\n");
        assert_eq!(edited(text, "loop", None), "# dummy is for tests\n#dummy\n");
        assert_eq!(edited("", "a_b", Some("a_b")), "a_b\n");
    }
}
