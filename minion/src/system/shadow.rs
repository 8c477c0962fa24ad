//! What `/etc/shadow` holds.

use std::path::{Path, PathBuf};

use super::fs::{FileFault, read_bounded};

/// The largest table that is read.
const LIMIT: u64 = 64 << 20;

/// One line of `shadow`; ages are in days, -1 where nothing is set.
#[derive(Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Login name.
    pub name: String,
    /// The hash: empty for no password, starting with `!` when locked.
    pub passwd: String,
    /// Day of the last change, since 1970.
    pub changed: i64,
    /// Days before it may be changed again.
    pub min: i64,
    /// Days after which it must be changed.
    pub max: i64,
    /// Days of warning before that.
    pub warn: i64,
    /// Days after that until the account is closed.
    pub inactive: i64,
    /// Day on which the account is closed, since 1970.
    pub expire: i64,
}

/// Never the hash.
impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shadow({})", self.name)
    }
}

impl Shadow {
    /// True if no password opens the account until it is unlocked.
    pub fn is_locked(&self) -> bool {
        self.passwd.starts_with('!')
    }
}

/// All lines of the table, of this system or of one below another root.
pub fn table(root: Option<&str>) -> Result<Vec<Shadow>, FileFault> {
    let path: PathBuf = Path::new(root.unwrap_or("/")).join("etc/shadow");
    let text = read_bounded(&path, LIMIT)?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(parse).collect())
}

/// The line of an account.
pub fn find(name: &str, root: Option<&str>) -> Result<Option<Shadow>, FileFault> {
    Ok(table(root)?.into_iter().find(|line| line.name == name))
}

fn parse(line: &str) -> Option<Shadow> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?.to_owned();
    let passwd = fields.next()?.to_owned();
    let mut days = || fields.next().and_then(|days| days.trim().parse().ok()).unwrap_or(-1);
    let (changed, min, max, warn, inactive, expire) = (days(), days(), days(), days(), days(), days());
    Some(Shadow { name, passwd, changed, min, max, warn, inactive, expire })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_empty_ages_is_read() {
        let line = parse("web:!$6$x$y:19000:0:99999:7:::").unwrap();
        assert!(line.is_locked());
        assert_eq!((line.changed, line.max, line.inactive, line.expire), (19000, 99999, -1, -1));
        assert_eq!(parse("+::::::::"), None);
    }
}
