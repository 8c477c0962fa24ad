//! `user.*` and `group.*` that only read: accounts and groups.

use std::collections::BTreeSet;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Look, Module};
use crate::system::fs::FileFault;
use crate::system::user::{Account, Accounts, Group};

/// The module `user`.
pub const USER: Module = Module {
    name: "user",
    doc: "Accounts.",
    functions: &[
        Function::reads(
            "info",
            "What is known of an account; empty when there is none.",
            "user.info root",
            Name::ROWS,
            info,
        ),
        Function::reads("getent", "What is known of all accounts.", "user.getent", Refresh::ROWS, getent),
        Function::reads(
            "list_users",
            "The names of all accounts, sorted.",
            "user.list_users",
            Nothing::ROWS,
            list_users,
        ),
        Function::reads(
            "list_groups",
            "The groups of an account, sorted.",
            "user.list_groups root",
            Name::ROWS,
            list_groups,
        ),
        Function::reads(
            "primary_group",
            "The name of an account's primary group.",
            "user.primary_group root",
            Name::ROWS,
            primary_group,
        ),
    ],
};

/// The module `group`.
pub const GROUP: Module = Module {
    name: "group",
    doc: "Groups.",
    functions: &[
        Function::reads(
            "info",
            "What is known of a group; empty when there is none.",
            "group.info root",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("group.info", arguments)?.name;
                Ok(Accounts::system().group(&name).map(group).unwrap_or_default().into())
            },
        ),
        Function::reads("getent", "What is known of all groups.", "group.getent", Refresh::ROWS, |_, arguments| {
            Refresh::bind("group.getent", arguments)?;
            Ok(Accounts::system().groups().map_err(fault)?.into_iter().map(group).collect::<Value>().into())
        }),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A name.
    pub struct Name {
        /// The name.
        name: String,
    }
}

args! {
    /// Whether to read again.
    pub struct Refresh {
        /// Not used: nothing is kept from the last call.
        refresh: bool = false,
    }
}

fn fault(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

fn group(group: Group) -> Map {
    Map::from_iter([
        ("name", Value::from(group.name)),
        ("passwd", group.passwd.into()),
        ("gid", group.gid.into()),
        ("members", group.members.into()),
    ])
}

/// Names of an account's groups; a group without a name has its number.
fn group_names(accounts: &Accounts, account: &Account) -> BTreeSet<String> {
    let name = |gid: u32| accounts.group_by_gid(gid).map_or_else(|| gid.to_string(), |group| group.name);
    accounts.group_ids(account).into_iter().map(name).collect()
}

fn described(accounts: &Accounts, account: &Account) -> Map {
    // The comment field by convention: full name, room, work and home telephone, anything else.
    let mut parts = account.gecos.splitn(5, ',').map(str::to_owned);
    let mut part = || Value::from(parts.next().unwrap_or_default());
    Map::from_iter([
        ("uid", Value::from(account.uid)),
        ("gid", account.gid.into()),
        ("groups", group_names(accounts, account).into_iter().collect()),
        ("home", account.home.to_string_lossy().into_owned().into()),
        ("name", account.name.as_str().into()),
        ("passwd", account.passwd.as_str().into()),
        ("shell", account.shell.as_str().into()),
        ("fullname", part()),
        ("roomnumber", part()),
        ("workphone", part()),
        ("homephone", part()),
        ("other", part()),
    ])
}

fn info(_: &Look, arguments: Arguments) -> CallResult {
    let (accounts, name) = (Accounts::system(), Name::bind("user.info", arguments)?.name);
    Ok(accounts.account(&name).map(|account| described(&accounts, &account)).unwrap_or_default().into())
}

fn getent(_: &Look, arguments: Arguments) -> CallResult {
    Refresh::bind("user.getent", arguments)?;
    let accounts = Accounts::system();
    let all = accounts.accounts().map_err(fault)?;
    Ok(all.iter().map(|account| described(&accounts, account)).collect::<Value>().into())
}

fn list_users(_: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("user.list_users", arguments)?;
    let names: BTreeSet<String> =
        Accounts::system().accounts().map_err(fault)?.into_iter().map(|account| account.name).collect();
    Ok(names.into_iter().collect::<Value>().into())
}

fn list_groups(_: &Look, arguments: Arguments) -> CallResult {
    let (accounts, name) = (Accounts::system(), Name::bind("user.list_groups", arguments)?.name);
    let names = accounts.account(&name).map(|account| group_names(&accounts, &account)).unwrap_or_default();
    Ok(names.into_iter().collect::<Value>().into())
}

fn primary_group(_: &Look, arguments: Arguments) -> CallResult {
    let (accounts, name) = (Accounts::system(), Name::bind("user.primary_group", arguments)?.name);
    let Some(account) = accounts.account(&name) else {
        return Err(CallError::Failed(format!("User '{name}' does not exist")));
    };
    Ok(accounts.group_by_gid(account.gid).map_or(Value::Null, |group| group.name.into()).into())
}
