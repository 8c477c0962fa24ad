//! `file.open_files`: the files that processes hold open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Look, Module};
use crate::system::fs::plain;

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::reads(
        "open_files",
        "The files that are open, with the processes that hold them; or the processes with their files.",
        "file.open_files by_pid=True",
        By::ROWS,
        open_files,
    )],
};

args! {
    /// Arguments of `file.open_files`.
    pub struct By {
        /// Files by process.
        by_pid: bool = false,
    }
}

fn open_files(_: &Look, arguments: Arguments) -> CallResult {
    let by_pid = By::bind("file.open_files", arguments)?.by_pid;
    let failed = |error: std::io::Error| CallError::Failed(format!("/proc: {}", plain(&error)));
    let mut held: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").map_err(failed)?.flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            held.insert(pid, of(&entry.path()));
        }
    }
    if by_pid {
        let files = |(pid, files): (i64, BTreeSet<String>)| (pid, Value::from(files.into_iter().collect::<Vec<_>>()));
        return Ok(held.into_iter().map(files).collect::<Map>().into());
    }
    let mut holders: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (pid, files) in held {
        for file in files {
            holders.entry(file).or_default().push(pid.into());
        }
    }
    Ok(holders.into_iter().map(|(file, pids)| (file, Value::List(pids))).collect::<Map>().into())
}

/// What a process has open: by its handles, its program, what is mapped into its memory. One that ended meanwhile, or is
/// another's, has none.
fn of(process: &Path) -> BTreeSet<String> {
    let handles = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|entry| entry.path());
    let links = handles.chain([process.join("exe")]).filter_map(|link| std::fs::read_link(link).ok());
    let mut files: BTreeSet<String> = links.filter_map(|file| file.to_str().map(str::to_owned)).collect();
    let maps = std::fs::read_to_string(process.join("maps")).unwrap_or_default();
    files.extend(maps.lines().filter_map(|line| line.find('/').map(|at| line[at..].to_owned())));
    files.retain(|file| file.starts_with('/') && Path::new(file).exists());
    files
}
