//! Functions of `group`.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult};
use fleet_common::value::{Map, Value};

use super::change::{accounts, answer, refuse_local};
use crate::cx::{Act, Look};
use crate::system::account_tools::{AccountFault, change};
use crate::system::user::Group;

args! {
    /// A group.
    pub struct Name {
        /// The group.
        name: String,
        /// Directory of another system whose groups are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `group.add`.
    pub struct Add {
        /// The group.
        name: String,
        /// Its number; the next free one without it.
        gid: Option<i64> = None,
        /// A group of the system, not of people.
        system: bool = false,
        /// Directory of another system whose groups are meant.
        root: Option<String> = None,
        /// Whether the number may be another group's as well.
        non_unique: bool = false,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

args! {
    /// Arguments of `group.delete`.
    pub struct Delete {
        /// The group.
        name: String,
        /// Directory of another system whose groups are meant.
        root: Option<String> = None,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

args! {
    /// Arguments of `group.chgid`.
    pub struct Number {
        /// The group.
        name: String,
        /// Its number.
        gid: i64,
        /// Directory of another system whose groups are meant.
        root: Option<String> = None,
        /// Whether the number may be another group's as well.
        non_unique: bool = false,
    }
}

args! {
    /// A group and an account.
    pub struct Member {
        /// The group.
        name: String,
        /// The account.
        username: String,
        /// Directory of another system whose groups are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `group.members`.
    pub struct Members {
        /// The group.
        name: String,
        /// All its members, separated by commas.
        members_list: Vec<String>,
        /// Directory of another system whose groups are meant.
        root: Option<String> = None,
    }
}

/// What is known of a group, as functions and states report it.
pub fn described(group: Group) -> Map {
    Map::from_iter([
        ("name", Value::from(group.name)),
        ("passwd", group.passwd.into()),
        ("gid", group.gid.into()),
        ("members", group.members.into()),
    ])
}

/// Makes a group.
pub fn add(name: &str, gid: Option<i64>, system: bool, any: bool, root: Option<&str>) -> Result<(), AccountFault> {
    let gid = gid.map(|gid| gid.to_string());
    let mut words: Vec<&str> = gid.iter().flat_map(|gid| ["-g", gid.as_str()]).collect();
    words.extend([("-r", system), ("-o", any)].iter().filter(|(_, set)| *set).map(|(word, _)| *word));
    change("groupadd", &words, name, root)
}

/// Removes a group.
pub fn delete(name: &str, root: Option<&str>) -> Result<(), AccountFault> {
    change("groupdel", &[], name, root)
}

/// Gives a group another number.
pub fn set_gid(name: &str, gid: i64, any: bool, root: Option<&str>) -> Result<(), AccountFault> {
    let gid = gid.to_string();
    let words: Vec<&str> = ["-g", &gid].into_iter().chain(any.then_some("-o")).collect();
    change("groupmod", &words, name, root)
}

/// Puts an account into a group, or takes it out.
pub fn set_member(name: &str, account: &str, member: bool, root: Option<&str>) -> Result<(), AccountFault> {
    change("gpasswd", &[if member { "-a" } else { "-d" }, account], name, root)
}

/// Makes these accounts the members of a group, and no others.
pub fn set_members(name: &str, members: &[String], root: Option<&str>) -> Result<(), AccountFault> {
    change("gpasswd", &["-M", &members.join(",")], name, root)
}

pub(super) fn info(_: &Look, arguments: Arguments) -> CallResult {
    let args = Name::bind("group.info", arguments)?;
    Ok(accounts(args.root.as_deref()).group(&args.name).map(described).unwrap_or_default().into())
}

pub(super) fn run_add(_: &Act, arguments: Arguments) -> CallResult {
    let args = Add::bind("group.add", arguments)?;
    refuse_local("group.add", args.local)?;
    answer(add(&args.name, args.gid, args.system, args.non_unique, args.root.as_deref()))
}

pub(super) fn run_delete(_: &Act, arguments: Arguments) -> CallResult {
    let args = Delete::bind("group.delete", arguments)?;
    refuse_local("group.delete", args.local)?;
    answer(delete(&args.name, args.root.as_deref()))
}

pub(super) fn chgid(_: &Act, arguments: Arguments) -> CallResult {
    let args = Number::bind("group.chgid", arguments)?;
    let root = args.root.as_deref();
    let same = accounts(root).group(&args.name).is_some_and(|group| i64::from(group.gid) == args.gid);
    if same { Ok(true.into()) } else { answer(set_gid(&args.name, args.gid, args.non_unique, root)) }
}

/// `group.adduser` and `group.deluser`: true also when it is so already.
pub(super) fn member(arguments: Arguments, function: &str, member: bool) -> CallResult {
    let args = Member::bind(function, arguments)?;
    let root = args.root.as_deref();
    let is = accounts(root).group(&args.name).is_some_and(|group| group.members.contains(&args.username));
    if is == member { Ok(true.into()) } else { answer(set_member(&args.name, &args.username, member, root)) }
}

pub(super) fn members(_: &Act, arguments: Arguments) -> CallResult {
    let args = Members::bind("group.members", arguments)?;
    answer(set_members(&args.name, &args.members_list, args.root.as_deref()))
}
