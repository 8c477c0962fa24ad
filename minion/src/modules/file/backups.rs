//! Former files that `backup: minion` keeps below the cache directory.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::path::{expand, failed};
use crate::cx::{Act, Look, Module};
use crate::states::file::backup;
use crate::system::fs::plain;

/// Functions on kept files.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "list_backups",
            "The kept former versions of a file, the newest first.",
            "file.list_backups /etc/hosts",
            List::ROWS,
            |look, arguments| list(look, List::bind("file.list_backups", arguments)?),
        ),
        Function::reads(
            "list_backup",
            "The same as list_backups.",
            "file.list_backup /etc/hosts",
            List::ROWS,
            |look, arguments| list(look, List::bind("file.list_backup", arguments)?),
        ),
        Function::reads(
            "list_backups_dir",
            "The kept former versions of all files of a directory, by the names of the files.",
            "file.list_backups_dir /etc",
            List::ROWS,
            list_directory,
        ),
        Function::changes(
            "restore_backup",
            "Puts a kept former version of a file back.",
            "file.restore_backup /etc/hosts 0",
            One::ROWS,
            restore,
        ),
        Function::changes(
            "delete_backup",
            "Removes a kept former version of a file.",
            "file.delete_backup /etc/hosts 0",
            One::ROWS,
            |act, arguments| delete(act, One::bind("file.delete_backup", arguments)?),
        ),
        Function::changes(
            "remove_backup",
            "The same as delete_backup.",
            "file.remove_backup /etc/hosts 0",
            One::ROWS,
            |act, arguments| delete(act, One::bind("file.remove_backup", arguments)?),
        ),
    ],
};

args! {
    /// Arguments of `file.list_backups`.
    pub struct List {
        /// The file.
        path: String,
        /// At most so many.
        limit: Option<i64> = None,
    }
}

args! {
    /// A file and one of its kept versions.
    pub struct One {
        /// The file.
        path: String,
        /// Number of the version, 0 for the newest.
        backup_id: Value,
    }
}

/// The time at the end of a kept file's name.
const STAMP: &str = "%a_%b_%d_%H:%M:%S_%f_%Y";
/// How many parts it has.
const STAMP_PARTS: usize = 6;

struct Kept {
    place: PathBuf,
    time: jiff::civil::DateTime,
    size: u64,
}

/// The kept versions of a file, the newest first.
fn kept(look: &Look, path: &Path) -> Vec<Kept> {
    let Some(spot) = backup::spot(look, path) else { return Vec::new() };
    let prefix = format!("{}_", spot.path.file_name().unwrap_or_default().to_string_lossy());
    let entries = spot.path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut kept: Vec<Kept> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stamp = name.strip_prefix(&prefix)?;
            let time = jiff::civil::DateTime::strptime(STAMP, stamp).ok()?;
            Some(Kept { place: entry.path(), time, size: entry.metadata().ok()?.len() })
        })
        .collect();
    kept.sort_by_key(|kept| std::cmp::Reverse(kept.time));
    kept
}

fn limit(args: &List, function: &str) -> Result<usize, CallError> {
    match args.limit {
        None => Ok(usize::MAX),
        Some(limit) => {
            usize::try_from(limit).map_err(|_| CallError::Failed(format!("{function}: 'limit' value must be numeric")))
        }
    }
}

/// Versions by their numbers.
fn numbered(kept: impl Iterator<Item = Kept>) -> Map {
    let entry = |(number, kept): (usize, Kept)| {
        let told = Map::from_iter([
            ("Backup Time", Value::from(kept.time.strftime("%a %b %d %Y %H:%M:%S.%6f").to_string())),
            ("Size", Value::from(kept.size)),
            ("Location", Value::from(kept.place.to_string_lossy().into_owned())),
        ]);
        (Value::from(number), Value::Map(told))
    };
    kept.enumerate().map(entry).collect()
}

fn list(look: &Look, args: List) -> CallResult {
    let limit = limit(&args, "file.list_backups")?;
    Ok(numbered(kept(look, &expand(look, &args.path)).into_iter().take(limit)).into())
}

fn list_directory(look: &Look, arguments: Arguments) -> CallResult {
    let args = List::bind("file.list_backups_dir", arguments)?;
    let limit = limit(&args, "file.list_backups_dir")?;
    let folder = expand(look, &args.path);
    // Names of kept files are those of files with the time behind: a name is known by what is kept for it.
    let Some(spot) = backup::spot(look, &folder.join("any")) else { return Ok(Map::new().into()) };
    let entries = spot.path.parent().and_then(|place| std::fs::read_dir(place).ok()).into_iter().flatten().flatten();
    let names: std::collections::BTreeSet<String> =
        entries.filter_map(|entry| file_of(&entry.file_name().to_string_lossy())).collect();
    let listed = names.into_iter().map(|name| {
        let versions = numbered(kept(look, &folder.join(&name)).into_iter().take(limit));
        (Value::from(name), Value::Map(versions))
    });
    Ok(listed.collect::<Map>().into())
}

/// The name of the file of which this is a kept version: what stands before the seven parts of the time.
fn file_of(kept: &str) -> Option<String> {
    let mut ends = kept.rmatch_indices('_').map(|(place, _)| place);
    let end = ends.nth(STAMP_PARTS - 1)?;
    jiff::civil::DateTime::strptime(STAMP, &kept[end + 1..]).ok()?;
    Some(kept[..end].to_owned())
}

fn told(result: bool, comment: String) -> CallResult {
    Ok(Map::from_iter([("result", Value::from(result)), ("comment", Value::from(comment))]).into())
}

/// The version of a number, or the answer that there is none.
fn find(look: &Look, args: &One) -> Result<(PathBuf, Kept), CallResult> {
    let path = expand(look, &args.path);
    let Ok(number) = i64::from_value(args.backup_id.clone()) else {
        return Err(told(false, format!("Invalid backup_id '{}'", str_(&args.backup_id))));
    };
    let place = usize::try_from(number).ok();
    match place.and_then(|number| kept(look, &path).into_iter().nth(number)) {
        Some(found) => Ok((path, found)),
        None => Err(told(false, format!("backup_id '{number}' does not exist for {}", path.display()))),
    }
}

fn restore(act: &Act, arguments: Arguments) -> CallResult {
    let args = One::bind("file.restore_backup", arguments)?;
    let (path, found) = match find(act, &args) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let fault =
        |error: std::io::Error| CallError::Failed(format!("Unable to restore {}: {}", path.display(), plain(&error)));
    let meta = std::fs::metadata(&found.place).map_err(fault)?;
    let content = std::fs::read(&found.place).map_err(failed(&found.place))?;
    use std::os::unix::fs::MetadataExt;
    let options = crate::system::fs::WriteOptions {
        mode: Some(meta.mode() & 0o7777),
        uid: Some(meta.uid()),
        gid: Some(meta.gid()),
        ..Default::default()
    };
    crate::system::fs::write_atomic(&path, &content, &options).map_err(super::path::fault)?;
    told(true, format!("Successfully restored {} to {}", found.place.display(), path.display()))
}

fn delete(act: &Act, args: One) -> CallResult {
    let found = match find(act, &args) {
        Ok((_, found)) => found,
        Err(answer) => return answer,
    };
    match std::fs::remove_file(&found.place) {
        Ok(()) => told(true, format!("Successfully removed {}", found.place.display())),
        Err(error) => told(false, format!("Unable to remove {}: {}", found.place.display(), plain(&error))),
    }
}
