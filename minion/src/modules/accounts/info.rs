//! Functions of `user` that only read.

use std::collections::BTreeSet;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::change::accounts;
use crate::cx::Look;
use crate::system::fs::FileFault;
use crate::system::user::{Account, Accounts};

args! {
    /// An account.
    pub struct Plain {
        /// The login name.
        name: String,
    }
}

args! {
    /// An account, perhaps of another system.
    pub struct Name {
        /// The login name.
        name: String,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Perhaps another system.
    pub struct Root {
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Whether to read again.
    pub struct All {
        /// Not used: nothing is kept from the last call.
        refresh: bool = false,
        /// Directory of another system whose accounts are meant.
        root: Option<String> = None,
    }
}

fn fault(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

/// Names of an account's groups; a group without a name has its number.
fn group_names(accounts: &Accounts, account: &Account) -> BTreeSet<String> {
    let name = |gid: u32| accounts.group_by_gid(gid).map_or_else(|| gid.to_string(), |group| group.name);
    accounts.group_ids(account).into_iter().map(name).collect()
}

/// What is known of an account, as functions and states report it.
pub fn described(accounts: &Accounts, account: &Account) -> Map {
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

pub(super) fn info(_: &Look, arguments: Arguments) -> CallResult {
    let args = Name::bind("user.info", arguments)?;
    let accounts = accounts(args.root.as_deref());
    Ok(accounts.account(&args.name).map(|account| described(&accounts, &account)).unwrap_or_default().into())
}

pub(super) fn getent(_: &Look, arguments: Arguments) -> CallResult {
    let args = All::bind("user.getent", arguments)?;
    let accounts = accounts(args.root.as_deref());
    let all = accounts.accounts().map_err(fault)?;
    Ok(all.iter().map(|account| described(&accounts, account)).collect::<Value>().into())
}

pub(super) fn groups(_: &Look, arguments: Arguments) -> CallResult {
    let args = All::bind("group.getent", arguments)?;
    let groups = accounts(args.root.as_deref()).groups().map_err(fault)?;
    Ok(groups.into_iter().map(super::group::described).collect::<Value>().into())
}

pub(super) fn list_users(_: &Look, arguments: Arguments) -> CallResult {
    let args = Root::bind("user.list_users", arguments)?;
    let all = accounts(args.root.as_deref()).accounts().map_err(fault)?;
    let names: BTreeSet<String> = all.into_iter().map(|account| account.name).collect();
    Ok(names.into_iter().collect::<Value>().into())
}

pub(super) fn list_groups(_: &Look, arguments: Arguments) -> CallResult {
    let (accounts, name) = (Accounts::system(), Plain::bind("user.list_groups", arguments)?.name);
    let names = accounts.account(&name).map(|account| group_names(&accounts, &account)).unwrap_or_default();
    Ok(names.into_iter().collect::<Value>().into())
}

pub(super) fn primary_group(_: &Look, arguments: Arguments) -> CallResult {
    let (accounts, name) = (Accounts::system(), Plain::bind("user.primary_group", arguments)?.name);
    let Some(account) = accounts.account(&name) else {
        return Err(CallError::Failed(format!("User '{name}' does not exist")));
    };
    Ok(accounts.group_by_gid(account.gid).map_or(Value::Null, |group| group.name.into()).into())
}
