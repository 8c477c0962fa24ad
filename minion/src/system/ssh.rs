//! Keys of ssh: the files of keys that may log in, and those of servers that are known.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleet_common::digest;

use super::command::{Command, CommandError, RunAs};
use super::fs::{FileFault, WriteOptions, plain, read_bounded, write_atomic};
use super::user::{Account, Accounts};

/// The largest file of keys.
const LIMIT: u64 = 16 << 20;

/// Why keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// There is no such account.
    #[error("User '{0}' does not exist")]
    NoUser(String),
    /// A directory that its user could have pointed elsewhere.
    #[error("{} is a link or belongs to somebody else; keys are not written there", .0.display())]
    Unsafe(PathBuf),
    /// A file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// A program of ssh.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A digest that nobody knows.
    #[error("fingerprints by '{0}' are not known")]
    Digest(String),
}

/// A key that may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthKey {
    /// What it may do (`no-pty`, `from="10.0.0.1"`).
    pub options: Vec<String>,
    /// Its kind (`ssh-ed25519`).
    pub enc: String,
    /// The key.
    pub key: String,
    /// Whose it is.
    pub comment: String,
}

/// True for the name of a kind of key.
pub fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
}

impl AuthKey {
    /// Reads a line; `None` for comments and what is no key.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (first, rest) = word(line);
        let (options, enc, rest) = if is_kind(first) {
            (Vec::new(), first, rest)
        } else {
            let (enc, rest) = word(rest);
            (split_options(first), enc, rest)
        };
        let (key, comment) = word(rest);
        let is_key = is_kind(enc) && is_key(key);
        is_key.then(|| Self { options, enc: enc.to_owned(), key: key.to_owned(), comment: comment.to_owned() })
    }

    /// The line.
    pub fn line(&self) -> String {
        let options = self.options.join(",");
        let parts = [options.as_str(), &self.enc, &self.key, &self.comment];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// True for the text of a key.
pub fn is_key(text: &str) -> bool {
    text.len() >= 16 && STANDARD.decode(text).is_ok()
}

/// The first word, blanks in quotes kept, and the rest.
fn word(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.find(|character: char| {
        let ends = character.is_whitespace() && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    });
    let (first, rest) = text.split_at(end.unwrap_or(text.len()));
    (first, rest.trim_start())
}

/// Options at their commas, those in quotes kept.
fn split_options(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|character: char| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The digest of a key, pairs of digits divided by colons.
pub fn fingerprint(key: &str, kind: &str) -> Result<Option<String>, SshError> {
    let Ok(bytes) = STANDARD.decode(key) else { return Ok(None) };
    let digits = digest::hex_of_bytes(kind, &bytes).ok_or_else(|| SshError::Digest(kind.to_owned()))?;
    let pairs: Vec<&str> = digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
    Ok(Some(pairs.join(":")))
}

/// A file of somebody's keys.
pub struct KeyFile {
    /// Where.
    pub path: PathBuf,
    /// Whose; `None` for the machine's.
    pub account: Option<Account>,
}

impl KeyFile {
    /// The file that a configuration names: `%h`, `%u` and paths that are relative are of the user's home.
    pub fn of(user: &str, config: &str) -> Result<Self, SshError> {
        let account = Accounts::system().account(user).ok_or_else(|| SshError::NoUser(user.to_owned()))?;
        let home = account.home.to_string_lossy().into_owned();
        let named = config.replace("%h", &home).replace("%u", user).replace("%%", "%");
        // A path that is absolute stays as it is.
        let path = account.home.join(named);
        Ok(Self { path, account: Some(account) })
    }

    /// The machine's file of known servers, or another one.
    pub fn of_machine(path: &str) -> Self {
        Self { path: PathBuf::from(path), account: None }
    }

    /// Its lines; none when it is not there.
    pub fn lines(&self) -> Result<Vec<String>, SshError> {
        match read_bounded(&self.path, LIMIT) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()),
            Err(fault) if fault.is_missing() => Ok(Vec::new()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The keys in it.
    pub fn keys(&self) -> Result<Vec<AuthKey>, SshError> {
        Ok(self.lines()?.iter().filter_map(|line| AuthKey::parse(line)).collect())
    }

    /// Writes it with its user as owner; a directory that is not there is made for that user alone.
    pub fn write(&self, lines: &[String]) -> Result<(), SshError> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let owner = self.account.as_ref().map(|account| (account.uid, account.gid));
        match std::fs::symlink_metadata(parent) {
            Ok(meta) => {
                // A user who points the directory at another must not make us write there.
                let ours = [Some(0), owner.map(|(uid, _)| uid)].contains(&Some(meta.uid()));
                if !meta.is_dir() || (owner.is_some() && !ours) {
                    return Err(SshError::Unsafe(parent.to_owned()));
                }
            }
            Err(_) => {
                let fault = FileFault::io(parent);
                let mode = if owner.is_some() { 0o700 } else { 0o755 };
                let made = std::fs::DirBuilder::new().mode(mode).create(parent);
                let owned = made.and_then(|()| owner.map_or(Ok(()), |(uid, gid)| chown(parent, Some(uid), Some(gid))));
                owned.map_err(fault)?;
            }
        }
        let mode = if owner.is_some() { 0o600 } else { 0o644 };
        let options = WriteOptions {
            mode: (!self.path.exists()).then_some(mode),
            uid: owner.map(|(uid, _)| uid),
            gid: owner.map(|(_, gid)| gid),
            ..WriteOptions::default()
        };
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Ok(write_atomic(&self.path, text.as_bytes(), &options)?)
    }

    /// A command that runs as the owner of the file.
    fn command(&self, argv: &[&str]) -> Result<Command, SshError> {
        let command = Command::argv(argv).c_locale();
        match &self.account {
            Some(account) => Ok(command.run_as(RunAs::account(&account.name)?)),
            None => Ok(command),
        }
    }

    /// What the file knows of a server, hashed names found, too.
    pub fn known(&self, host: &str, port: Option<i64>) -> Result<Vec<KnownHost>, SshError> {
        let (path, name) = (self.path.to_string_lossy().into_owned(), host_name(host, port));
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let finished = self.command(&["ssh-keygen", "-F", &name, "-f", &path])?.run()?;
        Ok(KnownHost::parse(&finished.out()))
    }

    /// Forgets a server; what the tool says.
    pub fn forget(&self, host: &str, port: Option<i64>) -> Result<String, SshError> {
        let (path, name) = (self.path.to_string_lossy().into_owned(), host_name(host, port));
        let finished = self.command(&["ssh-keygen", "-R", &name, "-f", &path])?.merge_stderr().run()?;
        Ok(finished.out())
    }

    /// Hashes the names of servers; what the tool says.
    pub fn hash_names(&self) -> Result<String, SshError> {
        let path = self.path.to_string_lossy().into_owned();
        Ok(self.command(&["ssh-keygen", "-H", "-f", &path])?.merge_stderr().run()?.out())
    }
}

/// A server by name and port, as the file of known servers writes it.
pub fn host_name(host: &str, port: Option<i64>) -> String {
    match port {
        Some(port) if port != 22 => format!("[{host}]:{port}"),
        _ => host.to_owned(),
    }
}

/// A key of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHost {
    /// The server's name, perhaps hashed.
    pub hostname: String,
    /// Kind of the key.
    pub enc: String,
    /// The key.
    pub key: String,
}

impl KnownHost {
    /// Reads lines as ssh-keyscan and ssh-keygen write them.
    pub fn parse(text: &str) -> Vec<Self> {
        let row = |line: &str| {
            let mut words = line.split_whitespace().skip_while(|word| word.starts_with('@')).map(str::to_owned);
            Some(Self { hostname: words.next()?, enc: words.next()?, key: words.next()? })
        };
        text.lines().filter(|line| !line.starts_with('#')).filter_map(row).filter(|host| is_key(&host.key)).collect()
    }

    /// The line.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.hostname, self.enc, self.key)
    }

    /// Asks a server for its keys.
    pub fn scan(
        host: &str,
        port: Option<i64>,
        enc: Option<&str>,
        hash: bool,
        timeout: i64,
    ) -> Result<Vec<Self>, SshError> {
        let (port, timeout) = (port.unwrap_or(22).to_string(), timeout.to_string());
        let mut argv = vec!["ssh-keyscan", "-p", &port, "-T", &timeout];
        let kind = enc.map(|enc| enc.trim_start_matches("ssh-").split("-sha2").next().unwrap_or(enc).to_owned());
        argv.extend(kind.iter().flat_map(|kind| ["-t", kind.as_str()]));
        argv.extend(hash.then_some("-H"));
        argv.extend(["--", host]);
        Ok(Self::parse(&Command::argv(&argv).c_locale().run()?.out()))
    }
}

/// True if a private key asks for a passphrase.
pub fn is_encrypted(path: &str) -> Result<bool, SshError> {
    // Without one and with an empty one: what fails for both reasons is told by its text.
    let finished = Command::argv(["ssh-keygen", "-y", "-P", "", "-f", path]).c_locale().run()?;
    if finished.status != 0 && !finished.err().contains("passphrase") {
        let source = std::io::Error::other(plain(&std::io::Error::other(finished.err())));
        return Err(SshError::File(FileFault::Io { path: path.into(), source }));
    }
    Ok(finished.status != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn lines_of_keys_are_read_and_written() {
        let line = format!("no-pty,command=\"echo a, b\" ssh-ed25519 {KEY} me at home");
        let key = AuthKey::parse(&line).unwrap();
        assert_eq!(key.options, ["no-pty", "command=\"echo a, b\""]);
        assert_eq!((key.comment.as_str(), key.line()), ("me at home", line));
        assert_eq!(AuthKey::parse(&format!("ssh-ed25519 {KEY}")).unwrap().line(), format!("ssh-ed25519 {KEY}"));
        for line in ["", "# x", "ssh-rsa", "ssh-rsa notakey", "no-pty", "\"", "a \" b"] {
            assert_eq!(AuthKey::parse(line), None, "{line}");
        }
    }

    #[test]
    fn fingerprints_are_digests_of_the_key() {
        let digits = "f8:38:98:df:0b:ef:57:a4:ee:24:98:5b:a5:98:ac:17:fc:cb:0c:0d:33:3c:c4:af:1d:d9:2b:e1:4b:c2:3a:a5";
        assert_eq!(fingerprint(KEY, "sha256").unwrap().as_deref(), Some(digits));
        assert!(fingerprint(KEY, "crc").is_err());
    }

    #[test]
    fn servers_are_found_under_hashed_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeyFile::of_machine(&dir.path().join("known_hosts").to_string_lossy());
        file.write(&[format!("web1 ssh-ed25519 {KEY}"), format!("[web1]:2222 ssh-ed25519 {KEY}")]).unwrap();
        file.hash_names().unwrap();
        assert!(!file.lines().unwrap().concat().contains("web1"));
        assert_eq!(file.known("web1", None).unwrap().len(), 1);
        assert_eq!(file.known("web1", Some(2222)).unwrap()[0].key, KEY);
        file.forget("web1", None).unwrap();
        assert!(file.known("web1", None).unwrap().is_empty());
    }
}
