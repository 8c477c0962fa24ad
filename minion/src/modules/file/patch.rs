//! `file.patch`: the program `patch` on a file or directory.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};

use super::content::tool;
use super::path::expand;
use crate::cx::{Act, Module};
use crate::modules::cmd::split_words;
use crate::system::command::which;

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::changes(
        "patch",
        "Applies a patch to a file or directory; returns retcode, stdout and stderr of patch.",
        "file.patch /opt/file.txt /tmp/file.txt.patch",
        Patch::ROWS,
        patch,
    )],
};

args! {
    /// Arguments of `file.patch`.
    pub struct Patch {
        /// The file or directory to patch.
        originalfile: String,
        /// The patch.
        patchfile: String,
        /// Options of patch; without them a patch that is applied already is left out, and nothing is kept of one
        /// that does not fit.
        options: String = String::new(),
        /// Only say what would be done.
        dry_run: bool = false,
    }
}

fn patch(act: &Act, arguments: Arguments) -> CallResult {
    let args = Patch::bind("file.patch", arguments)?;
    let program = which("patch", None).ok_or_else(|| {
        CallError::Failed("the program patch is not on this machine: is the package 'patch' installed?".to_owned())
    })?;
    let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let mut words = vec![text(program)];
    match args.options.as_str() {
        "" => words.extend(["--forward", "--reject-file=-"].map(str::to_owned)),
        options => words.extend(split_words(options)?),
    }
    if args.dry_run {
        words.push("--dry-run".to_owned());
    }
    let (original, patch) = (expand(act, &args.originalfile), expand(act, &args.patchfile));
    match original.is_dir() {
        true => words.extend(["-d".to_owned(), text(original), "-i".to_owned(), text(patch)]),
        false => words.extend([text(original), text(patch)]),
    }
    let answer = tool(act, words)?;
    Ok(Outcome { retcode: answer.status, ..answer.into_map().into() })
}
