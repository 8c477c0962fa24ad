//! What `file.find` does with the entries that fit: removing them, running a command for each.

use std::fs::Metadata;
use std::path::Path;

use fleet_common::value::Value;

use super::find::has_kind;
use crate::cx::Act;
use crate::modules::cmd::split_words;
use crate::system::command::Command;
use crate::system::fs::plain;

/// Something to be done with an entry.
pub(super) enum Action {
    /// Remove it if its kind is one of these letters.
    Delete(String),
    /// Run a command; `{}` stands for the path.
    Command {
        /// As it was typed.
        typed: String,
        /// Its words: a path is one word, whatever is in its name.
        words: Vec<String>,
    },
}

impl Action {
    /// The command of `exec`.
    pub(super) fn command(typed: String) -> Result<Self, String> {
        let words = split_words(&typed).map_err(|error| error.to_string())?;
        match words.is_empty() {
            true => Err(format!("invalid value for \"exec\" option: {typed}")),
            false => Ok(Self::Command { typed, words }),
        }
    }

    /// Does it; what is told of it, if anything. `entry` is of the entry itself, `kind` of what a link leads to.
    pub(super) fn run(&self, _act: &Act, path: &Path, entry: &Metadata, kind: char) -> Option<Value> {
        let shown = path.to_string_lossy();
        let text = match self {
            Self::Delete(kinds) if !has_kind(kinds, kind) => return None,
            Self::Delete(_) => {
                // A link goes, never what it leads to.
                let gone = if entry.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
                gone.map_or_else(|error| format!("{shown}: {}", plain(&error)), |()| shown.to_string())
            }
            Self::Command { typed, words } => {
                let words = words.iter().map(|word| word.replace("{}", &shown));
                match Command::argv(words).run() {
                    Err(_) => format!("{shown}: Failed"),
                    Ok(finished) => {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        let (out, err) = (text(&finished.stdout), text(&finished.stderr));
                        format!("{}:\n{out}\n{err}", typed.replace("{}", &shown))
                    }
                }
            }
        };
        Some(text.into())
    }
}
