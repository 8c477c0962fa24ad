//! The steps of `file.managed` as functions: getting the content, telling what would change, writing.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::digest;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::managed_meta::{self, Given, Wanted};
use super::path::{expand, failed};
use crate::cx::{Act, Look, Module};
use crate::files::anywhere;
use crate::files::below::Below;
use crate::states::Failure;
use crate::states::file::source::{self, Check, Fetched};
use crate::system::checksum::Checksum;
use crate::system::fs::plain;

/// The functions.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::changes(
            "get_managed",
            "Gets the content that file.managed would write: its path where it is kept on this machine, its checksum, what is wrong.",
            "file.get_managed /etc/app.conf jinja salt://app/app.conf '' null root root '0644' null base null null",
            Get::ROWS,
            get_managed,
        ),
        Function::reads(
            "check_managed",
            "Whether the content and the attributes of a file are as file.managed would make them, in words.",
            "file.check_managed /etc/app.conf salt://app/app.conf '' null root root '0644' null jinja null null base",
            CheckManaged::ROWS,
            check_managed,
        ),
        Function::reads(
            "check_managed_changes",
            "What file.managed would change of a file: content, owner, group, mode, attributes.",
            "file.check_managed_changes /etc/app.conf salt://app/app.conf '' null root root '0644' null jinja null null base",
            CheckManaged::ROWS,
            check_managed_changes,
        ),
    ],
};

args! {
    /// Arguments of `file.get_managed`.
    pub struct Get {
        /// The file it is for.
        name: String,
        /// Template engine: jinja.
        template: Option<String>,
        /// Where the content comes from; of a list the first that exists.
        source: Option<Value>,
        /// Its checksum, or where a list of checksums is.
        source_hash: Option<String>,
        /// Its name in that list, when it is another.
        source_hash_name: Option<String>,
        /// Owner, for the template.
        user: Value,
        /// Group, for the template.
        group: Value,
        /// Mode, for the template.
        mode: Value,
        /// Attributes, for the template.
        attrs: Value,
        /// Environment of `salt://`.
        saltenv: Option<String>,
        /// Names for the template; they win over `defaults`.
        context: Option<Map>,
        /// Names for the template.
        defaults: Option<Map>,
        /// A source of a web server needs no checksum.
        skip_verify: bool = false,
        /// Check the certificate of a source's server; as configured when not given.
        verify_ssl: Option<bool> = None,
        /// Not used.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `file.check_managed` and `file.check_managed_changes`.
    pub struct CheckManaged {
        /// The file.
        name: String,
        /// Where the content comes from; of a list the first that exists.
        source: Option<Value>,
        /// Its checksum, or where a list of checksums is.
        source_hash: Option<String>,
        /// Its name in that list, when it is another.
        source_hash_name: Option<String>,
        /// Owner.
        user: Value,
        /// Group.
        group: Value,
        /// Mode in octal.
        mode: Value,
        /// Letters of attributes.
        attrs: Option<String>,
        /// Template engine: jinja.
        template: Option<String>,
        /// Names for the template; they win over `defaults`.
        context: Option<Map>,
        /// Names for the template.
        defaults: Option<Map>,
        /// Environment of `salt://`.
        saltenv: Option<String>,
        /// The content, instead of a source.
        contents: Value = Value::Null,
        /// A source of a web server needs no checksum.
        skip_verify: bool = false,
        /// The mode of the source is wanted.
        keep_mode: bool = false,
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
        /// Look at what a link leads to.
        follow_symlinks: bool = false,
        /// Not used.
        **kwargs: Map,
    }
}

/// The content of a file's source, rendered.
struct Got {
    fetched: Fetched,
    rendered: bool,
}

/// Why there is none.
enum Wrong {
    /// Told in the answer.
    Comment(String),
    /// An error of the call.
    Error(CallError),
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self::Comment(failure.0.comment)
    }
}

/// What is asked for, from the arguments of either function.
struct Asked<'a> {
    name: &'a str,
    template: Option<&'a str>,
    source: Option<&'a Value>,
    hash: Option<&'a str>,
    hash_name: Option<&'a str>,
    saltenv: &'a str,
    /// User, group, mode and attributes, as a template knows them.
    own: [&'a Value; 4],
    context: Option<&'a Map>,
    defaults: Option<&'a Map>,
    skip: bool,
    verify_ssl: Option<bool>,
}

/// Fetches and renders; `None` without a source.
fn get(look: &Look, asked: &Asked<'_>) -> Result<Option<Got>, Wrong> {
    let Some(source) = asked.source else { return Ok(None) };
    let check = Check {
        name: asked.name,
        hash: asked.hash,
        hash_name: asked.hash_name,
        skip: asked.skip,
        verify_ssl: asked.verify_ssl,
    };
    let Some(mut fetched) = source::fetch(look, source, asked.saltenv, &check)? else { return Ok(None) };
    let Some(engine) = asked.template else { return Ok(Some(Got { fetched, rendered: false })) };
    if engine != "jinja" {
        return Err(Wrong::Comment(format!("Specified template format {engine} is not supported")));
    }
    let own = asked.own.map(|value| if value.as_str() == Some("") { Value::Null } else { value.clone() });
    let mut names = source::own_names(asked.name, &fetched.source, own);
    names.extend(asked.defaults.cloned().unwrap_or_default());
    names.extend(asked.context.cloned().unwrap_or_default());
    let rendered = source::render(look, engine, fetched.bytes, &fetched.path, asked.saltenv, names);
    fetched.bytes = rendered.map_err(|failure| Wrong::Error(CallError::Failed(failure.0.comment)))?;
    Ok(Some(Got { fetched, rendered: true }))
}

/// Where rendered contents are kept for who asked; named by their checksum, so that one is kept once.
pub(super) fn rendered_contents(look: &Look) -> Below {
    Below::new(look.cache_dir().join("rendered"))
}

fn get_managed(act: &Act, arguments: Arguments) -> CallResult {
    let args = Get::bind("file.get_managed", arguments)?;
    let saltenv = args.saltenv.as_deref().unwrap_or("base");
    let is_web = args.source.as_ref().and_then(Value::as_str).is_some_and(crate::files::web::is_web);
    let hash = args.source_hash.as_deref().filter(|hash| !hash.is_empty());
    let asked = Asked {
        name: &args.name,
        template: args.template.as_deref().filter(|engine| !engine.is_empty()),
        source: args.source.as_ref(),
        // Of a local file the checksum is checked by whoever writes.
        hash: hash.filter(|_| is_web),
        hash_name: args.source_hash_name.as_deref(),
        saltenv,
        own: [&args.user, &args.group, &args.mode, &args.attrs],
        context: args.context.as_ref(),
        defaults: args.defaults.as_ref(),
        skip: args.skip_verify,
        verify_ssl: args.verify_ssl,
    };
    let answer = |place: &str, sum: Option<Checksum>, comment: &str| {
        let sum = sum.map(|sum| Map::from_iter([("hash_type", sum.kind.to_owned()), ("hsum", sum.hex)]));
        Ok(Value::List(vec![place.into(), sum.unwrap_or_default().into(), comment.into()]).into())
    };
    let got = match get(act, &asked) {
        Ok(None) => return answer("", None, ""),
        Ok(Some(got)) => got,
        Err(Wrong::Comment(why)) => return answer("", None, &why),
        Err(Wrong::Error(error)) => return Err(error),
    };
    let hex = digest::hex_of_bytes("sha256", &got.fetched.bytes).unwrap_or_default();
    let source = args.source.as_ref().map(str_).unwrap_or_default();
    let announced = match hash.filter(|_| !got.rendered && !source.starts_with("salt://")) {
        Some(hash) => {
            let names = [args.source_hash_name.as_deref().unwrap_or_default(), &args.name, &source];
            match anywhere::announced(act, hash, saltenv, &names) {
                Ok(sum) => Some(sum),
                Err(missing) => return answer("", None, &missing.to_string()),
            }
        }
        None => None,
    };
    let place = if got.rendered {
        let kept = rendered_contents(act);
        let path = kept.path(&hex).unwrap_or_default();
        let write = |file: &mut std::fs::File| std::io::Write::write_all(file, &got.fetched.bytes);
        kept.write(&hex, write).map_err(failed(&path))?;
        path.to_string_lossy().into_owned()
    } else if is_web {
        let path = crate::files::web::place(act, &source, saltenv);
        path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    } else if got.fetched.path.starts_with('/') {
        got.fetched.path
    } else {
        // A file of the tree is fetched by who writes it.
        String::new()
    };
    answer(&place, Some(announced.unwrap_or(Checksum { kind: "sha256", hex })), "")
}

/// What differs; `Err` with what is wrong about the source. Content and attributes only, or all.
fn differing(look: &Look, args: &CheckManaged, all: bool) -> Result<Map, Wrong> {
    for (name, value) in
        [("seuser", &args.seuser), ("serole", &args.serole), ("setype", &args.setype), ("serange", &args.serange)]
    {
        if !value.is_null() {
            return Err(Wrong::Error(CallError::Unsupported(format!("'{name}' of file.check_managed"))));
        }
    }
    let attrs = args.attrs.as_deref().map_or(Value::Null, Value::from);
    let asked = Asked {
        name: &args.name,
        template: args.template.as_deref().filter(|engine| !engine.is_empty()),
        source: args.source.as_ref().filter(|_| args.contents.is_null()),
        hash: args.source_hash.as_deref().filter(|hash| !hash.is_empty()),
        hash_name: args.source_hash_name.as_deref(),
        saltenv: args.saltenv.as_deref().unwrap_or("base"),
        own: [&args.user, &args.group, &args.mode, &attrs],
        context: args.context.as_ref(),
        defaults: args.defaults.as_ref(),
        skip: args.skip_verify,
        verify_ssl: args.verify_ssl,
    };
    let got = get(look, &asked)?;
    let mode = match got.as_ref().and_then(|got| got.fetched.mode).filter(|_| args.keep_mode) {
        Some(mode) => Value::from(format!("{mode:04o}")),
        None => args.mode.clone(),
    };
    let content = match &args.contents {
        Value::Null => got.map(|got| got.fetched.bytes),
        given => Some(managed_meta::bytes(given).map_err(Wrong::Error)?),
    };
    let (user, group, mode) =
        if all { (&args.user, &args.group, &mode) } else { (&Value::Null, &Value::Null, &Value::Null) };
    let wanted = Wanted { user, group, mode, attrs: args.attrs.as_deref(), follow: args.follow_symlinks };
    let content = content.map_or(Given::Nothing, Given::Content);
    managed_meta::changes(&expand(look, &args.name), content, &wanted).map_err(Wrong::Error)
}

fn check_managed(look: &Look, arguments: Arguments) -> CallResult {
    let args = CheckManaged::bind("file.check_managed", arguments)?;
    let (result, comment) = match differing(look, &args, false) {
        Err(Wrong::Error(error)) => return Err(error),
        Err(Wrong::Comment(why)) => (Value::Bool(false), why),
        Ok(changes) if changes.is_empty() => {
            (Value::Bool(true), format!("The file {} is in the correct state", args.name))
        }
        Ok(changes) => {
            let lines = changes.iter().map(|(what, change)| format!("{}: {}\n", str_(what), str_(change)));
            (Value::Null, format!("The following values are set to be changed:\n{}", lines.collect::<String>()))
        }
    };
    Ok(Value::List(vec![result, comment.into()]).into())
}

fn check_managed_changes(look: &Look, arguments: Arguments) -> CallResult {
    let args = CheckManaged::bind("file.check_managed_changes", arguments)?;
    match differing(look, &args, true) {
        Ok(changes) => Ok(changes.into()),
        Err(Wrong::Comment(why)) => Ok(Value::List(vec![false.into(), why.into()]).into()),
        Err(Wrong::Error(error)) => Err(error),
    }
}

/// Removes a rendered content that was kept for who asked; other files stay.
pub(super) fn forget_rendered(look: &Look, path: &Path) -> Result<(), CallError> {
    let kept = rendered_contents(look);
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    if kept.path(name).as_deref() != Some(path) {
        return Ok(());
    }
    match kept.remove(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CallError::Failed(format!("{}: {}", path.display(), plain(&error))))
        }
        _ => Ok(()),
    }
}
