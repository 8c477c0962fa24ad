//! Checksums, differences, sources and templates.

use std::path::Path;
use std::sync::Arc;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::diff::unified;
use fleet_common::digest;
use fleet_common::render::{Scope, Template};
use fleet_common::value::{Map, Value};

use super::content::LIMIT;
use super::path::{expand, failed, fault};
use crate::cx::{Look, Module};
use crate::files::{anywhere, web};
use crate::system::checksum::Checksum;
use crate::system::fs;

/// Functions on checksums and sources.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_hash",
            "The checksum of a file.",
            "file.get_hash /etc/hosts sha256",
            Sum::ROWS,
            |look, arguments| sum(look, &Sum::bind("file.get_hash", arguments)?),
        ),
        Function::reads(
            "get_sum",
            "The checksum of a file; a text that says so when it is not there.",
            "file.get_sum /etc/hosts",
            Sum::ROWS,
            |look, arguments| {
                let args = Sum::bind("file.get_sum", arguments)?;
                if expand(look, &args.path).is_file() { sum(look, &args) } else { Ok("File not found".into()) }
            },
        ),
        Function::reads(
            "check_hash",
            "True if a file has a checksum.",
            "file.check_hash /etc/hosts md5:d41d8cd98f00b204e9800998ecf8427e",
            Check::ROWS,
            check_hash,
        ),
        Function::reads(
            "extract_hash",
            "The checksum of a file as a list of checksums has it.",
            "file.extract_hash /tmp/sums sha256 x.tar",
            Extract::ROWS,
            extract_hash,
        ),
        Function::reads(
            "get_source_sum",
            "The checksum that a source_hash stands for.",
            "file.get_source_sum x.tar source_hash=md5:d41d8cd98f00b204e9800998ecf8427e",
            SourceSum::ROWS,
            get_source_sum,
        ),
        Function::reads(
            "get_diff",
            "The difference of two files.",
            "file.get_diff /etc/hosts salt://hosts",
            Diff::ROWS,
            get_diff,
        ),
        Function::reads(
            "source_list",
            "The first of several sources that is there, and its checksum.",
            "file.source_list salt://http/httpd.conf '' base",
            Sources::ROWS,
            source_list,
        ),
        Function::reads(
            "apply_template_on_contents",
            "Renders a text.",
            "file.apply_template_on_contents 'Hello {{ name }}' jinja '{name: x}' '{}' base",
            Apply::ROWS,
            apply_template,
        ),
    ],
};

args! {
    /// Arguments of `file.get_hash`.
    pub struct Sum {
        /// The file.
        path: String,
        /// md5, sha1, sha224, sha256, sha384 or sha512.
        form: String = "sha256".to_owned(),
        /// Not used: how much is read at once.
        chunk_size: i64 = 65536,
    }
}

args! {
    /// Arguments of `file.check_hash`.
    pub struct Check {
        /// The file.
        path: String,
        /// The checksum; its kind is known by its length, or written before it: `md5=...`.
        file_hash: Value,
    }
}

args! {
    /// Arguments of `file.extract_hash`.
    pub struct Extract {
        /// The file with the list.
        hash_fn: String,
        /// Kind of the checksum.
        hash_type: String = "sha256".to_owned(),
        /// The file whose checksum it is.
        file_name: String = String::new(),
        /// Where that file comes from: the end of this names it too.
        source: String = String::new(),
        /// The name in the list, when it is another.
        source_hash_name: Option<String> = None,
    }
}

args! {
    /// Arguments of `file.get_source_sum`.
    pub struct SourceSum {
        /// The file.
        file_name: String = String::new(),
        /// Where it comes from.
        source: String = String::new(),
        /// A checksum, or the place of a list of them.
        source_hash: Option<String> = None,
        /// The name in the list, when it is another.
        source_hash_name: Option<String> = None,
        /// Environment of `salt://`.
        saltenv: String = "base".to_owned(),
    }
}

args! {
    /// Arguments of `file.get_diff`.
    pub struct Diff {
        /// The first file: a path or `salt://`.
        file1: String,
        /// The second file.
        file2: String,
        /// Environment of `salt://`.
        saltenv: String = "base".to_owned(),
        /// Show the names.
        show_filenames: bool = true,
        /// Show the difference, not only that there is one.
        show_changes: bool = true,
        /// Not supported: render the files first.
        template: bool = false,
    }
}

args! {
    /// Arguments of `file.source_list`.
    pub struct Sources {
        /// A source, or a list of sources.
        source: Value,
        /// The checksum of a single source.
        source_hash: Value,
        /// Environment of `salt://`.
        saltenv: Option<String>,
    }
}

args! {
    /// Arguments of `file.apply_template_on_contents`.
    pub struct Apply {
        /// The text.
        contents: String,
        /// The engine: jinja.
        template: String,
        /// Names for the template.
        context: Option<Map>,
        /// Names that context overrides.
        defaults: Option<Map>,
        /// Environment of included files.
        saltenv: Option<String>,
    }
}

fn sum(look: &Look, args: &Sum) -> CallResult {
    // Names are as written: the reference knows no 'SHA256'.
    if !digest::NAMES.iter().any(|(name, _)| *name == args.form) {
        return Err(CallError::Invocation(format!("Invalid hash type: {}", args.form)));
    }
    let path = expand(look, &args.path);
    let mut file = std::fs::File::open(&path).map_err(failed(&path))?;
    let sum = digest::hex_of_reader(&args.form, &mut file).map_err(failed(&path))?;
    Ok(sum.ok_or_else(|| CallError::Invocation(format!("Invalid hash type: {}", args.form)))?.into())
}

fn check_hash(look: &Look, arguments: Arguments) -> CallResult {
    let args = Check::bind("file.check_hash", arguments)?;
    let Value::Str(file_hash) = &args.file_hash else {
        return Err(CallError::Invocation("hash must be a string".to_owned()));
    };
    let Some(Checksum { kind: form, hex: wanted }) = Checksum::written(file_hash) else {
        let known = digest::NAMES.iter().map(|(name, length)| format!("{name} ({length})")).collect::<Vec<_>>();
        return Err(CallError::Invocation(format!(
            "Hash {} (length: {}) could not be matched to a supported hash type. The supported hash types and lengths are: {}",
            file_hash,
            file_hash.chars().count(),
            known.join(", ")
        )));
    };
    let args = Sum { path: args.path, form: form.to_owned(), chunk_size: 0 };
    Ok((sum(look, &args)?.value == Value::from(wanted)).into())
}

fn extract_hash(look: &Look, arguments: Arguments) -> CallResult {
    let args = Extract::bind("file.extract_hash", arguments)?;
    let bytes = fs::read_bounded(&expand(look, &args.hash_fn), LIMIT).map_err(fault)?;
    let text = String::from_utf8_lossy(&bytes);
    let names = [args.source_hash_name.as_deref().unwrap_or_default(), &args.file_name, &args.source];
    Ok(Checksum::listed(&text, &args.hash_type, &names).map_or(Value::Null, told).into())
}

/// A checksum as the reference tells it.
fn told(sum: Checksum) -> Value {
    Map::from_iter([("hsum", sum.hex), ("hash_type", sum.kind.to_owned())]).into()
}

fn get_source_sum(look: &Look, arguments: Arguments) -> CallResult {
    let args = SourceSum::bind("file.get_source_sum", arguments)?;
    let Some(given) = args.source_hash.as_deref().filter(|given| !given.is_empty()) else {
        return Err(CallError::Failed("Source hash is missing".to_owned()));
    };
    let names = [args.source_hash_name.as_deref().unwrap_or_default(), &args.file_name, &args.source];
    let found = anywhere::announced(look, given, &args.saltenv, &names);
    Ok(told(found.map_err(|missing| CallError::Failed(missing.to_string()))?).into())
}

/// A file, wherever it is.
fn read(look: &Look, place: &str, saltenv: &str) -> Result<Vec<u8>, CallError> {
    let here =
        if place.starts_with('~') { expand(look, place).to_string_lossy().into_owned() } else { place.to_owned() };
    if here.starts_with('/') {
        let read = fs::read_bounded(Path::new(&here), LIMIT);
        return read.map_err(|fault| CallError::Failed(format!("Failed to read {fault}")));
    }
    anywhere::read(look, &here, saltenv, LIMIT).map_err(|missing| CallError::Failed(missing.to_string()))
}

fn get_diff(look: &Look, arguments: Arguments) -> CallResult {
    let args = Diff::bind("file.get_diff", arguments)?;
    if args.template {
        return Err(CallError::Unsupported("the argument 'template' of file.get_diff".to_owned()));
    }
    let (first, second) = (read(look, &args.file1, &args.saltenv)?, read(look, &args.file2, &args.saltenv)?);
    if first == second {
        return Ok("".into());
    }
    if !args.show_changes {
        return Ok("<show_changes=False>".into());
    }
    let is_text = |bytes: &[u8]| !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    Ok(match (is_text(&first), is_text(&second)) {
        (true, true) => {
            let names = if args.show_filenames { (args.file1.as_str(), args.file2.as_str()) } else { ("", "") };
            unified(&String::from_utf8_lossy(&first), &String::from_utf8_lossy(&second), names.0, names.1).into()
        }
        (true, false) => "Replace text file with binary file".into(),
        (false, true) => "Replace binary file with text file".into(),
        (false, false) => "Replace binary file".into(),
    })
}

fn source_list(look: &Look, arguments: Arguments) -> CallResult {
    let args = Sources::bind("file.source_list", arguments)?;
    let saltenv = args.saltenv.as_deref().unwrap_or("base");
    let Value::List(sources) = &args.source else {
        return Ok(Value::List(vec![args.source, args.source_hash]).into());
    };
    for entry in sources {
        // A mapping gives a source its own checksum.
        let (source, sum) = match entry {
            Value::Map(map) => match map.get_index(0) {
                Some((source, sum)) => (source.clone(), sum.clone()),
                None => continue,
            },
            source => (source.clone(), args.source_hash.clone()),
        };
        let place = source.as_str().unwrap_or_default();
        if is_there(look, place, saltenv)? {
            return Ok(Value::List(vec![source, sum]).into());
        }
    }
    Err(CallError::Failed("none of the specified sources were found".to_owned()))
}

pub(super) fn is_there(look: &Look, place: &str, saltenv: &str) -> Result<bool, CallError> {
    match place.split_once("://") {
        Some(("salt", path)) => {
            let (path, env) = path.split_once("?saltenv=").unwrap_or((path, saltenv));
            let found = look.file_source().stat(env, path).map_err(|error| CallError::Failed(error.to_string()))?;
            Ok(found.is_some())
        }
        Some(("file", path)) => Ok(Path::new(path).exists()),
        Some(_) if web::is_web(place) => Ok(web::bring(look, place, saltenv, &web::Wanted::default()).is_ok()),
        Some(_) => Err(CallError::Unsupported(format!("looking for {place}"))),
        None => Ok(Path::new(place).is_absolute() && Path::new(place).exists()),
    }
}

fn apply_template(look: &Look, arguments: Arguments) -> CallResult {
    let args = Apply::bind("file.apply_template_on_contents", arguments)?;
    if args.template != "jinja" {
        return Err(CallError::Unsupported(format!("the template engine '{}'", args.template)));
    }
    let mut context = args.defaults.unwrap_or_default();
    context.extend(args.context.unwrap_or_default());
    let scope =
        Scope { saltenv: args.saltenv.unwrap_or_else(|| "base".to_owned()), facts: Arc::new(look.clone()), context };
    let template = Template { text: &args.contents, path: "<contents>", sls: None };
    Ok(look.renderer().text(&scope, &template).map_err(CallError::Diagnostic)?.into())
}
