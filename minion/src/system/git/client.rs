//! The `git` program: as whom it runs, with which keys and password, and what it said.
//!
//! Passwords travel in its environment, which only its own user can read; never in its arguments or in a repository's
//! configuration. It never asks: without a terminal a question would wait forever.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::fchown;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::command::{Command, CommandError, Finished, RunAs, which};
use super::super::fs::plain;
use super::super::http::without_account;

/// Why git gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitError {
    /// It is not on this machine.
    #[error("git is not on this machine; install the package git")]
    Missing,
    /// It could not be run.
    #[error("{0}")]
    Command(String),
    /// It failed.
    #[error("Command 'git {words}' failed: {why}")]
    Failed {
        /// Its arguments, accounts of addresses hidden.
        words: String,
        /// What it wrote.
        why: String,
    },
    /// A word that git would take as an option.
    #[error("'{0}' cannot be the name of a revision, remote or address: it starts with a dash")]
    Option(String),
}

impl GitError {
    /// What git itself wrote, without the command.
    pub fn why(&self) -> String {
        match self {
            Self::Failed { why, .. } => why.clone(),
            other => other.to_string(),
        }
    }
}

impl From<CommandError> for GitError {
    fn from(error: CommandError) -> Self {
        Self::Command(error.to_string())
    }
}

/// A user name and a password for addresses of http.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// How git is run. Cheap to clone.
#[derive(Clone)]
pub struct Git {
    program: PathBuf,
    cwd: Option<PathBuf>,
    run_as: Option<RunAs>,
    login: Option<Login>,
    keys: Vec<PathBuf>,
    /// Copies of keys, which go away with the last user of them.
    held: Vec<Arc<tempfile::TempPath>>,
    variables: Vec<(OsString, OsString)>,
}

/// The largest private key.
pub const KEY_LIMIT: u64 = 1 << 20;

/// Asks git for the login of its environment. The two names are ours.
const HELPER: &str =
    r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$FLEET_GIT_USER" "$FLEET_GIT_PASSWORD"; }; f"#;

impl Git {
    /// The git of the machine.
    pub fn new() -> Result<Self, GitError> {
        let program = which("git", std::env::var_os("PATH").as_deref()).ok_or(GitError::Missing)?;
        Ok(Self {
            program,
            cwd: None,
            run_as: None,
            login: None,
            keys: Vec::new(),
            held: Vec::new(),
            variables: Vec::new(),
        })
    }

    /// Starts in a directory.
    #[must_use]
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.cwd = Some(directory.as_ref().to_owned());
        self
    }

    /// Runs as this user.
    pub fn user(mut self, name: Option<&str>) -> Result<Self, GitError> {
        self.run_as = name.map(RunAs::account).transpose()?;
        Ok(self)
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Answers a server that asks for a login.
    #[must_use]
    pub fn login(mut self, login: Option<Login>) -> Self {
        self.login = login.or(self.login);
        self
    }

    /// Offers a private key of this machine to servers reached by ssh.
    #[must_use]
    pub fn key(mut self, path: impl Into<PathBuf>) -> Self {
        self.keys.push(path.into());
        self
    }

    /// Offers a private key whose text is at hand: kept in a file that only its user can read, as long as needed.
    pub fn key_text(mut self, text: &[u8]) -> Result<Self, GitError> {
        let failed = |error: std::io::Error| GitError::Command(format!("a private key: {}", plain(&error)));
        let mut file = tempfile::Builder::new().prefix("fleet-key-").tempfile().map_err(failed)?;
        file.write_all(text).map_err(failed)?;
        if let Some(identity) = &self.run_as {
            fchown(file.as_file(), Some(identity.uid), Some(identity.gid)).map_err(failed)?;
        }
        let path = file.into_temp_path();
        self.keys.push(path.to_path_buf());
        self.held.push(Arc::new(path));
        Ok(self)
    }

    /// The address without its login, which git then gets another way.
    pub fn address(self, url: &str) -> Result<(Self, String), GitError> {
        let (login, url) = split_login(url);
        Ok((self.login(login), plain_word(&url)?.to_owned()))
    }

    /// The user it runs as; `None` for our own.
    pub fn identity(&self) -> Option<&RunAs> {
        self.run_as.as_ref()
    }

    /// Runs it with these words to its end.
    pub fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<Finished, GitError> {
        let argv = std::iter::once(self.program.as_os_str()).chain(words.iter().map(AsRef::as_ref));
        let mut command = Command::argv(argv).c_locale().env("GIT_TERMINAL_PROMPT", Some(OsStr::new("0")));
        // What only looks writes nothing, not even the index that `status` likes to refresh.
        command = command.env("GIT_OPTIONAL_LOCKS", Some(OsStr::new("0")));
        command = command.env("GIT_SSH_COMMAND", Some(OsStr::new(&self.ssh())));
        if let Some(directory) = &self.cwd {
            command = command.cwd(directory);
        }
        if let Some(login) = &self.login {
            let settings = [
                ("GIT_CONFIG_COUNT", "2"),
                // An empty helper forgets those of the configuration: ours is the only one asked.
                ("GIT_CONFIG_KEY_0", "credential.helper"),
                ("GIT_CONFIG_VALUE_0", ""),
                ("GIT_CONFIG_KEY_1", "credential.helper"),
                ("GIT_CONFIG_VALUE_1", HELPER),
                ("FLEET_GIT_USER", &login.user),
                ("FLEET_GIT_PASSWORD", &login.password),
            ];
            for (name, value) in settings {
                command = command.env(name, Some(OsStr::new(value)));
            }
        }
        for (name, value) in &self.variables {
            command = command.env(name, Some(value));
        }
        if let Some(identity) = &self.run_as {
            command = command.run_as(identity.clone());
        }
        Ok(command.run()?)
    }

    /// What it said; an error that quotes it when it failed.
    pub fn ask<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<String, GitError> {
        let finished = self.run(words)?;
        if finished.status == 0 { Ok(finished.out()) } else { Err(self.failure(words, &finished)) }
    }

    /// What it said on both streams; an error when it failed.
    pub fn tell<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<String, GitError> {
        let finished = self.run(words)?;
        if finished.status != 0 {
            return Err(self.failure(words, &finished));
        }
        let said = [finished.out(), finished.err()];
        Ok(said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n"))
    }

    /// The error of a run that failed.
    pub(super) fn failure<W: AsRef<OsStr>>(&self, words: &[W], finished: &Finished) -> GitError {
        let words: Vec<String> = words.iter().map(|word| without_account(&word.as_ref().to_string_lossy())).collect();
        let why = [finished.err(), finished.out()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        GitError::Failed { words: words.join(" "), why: self.without_secrets(&why) }
    }

    fn without_secrets(&self, text: &str) -> String {
        match &self.login {
            Some(login) if !login.password.is_empty() => text.replace(&login.password, "<redacted>"),
            _ => text.to_owned(),
        }
    }

    /// The words that git's shell reads to reach a server by ssh: never a question, only the keys that were named.
    fn ssh(&self) -> String {
        // A server that is new is taken and remembered; one whose key changed is refused.
        let mut words = "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new".to_owned();
        if !self.keys.is_empty() {
            words.push_str(" -o IdentitiesOnly=yes");
        }
        for key in &self.keys {
            words.push_str(&format!(" -i '{}'", key.to_string_lossy().replace('\'', r"'\''")));
        }
        words
    }
}

/// A name that git cannot mistake for an option.
pub fn plain_word(word: &str) -> Result<&str, GitError> {
    if word.starts_with('-') { Err(GitError::Option(word.to_owned())) } else { Ok(word) }
}

/// The login in an address of http and the address without it.
fn split_login(url: &str) -> (Option<Login>, String) {
    let parts = url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
    let Some((scheme, rest)) = parts else { return (None, url.to_owned()) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some((account, host)) = rest[..end].rsplit_once('@') else { return (None, url.to_owned()) };
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let login = Login { user: unescaped(user), password: unescaped(password) };
    (Some(login), format!("{scheme}://{host}{}", &rest[end..]))
}

/// Undoes `%40` and its like.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code =
            text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leaves_the_address() {
        let (login, url) = split_login("https://me:p%40ss@example.org/x.git");
        assert_eq!(url, "https://example.org/x.git");
        assert!(login.is_some_and(|login| login.user == "me" && login.password == "p@ss"));
        for url in ["https://example.org/a@b", "git@example.org:x", "ssh://git@example.org/x", "/srv/x"] {
            assert!(split_login(url).0.is_none(), "{url}");
            assert_eq!(split_login(url).1, url);
        }
        assert_eq!(unescaped("100%é%4"), "100%é%4");
    }

    #[test]
    fn a_password_is_in_neither_arguments_nor_errors() {
        let login = Login { user: "me".to_owned(), password: "s3cret".to_owned() };
        let git = Git::new().unwrap().login(Some(login));
        let (git, url) = git.address("https://me:other@127.0.0.1:1/x.git").unwrap();
        assert_eq!(url, "https://127.0.0.1:1/x.git");
        let error = git.ask(&["ls-remote", "--", &url]).unwrap_err();
        assert!(!error.to_string().contains("other"), "{error}");
        // git itself reads the login from its environment.
        let said = git.run(&["credential", "fill"]).unwrap();
        assert_ne!(said.status, 0, "an empty question has no answer");
        assert!(matches!(plain_word("--upload-pack=x"), Err(GitError::Option(_))));
    }
}
