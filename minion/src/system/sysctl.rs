//! Kernel settings: what runs (`/proc/sys`) and what a file of settings says for the next start.

use std::path::{Path, PathBuf};

use super::fs::{self, FileFault, WriteOptions};

/// The largest file of settings that is read.
const LIMIT: u64 = 4 << 20;
/// What stands at the top of a file that we make.
const HEAD: &str = "#\n# Kernel sysctl configuration\n#\n";

/// Why a setting could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// The kernel has no such setting.
    #[error("sysctl {0} does not exist")]
    Unknown(String),
    /// The kernel refused the value.
    #[error("sysctl -w failed: setting key \"{name}\": {}", fs::plain(.source))]
    Refused {
        /// The setting.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of settings could not be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
}

/// The settings of a kernel.
pub struct Kernel {
    proc_sys: PathBuf,
}

impl Default for Kernel {
    fn default() -> Self {
        Self { proc_sys: PathBuf::from("/proc/sys") }
    }
}

impl Kernel {
    /// The file of a setting; dots and slashes change places in its name, as sysctl has it (`net.ipv4.conf.eth0/1.x`).
    fn file(&self, name: &str) -> Option<PathBuf> {
        let path: String = name
            .chars()
            .map(|c| {
                if c == '.' {
                    '/'
                } else if c == '/' {
                    '.'
                } else {
                    c
                }
            })
            .collect();
        let inside = !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
        inside.then(|| self.proc_sys.join(path))
    }

    /// The value of a setting now, without the newline at its end.
    ///
    /// # Errors
    /// A setting that is not there, or cannot be read.
    pub fn get(&self, name: &str) -> Result<String, SysctlError> {
        let path = self.file(name).ok_or_else(|| SysctlError::Unknown(name.to_owned()))?;
        match std::fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(SysctlError::Unknown(name.to_owned())),
            Err(error) => Err(SysctlError::File(FileFault::io(&path)(error))),
        }
    }

    /// Sets a value and returns what the kernel made of it.
    ///
    /// # Errors
    /// A setting that is not there, or a value that the kernel refuses.
    pub fn assign(&self, name: &str, value: &str) -> Result<String, SysctlError> {
        let path = self.file(name).filter(|path| path.exists());
        let path = path.ok_or_else(|| SysctlError::Unknown(name.to_owned()))?;
        std::fs::write(&path, format!("{value}\n"))
            .map_err(|source| SysctlError::Refused { name: name.to_owned(), source })?;
        self.get(name)
    }

    /// All settings that can be read, sorted by name.
    pub fn all(&self) -> Vec<(String, String)> {
        let (mut found, mut open) = (Vec::new(), vec![(self.proc_sys.clone(), String::new())]);
        while let Some((directory, before)) = open.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let part = entry.file_name().to_string_lossy().replace('.', "/");
                let name = if before.is_empty() { part } else { format!("{before}.{part}") };
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push((entry.path(), name)),
                    _ => found.extend(self.get(&name).ok().map(|value| (name, value))),
                }
            }
        }
        found.sort();
        found
    }
}

/// A value as the kernel prints it: any blanks are one tab.
pub fn plain_value(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join("\t")
}

/// The file that settings are kept in unless a user names one.
pub fn default_file() -> &'static str {
    // systemd has not read /etc/sysctl.conf since version 207.
    if Path::new("/run/systemd/system").is_dir() { "/etc/sysctl.d/99-salt.conf" } else { "/etc/sysctl.conf" }
}

/// The settings of a file, in its order; `None` when there is no such file.
///
/// # Errors
/// The file cannot be read.
pub fn read(file: &Path) -> Result<Option<Vec<(String, String)>>, SysctlError> {
    let text = match fs::read_bounded(file, LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(fault) if fault.is_missing() => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    Ok(Some(text.lines().filter_map(assignment).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

/// Name and value of a line, unless it is a comment.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    (!name.trim_start().starts_with('#')).then(|| (name.trim(), value.trim()))
}

/// Keeps a setting in a file, which is made if need be.
///
/// # Errors
/// The file cannot be read or written.
pub fn keep(file: &Path, name: &str, value: &str) -> Result<(), SysctlError> {
    let old = match fs::read_bounded(file, LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(fault) if fault.is_missing() => HEAD.to_owned(),
        Err(fault) => return Err(fault.into()),
    };
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(FileFault::io(directory))?;
    }
    Ok(fs::write_atomic(file, with(&old, name, value).as_bytes(), &WriteOptions::default())?)
}

/// A text of settings in which this one has this value; all else stays as it is.
fn with(text: &str, name: &str, value: &str) -> String {
    let (mut out, mut found) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        match assignment(line) {
            Some((known, _)) if known == name => {
                out.push_str(&format!("{name} = {value}\n"));
                found = true;
            }
            _ => out.push_str(line),
        }
    }
    if !found {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("{name} = {value}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_kept_in_its_place() {
        let text = "# top\nvm.swappiness = 10\n #vm.x=1\nb=2";
        assert_eq!(with(text, "vm.swappiness", "60"), "# top\nvm.swappiness = 60\n #vm.x=1\nb=2");
        assert_eq!(with(text, "c", "3"), "# top\nvm.swappiness = 10\n #vm.x=1\nb=2\nc = 3\n");
    }

    #[test]
    fn names_and_values_of_a_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let kernel = Kernel { proc_sys: dir.path().join("sys") };
        std::fs::create_dir_all(kernel.proc_sys.join("net/eth0.1")).unwrap();
        std::fs::write(kernel.proc_sys.join("net/eth0.1/mem"), "1\t2\n").unwrap();
        assert_eq!(kernel.get("net.eth0/1.mem").unwrap(), "1\t2");
        assert_eq!(kernel.assign("net.eth0/1.mem", "3 4").unwrap(), "3 4");
        assert_eq!(kernel.all(), [("net.eth0/1.mem".to_owned(), "3 4".to_owned())]);
        assert_eq!(kernel.get("net.none").unwrap_err().to_string(), "sysctl net.none does not exist");
        assert!(kernel.file("a..b").is_none() && kernel.file("//").is_none() && kernel.file("").is_none());
        assert_eq!(plain_value("1  2 \t3"), "1\t2\t3");
    }

    #[test]
    fn a_file_is_made_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sysctl.d/99.conf");
        assert!(read(&file).unwrap().is_none());
        keep(&file, "vm.swappiness", "60").unwrap();
        assert_eq!(read(&file).unwrap().unwrap(), [("vm.swappiness".to_owned(), "60".to_owned())]);
    }
}
