//! The tables of `user`, `group` and `shadow`.

use fleet_common::call::Function;

use super::change::{self, Comment};
use super::{group, info, passwords};
use crate::cx::Module;

/// The module `user`.
pub const USER: Module = Module {
    name: "user",
    doc: "Accounts.",
    functions: &[
        Function::reads(
            "info",
            "What is known of an account; empty when there is none.",
            "user.info root",
            info::Name::ROWS,
            info::info,
        ),
        Function::reads("getent", "What is known of all accounts.", "user.getent", info::All::ROWS, info::getent),
        Function::reads(
            "list_users",
            "The names of all accounts, sorted.",
            "user.list_users",
            info::Root::ROWS,
            info::list_users,
        ),
        Function::reads(
            "list_groups",
            "The groups of an account, sorted.",
            "user.list_groups root",
            info::Plain::ROWS,
            info::list_groups,
        ),
        Function::reads(
            "primary_group",
            "The name of an account's primary group.",
            "user.primary_group root",
            info::Plain::ROWS,
            info::primary_group,
        ),
        Function::changes(
            "add",
            "Makes an account.",
            "user.add web uid=900 system=true",
            change::Add::ROWS,
            change::run_add,
        ),
        Function::changes(
            "delete",
            "Removes an account.",
            "user.delete web remove=true",
            change::Delete::ROWS,
            change::run_delete,
        ),
        Function::changes(
            "rename",
            "Gives an account another name.",
            "user.rename web www",
            change::Rename::ROWS,
            change::rename,
        ),
        Function::changes(
            "chhome",
            "Sets the home directory of an account.",
            "user.chhome web /srv/web persist=true",
            change::Home::ROWS,
            change::chhome,
        ),
        Function::changes(
            "chgroups",
            "Sets the groups of an account besides its primary one.",
            "user.chgroups web adm,www-data append=true",
            change::Groups::ROWS,
            change::chgroups,
        ),
        Function::changes(
            "chuid",
            "Sets the user id of an account.",
            "user.chuid web 901",
            change::Uid::ROWS,
            |_, a| change::set(change::Uid::bind("user.chuid", a)?.into(), "-u", |account| account.uid.to_string()),
        ),
        Function::changes(
            "chgid",
            "Sets the primary group of an account.",
            "user.chgid web 901",
            change::Gid::ROWS,
            |_, a| change::set(change::Gid::bind("user.chgid", a)?.into(), "-g", |account| account.gid.to_string()),
        ),
        Function::changes(
            "chshell",
            "Sets the login shell of an account.",
            "user.chshell web /bin/sh",
            change::Shell::ROWS,
            |_, a| change::set(change::Shell::bind("user.chshell", a)?.into(), "-s", |account| account.shell.clone()),
        ),
        Function::changes(
            "chfullname",
            "Sets the full name of an account.",
            "user.chfullname web 12",
            change::FullName::ROWS,
            |_, a| change::chcomment(change::FullName::bind("user.chfullname", a)?.into(), Comment::FullName),
        ),
        Function::changes(
            "chroomnumber",
            "Sets the room of an account.",
            "user.chroomnumber web 12",
            change::Room::ROWS,
            |_, a| change::chcomment(change::Room::bind("user.chroomnumber", a)?.into(), Comment::Room),
        ),
        Function::changes(
            "chworkphone",
            "Sets the telephone at work of an account.",
            "user.chworkphone web 12",
            change::WorkPhone::ROWS,
            |_, a| change::chcomment(change::WorkPhone::bind("user.chworkphone", a)?.into(), Comment::WorkPhone),
        ),
        Function::changes(
            "chhomephone",
            "Sets the telephone at home of an account.",
            "user.chhomephone web 12",
            change::HomePhone::ROWS,
            |_, a| change::chcomment(change::HomePhone::bind("user.chhomephone", a)?.into(), Comment::HomePhone),
        ),
        Function::changes(
            "chother",
            "Sets the last part of the comment of an account.",
            "user.chother web 12",
            change::Other::ROWS,
            |_, a| change::chcomment(change::Other::bind("user.chother", a)?.into(), Comment::Other),
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
            group::Name::ROWS,
            group::info,
        ),
        Function::reads("getent", "What is known of all groups.", "group.getent", info::All::ROWS, info::groups),
        Function::changes("add", "Makes a group.", "group.add web gid=900", group::Add::ROWS, group::run_add),
        Function::changes("delete", "Removes a group.", "group.delete web", group::Delete::ROWS, group::run_delete),
        Function::changes(
            "chgid",
            "Gives a group another number.",
            "group.chgid web 901",
            group::Number::ROWS,
            group::chgid,
        ),
        Function::changes(
            "adduser",
            "Puts an account into a group.",
            "group.adduser web root",
            group::Member::ROWS,
            |_, a| group::member(a, "group.adduser", true),
        ),
        Function::changes(
            "deluser",
            "Takes an account out of a group.",
            "group.deluser web root",
            group::Member::ROWS,
            |_, a| group::member(a, "group.deluser", false),
        ),
        Function::changes(
            "members",
            "Makes these accounts the members of a group, and no others.",
            "group.members web root,daemon",
            group::Members::ROWS,
            group::members,
        ),
    ],
};

/// The module `shadow`.
pub const SHADOW: Module = Module {
    name: "shadow",
    doc: "Passwords and how long they hold.",
    functions: &[
        Function::reads(
            "info",
            "What is known of a password and how long it holds.",
            "shadow.info root",
            passwords::Name::ROWS,
            passwords::info,
        ),
        Function::reads(
            "list_users",
            "The names of all accounts that may have a password.",
            "shadow.list_users",
            passwords::Root::ROWS,
            passwords::list_users,
        ),
        Function::reads(
            "default_hash",
            "What stands for a password that nothing opens.",
            "shadow.default_hash",
            passwords::Nothing::ROWS,
            |_, a| {
                passwords::Nothing::bind("shadow.default_hash", a)?;
                Ok(passwords::default_hash().into())
            },
        ),
        Function::reads(
            "gen_password",
            "The hash of a password.",
            "shadow.gen_password secret algorithm=sha512",
            passwords::Generate::ROWS,
            passwords::gen_password,
        ),
        Function::changes(
            "set_password",
            "Sets the hash of an account's password.",
            "shadow.set_password web '$6$salt$hash'",
            passwords::Password::ROWS,
            passwords::set_password,
        ),
        Function::changes(
            "del_password",
            "Takes the password of an account away: no password is asked for.",
            "shadow.del_password web",
            passwords::Name::ROWS,
            |_, a| passwords::lock(a, "shadow.del_password", &["-d"], |line| line.passwd.is_empty()),
        ),
        Function::changes(
            "lock_password",
            "Locks the password of an account: none opens it.",
            "shadow.lock_password web",
            passwords::Name::ROWS,
            |_, a| passwords::lock(a, "shadow.lock_password", &["-l"], |line| line.is_locked()),
        ),
        Function::changes(
            "unlock_password",
            "Unlocks the password of an account.",
            "shadow.unlock_password web",
            passwords::Name::ROWS,
            |_, a| passwords::lock(a, "shadow.unlock_password", &["-u"], |line| !line.is_locked()),
        ),
        Function::changes(
            "set_date",
            "Sets the day of the last change of a password.",
            "shadow.set_date web 19000",
            change::Date::ROWS,
            |_, a| passwords::set_age(change::Date::bind("shadow.set_date", a)?.into(), "-d"),
        ),
        Function::changes(
            "set_mindays",
            "Sets after how many days a password may be changed.",
            "shadow.set_mindays web 1",
            change::MinDays::ROWS,
            |_, a| passwords::set_age(change::MinDays::bind("shadow.set_mindays", a)?.into(), "-m"),
        ),
        Function::changes(
            "set_maxdays",
            "Sets after how many days a password must be changed.",
            "shadow.set_maxdays web 90",
            change::MaxDays::ROWS,
            |_, a| passwords::set_age(change::MaxDays::bind("shadow.set_maxdays", a)?.into(), "-M"),
        ),
        Function::changes(
            "set_inactdays",
            "Sets for how many days an account stays open when its password is too old.",
            "shadow.set_inactdays web 7",
            change::InactDays::ROWS,
            |_, a| passwords::set_age(change::InactDays::bind("shadow.set_inactdays", a)?.into(), "-I"),
        ),
        Function::changes(
            "set_warndays",
            "Sets how many days before that a person is warned.",
            "shadow.set_warndays web 7",
            change::WarnDays::ROWS,
            |_, a| passwords::set_age(change::WarnDays::bind("shadow.set_warndays", a)?.into(), "-W"),
        ),
        Function::changes(
            "set_expire",
            "Sets the day on which an account is closed.",
            "shadow.set_expire web 2030-01-01",
            change::Expire::ROWS,
            |_, a| passwords::set_age(change::Expire::bind("shadow.set_expire", a)?.into(), "-E"),
        ),
    ],
};
