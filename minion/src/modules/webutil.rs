//! `webutil.*`: who is in the password files of web servers.
//!
//! Passwords are made into hashes by `htpasswd`, which gets them through its standard input. It would write the file in
//! place; the file is written here, whole or not at all, unless another account is to do it: then the kernel must decide
//! what that account may, and `htpasswd` writes.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::tool;
use crate::cx::{Act, Module};
use crate::system::command::{Finished, RunAs};

/// The module.
pub const MODULE: Module = Module {
    name: "webutil",
    doc: "Who is in the password files of web servers.",
    functions: &[
        Function::changes(
            "useradd",
            "Adds somebody to a password file, or changes the password; gives what was done.",
            "webutil.useradd /etc/nginx/htpasswd larry secret opts=B",
            Password::ROWS,
            |act, arguments| add(act, &Password::bind("webutil.useradd", arguments)?),
        ),
        Function::changes(
            "userdel",
            "Removes somebody from a password file; gives what was done.",
            "webutil.userdel /etc/nginx/htpasswd larry",
            User::ROWS,
            |act, arguments| remove(act, &User::bind("webutil.userdel", arguments)?),
        ),
        Function::reads(
            "verify",
            "True if somebody is in a password file with this password.",
            "webutil.verify /etc/nginx/htpasswd larry secret",
            Password::ROWS,
            |_, arguments| {
                let args = Password::bind("webutil.verify", arguments)?;
                hashing(&args.opts)?;
                Ok(Entry::new(&args.pwfile, &args.user, args.runas.as_deref())?.verify(&args.password)?.into())
            },
        ),
    ],
};

args! {
    /// Somebody with a password, in a file.
    pub struct Password {
        /// The file.
        pwfile: String,
        /// Who.
        user: String,
        /// The password; it is in no list of processes.
        password: String,
        /// How the hash is made, in letters of `htpasswd`: `m` (MD5, what else is done), `2`, `5` (SHA-2), `B` (bcrypt),
        /// `d` (crypt), `s` (SHA-1), `p` (none: plain text).
        opts: String = String::new(),
        /// The account that does it.
        runas: Option<String> = None,
    }
}

args! {
    /// Somebody in a file.
    pub struct User {
        /// The file.
        pwfile: String,
        /// Who.
        user: String,
        /// The account that does it.
        runas: Option<String> = None,
        /// A mapping of what was said and how it ended, instead of the lines that were said.
        all_results: bool = false,
    }
}

/// Adds somebody or changes the password.
pub fn add(act: &Act, args: &Password) -> CallResult {
    let entry = Entry::new(&args.pwfile, &args.user, args.runas.as_deref())?;
    Ok(told(&entry.set(act, &args.password, &args.opts)?).into())
}

/// Removes somebody.
pub fn remove(act: &Act, args: &User) -> CallResult {
    let entry = Entry::new(&args.pwfile, &args.user, args.runas.as_deref())?;
    if !entry.path.exists() {
        let text = format!("Error: The specified htpasswd file does not exist: {}", entry.path.display());
        return Err(CallError::Failed(text));
    }
    let said = if entry.is_there()? { entry.remove(act)? } else { format!("User {} not found", args.user) };
    Ok(if args.all_results { told(&said).into() } else { vec![Value::from(said)].into() })
}

/// What the program would have said, in the form in which programs' answers are given.
fn told(said: &str) -> Map {
    Map::from_iter([("retcode", Value::from(0_i64)), ("stdout", "".into()), ("stderr", said.into())])
}

/// Somebody in a file, there or not.
pub struct Entry<'e> {
    path: PathBuf,
    user: &'e str,
    account: Option<RunAs>,
}

/// Options of `htpasswd` for letters that say how the hash is made.
///
/// # Errors
/// A letter that is no kind of hash: `c` would empty the file.
pub fn hashing(letters: &str) -> Result<Vec<String>, CallError> {
    let letters = letters.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
    letters
        .map(|letter| match letter {
            'm' | '2' | '5' | 'B' | 'd' | 's' | 'p' => Ok(format!("-{letter}")),
            other => Err(CallError::Invocation(format!(
                "'{other}' is no kind of hash: options are letters of m, 2, 5, B, d, s and p"
            ))),
        })
        .collect()
}

impl<'e> Entry<'e> {
    /// Somebody in a file; `account` does what is done, else we do.
    ///
    /// # Errors
    /// A path that is not absolute, a name that no line can hold, an account that does not exist.
    pub fn new(file: &str, user: &'e str, account: Option<&str>) -> Result<Self, CallError> {
        let path = PathBuf::from(file);
        if !path.is_absolute() {
            return Err(CallError::Invocation(format!("'{file}' is not an absolute path of a password file")));
        }
        if user.is_empty() || user.len() > 255 || user.contains([':', '\n', '\r', '\0']) {
            let text =
                format!("{user:?} cannot be in a password file: a name has 1 to 255 bytes without ':', in one line");
            return Err(CallError::Invocation(text));
        }
        let account = account.filter(|name| !name.is_empty()).map(RunAs::account).transpose();
        Ok(Self { path, user, account: account.map_err(|error| CallError::Failed(error.to_string()))? })
    }

    /// The directory of the file, if it is not there.
    pub fn missing_directory(&self) -> Option<&Path> {
        self.path.parent().filter(|directory| !directory.is_dir())
    }

    /// True if somebody of that name is in the file.
    pub fn is_there(&self) -> Result<bool, CallError> {
        Ok(tool::text(&self.path)?.lines().any(|line| is_of(line, self.user)))
    }

    /// True if somebody is there with this password.
    pub fn verify(&self, password: &str) -> Result<bool, CallError> {
        if !self.is_there()? {
            return Ok(false);
        }
        let finished = self.run(&["-v", "-i", "--", &self.file()?, self.user], password)?;
        match finished.status {
            0 => Ok(true),
            // Another password; nobody of that name by now.
            3 | 6 => Ok(false),
            _ => Err(self.failed(&finished)),
        }
    }

    /// Adds somebody or changes the password; what was done.
    pub fn set(&self, _act: &Act, password: &str, opts: &str) -> Result<String, CallError> {
        let kind = hashing(opts)?;
        let verb = if self.is_there()? { "Updating" } else { "Adding" };
        let mut words: Vec<&str> = kind.iter().map(String::as_str).chain(["-i"]).collect();
        let file = self.file()?;
        if self.account.is_some() {
            words.extend((!self.path.exists()).then_some("-c"));
            words.extend(["--", &file, self.user]);
            self.done(&self.run(&words, password)?)?;
        } else {
            words.extend(["-n", "--", self.user]);
            let said = self.done(&self.run(&words, password)?)?;
            let line = said.lines().find(|line| is_of(line, self.user));
            let line =
                line.ok_or_else(|| CallError::Failed("htpasswd: it wrote no line of a password file".to_owned()))?;
            tool::rewrite(&self.path, &with(&tool::text(&self.path)?, self.user, Some(line)))?;
        }
        Ok(format!("{verb} password for user {}", self.user))
    }

    /// Removes somebody; what was done.
    pub fn remove(&self, _act: &Act) -> Result<String, CallError> {
        if self.account.is_some() {
            self.done(&self.run(&["-D", "--", &self.file()?, self.user], "")?)?;
        } else {
            tool::rewrite(&self.path, &with(&tool::text(&self.path)?, self.user, None))?;
        }
        Ok(format!("Deleting password for user {}", self.user))
    }

    fn file(&self) -> Result<String, CallError> {
        let path: &Path = &self.path;
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| CallError::Invocation(format!("{}: not in UTF-8", path.display())))
    }

    fn run(&self, words: &[&str], password: &str) -> Result<Finished, CallError> {
        // The program reads one line, and would take a part of the password for all of it.
        if password.contains(['\n', '\r', '\0']) {
            return Err(CallError::Invocation("a password is one line of text".to_owned()));
        }
        let argv: Vec<&str> = std::iter::once("htpasswd").chain(words.iter().copied()).collect();
        let mut command = tool::command(&argv)?.stdin(password);
        if let Some(account) = &self.account {
            command = command.run_as(account.clone());
        }
        tool::finish(&command)
    }

    fn done(&self, finished: &Finished) -> Result<String, CallError> {
        if finished.status == 0 { Ok(finished.out()) } else { Err(self.failed(finished)) }
    }

    fn failed(&self, finished: &Finished) -> CallError {
        let said = finished.said();
        let why = said.lines().next().unwrap_or_default().trim_start_matches("htpasswd: ");
        CallError::Failed(format!("{}: htpasswd: user {}: {why}", self.path.display(), self.user))
    }
}

fn is_of(line: &str, user: &str) -> bool {
    line.strip_prefix(user).is_some_and(|rest| rest.starts_with(':'))
}

/// The file with another line of somebody, in the place of the first there was, or without any.
fn with(text: &str, user: &str, line: Option<&str>) -> String {
    let mut new = line;
    let mut lines: Vec<&str> = Vec::new();
    for old in text.lines() {
        if is_of(old, user) { lines.extend(new.take()) } else { lines.push(old) }
    }
    lines.extend(new);
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_somebody_changes_and_others_stay() {
        let text = "# staff\nlarry:1\n\nlarryx:2\nlarry:3";
        assert_eq!(with(text, "larry", Some("larry:new")), "# staff\nlarry:new\n\nlarryx:2\n");
        assert_eq!(with(text, "larry", None), "# staff\n\nlarryx:2\n");
        assert_eq!(with(text, "moe", Some("moe:x")), "# staff\nlarry:1\n\nlarryx:2\nlarry:3\nmoe:x\n");
        assert_eq!(with("", "moe", None), "");
    }

    #[test]
    fn names_paths_and_kinds_of_hashes_are_checked() {
        assert_eq!(hashing("-B").unwrap(), ["-B"]);
        assert!(hashing("c").unwrap_err().to_string().contains("'c' is no kind of hash"));
        for (file, user) in [("/f", "a:b"), ("/f", ""), ("/f", "a\nb"), ("f", "a")] {
            assert!(matches!(Entry::new(file, user, None), Err(CallError::Invocation(_))), "{file} {user:?}");
        }
        let nobody = Entry::new("/f", "a", Some("no-such-account"));
        assert!(nobody.is_err_and(|error| error.to_string().contains("no-such-account")));
    }
}
