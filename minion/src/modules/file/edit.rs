//! Editing files: patterns, single lines, marked blocks, comment signs.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue, Function};
use fleet_common::diff::unified;
use fleet_common::value::Value;

use super::content::{flags, store, text, tool};
use super::path::{expand, failed};
use crate::cx::{Act, Module};
use crate::edit::block::{Absent, Block};
use crate::edit::{Comment, EditError, LineEdit, Missing, Mode, Replace};

/// Functions that edit files.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::changes(
            "replace",
            "Replaces a pattern throughout a file; returns the difference.",
            "file.replace /etc/x.conf '^max' min",
            ReplaceArgs::ROWS,
            replace,
        ),
        Function::changes(
            "line",
            "Ensures, inserts, replaces or deletes one line; returns the difference.",
            "file.line /etc/hosts '10.0.0.1 db' mode=ensure after=localhost",
            LineArgs::ROWS,
            line,
        ),
        Function::changes(
            "blockreplace",
            "Replaces the text between two marker lines; returns the difference.",
            "file.blockreplace /etc/hosts '#-- start' '#-- end' '10.0.0.1 db'",
            BlockArgs::ROWS,
            blockreplace,
        ),
        Function::changes(
            "comment",
            "Puts a comment sign before the lines that match.",
            "file.comment /etc/modules pcspkr",
            CommentArgs::ROWS,
            |act, arguments| {
                let args = CommentArgs::bind("file.comment", arguments)?;
                comment_line(act, &args.path, &args.regex, &args.char, true, &args.backup)
            },
        ),
        Function::changes(
            "uncomment",
            "Takes the comment sign from the lines that match.",
            "file.uncomment /etc/hosts.deny 'ALL: PARANOID'",
            CommentArgs::ROWS,
            |act, arguments| {
                let args = CommentArgs::bind("file.uncomment", arguments)?;
                comment_line(act, &args.path, &args.regex, &args.char, false, &args.backup)
            },
        ),
        Function::changes(
            "comment_line",
            "Comments lines, or uncomments them.",
            "file.comment_line /etc/modules pcspkr",
            CommentLine::ROWS,
            |act, arguments| {
                let args = CommentLine::bind("file.comment_line", arguments)?;
                comment_line(act, &args.path, &args.regex, &args.char, args.cmnt, &args.backup)
            },
        ),
        Function::changes(
            "sed",
            "Runs sed's substitution on a file.",
            "file.sed /etc/x.conf 'level: all' 'level: info'",
            Sed::ROWS,
            sed,
        ),
        Function::changes(
            "psed",
            "Replaces a pattern line by line, as sed would.",
            "file.psed /etc/x.conf 'level: all' 'level: info'",
            Psed::ROWS,
            psed,
        ),
        Function::reads(
            "sed_contains",
            "True if sed finds the pattern in the file.",
            "file.sed_contains /etc/hosts 127",
            SedContains::ROWS,
            |look, arguments| {
                let args = SedContains::bind("file.sed_contains", arguments)?;
                let path = expand(look, &args.path);
                if !path.exists() {
                    return Ok(false.into());
                }
                let script = format!("{}s/{}/$/{}", address(&args.limit, false), escaped(&args.text), args.flags);
                let words =
                    ["sed", "-n", "-r", "-e", &format!("{script}p"), &path.to_string_lossy()].map(str::to_owned);
                let finished = crate::system::command::Command::argv(words).run();
                Ok(finished.is_ok_and(|finished| !finished.stdout.is_empty()).into())
            },
        ),
    ],
};

args! {
    /// Arguments of `file.replace`.
    pub struct ReplaceArgs {
        /// The file.
        path: String,
        /// The pattern.
        pattern: String,
        /// What it is replaced by: `\1` and `\g<name>` stand for groups.
        repl: String,
        /// At most so many (0: all).
        count: i64 = 0,
        /// Names or number of Python's flags.
        flags: Value = Value::from(8),
        /// Not used: files are read whole.
        bufsize: Value = Value::from(1),
        /// Add the content at the end when the pattern is not found.
        append_if_not_found: bool = false,
        /// Add the content at the beginning when the pattern is not found.
        prepend_if_not_found: bool = false,
        /// What is added; the replacement when not given.
        not_found_content: Option<String> = None,
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::from(".bak"),
        /// Only return the difference.
        dry_run: bool = false,
        /// Only return whether the pattern is found.
        search_only: bool = false,
        /// Return the difference, not only whether there is one.
        show_changes: bool = true,
        /// Answer false for a file that is not there.
        ignore_if_missing: bool = false,
        /// Not used: a file with several names keeps its inode, others are replaced whole.
        preserve_inode: bool = true,
        /// Backslashes in the replacement are themselves.
        backslash_literal: bool = false,
    }
}

args! {
    /// Arguments of `file.line`.
    pub struct LineArgs {
        /// The file.
        path: String,
        /// The line.
        content: Option<String> = None,
        /// The line to replace or delete.
        match_: Option<String> = None,
        /// ensure, replace, delete or insert.
        mode: Option<String> = None,
        /// start or end, for insert.
        location: Option<String> = None,
        /// The line before which it goes.
        before: Option<String> = None,
        /// The line after which it goes.
        after: Option<String> = None,
        /// Return the difference, not only whether there is one.
        show_changes: bool = true,
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::Bool(false),
        /// Answer false for a file that is not there.
        quiet: bool = false,
        /// Indent the line as its neighbour.
        indent: bool = true,
    }
}

args! {
    /// Arguments of `file.blockreplace`.
    pub struct BlockArgs {
        /// The file.
        path: String,
        /// The line that opens the block.
        marker_start: String = "#-- start managed zone --".to_owned(),
        /// The text that closes it.
        marker_end: String = "#-- end managed zone --".to_owned(),
        /// What stands between.
        content: String = String::new(),
        /// Add the block at the end when it is not there.
        append_if_not_found: bool = false,
        /// Add the block at the beginning when it is not there.
        prepend_if_not_found: bool = false,
        /// End of the name of a copy of the former file; false for none.
        backup: Value = Value::from(".bak"),
        /// Only return the difference.
        dry_run: bool = false,
        /// Return the difference, not only whether there is one.
        show_changes: bool = true,
        /// Put a line end behind the content; none: where it has none.
        append_newline: Value = Value::Bool(false),
        /// Add the block before the first line that matches.
        insert_before_match: Option<String> = None,
        /// Add the block after the first line that matches.
        insert_after_match: Option<String> = None,
    }
}

args! {
    /// Arguments of `file.comment` and `file.uncomment`.
    pub struct CommentArgs {
        /// The file.
        path: String,
        /// The pattern of the lines.
        regex: String,
        /// The comment sign.
        char: String = "#".to_owned(),
        /// End of the name of a copy of the former file; empty for none.
        backup: Value = Value::from(".bak"),
    }
}

args! {
    /// Arguments of `file.comment_line`.
    pub struct CommentLine {
        /// The file.
        path: String,
        /// The pattern of the lines.
        regex: String,
        /// The comment sign.
        char: String = "#".to_owned(),
        /// True to comment, false to uncomment.
        cmnt: bool = true,
        /// End of the name of a copy of the former file; empty for none.
        backup: Value = Value::from(".bak"),
    }
}

args! {
    /// Arguments of `file.sed`.
    pub struct Sed {
        /// The file.
        path: String,
        /// The pattern.
        before: String,
        /// The replacement.
        after: String,
        /// Only lines that match this.
        limit: String = String::new(),
        /// End of the name of a copy of the former file; empty for none.
        backup: String = ".bak".to_owned(),
        /// Options of sed.
        options: String = "-r -e".to_owned(),
        /// Flags of the substitution.
        flags: String = "g".to_owned(),
        /// Take pattern and replacement as plain texts.
        escape_all: bool = false,
        /// Only lines that do not match the limit.
        negate_match: bool = false,
    }
}

args! {
    /// Arguments of `file.psed`.
    pub struct Psed {
        /// The file.
        path: String,
        /// The pattern.
        before: String,
        /// The replacement.
        after: String,
        /// Only lines that match this.
        limit: String = String::new(),
        /// End of the name of a copy of the former file; empty for none.
        backup: String = ".bak".to_owned(),
        /// Flags: g, I, M, S.
        flags: String = "gMS".to_owned(),
        /// Take pattern and replacement as plain texts.
        escape_all: bool = false,
        /// Let the pattern span lines.
        multi: bool = false,
    }
}

args! {
    /// Arguments of `file.sed_contains`.
    pub struct SedContains {
        /// The file.
        path: String,
        /// The pattern.
        text: String,
        /// Only lines that match this.
        limit: String = String::new(),
        /// Flags of the substitution.
        flags: String = "g".to_owned(),
    }
}

fn edited(error: EditError) -> CallError {
    match error {
        EditError::Condition(why) => CallError::Failed(why),
        EditError::Pattern(why) => CallError::Invocation(why.to_string()),
    }
}

/// Copies a file beside itself, whole or not at all; nothing for false and empty endings.
pub(crate) fn keep(path: &Path, ending: &Value) -> Result<(), CallError> {
    let ending = match ending {
        Value::Bool(true) => ".bak".to_owned(),
        value if !value.truthy() => return Ok(()),
        value => String::from_value(value.clone()).unwrap_or_default(),
    };
    let copy = PathBuf::from(format!("{}{ending}", path.display()));
    let written = tempfile::Builder::new().prefix(".fleet-keep-").tempfile_in(copy.parent().unwrap_or(path));
    let written = written.and_then(|file| {
        std::fs::copy(path, file.path())?;
        Ok(file.persist(&copy)?)
    });
    written.map(drop).map_err(failed(&copy))
}

/// Stores the new text when it differs and answers with the difference, or with whether there is one.
fn finish(path: &Path, old: &str, new: &str, backup: &Value, dry_run: bool, show_changes: bool) -> CallResult {
    let differs = old != new;
    if differs && !dry_run {
        keep(path, backup)?;
        store(path, new)?;
    }
    Ok(if show_changes { unified(old, new, "", "").into() } else { differs.into() })
}

fn existing(act: &Act, typed: &str) -> Result<PathBuf, CallError> {
    let path = expand(act, typed);
    // Said from the root: a relative path means the directory of the daemon, which nobody knows by heart.
    let path = std::path::absolute(&path).unwrap_or(path);
    if path.exists() { Ok(path) } else { Err(CallError::Invocation(format!("File not found: {}", path.display()))) }
}

fn replace(act: &Act, arguments: Arguments) -> CallResult {
    let args = ReplaceArgs::bind("file.replace", arguments)?;
    if args.append_if_not_found && args.prepend_if_not_found {
        return Err(CallError::Invocation("Only one of append and prepend_if_not_found is permitted".to_owned()));
    }
    let missing = match (args.append_if_not_found, args.prepend_if_not_found) {
        (true, _) => Missing::Append,
        (_, true) => Missing::Prepend,
        _ => Missing::Leave,
    };
    if args.search_only && missing != Missing::Leave {
        return Err(CallError::Invocation("search_only cannot be used with append/prepend_if_not_found".to_owned()));
    }
    let path = match existing(act, &args.path) {
        Err(_) if args.ignore_if_missing => return Ok(false.into()),
        other => other?,
    };
    let old = text(&path)?;
    let edit = Replace {
        pattern: &args.pattern,
        flags: flags(&args.flags)?,
        replacement: &args.repl,
        literal: args.backslash_literal,
        count: usize::try_from(args.count).unwrap_or(0),
        missing,
        not_found_content: args.not_found_content.as_deref(),
    };
    if args.search_only {
        return Ok(edit.is_found(&old).map_err(edited)?.into());
    }
    let new = edit.apply(&old).map_err(edited)?.text;
    finish(&path, &old, &new, &args.backup, args.dry_run, args.show_changes)
}

fn line(act: &Act, arguments: Arguments) -> CallResult {
    let args = LineArgs::bind("file.line", arguments)?;
    let path = expand(act, &args.path);
    let path = path.canonicalize().unwrap_or(path);
    if !path.is_file() {
        if args.quiet {
            return Ok(false.into());
        }
        return Err(CallError::Failed(format!("File \"{}\" does not exists or is not a file.", path.display())));
    }
    let Some(name) = &args.mode else {
        return Err(CallError::Failed("Mode was not defined. How to process the file?".to_owned()));
    };
    let mode = Mode::named(name).ok_or_else(|| CallError::Failed(format!("Unknown mode: \"{name}\"")))?;
    let old = text(&path)?;
    let edit = LineEdit {
        content: args.content.as_deref(),
        matching: args.match_.as_deref(),
        location: args.location.as_deref(),
        before: args.before.as_deref(),
        after: args.after.as_deref(),
        indent: args.indent,
    };
    let new = edit.apply(mode, &old).map_err(edited)?;
    if new == old {
        return Ok(false.into());
    }
    finish(&path, &old, &new, &args.backup, false, args.show_changes)
}

fn blockreplace(act: &Act, arguments: Arguments) -> CallResult {
    let args = BlockArgs::bind("file.blockreplace", arguments)?;
    let path = existing(act, &args.path)?;
    let absent = match (
        args.append_if_not_found,
        args.prepend_if_not_found,
        args.insert_before_match,
        args.insert_after_match,
    ) {
        (true, true, ..) => {
            return Err(CallError::Invocation("Only one of append and prepend_if_not_found is permitted".to_owned()));
        }
        (.., Some(_), Some(_)) => {
            return Err(CallError::Invocation(
                "Only one of insert_before_match and insert_after_match is permitted".to_owned(),
            ));
        }
        (_, true, ..) => Absent::Prepend,
        (true, ..) => Absent::Append,
        (.., Some(pattern), _) => Absent::Before(pattern),
        (.., Some(pattern)) => Absent::After(pattern),
        _ => Absent::Refuse,
    };
    let append_newline = match &args.append_newline {
        Value::Null => None,
        given => Some(given.truthy()),
    };
    let block =
        Block { start: &args.marker_start, end: &args.marker_end, content: &args.content, append_newline, absent };
    let old = text(&path)?;
    let new = block.apply(&old).map_err(edited)?;
    finish(&path, &old, &new, &args.backup, args.dry_run, args.show_changes)
}

fn comment_line(act: &Act, path: &str, regex: &str, sign: &str, comment: bool, backup: &Value) -> CallResult {
    let path = existing(act, path)?;
    let old = text(&path)?;
    let Some(done) = (Comment { regex, sign, comment }).apply(&old).map_err(edited)? else {
        return Ok(false.into());
    };
    keep(&path, backup)?;
    store(&path, &done.text)?;
    // Only the lines that changed are shown, without their places.
    Ok(unified(&done.old, &done.new, "", "").into())
}

/// Slashes end a part of a substitution.
fn escaped(text: &str) -> String {
    text.replace('/', "\\/")
}

fn address(limit: &str, negate: bool) -> String {
    match limit {
        "" => String::new(),
        limit => format!("/{}/{} ", escaped(limit), if negate { "!" } else { "" }),
    }
}

fn sed(act: &Act, arguments: Arguments) -> CallResult {
    let args = Sed::bind("file.sed", arguments)?;
    let path = expand(act, &args.path);
    if !path.exists() {
        return Ok(false.into());
    }
    let quoted = |text: &str| if args.escape_all { fleet_common::pattern::escape(text) } else { text.to_owned() };
    let (before, after) = (escaped(&quoted(&args.before)), escaped(&quoted(&args.after)));
    let mut words = vec!["sed".to_owned(), format!("-i{}", args.backup)];
    words.extend(crate::modules::cmd::split_words(&args.options)?);
    words.push(format!("{}s/{before}/{after}/{}", address(&args.limit, args.negate_match), args.flags));
    words.push(path.to_string_lossy().into_owned());
    let answer = tool(act, words)?;
    let retcode = answer.status;
    Ok(fleet_common::call::Outcome { retcode, ..answer.into_map().into() })
}

fn psed(act: &Act, arguments: Arguments) -> CallResult {
    let args = Psed::bind("file.psed", arguments)?;
    let path = existing(act, &args.path)?;
    let refused = |error: fleet_common::pattern::PatternError| CallError::Invocation(error.to_string());
    let given = fleet_common::pattern::Flags {
        ignore_case: args.flags.contains('I'),
        multiline: args.flags.contains('M'),
        dot_all: args.flags.contains('S'),
        verbose: false,
    };
    let before = if args.escape_all { fleet_common::pattern::escape(&args.before) } else { args.before.clone() };
    let pattern = fleet_common::pattern::Pattern::new(&before, given).map_err(refused)?;
    let limit = fleet_common::pattern::Pattern::new(&args.limit, given).map_err(refused)?;
    let by = fleet_common::pattern::Replacement::template(&args.after);
    let count = usize::from(!args.flags.contains('g'));
    let old = text(&path)?;
    let mut new = String::with_capacity(old.len());
    let lines: Vec<&str> = if args.multi { vec![&old] } else { old.split_inclusive('\n').collect() };
    for line in lines {
        if limit.search(line).map_err(refused)? {
            new.push_str(&pattern.replace(line, &by, count).map_err(refused)?.0);
        } else {
            new.push_str(line);
        }
    }
    keep(&path, &Value::from(args.backup))?;
    store(&path, &new)?;
    Ok(Value::Null.into())
}
