//! Reading and writing whole files.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue, Function};
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::value::{Map, Value};

use super::inspect::expand_glob;
use super::path::{expand, failed, fault};
use crate::cx::{Act, Look, Module};
use crate::modules::cmd::{Options, execute};
use crate::system::fs::{self, WriteOptions, plain};

/// The largest file that is read into memory.
pub(super) const LIMIT: u64 = 256 << 20;

/// Functions on the content of files.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads("read", "The content of a file.", "file.read /etc/hosts", Read_::ROWS, read),
        Function::changes(
            "write",
            "Replaces the content of a file by lines.",
            "file.write /tmp/x one two",
            Lines::ROWS,
            write,
        ),
        Function::changes(
            "append",
            "Adds lines at the end of a file.",
            "file.append /tmp/x three",
            Lines::ROWS,
            append,
        ),
        Function::changes(
            "prepend",
            "Adds lines at the beginning of a file.",
            "file.prepend /tmp/x zero",
            Lines::ROWS,
            prepend,
        ),
        Function::changes("touch", "Makes a file or sets its times.", "file.touch /tmp/x", Touch::ROWS, touch),
        Function::changes("truncate", "Cuts a file to a length.", "file.truncate /tmp/x 512", Truncate::ROWS, truncate),
        Function::reads(
            "seek_read",
            "Bytes from a place of a file.",
            "file.seek_read /tmp/x 4 0",
            SeekRead::ROWS,
            seek_read,
        ),
        Function::changes(
            "seek_write",
            "Writes text at a place of a file; returns the bytes written.",
            "file.seek_write /tmp/x data 4",
            SeekWrite::ROWS,
            seek_write,
        ),
        Function::reads(
            "contains",
            "True if a line of the file holds the text.",
            "file.contains /etc/hosts localhost",
            Contains::ROWS,
            contains,
        ),
        Function::reads(
            "contains_regex",
            "True if a line of the file matches.",
            "file.contains_regex /etc/hosts '^127'",
            ContainsRegex::ROWS,
            contains_regex,
        ),
        Function::reads(
            "contains_glob",
            "True if a line of the file matches a shell pattern as a whole.",
            "file.contains_glob /etc/hosts '*localhost*'",
            ContainsGlob::ROWS,
            contains_glob,
        ),
        Function::reads(
            "search",
            "True if the pattern is found in the file.",
            "file.search /etc/hosts '^127'",
            Search::ROWS,
            search,
        ),
        Function::reads(
            "grep",
            "Runs grep on files and returns retcode, stdout and stderr.",
            "file.grep /etc/hosts local",
            Grep::ROWS,
            |look, arguments| grep(look, Grep::bind("file.grep", arguments)?),
        ),
    ],
};

args! {
    /// Arguments of `file.read`.
    pub struct Read_ {
        /// The file.
        path: String,
        /// Return bytes.
        binary: bool = false,
    }
}

args! {
    /// A file and lines.
    pub struct Lines {
        /// The file.
        path: String,
        /// The lines.
        *lines: Vec<Value>,
        /// `args=[line, ...]`: the lines as a list.
        **options: Map,
    }
}

args! {
    /// Arguments of `file.touch`.
    pub struct Touch {
        /// The file.
        name: String,
        /// Time of last access, seconds since 1970.
        atime: Value = Value::Null,
        /// Time of last change, seconds since 1970.
        mtime: Value = Value::Null,
    }
}

args! {
    /// Arguments of `file.truncate`.
    pub struct Truncate {
        /// The file.
        path: String,
        /// Its new length.
        length: i64,
    }
}

args! {
    /// Arguments of `file.seek_read`.
    pub struct SeekRead {
        /// The file.
        path: String,
        /// How many bytes.
        size: i64,
        /// From which on.
        offset: i64,
    }
}

args! {
    /// Arguments of `file.seek_write`.
    pub struct SeekWrite {
        /// The file.
        path: String,
        /// What to write.
        data: String,
        /// Where.
        offset: i64,
    }
}

args! {
    /// Arguments of `file.contains`.
    pub struct Contains {
        /// The file.
        path: String,
        /// The text.
        text: String,
    }
}

args! {
    /// Arguments of `file.contains_regex`.
    pub struct ContainsRegex {
        /// The file.
        path: String,
        /// The pattern.
        regex: String,
        /// Signs to take from the start of each line first.
        lchar: String = String::new(),
    }
}

args! {
    /// Arguments of `file.contains_glob`.
    pub struct ContainsGlob {
        /// The file.
        path: String,
        /// The shell pattern.
        glob_expr: String,
    }
}

args! {
    /// Arguments of `file.search`.
    pub struct Search {
        /// The file.
        path: String,
        /// The pattern.
        pattern: String,
        /// Names or number of Python's flags.
        flags: Value = Value::from(8),
        /// Not used: files are read whole.
        bufsize: Value = Value::from(1),
        /// Answer false for a file that is not there.
        ignore_if_missing: bool = false,
        /// `^` and `$` stand for the ends of every line.
        multiline: bool = false,
    }
}

args! {
    /// Arguments of `file.grep`.
    pub struct Grep {
        /// The file, or a shell pattern of files.
        path: String,
        /// What grep looks for.
        pattern: String,
        /// Options of grep.
        *opts: Vec<String>,
    }
}

/// The content of a file as text; a file that is no text is refused as the reference does.
pub(crate) fn text(path: &Path) -> Result<String, CallError> {
    let bytes = fs::read_bounded(path, LIMIT).map_err(fault)?;
    String::from_utf8(bytes).map_err(|_| {
        CallError::Invocation(format!("Cannot perform string replacements on a binary file: {}", path.display()))
    })
}

/// Replaces the content of a file; a file with several names keeps them.
pub(crate) fn store(path: &Path, content: &str) -> Result<(), CallError> {
    use std::os::unix::fs::MetadataExt;
    let linked = std::fs::metadata(path).is_ok_and(|meta| meta.nlink() > 1);
    if linked {
        return std::fs::write(path, content).map_err(failed(path));
    }
    // Behind a link the file itself is replaced, not the link.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    fs::write_atomic(&real, content.as_bytes(), &WriteOptions::default()).map_err(fault)
}

/// Python's flags from a number, a name, or a list of names.
pub(crate) fn flags(given: &Value) -> Result<Flags, CallError> {
    let unknown = |name: &str| CallError::Invocation(format!("Invalid re flag given: {name}"));
    match given {
        Value::Null => Ok(Flags::default()),
        Value::Int(number) => Ok(Flags::from_number(*number)),
        Value::Str(name) => match name.parse::<i64>() {
            Ok(number) => Ok(Flags::from_number(number)),
            Err(_) => Flags::default().with_name(name).ok_or_else(|| unknown(name)),
        },
        Value::List(names) => names.iter().try_fold(Flags::default(), |flags, name| {
            let name = name.as_str().unwrap_or_default();
            flags.with_name(name).ok_or_else(|| unknown(name))
        }),
        other => Err(CallError::Invocation(format!("flags must be names or a number, not {}", other.kind()))),
    }
}

fn read(look: &Look, arguments: Arguments) -> CallResult {
    let args = Read_::bind("file.read", arguments)?;
    let path = expand(look, &args.path);
    let bytes = fs::read_bounded(&path, LIMIT).map_err(fault)?;
    if args.binary {
        return Ok(Value::Bytes(bytes).into());
    }
    Ok(String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::from).into())
}

/// The lines of a call: those by position, else those in `args=`.
fn lines(args: &Lines) -> Result<Vec<String>, CallError> {
    let unknown = args.options.keys().find(|key| key.as_str() != Some("args"));
    if let Some(name) = unknown {
        return Err(CallError::Invocation(format!("there is no argument {name:?}")));
    }
    let named = match args.options.get("args") {
        Some(Value::List(items)) => items.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let given = if named.is_empty() { &args.lines } else { &named };
    let text = |line: &Value| {
        String::from_value(line.clone())
            .map_err(|line| CallError::Invocation(format!("a line is a text, not {}", line.kind())))
    };
    given.iter().map(text).collect()
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn write(act: &Act, arguments: Arguments) -> CallResult {
    let args = Lines::bind("file.write", arguments)?;
    let (path, lines) = (expand(act, &args.path), lines(&args)?);
    store(&path, &joined(&lines))?;
    Ok(format!("Wrote {} lines to \"{}\"", lines.len(), path.display()).into())
}

fn append(act: &Act, arguments: Arguments) -> CallResult {
    let args = Lines::bind("file.append", arguments)?;
    let (path, lines) = (expand(act, &args.path), lines(&args)?);
    let mut content = text(&path)?;
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    content.push_str(&joined(&lines));
    store(&path, &content)?;
    Ok(format!("Wrote {} lines to \"{}\"", lines.len(), path.display()).into())
}

fn prepend(act: &Act, arguments: Arguments) -> CallResult {
    let args = Lines::bind("file.prepend", arguments)?;
    let (path, lines) = (expand(act, &args.path), lines(&args)?);
    let former = match fs::read_bounded(&path, LIMIT) {
        Err(missing) if missing.is_missing() => String::new(),
        _ => text(&path)?,
    };
    store(&path, &(joined(&lines) + &former))?;
    Ok(format!("Prepended {} lines to \"{}\"", lines.len(), path.display()).into())
}

fn touch(act: &Act, arguments: Arguments) -> CallResult {
    let args = Touch::bind("file.touch", arguments)?;
    let path = expand(act, &args.name);
    let refused = |error: std::io::Error| CallError::Failed(plain(&error));
    let opened = if path.is_dir() {
        std::fs::File::open(&path)
    } else {
        std::fs::OpenOptions::new().create(true).append(true).open(&path)
    };
    let file = opened.map_err(refused)?;
    let now = SystemTime::now();
    let at = |seconds: Option<i64>| match seconds {
        None => Some(now),
        Some(seconds) if seconds < 0 => SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
        Some(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.unsigned_abs())),
    };
    // The one that is given stands for both.
    let (atime, mtime) = (whole(&args.atime)?, whole(&args.mtime)?);
    let (Some(accessed), Some(changed)) = (at(atime.or(mtime)), at(mtime.or(atime))) else { return Err(no_time()) };
    let times = std::fs::FileTimes::new().set_accessed(accessed).set_modified(changed);
    file.set_times(times).map_err(refused)?;
    Ok(path.exists().into())
}

fn no_time() -> CallError {
    CallError::Invocation("atime and mtime must be integers".to_owned())
}

/// Whole seconds of a number, or of the digits of one.
fn whole(value: &Value) -> Result<Option<i64>, CallError> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) => text.trim().parse().map(Some).map_err(|_| no_time()),
        Value::Float(seconds) if seconds.is_finite() => Ok(Some(*seconds as i64)),
        value => i64::from_value(value.clone()).map(Some).map_err(|_| no_time()),
    }
}

fn size(number: i64, what: &str) -> Result<u64, CallError> {
    u64::try_from(number).map_err(|_| CallError::Invocation(format!("{what} must not be negative")))
}

fn truncate(act: &Act, arguments: Arguments) -> CallResult {
    let args = Truncate::bind("file.truncate", arguments)?;
    let (path, length) = (expand(act, &args.path), size(args.length, "length")?);
    let file = std::fs::OpenOptions::new().write(true).open(&path).map_err(failed(&path))?;
    file.set_len(length).map_err(failed(&path))?;
    Ok(Value::Null.into())
}

fn seek_read(look: &Look, arguments: Arguments) -> CallResult {
    let args = SeekRead::bind("file.seek_read", arguments)?;
    let path = expand(look, &args.path);
    let mut file = std::fs::File::open(&path).map_err(failed(&path))?;
    file.seek(SeekFrom::Start(size(args.offset, "offset")?)).map_err(failed(&path))?;
    let mut bytes = Vec::new();
    file.take(size(args.size, "size")?.min(LIMIT)).read_to_end(&mut bytes).map_err(failed(&path))?;
    Ok(Value::Bytes(bytes).into())
}

fn seek_write(act: &Act, arguments: Arguments) -> CallResult {
    let args = SeekWrite::bind("file.seek_write", arguments)?;
    let path = expand(act, &args.path);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).map_err(failed(&path))?;
    file.seek(SeekFrom::Start(size(args.offset, "offset")?)).map_err(failed(&path))?;
    file.write_all(args.data.as_bytes()).map_err(failed(&path))?;
    Ok(Value::from(args.data.len()).into())
}

/// The text of a file for the `contains` functions, which answer false for one that is not there.
fn readable(look: &Look, path: &str) -> Option<String> {
    let bytes = fs::read_bounded(&expand(look, path), LIMIT).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn contains(look: &Look, arguments: Arguments) -> CallResult {
    let args = Contains::bind("file.contains", arguments)?;
    let wanted = args.text.trim();
    Ok(readable(look, &args.path).is_some_and(|text| text.lines().any(|line| line.contains(wanted))).into())
}

fn contains_regex(look: &Look, arguments: Arguments) -> CallResult {
    let args = ContainsRegex::bind("file.contains_regex", arguments)?;
    let pattern = Pattern::new(&args.regex, Flags::default()).map_err(refused)?;
    let Some(text) = readable(look, &args.path) else { return Ok(false.into()) };
    for line in text.split_inclusive('\n') {
        let line = line.trim_start_matches(|sign| args.lchar.contains(sign));
        if pattern.search(line).map_err(refused)? {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

fn refused(error: fleet_common::pattern::PatternError) -> CallError {
    CallError::Invocation(error.to_string())
}

fn contains_glob(look: &Look, arguments: Arguments) -> CallResult {
    let args = ContainsGlob::bind("file.contains_glob", arguments)?;
    let Some(text) = readable(look, &args.path) else { return Ok(false.into()) };
    // A line is matched with its end, as the reference does.
    let mut lines = text.split_inclusive('\n');
    Ok(lines.any(|line| fleet_common::target::glob::matches(&args.glob_expr, line)).into())
}

fn search(look: &Look, arguments: Arguments) -> CallResult {
    let args = Search::bind("file.search", arguments)?;
    let path = expand(look, &args.path);
    if !path.exists() {
        if args.ignore_if_missing {
            return Ok(false.into());
        }
        return Err(CallError::Invocation(format!("File not found: {}", path.display())));
    }
    let mut flags = flags(&args.flags)?;
    flags.multiline |= args.multiline;
    let pattern = Pattern::new(&args.pattern, flags).map_err(refused)?;
    Ok(pattern.search(&text(&path)?).map_err(refused)?.into())
}

/// `grep` reads only, but runs a program: the one declared probe of this table.
fn grep(look: &Look, args: Grep) -> CallResult {
    let files = expand_glob(&expand(look, &args.path));
    let mut words = vec!["grep".to_owned()];
    for option in &args.opts {
        let several = crate::modules::cmd::split_words(option)?;
        if several.len() > 1 {
            return Err(CallError::Invocation(format!(
                "Passing multiple command line arguments in a single string is not supported, please pass the \
                 following arguments separately: {option}"
            )));
        }
        words.extend(several);
    }
    words.extend(["-e".to_owned(), args.pattern.clone(), "--".to_owned()]);
    words.extend(files.iter().map(|path| path.to_string_lossy().into_owned()));
    if files.is_empty() {
        words.push(args.path);
    }
    let finished = crate::system::command::Command::argv(&words).run();
    let finished = finished.map_err(|error| CallError::Failed(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let answer = crate::modules::cmd::Answer {
        pid: finished.pid,
        status: finished.status,
        stdout: text(&finished.stdout),
        stderr: text(&finished.stderr),
    };
    let retcode = answer.status;
    Ok(fleet_common::call::Outcome { retcode, ..answer.into_map().into() })
}

/// Runs a tool on a file for `file.sed` and its like.
pub(super) fn tool(act: &Act, words: Vec<String>) -> Result<crate::modules::cmd::Answer, CallError> {
    execute(act, &Value::from(words), &Options::default())
}
