//! `file.check_perms`: owner, group and mode compared and set, told in the form of a state's answer.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::owner::{self, group_name, user_name};
use super::path::expand;
use crate::cx::{Act, Module};

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::changes(
        "check_perms",
        "Sets owner, group and mode where they differ; returns the answer of a state, and what was and what was wanted.",
        "file.check_perms /etc/sudoers '{}' root root 0440",
        Check::ROWS,
        check,
    )],
};

args! {
    /// Arguments of `file.check_perms`.
    pub struct Check {
        /// The path.
        name: String,
        /// The answer of a state so far; its changes and comment are added to.
        ret: Option<Map>,
        /// Owner, by name or id; none is left as it is.
        user: Value,
        /// Group, by name or id.
        group: Value,
        /// Mode in octal.
        mode: Value,
        /// Look at what a link points to.
        follow_symlinks: bool = false,
    }
}

/// The answer as it grows.
struct Answer {
    changes: Map,
    comments: Vec<String>,
    result: bool,
    perms: Map,
}

impl Answer {
    fn failed(&mut self, why: String) {
        self.result = false;
        self.comments.push(why);
    }
}

fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn check(act: &Act, arguments: Arguments) -> CallResult {
    let args = Check::bind("file.check_perms", arguments)?;
    let path = expand(act, &args.name);
    let look = |path: &Path| if args.follow_symlinks { path.metadata() } else { path.symlink_metadata() };
    let before = look(&path).map_err(|_| CallError::Failed(format!("Path not found: {}", path.display())))?;
    let ret = args.ret.clone().unwrap_or_default();
    let mut answer = Answer {
        changes: ret.get("changes").and_then(Value::as_map).cloned().unwrap_or_default(),
        comments: ret
            .get("comment")
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .into_iter()
            .collect(),
        result: ret.get("result").is_none_or(Value::truthy),
        perms: Map::new(),
    };
    owners(&args, &path, &before, &mut answer);
    mode(&args, &path, &before, &mut answer);
    let name = ret.get("name").cloned().unwrap_or_else(|| Value::from(args.name.as_str()));
    let told = Map::from_iter([
        ("name", name),
        ("changes", Value::Map(answer.changes)),
        ("comment", Value::from(answer.comments.join("; "))),
        ("result", Value::from(answer.result)),
    ]);
    Ok(Value::from(vec![Value::Map(told), Value::Map(answer.perms)]).into())
}

/// Owner and group, together as the system sets them.
fn owners(args: &Check, path: &Path, before: &Metadata, answer: &mut Answer) {
    // Ids are answered where ids were asked for.
    let told = |asked: &Value, id: u32, name: fn(u32) -> Value| match asked {
        Value::Int(_) => Value::from(id),
        _ => name(id),
    };
    answer.perms.insert("luser", told(&args.user, before.uid(), user_name));
    answer.perms.insert("lgroup", told(&args.group, before.gid(), group_name));
    answer.perms.insert("lmode", format!("{:04o}", before.mode() & 0o7777));
    let sides = [
        ("user", &args.user, before.uid(), owner::uid(&args.user)),
        ("group", &args.group, before.gid(), owner::gid(&args.group)),
    ];
    let mut ids = [None, None];
    let mut differing = Vec::new();
    for (place, (what, asked, now, id)) in sides.into_iter().enumerate() {
        if !is_given(asked) || id == Some(now) {
            continue;
        }
        answer.perms.insert(if what == "user" { "cuser" } else { "cgroup" }, asked.clone());
        differing.push((what, asked));
        ids[place] = id;
        if id.is_none() {
            let noun = if what == "user" { "User" } else { "Group" };
            answer.failed(format!("{noun} does not exist\n"));
        }
    }
    if differing.is_empty() {
        return;
    }
    let all_known = differing.iter().all(|(what, _)| ids[usize::from(*what == "group")].is_some());
    let set = all_known && owner::apply(path, ids[0], ids[1], args.follow_symlinks).is_ok();
    for (what, asked) in differing {
        match set {
            true => drop(answer.changes.insert(what, asked.clone())),
            false => answer.failed(format!("Failed to change {what} to {}", str_(asked))),
        }
    }
}

/// The mode; a new owner takes set-id bits away, so it comes last and is looked at anew. A link has none of its own.
fn mode(args: &Check, path: &Path, before: &Metadata, answer: &mut Answer) {
    if !is_given(&args.mode) || before.is_symlink() {
        return;
    }
    let wanted = owner::parse_mode(&args.mode);
    let shown =
        wanted.map_or_else(|| format!("0{}", str_(&args.mode).trim_start_matches('0')), |mode| format!("{mode:04o}"));
    let now = path.metadata().map_or(before.mode(), |meta| meta.mode()) & 0o7777;
    if before.mode() & 0o7777 != wanted.unwrap_or(u32::MAX) {
        answer.perms.insert("cmode", shown.as_str());
    }
    if wanted == Some(now) {
        return;
    }
    let set = wanted.is_some_and(|mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).is_ok());
    match set {
        true => drop(answer.changes.insert("mode", shown)),
        false => answer.failed(format!("Failed to change mode to {shown}")),
    }
}
