//! `alternatives.*`: which of several programs a generic name stands for, through `update-alternatives`.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Value;

use crate::cx::{Act, Look, Module};
use crate::system::command::{Command, Finished, which};

/// Where the links of the alternatives stand.
const LINKS: &str = "/etc/alternatives";

/// The module.
pub const MODULE: Module = Module {
    name: "alternatives",
    doc: "Which of several programs a generic name stands for.",
    functions: &[
        Function::reads(
            "display",
            "What the system knows of a name, as its tool prints it.",
            "alternatives.display editor",
            Name::ROWS,
            |_, arguments| Ok(query("--display", &Name::bind("alternatives.display", arguments)?.name)?.said().into()),
        ),
        Function::reads(
            "show_link",
            "The link that stands for a name (`/usr/bin/editor`), or false.",
            "alternatives.show_link editor",
            Name::ROWS,
            show_link,
        ),
        Function::reads(
            "show_current",
            "The path that a name stands for now, or false.",
            "alternatives.show_current editor",
            Name::ROWS,
            |_, arguments| {
                let name = Name::bind("alternatives.show_current", arguments)?.name;
                Ok(current(&name).map_or(Value::Bool(false), Value::from).into())
            },
        ),
        Function::reads(
            "check_exists",
            "True if a path is registered for a name.",
            "alternatives.check_exists editor /usr/bin/vim.tiny",
            Choice::ROWS,
            |_, arguments| {
                let args = Choice::bind("alternatives.check_exists", arguments)?;
                Ok(registered(&args.name, &args.path)?.into())
            },
        ),
        Function::reads(
            "check_installed",
            "True if a name stands for this path now.",
            "alternatives.check_installed editor /usr/bin/vim.tiny",
            Choice::ROWS,
            |_, arguments| {
                let args = Choice::bind("alternatives.check_installed", arguments)?;
                Ok((current(&args.name).as_deref() == Some(args.path.as_str())).into())
            },
        ),
        Function::changes(
            "install",
            "Registers a path for a name; returns what the tool says.",
            "alternatives.install editor /usr/bin/editor /usr/bin/emacs 50",
            Install::ROWS,
            |act, arguments| {
                let args = Install::bind("alternatives.install", arguments)?;
                Ok(install(act, &args.name, &args.link, &args.path, args.priority)?.into())
            },
        ),
        Function::changes(
            "remove",
            "Takes a path from a name.",
            "alternatives.remove editor /usr/bin/emacs",
            Choice::ROWS,
            |act, arguments| {
                let args = Choice::bind("alternatives.remove", arguments)?;
                Ok(change(act, &["--remove", &args.name, &args.path])?.into())
            },
        ),
        Function::changes(
            "auto",
            "Lets a name stand for the path of the highest priority.",
            "alternatives.auto editor",
            Name::ROWS,
            |act, arguments| {
                let name = Name::bind("alternatives.auto", arguments)?.name;
                Ok(change(act, &["--auto", &name])?.into())
            },
        ),
        Function::changes(
            "set",
            "Lets a name stand for this path, whatever the priorities.",
            "alternatives.set editor /usr/bin/vim.tiny",
            Choice::ROWS,
            |act, arguments| {
                let args = Choice::bind("alternatives.set", arguments)?;
                Ok(change(act, &["--set", &args.name, &args.path])?.into())
            },
        ),
    ],
};

args! {
    /// A generic name.
    pub struct Name {
        /// The name (`editor`).
        name: String,
    }
}

args! {
    /// A generic name and one of its paths.
    pub struct Choice {
        /// The name (`editor`).
        name: String,
        /// The path (`/usr/bin/vim.tiny`).
        path: String,
    }
}

args! {
    /// Arguments of `alternatives.install`, the function and the state.
    pub struct Install {
        /// The name (`editor`).
        name: String,
        /// The link that programs and people use (`/usr/bin/editor`).
        link: String,
        /// What it may point at.
        path: String,
        /// The highest number wins in automatic mode.
        priority: i64,
    }
}

/// The path that a name stands for now.
pub fn current(name: &str) -> Option<String> {
    // A name with a slash would leave the directory; the tool refuses such names, too.
    let link = (!name.contains('/')).then(|| Path::new(LINKS).join(name))?;
    std::fs::read_link(link).ok().map(|path| path.to_string_lossy().into_owned())
}

/// Lines of what the system knows of a name; `None` for a name that it does not know.
pub fn display(name: &str) -> Result<Option<String>, CallError> {
    let finished = query("--display", name)?;
    Ok((finished.status == 0 || finished.stderr.is_empty()).then(|| finished.out()))
}

/// True if a path is registered for a name.
pub fn registered(name: &str, path: &str) -> Result<bool, CallError> {
    Ok(display(name)?.is_some_and(|text| text.lines().any(|line| line.starts_with(path))))
}

/// Registers a path for a name; what the tool says.
pub fn install(act: &Act, name: &str, link: &str, path: &str, priority: i64) -> Result<String, CallError> {
    change(act, &["--install", link, name, path, &priority.to_string()])
}

/// Runs a changing order of the tool; what it says.
pub fn change(_act: &Act, order: &[&str]) -> Result<String, CallError> {
    Ok(run(order)?.said())
}

fn query(order: &str, name: &str) -> Result<Finished, CallError> {
    run(&[order, name])
}

fn run(order: &[&str]) -> Result<Finished, CallError> {
    let tool = ["update-alternatives", "alternatives"].iter().find_map(|tool| which(tool, None)).ok_or_else(|| {
        CallError::Failed("neither update-alternatives nor alternatives is on this machine".to_owned())
    })?;
    let command = Command::argv(std::iter::once(tool.as_os_str()).chain(order.iter().map(|word| word.as_ref())));
    command.c_locale().run().map_err(|error| CallError::Failed(error.to_string()))
}

fn show_link(_look: &Look, arguments: Arguments) -> CallResult {
    let name = Name::bind("alternatives.show_link", arguments)?.name;
    let finished = query("--query", &name)?;
    let link = finished.out().lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let link = line.strip_prefix("Link:")?;
        Some(link.trim().to_owned())
    });
    Ok(link.filter(|_| finished.status == 0).map_or(Value::Bool(false), Value::from).into())
}
