//! As whom git runs and with which keys: what all arguments of `git.*` have in common.

use std::path::Path;

use fleet_common::call::CallError;

use crate::cx::Look;
use crate::files::anywhere;
use crate::modules::cmd::split_words;
use crate::system::git::{Git, GitError, KEY_LIMIT, Login};

/// How git is run, whichever function or state asks.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// User to run as.
    pub user: Option<String>,
    /// Private keys: paths, or addresses of files.
    pub identity: Vec<String>,
    /// User and password for addresses of http.
    pub https: (Option<String>, Option<String>),
    /// Environment of keys given by `salt://`.
    pub saltenv: Option<String>,
}

impl How {
    /// The git that is meant.
    pub fn git(&self, look: &Look) -> Result<Git, CallError> {
        let login = match &self.https {
            (Some(user), password) => {
                Some(Login { user: user.clone(), password: password.clone().unwrap_or_default() })
            }
            (None, Some(_)) => {
                return Err(CallError::Invocation("If https_pass is given, https_user is needed, too".to_owned()));
            }
            (None, None) => None,
        };
        let mut git = Git::new().map_err(failed)?.user(self.user.as_deref()).map_err(failed)?.login(login);
        for (name, value) in look.environment().all() {
            git = git.variable(name, value);
        }
        for key in &self.identity {
            if key.starts_with('/') {
                let missing = !Path::new(key).is_file();
                if missing {
                    return Err(CallError::Failed(format!("Identity file {key} does not exist")));
                }
                git = git.key(key);
            } else {
                let env = self.saltenv.as_deref().unwrap_or("base");
                let text =
                    anywhere::read(look, key, env, KEY_LIMIT).map_err(|why| CallError::Failed(why.to_string()))?;
                git = git.key_text(&text).map_err(failed)?;
            }
        }
        Ok(git)
    }

    /// The git that is meant, in a directory.
    pub fn git_in(&self, look: &Look, cwd: &str) -> Result<Git, CallError> {
        if !cwd.starts_with('/') || !Path::new(cwd).exists() {
            return Err(CallError::Failed(format!("Specified cwd '{cwd}' either not absolute or does not exist")));
        }
        Ok(self.git(look)?.cwd(cwd))
    }
}

/// A failure of git as a failure of a function.
pub fn failed(error: GitError) -> CallError {
    CallError::Failed(error.to_string())
}

/// What was typed for `git` itself, the command, and what was typed for it.
pub fn words(git_opts: &str, command: &[&str], opts: &str) -> Result<Vec<String>, CallError> {
    let mut words = split_words(git_opts)?;
    words.extend(command.iter().map(|&word| word.to_owned()));
    words.extend(split_words(opts)?);
    Ok(words)
}

/// A struct of arguments with those that many functions have, and how they say as whom git runs.
macro_rules! git_args {
    // Functions that only look: no options of their own.
    (plain $(#[doc = $doc:expr])* $name:ident { $($body:tt)* }) => {
        args! {
            $(#[doc = $doc])*
            pub struct $name {
                $($body)*
                /// User to run git as.
                user: Option<String> = None,
                /// Only used on Windows.
                password: Option<String> = None,
                /// A failure is not logged as an error.
                ignore_retcode: bool = false,
                /// Encoding of what git writes; only UTF-8 is known.
                output_encoding: Option<String> = None,
            }
        }
        impl $name {
            /// As whom git runs.
            pub fn how(&self) -> How {
                How { user: self.user.clone(), ..How::default() }
            }
        }
    };
    ($(#[doc = $doc:expr])* $name:ident { $($body:tt)* }) => {
        args! {
            $(#[doc = $doc])*
            pub struct $name {
                $($body)*
                /// More options for the command, as one would type them; no shell reads them.
                opts: String = String::new(),
                /// Options for `git` itself, before the command.
                git_opts: String = String::new(),
                /// User to run git as.
                user: Option<String> = None,
                /// Only used on Windows.
                password: Option<String> = None,
                /// Private keys for servers reached by ssh: paths, or `salt://` addresses.
                identity: Vec<String> = Vec::new(),
                /// User for addresses of http.
                https_user: Option<String> = None,
                /// Password for addresses of http; git gets it by its environment.
                https_pass: Option<String> = None,
                /// A failure is not logged as an error.
                ignore_retcode: bool = false,
                /// Environment of keys given by `salt://`.
                saltenv: Option<String> = None,
                /// Encoding of what git writes; only UTF-8 is known.
                output_encoding: Option<String> = None,
            }
        }
        impl $name {
            /// As whom git runs.
            pub fn how(&self) -> How {
                How {
                    user: self.user.clone(),
                    identity: self.identity.clone(),
                    https: (self.https_user.clone(), self.https_pass.clone()),
                    saltenv: self.saltenv.clone(),
                }
            }
        }
    };
}

pub(super) use git_args;
