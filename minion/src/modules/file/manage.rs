//! `file.manage_file`: writes what `file.get_managed` got, as `file.managed` does.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::path::expand;
use super::{content, managed, managed_meta};
use crate::cx::{Act, Module};
use crate::files::web;
use crate::states::file::managed::{Content, Managed};
use crate::states::file::source::{self, Check};
use crate::states::{Failure, Report};
use crate::system::fs::read_bounded;

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::changes(
        "manage_file",
        "Writes a file as file.managed does, with a content that is there; returns the answer of a state.",
        "file.manage_file /etc/app.conf '' '{}' salt://app/app.conf '{}' root root '0644' null base ''",
        Manage::ROWS,
        manage_file,
    )],
};

args! {
    /// Arguments of `file.manage_file`.
    pub struct Manage {
        /// The file.
        name: String,
        /// The content as a file of this machine, as file.get_managed tells it.
        sfn: Option<String>,
        /// The answer of a state so far.
        ret: Option<Map>,
        /// Where the content comes from when there is no `sfn`.
        source: Option<String>,
        /// Its checksum: `hash_type` and `hsum`.
        source_sum: Option<Map>,
        /// Owner.
        user: Value,
        /// Group.
        group: Value,
        /// Mode in octal.
        mode: Value,
        /// Letters of attributes.
        attrs: Value,
        /// Environment of `salt://`.
        saltenv: Option<String>,
        /// `minion`: keep the former file in the cache directory.
        backup: Value,
        /// Make missing directories above it.
        makedirs: bool = false,
        /// Not used: the content is rendered.
        template: Option<String> = None,
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// The content, instead of a file.
        contents: Value = Value::Null,
        /// Mode of directories that are made.
        dir_mode: Value = Value::Null,
        /// Follow a symbolic link at `name`.
        follow_symlinks: bool = true,
        /// Do not check a source's checksum.
        skip_verify: bool = false,
        /// Take the mode of the source.
        keep_mode: bool = false,
        /// Encoding of the content; only UTF-8 is supported.
        encoding: Value = Value::Null,
        /// Not used: all texts can be written in UTF-8.
        encoding_errors: String = "strict".to_owned(),
        /// Not supported: SELinux user.
        seuser: Value = Value::Null,
        /// Not supported: SELinux role.
        serole: Value = Value::Null,
        /// Not supported: SELinux type.
        setype: Value = Value::Null,
        /// Not supported: SELinux range.
        serange: Value = Value::Null,
        /// Check the certificate of a source's server; as configured when not given.
        verify_ssl: Option<bool> = None,
        /// Not used.
        **kwargs: Map,
    }
}

fn manage_file(act: &Act, arguments: Arguments) -> CallResult {
    let args = Manage::bind("file.manage_file", arguments)?;
    for (name, value) in
        [("seuser", &args.seuser), ("serole", &args.serole), ("setype", &args.setype), ("serange", &args.serange)]
    {
        if !value.is_null() {
            return Err(CallError::Unsupported(format!("'{name}' of file.manage_file")));
        }
    }
    let ret = args.ret.clone().unwrap_or_default();
    // The answer of a dry run stays one.
    if ret.get("result").is_some_and(Value::is_null) {
        return Ok(ret.into());
    }
    let managed = Managed::bind("file.manage_file", state_arguments(&args))?;
    let written = new_content(act, &args)?.and_then(|content| managed.manage(act, content));
    if let Some(kept) = args.sfn.as_deref() {
        managed::forget_rendered(act, Path::new(kept))?;
    }
    let (done, mut report) = match written {
        Ok(report) => (true, report),
        Err(Failure(report)) => (false, report),
    };
    if report.comment.is_empty() {
        report.comment = format!("File {} updated", args.name);
    }
    Ok(answer(&args.name, ret, done, report).into())
}

/// The arguments that `file.managed` knows, too.
fn state_arguments(args: &Manage) -> Arguments {
    let mut arguments = Arguments::default();
    let mode = if args.keep_mode { Value::from("keep") } else { args.mode.clone() };
    for (name, value) in [
        ("name", &Value::from(args.name.as_str())),
        ("user", &args.user),
        ("group", &args.group),
        ("mode", &mode),
        ("attrs", &args.attrs),
        ("backup", &args.backup),
        ("dir_mode", &args.dir_mode),
        ("encoding", &args.encoding),
        ("makedirs", &Value::Bool(args.makedirs)),
        ("show_changes", &Value::Bool(args.show_changes)),
        ("follow_symlinks", &Value::Bool(args.follow_symlinks)),
    ] {
        if !value.is_null() && (name == "attrs" || value.as_str() != Some("")) {
            arguments.keyword.insert(name, value.clone());
        }
    }
    arguments
}

/// The content to be written; the inner error is one of the file, told in the answer.
fn new_content(act: &Act, args: &Manage) -> Result<Result<Content, Failure>, CallError> {
    let of = |bytes| Content { bytes, source_mode: None, from_source: false, kept: false };
    if !args.contents.is_null() {
        return Ok(Ok(of(Some(managed_meta::bytes(&args.contents)?))));
    }
    let sum = managed_meta::sum(args.source_sum.as_ref())?;
    let source = args.source.as_deref().filter(|source| !source.is_empty());
    let saltenv = args.saltenv.as_deref().unwrap_or("base");
    // A file of the tree was checked when it came.
    let must =
        sum.as_ref().filter(|_| !args.skip_verify && source.is_some_and(|source| !source.starts_with("salt://")));
    let fetched = match (args.sfn.as_deref().filter(|path| !path.is_empty()), source) {
        (None, None) => return Ok(Ok(of(None))),
        (Some(path), _) => {
            let fetched = source::fetch(act, &Value::from(path), saltenv, &Check::default());
            fetched.and_then(|fetched| match (must, &fetched) {
                (Some(sum), Some(found)) => source::verify(path, &found.bytes, sum).map(|()| fetched),
                _ => Ok(fetched),
            })
        }
        (None, Some(source)) => {
            let now = read_bounded(&expand(act, &args.name), content::LIMIT);
            if sum.as_ref().is_some_and(|sum| now.is_ok_and(|now| sum.fits(&now))) {
                return Ok(Ok(of(None)));
            }
            let announced = must.map(|sum| format!("{}={}", sum.kind, sum.hex));
            let check = Check {
                name: source,
                hash: announced.as_deref(),
                skip: args.skip_verify,
                verify_ssl: args.verify_ssl,
                ..Check::default()
            };
            match web::is_web(source) || super::hash::is_there(act, source, saltenv)? {
                true => source::fetch(act, &Value::from(source), saltenv, &check),
                false => Err(Failure::new(format!("Source file '{source}' not found"))),
            }
        }
    };
    Ok(fetched.map(|fetched| match fetched {
        Some(fetched) => {
            Content { bytes: Some(fetched.bytes), source_mode: fetched.mode, from_source: true, kept: false }
        }
        None => of(None),
    }))
}

/// The answer so far with what was done now.
fn answer(name: &str, mut ret: Map, done: bool, report: Report) -> Map {
    let mut changes = ret.get("changes").and_then(Value::as_map).cloned().unwrap_or_default();
    changes.extend(report.changes);
    let result = done && ret.get("result").is_none_or(Value::truthy);
    if ret.get("name").is_none() {
        ret.insert("name", name);
    }
    ret.insert("changes", changes);
    ret.insert("comment", report.comment);
    ret.insert("result", result);
    ret
}
