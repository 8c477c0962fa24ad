//! SELinux contexts of files, through the tools that every distribution has.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};

use super::path::expand;
use crate::cx::{Act, Look, Module};
use crate::modules::tool;

/// The functions.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_selinux_context",
            "The SELinux context of a path, or a text that says that there is none.",
            "file.get_selinux_context /etc/hosts",
            One::ROWS,
            |look, arguments| get(look, &One::bind("file.get_selinux_context", arguments)?.path),
        ),
        Function::changes(
            "set_selinux_context",
            "Sets parts of the SELinux context of a path; returns it, or false.",
            "file.set_selinux_context /srv/www type=httpd_sys_content_t",
            Set::ROWS,
            set,
        ),
        Function::changes(
            "restorecon",
            "Sets the SELinux context that the policy has for a path; true if that went well.",
            "file.restorecon /home/user/.ssh recursive=True",
            Restore::ROWS,
            restorecon,
        ),
    ],
};

args! {
    /// A path.
    pub struct One {
        /// The path.
        path: String,
    }
}

args! {
    /// Arguments of `file.set_selinux_context`.
    pub struct Set {
        /// The path.
        path: String,
        /// The user of the context.
        user: Option<String> = None,
        /// Its role.
        role: Option<String> = None,
        /// Its type.
        type_: Option<String> = None,
        /// Its range.
        range: Option<String> = None,
        /// Not supported: put it into the policy.
        persist: bool = false,
    }
}

args! {
    /// Arguments of `file.restorecon`.
    pub struct Restore {
        /// The path.
        path: String,
        /// All that is below, too.
        recursive: bool = false,
    }
}

fn get(look: &Look, given: &str) -> CallResult {
    let path = expand(look, given);
    let finished = tool::run(&["stat", "-c", "%C", "--", &path.to_string_lossy()])?;
    let context = finished.out().trim().to_owned();
    if finished.status != 0 || context.is_empty() || context == "?" {
        let text = format!("No selinux context information is available for {given}");
        return Ok(Outcome::with_status(text, finished.status));
    }
    Ok(context.into())
}

fn set(act: &Act, arguments: Arguments) -> CallResult {
    let args = Set::bind("file.set_selinux_context", arguments)?;
    if args.persist {
        return Err(CallError::Unsupported("'persist' of file.set_selinux_context".to_owned()));
    }
    let parts = [("--user", args.user), ("--role", args.role), ("--type", args.type_), ("--range", args.range)];
    let parts = parts
        .into_iter()
        .filter_map(|(option, part)| Some(format!("{option}={}", part.filter(|part| !part.is_empty())?)));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        return Ok(false.into());
    }
    let path = expand(act, &args.path);
    let path = path.to_string_lossy();
    let words = ["chcon"].into_iter().chain(parts.iter().map(String::as_str)).chain(["--", &path]);
    let finished = tool::run(&words.collect::<Vec<_>>())?;
    match finished.status {
        0 => get(act, &args.path),
        status => Ok(Outcome::with_status(false, status)),
    }
}

fn restorecon(act: &Act, arguments: Arguments) -> CallResult {
    let args = Restore::bind("file.restorecon", arguments)?;
    let path = expand(act, &args.path);
    if !path.is_absolute() {
        return Err(CallError::Invocation(format!("a path of file.restorecon is absolute, not {:?}", args.path)));
    }
    let finished = tool::run(&["restorecon", if args.recursive { "-FR" } else { "-F" }, &path.to_string_lossy()])?;
    Ok(Outcome::with_status(finished.status == 0, finished.status))
}
