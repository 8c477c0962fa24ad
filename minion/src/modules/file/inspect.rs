//! What is at a path.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::digest;
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};
use rustix::fs::Access as Mode;

use super::path::{One, expand, failed};
use crate::cx::{Look, Module};
use crate::system::user::Accounts;

/// Functions that look at a path.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "file_exists",
            "True if there is a file (links are followed).",
            "file.file_exists /etc/hosts",
            One::ROWS,
            |look, arguments| {
                Ok(target(look, "file.file_exists", arguments)?.is_some_and(|meta| meta.is_file()).into())
            },
        )
        .quick(),
        Function::reads(
            "directory_exists",
            "True if there is a directory (links are followed).",
            "file.directory_exists /etc",
            One::ROWS,
            |look, arguments| {
                Ok(target(look, "file.directory_exists", arguments)?.is_some_and(|meta| meta.is_dir()).into())
            },
        )
        .quick(),
        Function::reads(
            "is_link",
            "True if there is a symbolic link.",
            "file.is_link /etc/localtime",
            One::ROWS,
            |look, arguments| Ok(entry(look, "file.is_link", arguments)?.is_some_and(|meta| meta.is_symlink()).into()),
        )
        .quick(),
        Function::reads(
            "is_hardlink",
            "True if the file has more than one name.",
            "file.is_hardlink /etc/hosts",
            One::ROWS,
            |look, arguments| {
                Ok(entry(look, "file.is_hardlink", arguments)?
                    .is_some_and(|meta| meta.is_file() && meta.nlink() > 1)
                    .into())
            },
        )
        .quick(),
        Function::reads(
            "is_fifo",
            "True if there is a named pipe.",
            "file.is_fifo /run/initctl",
            Named::ROWS,
            |look, arguments| {
                Ok(device(look, "file.is_fifo", arguments)?.is_some_and(|meta| meta.file_type().is_fifo()).into())
            },
        )
        .quick(),
        Function::reads(
            "is_chrdev",
            "True if there is a character device.",
            "file.is_chrdev /dev/null",
            Named::ROWS,
            |look, arguments| {
                Ok(device(look, "file.is_chrdev", arguments)?
                    .is_some_and(|meta| meta.file_type().is_char_device())
                    .into())
            },
        )
        .quick(),
        Function::reads(
            "is_blkdev",
            "True if there is a block device.",
            "file.is_blkdev /dev/sda",
            Named::ROWS,
            |look, arguments| {
                Ok(device(look, "file.is_blkdev", arguments)?
                    .is_some_and(|meta| meta.file_type().is_block_device())
                    .into())
            },
        )
        .quick(),
        Function::reads(
            "get_devmm",
            "Major and minor number of a device.",
            "file.get_devmm /dev/null",
            Named::ROWS,
            get_devmm,
        )
        .quick(),
        Function::reads(
            "path_exists_glob",
            "True if a path, or any that a pattern stands for, exists.",
            "file.path_exists_glob '/etc/ho*'",
            One::ROWS,
            |look, arguments| {
                let path = One::bind("file.path_exists_glob", arguments)?.path;
                Ok((!expand_glob(&expand(look, &path)).is_empty()).into())
            },
        ),
        Function::reads(
            "access",
            "True if we may read (r), write (w) or execute (x) a path, or it exists (f).",
            "file.access /etc/hosts r",
            Access::ROWS,
            access,
        )
        .quick(),
        Function::reads(
            "stats",
            "Owner, mode, size, times and type of a path.",
            "file.stats /etc/hosts",
            Stats::ROWS,
            stats,
        )
        .quick(),
        Function::reads(
            "lstat",
            "What the system says of a path, links not followed.",
            "file.lstat /etc/hosts",
            One::ROWS,
            lstat,
        )
        .quick(),
        Function::reads(
            "statvfs",
            "Sizes and limits of the file system a path is on.",
            "file.statvfs /",
            One::ROWS,
            statvfs,
        )
        .quick(),
        Function::reads(
            "readdir",
            "The names in a directory, '.' and '..' first.",
            "file.readdir /etc",
            One::ROWS,
            readdir,
        ),
        Function::reads("diskusage", "Bytes of all files below a path.", "file.diskusage /etc", One::ROWS, diskusage),
    ],
};

args! {
    /// One path by the name `name`.
    pub struct Named {
        /// The path.
        name: String,
    }
}

args! {
    /// Arguments of `file.access`.
    pub struct Access {
        /// The path.
        path: String,
        /// `f`, `r`, `w` or `x`.
        mode: String,
    }
}

args! {
    /// Arguments of `file.stats`.
    pub struct Stats {
        /// The path.
        path: String,
        /// Also return a checksum of this kind.
        hash_type: Option<String> = None,
        /// Look at what a link points to.
        follow_symlinks: bool = true,
    }
}

fn target(look: &Look, function: &str, arguments: Arguments) -> Result<Option<Metadata>, CallError> {
    Ok(std::fs::metadata(expand(look, &One::bind(function, arguments)?.path)).ok())
}

fn entry(look: &Look, function: &str, arguments: Arguments) -> Result<Option<Metadata>, CallError> {
    Ok(std::fs::symlink_metadata(expand(look, &One::bind(function, arguments)?.path)).ok())
}

fn device(look: &Look, function: &str, arguments: Arguments) -> Result<Option<Metadata>, CallError> {
    Ok(std::fs::metadata(expand(look, &Named::bind(function, arguments)?.name)).ok())
}

/// The paths a pattern stands for: `*`, `?` and `[...]` within the parts of the path, hidden names only when asked for.
pub(super) fn expand_glob(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str();
        let text = part.to_string_lossy();
        if !glob::is_pattern(&text) {
            paths.iter_mut().for_each(|path| path.push(part));
            paths.retain(|path| std::fs::symlink_metadata(path).is_ok());
            continue;
        }
        let mut next = Vec::new();
        for path in &paths {
            let directory = if path.as_os_str().is_empty() { Path::new(".") } else { path.as_path() };
            let names = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let mut names: Vec<_> = names
                .filter(|name| {
                    let name = name.to_string_lossy();
                    (!name.starts_with('.') || text.starts_with('.')) && glob::matches(&text, &name)
                })
                .collect();
            names.sort();
            next.extend(names.into_iter().map(|name| path.join(name)));
        }
        paths = next;
    }
    paths
}

fn get_devmm(look: &Look, arguments: Arguments) -> CallResult {
    let found = device(look, "file.get_devmm", arguments)?;
    let is_device = |meta: &Metadata| meta.file_type().is_char_device() || meta.file_type().is_block_device();
    let number = found.filter(is_device).map_or(0, |meta| meta.rdev());
    Ok(Value::from(vec![rustix::fs::major(number), rustix::fs::minor(number)]).into())
}

fn access(look: &Look, arguments: Arguments) -> CallResult {
    let args = Access::bind("file.access", arguments)?;
    let path = super::path::rooted(look, &args.path, "Path to link")?;
    let mode = match args.mode.as_str() {
        "f" => Mode::EXISTS,
        "r" => Mode::READ_OK,
        "w" => Mode::WRITE_OK,
        "x" => Mode::EXEC_OK,
        _ => return Err(CallError::Invocation("Invalid mode specified.".to_owned())),
    };
    Ok(rustix::fs::access(&path, mode).is_ok().into())
}

/// The word the reference has for a kind of file.
fn kind(meta: &Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_dir() {
        "dir"
    } else if kind.is_symlink() {
        "link"
    } else if kind.is_fifo() {
        "pipe"
    } else if kind.is_char_device() {
        "char"
    } else if kind.is_block_device() {
        "block"
    } else if kind.is_socket() {
        "socket"
    } else {
        "file"
    }
}

fn seconds(whole: i64, nanoseconds: i64) -> Value {
    Value::Float(whole as f64 + nanoseconds as f64 / 1e9)
}

fn stats(look: &Look, arguments: Arguments) -> CallResult {
    let args = Stats::bind("file.stats", arguments)?;
    let path = expand(look, &args.path);
    let found = if args.follow_symlinks { std::fs::metadata(&path) } else { std::fs::symlink_metadata(&path) };
    let meta = found.map_err(|_| CallError::Failed(format!("Path not found: {}", path.display())))?;
    let accounts = Accounts::system();
    let user = accounts.account_by_uid(meta.uid()).map_or(Value::from(meta.uid()), |account| account.name.into());
    let group = accounts.group_by_gid(meta.gid()).map_or(Value::from(meta.gid()), |group| group.name.into());
    let target = path.canonicalize().unwrap_or_else(|_| path.clone());
    let mut stats = Map::from_iter([
        ("inode", Value::from(meta.ino())),
        ("uid", Value::from(meta.uid())),
        ("gid", Value::from(meta.gid())),
        ("group", group),
        ("user", user),
        ("atime", seconds(meta.atime(), meta.atime_nsec())),
        ("mtime", seconds(meta.mtime(), meta.mtime_nsec())),
        ("ctime", seconds(meta.ctime(), meta.ctime_nsec())),
        ("size", Value::from(meta.size())),
        ("mode", Value::from(format!("{:04o}", meta.mode() & 0o7777))),
    ]);
    if let Some(form) = &args.hash_type {
        let mut file = std::fs::File::open(&path).map_err(failed(&path))?;
        let sum = digest::hex_of_reader(form, &mut file).map_err(failed(&path))?;
        stats.insert("sum", sum.ok_or_else(|| CallError::Invocation(format!("Invalid hash type: {form}")))?);
    }
    stats.insert("type", kind(&meta));
    stats.insert("target", target.to_string_lossy().into_owned());
    Ok(stats.into())
}

fn lstat(look: &Look, arguments: Arguments) -> CallResult {
    let path = super::path::rooted(look, &One::bind("file.lstat", arguments)?.path, "Path to file")?;
    let Ok(meta) = std::fs::symlink_metadata(&path) else { return Ok(Map::new().into()) };
    Ok(Map::from_iter([
        ("st_atime", seconds(meta.atime(), meta.atime_nsec())),
        ("st_ctime", seconds(meta.ctime(), meta.ctime_nsec())),
        ("st_gid", Value::from(meta.gid())),
        ("st_mode", Value::from(meta.mode())),
        ("st_mtime", seconds(meta.mtime(), meta.mtime_nsec())),
        ("st_nlink", Value::from(meta.nlink())),
        ("st_size", Value::from(meta.size())),
        ("st_uid", Value::from(meta.uid())),
    ])
    .into())
}

fn statvfs(look: &Look, arguments: Arguments) -> CallResult {
    let path = super::path::rooted(look, &One::bind("file.statvfs", arguments)?.path, "File path")?;
    let found =
        rustix::fs::statvfs(&path).map_err(|_| CallError::Failed(format!("Could not statvfs '{}'", path.display())))?;
    Ok(Map::from_iter([
        ("f_bavail", Value::from(found.f_bavail)),
        ("f_bfree", Value::from(found.f_bfree)),
        ("f_blocks", Value::from(found.f_blocks)),
        ("f_bsize", Value::from(found.f_bsize)),
        ("f_favail", Value::from(found.f_favail)),
        ("f_ffree", Value::from(found.f_ffree)),
        ("f_files", Value::from(found.f_files)),
        ("f_flag", Value::from(found.f_flag.bits())),
        ("f_frsize", Value::from(found.f_frsize)),
        ("f_namemax", Value::from(found.f_namemax)),
    ])
    .into())
}

fn readdir(look: &Look, arguments: Arguments) -> CallResult {
    let path = super::path::rooted(look, &One::bind("file.readdir", arguments)?.path, "Dir path")?;
    if !path.is_dir() {
        return Err(CallError::Invocation("A valid directory was not specified.".to_owned()));
    }
    let mut names = vec![".".to_owned(), "..".to_owned()];
    for entry in std::fs::read_dir(&path).map_err(failed(&path))? {
        names.push(entry.map_err(failed(&path))?.file_name().to_string_lossy().into_owned());
    }
    Ok(Value::from(names).into())
}

fn diskusage(look: &Look, arguments: Arguments) -> CallResult {
    fn below(path: &Path, depth: usize) -> u64 {
        let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
        if !meta.is_dir() || depth > 256 {
            return if meta.is_file() { meta.len() } else { 0 };
        }
        std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| below(&entry.path(), depth + 1)).sum()
    }
    Ok(Value::from(below(&expand(look, &One::bind("file.diskusage", arguments)?.path), 0)).into())
}
