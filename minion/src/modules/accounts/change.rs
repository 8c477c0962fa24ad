//! Functions of `user` that change accounts.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Outcome};
use fleet_common::diag::Diagnostic;
use fleet_common::value::Value;
use fleet_common::value::python::str_;

use crate::cx::Act;
use crate::system::account_tools::{AccountFault, change};
use crate::system::user::{Account, Accounts};

args! {
    /// Arguments of `user.add`.
    pub struct Add {
        /// The login name.
        name: String,
        /// The user id; the next free one without it.
        uid: Option<i64> = None,
        /// The primary group, a number or a name.
        gid: Option<String> = None,
        /// Further groups.
        groups: Vec<String> = Vec::new(),
        /// The home directory.
        home: Option<String> = None,
        /// The login shell.
        shell: Option<String> = None,
        /// Whether the user id must be free.
        unique: bool = true,
        /// An account of the system, not of a person.
        system: bool = false,
        /// The comment: the full name.
        fullname: String = String::new(),
        /// The comment: the room.
        roomnumber: String = String::new(),
        /// The comment: the telephone at work.
        workphone: String = String::new(),
        /// The comment: the telephone at home.
        homephone: String = String::new(),
        /// The comment: anything else.
        other: String = String::new(),
        /// Make the home directory.
        createhome: bool = true,
        /// Only other systems have login classes.
        loginclass: Option<String> = None,
        /// Keep the account out of the list of last logins.
        nologinit: bool = false,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
        /// Whether a group of the same name is made; as the system is set up without it.
        usergroup: Option<bool> = None,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

args! {
    /// Arguments of `user.delete`.
    pub struct Delete {
        /// The login name.
        name: String,
        /// Its home directory and mail as well.
        remove: bool = false,
        /// Even if it is logged in.
        force: bool = false,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

/// An account and a new value of something it has.
pub(super) struct Set {
    pub name: String,
    pub value: String,
    pub root: Option<String>,
}

/// The arguments of functions that set one thing: an account, the new value under a name of its own, another root.
macro_rules! setters {
    ($($(#[doc = $doc:expr])* $kind:ident $field:ident)*) => {$(
        args! {
            /// An account and a new value of something it has.
            pub struct $kind {
                /// The login name.
                name: String,
                $(#[doc = $doc])*
                $field: Value,
                /// Directory of another system whose accounts are meant.
                root: Option<String> = None,
            }
        }
        impl From<$kind> for Set {
            fn from(args: $kind) -> Self {
                Self { name: args.name, value: str_(&args.$field), root: args.root }
            }
        }
    )*};
}

setters! {
    /// The user id.
    Uid uid
    /// The primary group, a number or a name.
    Gid gid
    /// The login shell.
    Shell shell
    /// The full name.
    FullName fullname
    /// The room.
    Room roomnumber
    /// The telephone at work.
    WorkPhone workphone
    /// The telephone at home.
    HomePhone homephone
    /// Anything else.
    Other other
    /// The day of the last change: days since 1970, or a date.
    Date date
    /// Days before it may be changed again.
    MinDays mindays
    /// Days after which it must be changed.
    MaxDays maxdays
    /// Days after that until the account is closed.
    InactDays inactdays
    /// Days of warning before it must be changed.
    WarnDays warndays
    /// The day on which the account is closed: days since 1970, or a date; -1 for never.
    Expire expire
}

args! {
    /// Arguments of `user.chhome`.
    pub struct Home {
        /// The login name.
        name: String,
        /// The home directory.
        home: String,
        /// Move what is in the old one.
        persist: bool = false,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `user.chgroups`.
    pub struct Groups {
        /// The login name.
        name: String,
        /// The groups.
        groups: Vec<String>,
        /// Keep those it has.
        append: bool = false,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `user.rename`.
    pub struct Rename {
        /// The login name.
        name: String,
        /// The new one.
        new_name: String,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

/// The parts of an account's comment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comment {
    /// The full name.
    FullName,
    /// The room.
    Room,
    /// The telephone at work.
    WorkPhone,
    /// The telephone at home.
    HomePhone,
    /// Anything else.
    Other,
}

/// True or, with the reason beside it, false: what these functions answer. A program that is missing or was killed has
/// not answered: an error.
pub(super) fn answer(done: Result<(), AccountFault>) -> CallResult {
    Ok(match done {
        Ok(()) => true.into(),
        Err(AccountFault::Command(error)) => return Err(CallError::Failed(error.to_string())),
        Err(fault) => Outcome { diagnostics: vec![Diagnostic::user(fault.to_string())], ..false.into() },
    })
}

/// The accounts of this system, or of one below another root.
pub(super) fn accounts(root: Option<&str>) -> Accounts {
    root.map_or_else(Accounts::system, |root| Accounts::below(std::path::Path::new(root).join("etc")))
}

pub(super) fn refuse_local(function: &str, local: bool) -> Result<(), CallError> {
    if local { Err(CallError::Unsupported(format!("the argument 'local' of {function} (libuser)"))) } else { Ok(()) }
}

fn existing(name: &str, root: Option<&str>) -> Result<Account, CallError> {
    accounts(root).account(name).ok_or_else(|| CallError::Failed(format!("User '{name}' does not exist")))
}

/// Makes an account.
pub fn add(new: &Add) -> Result<(), AccountFault> {
    let root = new.root.as_deref();
    let (uid, groups) = (new.uid.map(|uid| uid.to_string()), new.groups.join(","));
    let parts = [&new.fullname, &new.roomnumber, &new.workphone, &new.homephone, &new.other];
    let comment = comment_of(&parts.map(String::as_str));
    let mut words = Vec::new();
    let mut option = |flag: &'static str, value: Option<&str>| {
        if let Some(value) = value {
            words.push(flag.to_owned());
            words.push(value.to_owned());
        }
    };
    option("-s", new.shell.as_deref());
    option("-u", uid.as_deref());
    option("-d", new.home.as_deref());
    option("-c", Some(comment.as_str()).filter(|comment| !comment.is_empty()));
    option("-G", Some(groups.as_str()).filter(|groups| !groups.is_empty()));
    // A group of that name that is there already is the account's own: the program would refuse to make it.
    let own = accounts(root).group(&new.name).is_some() && new.usergroup.is_none();
    match (&new.gid, new.usergroup) {
        (Some(gid), _) => option("-g", Some(gid)),
        (None, _) if own => option("-g", Some(&new.name)),
        (None, Some(true)) => words.push("-U".to_owned()),
        (None, Some(false)) => words.push("-N".to_owned()),
        (None, None) => {}
    }
    words.push(if new.createhome { "-m" } else { "-M" }.to_owned());
    let flags = [("-o", !new.unique), ("-r", new.system), ("-l", new.nologinit)];
    words.extend(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| (*flag).to_owned()));
    change("useradd", &words.iter().map(String::as_str).collect::<Vec<_>>(), &new.name, root)
}

/// Removes an account.
pub fn delete(name: &str, remove: bool, force: bool, root: Option<&str>) -> Result<(), AccountFault> {
    let words: Vec<&str> = [("-r", remove), ("-f", force)].iter().filter(|(_, set)| *set).map(|(w, _)| *w).collect();
    change("userdel", &words, name, root)
}

/// Changes an account; the words are `usermod`'s.
pub fn usermod(name: &str, words: &[&str], root: Option<&str>) -> Result<(), AccountFault> {
    change("usermod", words, name, root)
}

/// The comment field with these parts; empty ones at the end are left out.
fn comment_of(parts: &[&str]) -> String {
    parts.join(",").trim_end_matches(',').to_owned()
}

/// Sets one part of an account's comment.
pub fn set_comment(account: &Account, part: Comment, value: &str, root: Option<&str>) -> Result<(), AccountFault> {
    let mut parts: Vec<&str> = account.gecos.splitn(5, ',').collect();
    parts.resize(5, "");
    parts[part as usize] = value;
    usermod(&account.name, &["-c", &comment_of(&parts)], root)
}

pub(super) fn run_add(_: &Act, arguments: Arguments) -> CallResult {
    let args = Add::bind("user.add", arguments)?;
    refuse_local("user.add", args.local)?;
    answer(add(&args))
}

pub(super) fn run_delete(_: &Act, arguments: Arguments) -> CallResult {
    let args = Delete::bind("user.delete", arguments)?;
    refuse_local("user.delete", args.local)?;
    answer(delete(&args.name, args.remove, args.force, args.root.as_deref()))
}

/// `user.chuid`, `chgid` and `chshell`: true also when it is so already.
pub(super) fn set(args: Set, flag: &str, now: fn(&Account) -> String) -> CallResult {
    let account = existing(&args.name, args.root.as_deref())?;
    if now(&account) == args.value {
        return Ok(true.into());
    }
    answer(usermod(&args.name, &[flag, &args.value], args.root.as_deref()))
}

pub(super) fn chhome(_: &Act, arguments: Arguments) -> CallResult {
    let args = Home::bind("user.chhome", arguments)?;
    let account = existing(&args.name, args.root.as_deref())?;
    if account.home.to_str() == Some(&args.home) {
        return Ok(true.into());
    }
    let mut words = vec!["-d", &args.home];
    words.extend(args.persist.then_some("-m"));
    answer(usermod(&args.name, &words, args.root.as_deref()))
}

pub(super) fn chgroups(_: &Act, arguments: Arguments) -> CallResult {
    let args = Groups::bind("user.chgroups", arguments)?;
    let groups = args.groups.join(",");
    let mut words = vec!["-G", &groups];
    words.extend(args.append.then_some("-a"));
    answer(usermod(&args.name, &words, args.root.as_deref()))
}

/// `user.chfullname` and the like.
pub(super) fn chcomment(args: Set, part: Comment) -> CallResult {
    let account = existing(&args.name, args.root.as_deref())?;
    answer(set_comment(&account, part, &args.value, args.root.as_deref()))
}

pub(super) fn rename(_: &Act, arguments: Arguments) -> CallResult {
    let args = Rename::bind("user.rename", arguments)?;
    let root = args.root.as_deref();
    existing(&args.name, root)?;
    if accounts(root).account(&args.new_name).is_some() {
        return Err(CallError::Failed(format!("User '{}' already exists", args.new_name)));
    }
    answer(usermod(&args.name, &["-l", &args.new_name], root))
}
