//! `file.check_file_meta`: how a file differs from what is wanted.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::path::{expand, fault};
use super::{attrs, content, owner};
use crate::cx::{Look, Module};
use crate::files::anywhere;
use crate::states::file::difference;
use crate::system::checksum::Checksum;
use crate::system::fs::read_bounded;

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::reads(
        "check_file_meta",
        "What differs between a file and what is wanted: content, owner, group, mode, attributes.",
        "file.check_file_meta /etc/app.conf null salt://app/app.conf '{hash_type: md5, hsum: d41d8cd98f00b204e9800998ecf8427e}' root root '0755' null base",
        CheckMeta::ROWS,
        check_file_meta,
    )],
};

args! {
    /// Arguments of `file.check_file_meta`.
    pub struct CheckMeta {
        /// The file.
        name: String,
        /// The new content as a file of this machine.
        sfn: Option<String>,
        /// Where the new content comes from.
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
        attrs: Option<String>,
        /// Environment of `salt://`.
        saltenv: Option<String>,
        /// The new content, instead of a file.
        contents: Value = Value::Null,
        /// Not supported: SELinux user.
        seuser: Value = Value::Null,
        /// Not supported: SELinux role.
        serole: Value = Value::Null,
        /// Not supported: SELinux type.
        setype: Value = Value::Null,
        /// Not supported: SELinux range.
        serange: Value = Value::Null,
        /// Not used: certificates are checked as configured.
        verify_ssl: Option<bool> = None,
        /// Look at what a link leads to.
        follow_symlinks: bool = false,
    }
}

/// What is known of the wanted content.
pub(super) enum Given {
    /// Nothing is wanted of it.
    Nothing,
    /// It is this.
    Content(Vec<u8>),
    /// It is another, nobody knows which.
    Another,
}

/// What is wanted beside the content; null is not compared.
pub(super) struct Wanted<'a> {
    /// By name or id.
    pub user: &'a Value,
    /// By name or id.
    pub group: &'a Value,
    /// In octal.
    pub mode: &'a Value,
    /// Letters.
    pub attrs: Option<&'a str>,
    /// Look at what a link leads to.
    pub follow: bool,
}

/// A content as an argument.
pub(super) fn bytes(contents: &Value) -> Result<Vec<u8>, CallError> {
    match contents {
        Value::Bytes(bytes) => Ok(bytes.clone()),
        Value::Str(text) => Ok(text.clone().into_bytes()),
        other => Err(CallError::Invocation(format!("'contents' is a text, not {}", other.kind()))),
    }
}

/// The checksum of `source_sum`; `None` for one without.
pub(super) fn sum(given: Option<&Map>) -> Result<Option<Checksum>, CallError> {
    let text = |name| given.and_then(|sum: &Map| sum.get(name)).map(str_).filter(|text| !text.is_empty());
    let Some(hex) = text("hsum") else { return Ok(None) };
    let kind = text("hash_type").unwrap_or_default();
    let known = fleet_common::digest::NAMES.iter().find(|(name, _)| *name == kind);
    let (kind, _) = known
        .ok_or_else(|| CallError::Invocation(format!("'hash_type' of source_sum: {kind:?} is no kind of checksum")))?;
    Ok(Some(Checksum { kind, hex: hex.to_lowercase() }))
}

/// What would change of a file.
pub(super) fn changes(path: &Path, content: Given, wanted: &Wanted<'_>) -> Result<Map, CallError> {
    let mut changes = Map::new();
    let Ok(own) = std::fs::symlink_metadata(path) else {
        changes.insert("newfile", path.to_string_lossy().into_owned());
        return Ok(changes);
    };
    let meta = if wanted.follow { std::fs::metadata(path).unwrap_or(own) } else { own };
    match content {
        Given::Nothing => {}
        Given::Another => drop(changes.insert("sum", "Checksum differs")),
        Given::Content(new) => match read_bounded(path, content::LIMIT) {
            Ok(old) if old == new => {}
            Ok(old) => drop(changes.insert("diff", difference(&old, &new))),
            Err(why) => drop(changes.insert("diff", format!("Failed to read {why}"))),
        },
    }
    for (what, asked, same) in [
        ("user", wanted.user, owner::uid(wanted.user) == Some(meta.uid())),
        ("group", wanted.group, owner::gid(wanted.group) == Some(meta.gid())),
    ] {
        if !asked.is_null() && !same {
            changes.insert(what, asked.clone());
        }
    }
    if !wanted.mode.is_null() && owner::parse_mode(wanted.mode) != Some(meta.mode() & 0o7777) {
        changes.insert("mode", format!("{:0>4}", str_(wanted.mode).trim_start_matches("0o")));
    }
    if let Some(letters) = wanted.attrs.filter(|letters| !letters.is_empty())
        && !attrs::are_so(&attrs::letters(path)?, letters)
    {
        changes.insert("attrs", letters);
    }
    Ok(changes)
}

fn check_file_meta(look: &Look, arguments: Arguments) -> CallResult {
    let args = CheckMeta::bind("file.check_file_meta", arguments)?;
    for (name, value) in
        [("seuser", &args.seuser), ("serole", &args.serole), ("setype", &args.setype), ("serange", &args.serange)]
    {
        if !value.is_null() {
            return Err(CallError::Unsupported(format!("'{name}' of file.check_file_meta")));
        }
    }
    let path = expand(look, &args.name);
    let content = match &args.contents {
        Value::Null => new_content(look, &args, &path)?,
        given => Given::Content(bytes(given)?),
    };
    let wanted = Wanted {
        user: &args.user,
        group: &args.group,
        mode: &args.mode,
        attrs: args.attrs.as_deref(),
        follow: args.follow_symlinks,
    };
    Ok(changes(&path, content, &wanted)?.into())
}

/// The content behind `sfn` or `source`, when the checksum says that it is another.
fn new_content(look: &Look, args: &CheckMeta, path: &Path) -> Result<Given, CallError> {
    let Some(sum) = sum(args.source_sum.as_ref())? else { return Ok(Given::Nothing) };
    match read_bounded(path, content::LIMIT) {
        Ok(now) if sum.fits(&now) => return Ok(Given::Nothing),
        Err(why) if !why.is_missing() => return Err(fault(why)),
        _ => {}
    }
    let place = [&args.sfn, &args.source].into_iter().flatten().find(|place| !place.is_empty());
    let Some(place) = place else { return Ok(Given::Another) };
    let saltenv = args.saltenv.as_deref().unwrap_or("base");
    let read = anywhere::read(look, place, saltenv, content::LIMIT);
    read.map(Given::Content).map_err(|missing| CallError::Failed(missing.to_string()))
}
