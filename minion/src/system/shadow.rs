//! Passwords: what `/etc/shadow` holds, and hashes that it can hold.

use std::path::{Path, PathBuf};

use sha_crypt::{Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64};

use super::fs::{FileFault, read_bounded};

/// The largest table that is read.
const LIMIT: u64 = 64 << 20;
/// How often the hash is repeated unless the hash says otherwise, as the format defines it.
const ROUNDS: usize = 5000;

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

/// The hash of a password with this salt: `sha512` or `sha256`. `None` for other kinds and for a salt with other
/// characters than the format has.
pub fn hash(password: &str, salt: &str, kind: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
    let salt = salt.get(..salt.len().min(16)).filter(|salt| salt.chars().all(fits))?;
    let hashed = match kind {
        "sha512" => sha512_crypt_b64(password.as_bytes(), salt.as_bytes(), &Sha512Params::new(ROUNDS).ok()?),
        "sha256" => sha256_crypt_b64(password.as_bytes(), salt.as_bytes(), &Sha256Params::new(ROUNDS).ok()?),
        _ => return None,
    };
    let id = if kind == "sha512" { 6 } else { 5 };
    Some(format!("${id}${salt}${}", hashed.ok()?))
}

/// True if a password has this hash; false also for hashes of kinds we cannot make.
pub fn fits(password: &str, hashed: &str) -> bool {
    let mut parts = hashed.splitn(4, '$');
    let (Some(""), Some(id), Some(salt)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let kind = match id {
        "6" => "sha512",
        "5" => "sha256",
        _ => return false,
    };
    hash(password, salt, kind).is_some_and(|own| own == hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_format() {
        let known =
            "$6$aaaaaaaa$Uy05juZUvx6BGwo60q0gdTgdBQxG/XdfPiPVaseSX3o99IXYqUVqe/AvHlD5DWm5MkgiS4k29TpTxDT.XwP/t1";
        assert_eq!(hash("secret", "aaaaaaaa", "sha512").as_deref(), Some(known));
        assert!(fits("secret", known) && !fits("Secret", known) && !fits("secret", "!") && !fits("", ""));
        assert_eq!(hash("secret", "a:b", "sha512"), None);
    }

    #[test]
    fn a_line_with_empty_ages_is_read() {
        let line = parse("web:!$6$x$y:19000:0:99999:7:::").unwrap();
        assert!(line.is_locked());
        assert_eq!((line.changed, line.max, line.inactive, line.expire), (19000, 99999, -1, -1));
        assert_eq!(parse("+::::::::"), None);
    }
}
