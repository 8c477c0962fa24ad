//! Former files that `backup: minion` keeps below the cache directory.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
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
        backup_id: i64,
    }
}

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
            let time = jiff::civil::DateTime::strptime("%a_%b_%d_%H:%M:%S_%f_%Y", stamp).ok()?;
            Some(Kept { place: entry.path(), time, size: entry.metadata().ok()?.len() })
        })
        .collect();
    kept.sort_by_key(|kept| std::cmp::Reverse(kept.time));
    kept
}

fn list(look: &Look, args: List) -> CallResult {
    let limit = match args.limit {
        None => usize::MAX,
        Some(limit) => usize::try_from(limit)
            .map_err(|_| CallError::Failed("file.list_backups: 'limit' value must be numeric".to_owned()))?,
    };
    let entry = |(number, kept): (usize, Kept)| {
        let told = Map::from_iter([
            ("Backup Time", Value::from(kept.time.strftime("%a %b %d %Y %H:%M:%S.%6f").to_string())),
            ("Size", Value::from(kept.size)),
            ("Location", Value::from(kept.place.to_string_lossy().into_owned())),
        ]);
        (Value::from(number), Value::Map(told))
    };
    let listed: Map = kept(look, &expand(look, &args.path)).into_iter().take(limit).enumerate().map(entry).collect();
    Ok(listed.into())
}

fn told(result: bool, comment: String) -> CallResult {
    Ok(Map::from_iter([("result", Value::from(result)), ("comment", Value::from(comment))]).into())
}

/// The version of a number, or the answer that there is none.
fn find(look: &Look, args: &One) -> Result<(PathBuf, Kept), CallResult> {
    let path = expand(look, &args.path);
    let number = usize::try_from(args.backup_id).ok();
    match number.and_then(|number| kept(look, &path).into_iter().nth(number)) {
        Some(found) => Ok((path, found)),
        None => Err(told(false, format!("backup_id '{}' does not exist for {}", args.backup_id, path.display()))),
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
