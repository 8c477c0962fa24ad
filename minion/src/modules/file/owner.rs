//! Owners, groups and modes.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown as set_owner, lchown as set_link_owner};
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue, Function};
use fleet_common::value::Value;

use super::path::{expand, failed};
use crate::cx::{Act, Look, Module};
use crate::system::user::Accounts;

/// Functions on owners and modes.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_user",
            "The user who owns a path.",
            "file.get_user /etc/passwd",
            Follow::ROWS,
            |look, arguments| {
                let uid = meta(look, "file.get_user", arguments)?.uid();
                Ok(user_name(uid).into())
            },
        )
        .quick(),
        Function::reads(
            "get_group",
            "The group that owns a path.",
            "file.get_group /etc/passwd",
            Follow::ROWS,
            |look, arguments| {
                let gid = meta(look, "file.get_group", arguments)?.gid();
                Ok(group_name(gid).into())
            },
        )
        .quick(),
        Function::reads(
            "get_uid",
            "The id of the user who owns a path.",
            "file.get_uid /etc/passwd",
            Follow::ROWS,
            |look, arguments| Ok(Value::from(meta(look, "file.get_uid", arguments)?.uid()).into()),
        )
        .quick(),
        Function::reads(
            "get_gid",
            "The id of the group that owns a path.",
            "file.get_gid /etc/passwd",
            Follow::ROWS,
            |look, arguments| Ok(Value::from(meta(look, "file.get_gid", arguments)?.gid()).into()),
        )
        .quick(),
        Function::reads(
            "get_mode",
            "The mode of a path, in octal.",
            "file.get_mode /etc/passwd",
            Follow::ROWS,
            |look, arguments| {
                let mode = meta(look, "file.get_mode", arguments)?.mode();
                Ok(format!("{:04o}", mode & 0o7777).into())
            },
        )
        .quick(),
        Function::changes(
            "set_mode",
            "Sets the mode of a path and returns it.",
            "file.set_mode /etc/passwd 0644",
            SetMode::ROWS,
            set_mode,
        ),
        Function::changes(
            "chown",
            "Sets user and group of a path; returns nothing, or what does not exist.",
            "file.chown /etc/passwd root root",
            Chown::ROWS,
            |act, arguments| change(act, Chown::bind("file.chown", arguments)?, true),
        ),
        Function::changes(
            "lchown",
            "Sets user and group of a path, links not followed.",
            "file.lchown /etc/localtime root root",
            Chown::ROWS,
            |act, arguments| change(act, Chown::bind("file.lchown", arguments)?, false),
        ),
        Function::changes("chgrp", "Sets the group of a path.", "file.chgrp /etc/passwd root", Chgrp::ROWS, chgrp),
        Function::reads(
            "uid_to_user",
            "The name of a user id; the id itself when it has none.",
            "file.uid_to_user 0",
            Uid::ROWS,
            uid_to_user,
        )
        .quick(),
        Function::reads(
            "gid_to_group",
            "The name of a group id; the id itself when it has none.",
            "file.gid_to_group 0",
            Gid::ROWS,
            gid_to_group,
        )
        .quick(),
        Function::reads(
            "user_to_uid",
            "The id of a user; empty when there is none.",
            "file.user_to_uid root",
            User::ROWS,
            user_to_uid,
        )
        .quick(),
        Function::reads(
            "group_to_gid",
            "The id of a group; empty when there is none.",
            "file.group_to_gid root",
            Group::ROWS,
            group_to_gid,
        )
        .quick(),
    ],
};

args! {
    /// A path and whether links are followed.
    pub struct Follow {
        /// The path.
        path: String,
        /// Look at what a link points to.
        follow_symlinks: bool = true,
    }
}

args! {
    /// Arguments of `file.set_mode`.
    pub struct SetMode {
        /// The path.
        path: String,
        /// The mode in octal.
        mode: Value,
    }
}

args! {
    /// Arguments of `file.chown`.
    pub struct Chown {
        /// The path.
        path: String,
        /// Name or id of the user; empty leaves it.
        user: Value,
        /// Name or id of the group; empty leaves it.
        group: Value,
    }
}

args! {
    /// Arguments of `file.chgrp`.
    pub struct Chgrp {
        /// The path.
        path: String,
        /// Name or id of the group.
        group: Value,
    }
}

args! {
    /// A user id.
    pub struct Uid {
        /// The id.
        uid: Value,
    }
}

args! {
    /// A group id.
    pub struct Gid {
        /// The id.
        gid: Value,
    }
}

args! {
    /// A user.
    pub struct User {
        /// Name or id.
        user: Value,
    }
}

args! {
    /// A group.
    pub struct Group {
        /// Name or id.
        group: Value,
    }
}

fn meta(look: &Look, function: &str, arguments: Arguments) -> Result<std::fs::Metadata, CallError> {
    let args = Follow::bind(function, arguments)?;
    let path = expand(look, &args.path);
    let found = if args.follow_symlinks { std::fs::metadata(&path) } else { std::fs::symlink_metadata(&path) };
    found.map_err(|_| CallError::Failed(format!("Path not found: {}", path.display())))
}

pub(super) fn user_name(uid: u32) -> Value {
    Accounts::system().account_by_uid(uid).map_or(Value::from(uid), |account| account.name.into())
}

pub(super) fn group_name(gid: u32) -> Value {
    Accounts::system().group_by_gid(gid).map_or(Value::from(gid), |group| group.name.into())
}

/// The id of a user given by name or id; `None` when there is none.
pub(super) fn uid(user: &Value) -> Option<u32> {
    let text = String::from_value(user.clone()).ok()?;
    text.parse().ok().or_else(|| Accounts::system().account(&text).map(|account| account.uid))
}

/// The id of a group given by name or id; `None` when there is none.
pub(super) fn gid(group: &Value) -> Option<u32> {
    let text = String::from_value(group.clone()).ok()?;
    text.parse().ok().or_else(|| Accounts::system().group(&text).map(|group| group.gid))
}

/// A mode written in octal: `0644`, `644`, `"u=rw"` is none.
pub(super) fn parse_mode(mode: &Value) -> Option<u32> {
    let text = String::from_value(mode.clone()).ok()?;
    let digits = text.trim().trim_start_matches("0o");
    u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777)
}

fn set_mode(act: &Act, arguments: Arguments) -> CallResult {
    let args = SetMode::bind("file.set_mode", arguments)?;
    let path = expand(act, &args.path);
    if !path.exists() {
        return Err(CallError::Failed(format!("{}: File not found", path.display())));
    }
    let set = parse_mode(&args.mode)
        .and_then(|mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).ok());
    let Some(()) = set else {
        return Ok(format!("Invalid Mode {}", String::from_value(args.mode).unwrap_or_default()).into());
    };
    let mode = std::fs::metadata(&path).map_err(failed(&path))?.mode();
    Ok(format!("{:04o}", mode & 0o7777).into())
}

/// What is wrong with a user or group, as the reference words it; both lines when both are.
fn change(act: &Act, args: Chown, follow: bool) -> CallResult {
    let path = expand(act, &args.path);
    let given = |value: &Value| !matches!(value, Value::Null) && value.as_str() != Some("");
    let (mut wrong, mut owner, mut group) = (String::new(), None, None);
    if args.user.is_null() {
        // As in the reference: no user is the one who runs this; an empty name leaves the owner.
        owner = Some(rustix::process::geteuid().as_raw());
    } else if given(&args.user) {
        owner = uid(&args.user);
        if owner.is_none() {
            wrong.push_str("User does not exist\n");
        }
    }
    if given(&args.group) {
        group = gid(&args.group);
        if group.is_none() {
            wrong.push_str("Group does not exist\n");
        }
    }
    if std::fs::symlink_metadata(&path).is_err() {
        wrong.push_str("File not found");
    }
    if !wrong.is_empty() {
        return Ok(wrong.into());
    }
    apply(&path, owner, group, follow).map_err(failed(&path))?;
    Ok(Value::Null.into())
}

/// Sets ids; `None` leaves one.
pub(super) fn apply(path: &Path, owner: Option<u32>, group: Option<u32>, follow: bool) -> std::io::Result<()> {
    if follow { set_owner(path, owner, group) } else { set_link_owner(path, owner, group) }
}

fn chgrp(act: &Act, arguments: Arguments) -> CallResult {
    let args = Chgrp::bind("file.chgrp", arguments)?;
    let path = expand(act, &args.path);
    if !path.exists() {
        return Err(CallError::Failed(format!("Path not found: {}", path.display())));
    }
    change(act, Chown { path: args.path, user: Value::from(""), group: args.group }, true)
}

fn uid_to_user(_: &Look, arguments: Arguments) -> CallResult {
    let given = Uid::bind("file.uid_to_user", arguments)?.uid;
    if !matches!(given, Value::Int(_) | Value::Bool(_)) {
        return Err(CallError::Invocation(format!("uid should be integer, not {}", given.kind())));
    }
    Ok(i64::from_value(given.clone()).ok().and_then(|uid| u32::try_from(uid).ok()).map_or(given, user_name).into())
}

fn gid_to_group(_: &Look, arguments: Arguments) -> CallResult {
    let given = Gid::bind("file.gid_to_group", arguments)?.gid;
    let number = match &given {
        Value::Str(text) => match text.trim().parse::<i64>() {
            Ok(number) => number,
            Err(_) => return Ok("".into()),
        },
        given => i64::from_value(given.clone())
            .map_err(|_| CallError::Invocation(format!("gid should be integer, not {}", given.kind())))?,
    };
    Ok(u32::try_from(number).map_or(Value::from(number), group_name).into())
}

fn user_to_uid(_: &Look, arguments: Arguments) -> CallResult {
    let user = User::bind("file.user_to_uid", arguments)?.user;
    let user = if user.is_null() { Value::from(rustix::process::geteuid().as_raw()) } else { user };
    Ok(match &user {
        Value::Int(_) => user,
        Value::Str(name) => {
            Accounts::system().account(name).map_or(Value::from(""), |account| Value::from(account.uid))
        }
        _ => return Err(CallError::Invocation(format!("user is a name or an id, not {}", user.kind()))),
    }
    .into())
}

fn group_to_gid(_: &Look, arguments: Arguments) -> CallResult {
    let group = Group::bind("file.group_to_gid", arguments)?.group;
    Ok(match &group {
        Value::Int(_) => group,
        Value::Null => "".into(),
        Value::Str(name) => Accounts::system().group(name).map_or(Value::from(""), |group| Value::from(group.gid)),
        _ => return Err(CallError::Invocation(format!("group is a name or an id, not {}", group.kind()))),
    }
    .into())
}
