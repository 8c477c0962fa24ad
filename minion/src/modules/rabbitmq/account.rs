//! Users, virtual hosts, and what who may do where.

use fleet_common::call::Function;
use fleet_common::crypto::keys::random_token;
use fleet_common::value::{Map, Value};

use super::arguments::{Any, done, on_rabbit};
use crate::cx::{Act, Module};
use crate::system::rabbitmq::{Rabbit, RabbitError};

/// Users and virtual hosts.
pub const MODULE: Module = Module {
    name: "rabbitmq",
    doc: "The RabbitMQ server of this machine.",
    functions: &[
        Function::reads("list_users", "Tags of users by name.", "rabbitmq.list_users", Any::ROWS, |_, arguments| {
            let users = Any::bind("rabbitmq.list_users", arguments)?.rabbit().users()?;
            Ok(users.into_iter().map(|(name, tags)| (name, list(tags))).collect::<Map>().into())
        }),
        Function::reads("user_exists", "True if there is a user.", "rabbitmq.user_exists app", User::ROWS, |_, a| {
            let user = User::bind("rabbitmq.user_exists", a)?;
            Ok(user.rabbit().users()?.iter().any(|(name, _)| *name == user.name).into())
        }),
        Function::changes(
            "add_user",
            "Makes a user; without a password nobody can log in as it with one.",
            "rabbitmq.add_user app secret",
            New::ROWS,
            |act, arguments| {
                let args = New::bind("rabbitmq.add_user", arguments)?;
                done("Added", add_user(act, &args.rabbit(), &args.name, args.password.as_deref())?)
            },
        ),
        Function::changes("delete_user", "Removes a user.", "rabbitmq.delete_user app", User::ROWS, |act, a| {
            let user = User::bind("rabbitmq.delete_user", a)?;
            done("Deleted", delete_user(act, &user.rabbit(), &user.name)?)
        }),
        Function::reads(
            "check_password",
            "True if this is the password of a user.",
            "rabbitmq.check_password app secret",
            Password::ROWS,
            |_, arguments| {
                let args = Password::bind("rabbitmq.check_password", arguments)?;
                Ok(args.rabbit().is_password(&args.name, &args.password)?.into())
            },
        ),
        Function::changes(
            "change_password",
            "Gives a user another password.",
            "rabbitmq.change_password app secret",
            Password::ROWS,
            |act, arguments| {
                let args = Password::bind("rabbitmq.change_password", arguments)?;
                done("Password Changed", change_password(act, &args.rabbit(), &args.name, &args.password)?)
            },
        ),
        Function::changes(
            "clear_password",
            "Takes a user's password away: nobody can log in as it with one.",
            "rabbitmq.clear_password app",
            User::ROWS,
            |act, arguments| {
                let user = User::bind("rabbitmq.clear_password", arguments)?;
                done("Password Cleared", clear_password(act, &user.rabbit(), &user.name)?)
            },
        ),
        Function::changes(
            "set_user_tags",
            "Gives a user these tags and no others.",
            "rabbitmq.set_user_tags app monitoring,management",
            Tags::ROWS,
            |act, arguments| {
                let args = Tags::bind("rabbitmq.set_user_tags", arguments)?;
                done("Tag(s) set", set_user_tags(act, &args.rabbit(), &args.name, &args.tags)?)
            },
        ),
        Function::reads("list_vhosts", "Virtual hosts.", "rabbitmq.list_vhosts", Any::ROWS, |_, arguments| {
            Ok(list(Any::bind("rabbitmq.list_vhosts", arguments)?.rabbit().vhosts()?).into())
        }),
        Function::reads(
            "vhost_exists",
            "True if there is a virtual host.",
            "rabbitmq.vhost_exists /shop",
            User::ROWS,
            |_, arguments| {
                let vhost = User::bind("rabbitmq.vhost_exists", arguments)?;
                Ok(vhost.rabbit().vhosts()?.contains(&vhost.name).into())
            },
        ),
        Function::changes("add_vhost", "Makes a virtual host.", "rabbitmq.add_vhost /shop", Vhost::ROWS, |act, a| {
            let vhost = Vhost::bind("rabbitmq.add_vhost", a)?;
            done("Added", add_vhost(act, &vhost.rabbit(), &vhost.vhost)?)
        }),
        Function::changes(
            "delete_vhost",
            "Removes a virtual host with all that is in it.",
            "rabbitmq.delete_vhost /shop",
            Vhost::ROWS,
            |act, arguments| {
                let vhost = Vhost::bind("rabbitmq.delete_vhost", arguments)?;
                done("Deleted", delete_vhost(act, &vhost.rabbit(), &vhost.vhost)?)
            },
        ),
        Function::reads(
            "list_permissions",
            "What may be done in a virtual host, by user: patterns of names.",
            "rabbitmq.list_permissions /shop",
            Vhost::ROWS,
            |_, arguments| {
                let vhost = Vhost::bind("rabbitmq.list_permissions", arguments)?;
                Ok(vhost.rabbit().vhost_permissions(&vhost.vhost)?.into())
            },
        ),
        Function::reads(
            "list_user_permissions",
            "What a user may do, by virtual host: patterns of names.",
            "rabbitmq.list_user_permissions app",
            User::ROWS,
            |_, arguments| {
                let user = User::bind("rabbitmq.list_user_permissions", arguments)?;
                Ok(user.rabbit().user_permissions(&user.name)?.into())
            },
        ),
        Function::changes(
            "set_permissions",
            "Says what a user may do in a virtual host: patterns of the names it may configure, write and read.",
            "rabbitmq.set_permissions /shop app conf='^app' write='.*' read='.*'",
            Permissions::ROWS,
            |act, arguments| {
                let args = Permissions::bind("rabbitmq.set_permissions", arguments)?;
                let patterns = [args.conf.as_str(), args.write.as_str(), args.read.as_str()];
                done("Permissions Set", set_permissions(act, &args.rabbit(), &args.vhost, &args.user, patterns)?)
            },
        ),
    ],
};

on_rabbit! {
    /// What has a name.
    pub struct User {
        /// The name.
        name: String,
    }
}

on_rabbit! {
    /// Arguments of `rabbitmq.add_user`.
    pub struct New {
        /// The user.
        name: String,
        /// The password.
        password: Option<String> = None,
    }
}

on_rabbit! {
    /// A user and a password.
    pub struct Password {
        /// The user.
        name: String,
        /// The password.
        password: String,
    }
}

on_rabbit! {
    /// Arguments of `rabbitmq.set_user_tags`.
    pub struct Tags {
        /// The user.
        name: String,
        /// The tags.
        tags: Vec<String>,
    }
}

on_rabbit! {
    /// A virtual host.
    pub struct Vhost {
        /// The virtual host.
        vhost: String,
    }
}

on_rabbit! {
    /// Arguments of `rabbitmq.set_permissions`.
    pub struct Permissions {
        /// The virtual host.
        vhost: String,
        /// The user.
        user: String,
        /// What it may make, change and remove.
        conf: String = ".*".to_owned(),
        /// What it may write.
        write: String = ".*".to_owned(),
        /// What it may read.
        read: String = ".*".to_owned(),
    }
}

fn list(texts: Vec<String>) -> Value {
    texts.into_iter().map(Value::from).collect()
}

/// Makes a user; what the program said.
pub fn add_user(act: &Act, rabbit: &Rabbit, name: &str, password: Option<&str>) -> Result<String, RabbitError> {
    if let Some(password) = password {
        return rabbit.ctl_with_password(&["add_user", "--", name], password);
    }
    // There is no user without a password: it gets one that nobody knows, which is then taken away.
    let said = rabbit.ctl_with_password(&["add_user", "--", name], &random_token())?;
    clear_password(act, rabbit, name).map(|_| said)
}

/// Removes a user; what the program said.
pub fn delete_user(_act: &Act, rabbit: &Rabbit, name: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&["delete_user", "--", name])
}

/// Gives a user another password; what the program said.
pub fn change_password(_act: &Act, rabbit: &Rabbit, name: &str, password: &str) -> Result<String, RabbitError> {
    rabbit.ctl_with_password(&["change_password", "--", name], password)
}

/// Takes a user's password away; what the program said.
pub fn clear_password(_act: &Act, rabbit: &Rabbit, name: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&["clear_password", "--", name])
}

/// Gives a user these tags and no others; what the program said.
pub fn set_user_tags(_act: &Act, rabbit: &Rabbit, name: &str, tags: &[String]) -> Result<String, RabbitError> {
    let words = ["set_user_tags", "--", name].into_iter().chain(tags.iter().map(String::as_str));
    rabbit.ctl(&words.collect::<Vec<_>>())
}

/// Makes a virtual host; what the program said.
pub fn add_vhost(_act: &Act, rabbit: &Rabbit, vhost: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&["add_vhost", "--", vhost])
}

/// Removes a virtual host; what the program said.
pub fn delete_vhost(_act: &Act, rabbit: &Rabbit, vhost: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&["delete_vhost", "--", vhost])
}

/// Says what a user may configure, write and read in a virtual host; what the program said.
pub fn set_permissions(
    _act: &Act,
    rabbit: &Rabbit,
    vhost: &str,
    user: &str,
    [conf, write, read]: [&str; 3],
) -> Result<String, RabbitError> {
    rabbit.ctl(&["set_permissions", "--vhost", vhost, "--", user, conf, write, read])
}
