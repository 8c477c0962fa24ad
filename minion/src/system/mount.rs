//! What is mounted where, and the table of what is mounted at start.

use std::path::{Path, PathBuf};

use super::command::{Command, CommandError, RunAs};
use super::fs::{FileFault, WriteOptions, read_bounded, write_atomic};

/// The largest table that is read.
const LIMIT: u64 = 4 << 20;

/// Something that is mounted, from the kernel's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounted {
    /// Numbers of the mount and of the one it is mounted on.
    pub id: (String, String),
    /// Major and minor number of the device.
    pub number: (String, String),
    /// What of the file system is shown (`/`, or a directory for a bind mount).
    pub root: String,
    /// Where.
    pub point: String,
    /// Options of the mount.
    pub opts: Vec<String>,
    /// Kind of file system.
    pub fstype: String,
    /// What is mounted, as it was named.
    pub device: String,
    /// Options of the file system.
    pub super_opts: Vec<String>,
}

/// One line of `/etc/fstab`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub device: String,
    /// Where.
    pub point: String,
    /// Kind of file system.
    pub fstype: String,
    /// Options, as one text.
    pub opts: String,
    /// For `dump`.
    pub dump: String,
    /// When it is checked.
    pub pass: String,
}

/// All mounts of this process's namespace.
pub fn mounts() -> Result<Vec<Mounted>, FileFault> {
    let path = Path::new("/proc/self/mountinfo");
    Ok(parse_mounts(&String::from_utf8_lossy(&read_bounded(path, LIMIT)?)))
}

/// What is mounted on a path, uppermost; links on the way are followed.
pub fn mounted(path: &str) -> Result<Option<Mounted>, FileFault> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let real = real.to_string_lossy().into_owned();
    Ok(mounts()?.into_iter().rev().find(|mount| mount.point == real))
}

fn parse_mounts(text: &str) -> Vec<Mounted> {
    let list = |word: &str| word.split(',').map(str::to_owned).collect();
    text.lines()
        .filter_map(|line| {
            // id parent major:minor root point opts [fields] - type device super-opts
            let (left, right) = line.split_once(" - ")?;
            let left: Vec<&str> = left.split(' ').collect();
            let right: Vec<&str> = right.split(' ').collect();
            let (major, minor) = left.get(2)?.split_once(':')?;
            Some(Mounted {
                id: (left.first()?.to_string(), left.get(1)?.to_string()),
                number: (major.to_owned(), minor.to_owned()),
                root: unescape(left.get(3)?),
                point: unescape(left.get(4)?),
                opts: list(left.get(5)?),
                fstype: right.first()?.to_string(),
                device: unescape(right.get(1)?),
                super_opts: right.get(2).map(|word| list(word)).unwrap_or_default(),
            })
        })
        .collect()
}

/// `\040` and its like, as both tables write blanks.
fn unescape(word: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(word.to_owned(), |word, (code, plain)| word.replace(code, plain))
}

fn escape(word: &str) -> String {
    [("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")]
        .iter()
        .fold(word.to_owned(), |word, (plain, code)| word.replace(plain, code))
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        if line.trim_start().starts_with('#') {
            return None;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let or_zero = |at: usize| words.get(at).copied().unwrap_or("0").to_owned();
        Some(Self {
            device: unescape(words.first()?),
            point: unescape(words.get(1)?),
            fstype: (*words.get(2)?).to_owned(),
            opts: unescape(words.get(3).copied().unwrap_or("defaults")),
            dump: or_zero(4),
            pass: or_zero(5),
        })
    }

    fn line(&self) -> String {
        let (device, point) = (escape(&self.device), escape(&self.point));
        format!("{device}\t\t{point}\t{}\t{}\t{} {}", self.fstype, escape(&self.opts), self.dump, self.pass)
    }
}

/// The table, comments apart; none when there is no such file.
pub fn table(file: &Path) -> Result<Vec<Entry>, FileFault> {
    Ok(lines(file)?.iter().filter_map(|line| Entry::parse(line)).collect())
}

fn lines(file: &Path) -> Result<Vec<String>, FileFault> {
    match read_bounded(file, LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()),
        Err(fault) if fault.is_missing() => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// Replaces the entries that are meant by one (or by none), in the place of the first; everything else stays as it is.
pub fn put(file: &Path, is_meant: impl Fn(&Entry) -> bool, entry: Option<&Entry>) -> Result<(), FileFault> {
    let mut fresh = entry.map(Entry::line);
    let mut text = String::new();
    for line in lines(file)? {
        let kept = if Entry::parse(&line).is_some_and(|entry| is_meant(&entry)) { fresh.take() } else { Some(line) };
        text.extend(kept.into_iter().flat_map(|line| [line, "\n".to_owned()]));
    }
    text.extend(fresh.into_iter().flat_map(|line| [line, "\n".to_owned()]));
    write_atomic(file, text.as_bytes(), &WriteOptions::default())
}

/// Runs `mount`, `umount`, `swapon` or `swapoff`; what it said when it failed.
pub fn run(words: &[&str], user: Option<&str>) -> Result<Option<String>, CommandError> {
    let mut command = Command::argv(words).c_locale();
    if let Some(user) = user {
        command = command.run_as(RunAs::account(user)?);
    }
    let finished = command.run()?;
    Ok((finished.status != 0).then(|| finished.said()))
}

/// The device that a name stands for (`UUID=…`, `LABEL=…`, a link), as a path.
pub fn device_path(device: &str) -> String {
    let by =
        [("UUID=", "by-uuid"), ("LABEL=", "by-label"), ("PARTUUID=", "by-partuuid"), ("PARTLABEL=", "by-partlabel")];
    let named = by.iter().find_map(|(start, folder)| {
        let name = device.strip_prefix(start)?.trim_matches('"');
        Some(format!("/dev/disk/{folder}/{name}"))
    });
    let path = named.unwrap_or_else(|| device.to_owned());
    if !path.starts_with('/') {
        return path;
    }
    std::fs::canonicalize(&path).map_or(path, |real| real.to_string_lossy().into_owned())
}

impl Mounted {
    /// True if this is the device, file or (for `bind`) directory that is meant.
    pub fn is_of(&self, device: &str, bind: bool) -> bool {
        use std::os::unix::fs::MetadataExt;
        if bind {
            let identity = |path: &str| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
            return identity(device).is_some() && identity(device) == identity(&self.point);
        }
        let meant = device_path(device);
        // A file is mounted through a loop device.
        let backing = self.device.strip_prefix("/dev/").and_then(|name| {
            let file = std::fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok()?;
            Some(file.trim_end().to_owned())
        });
        let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
        same(&self.device, device) || same(&device_path(&self.device), &meant) || backing.as_deref() == Some(&meant)
    }
}

/// Files and partitions that memory is swapped to: name, then type, size, used, priority.
pub fn swaps() -> Result<Vec<(String, [String; 4])>, FileFault> {
    let text = match read_bounded(Path::new("/proc/swaps"), LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(fault) if fault.is_missing() => String::new(),
        Err(fault) => return Err(fault),
    };
    let row = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let name = unescape(&words.next()?);
        Some((name, [words.next()?, words.next()?, words.next()?, words.next()?]))
    };
    Ok(text.lines().skip(1).filter_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_keeps_what_it_is_not_told_about() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("fstab");
        std::fs::write(&file, "# c\n/dev/a / ext4 defaults 0 1\n\n/dev/b /b\\040c ext4 ro\n").unwrap();
        let entries = table(&file).unwrap();
        assert_eq!((entries[1].point.as_str(), entries[1].pass.as_str()), ("/b c", "0"));
        let fresh = Entry { opts: "rw,x=a b\\040".to_owned(), ..entries[1].clone() };
        put(&file, |entry| entry.point == "/b c", Some(&fresh)).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, "# c\n/dev/a / ext4 defaults 0 1\n\n/dev/b\t\t/b\\040c\text4\trw,x=a\\040b\\134040\t0 0\n");
        put(&file, |entry| entry.point == "/", None).unwrap();
        assert_eq!(table(&file).unwrap(), [fresh]);
    }

    #[test]
    fn the_kernels_list_is_read() {
        let text = "36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue\nbroken\n";
        let mounts = parse_mounts(text);
        assert_eq!(mounts.len(), 1);
        assert_eq!((mounts[0].point.as_str(), mounts[0].root.as_str()), ("/a b", "/mnt1"));
        assert_eq!(mounts[0].super_opts, ["rw", "errors=continue"]);
        assert!(mounted("/proc").unwrap().is_some_and(|mount| mount.is_of("proc", false)));
    }
}
