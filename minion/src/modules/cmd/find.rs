//! Finding programs, shells and terminals.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::Value;

use crate::cx::{Act, Look};
use crate::system::{command, fs};

args! {
    /// Arguments of `cmd.which` and `cmd.has_exec`.
    pub struct One {
        /// Name of the program.
        cmd: String,
    }
}

args! {
    /// Arguments of `cmd.which_bin`.
    pub struct Several {
        /// Names of programs.
        cmds: Vec<String>,
    }
}

args! {
    /// Arguments of `cmd.tty`.
    pub struct Tty {
        /// The device: `tty0`, `pts3`.
        device: String,
        /// What to write.
        echo: String = String::new(),
    }
}

args! {
    /// No arguments.
    pub struct Nothing {}
}

fn find(look: &Look, program: &str) -> Option<String> {
    let path = look.environment().get("PATH");
    command::which(program, path.as_deref().map(OsStr::new)).map(|path| path.to_string_lossy().into_owned())
}

pub(super) fn which(look: &Look, arguments: Arguments) -> CallResult {
    Ok(Value::from(find(look, &One::bind("cmd.which", arguments)?.cmd)).into())
}

pub(super) fn has_exec(look: &Look, arguments: Arguments) -> CallResult {
    Ok(find(look, &One::bind("cmd.has_exec", arguments)?.cmd).is_some().into())
}

pub(super) fn which_bin(look: &Look, arguments: Arguments) -> CallResult {
    let programs = Several::bind("cmd.which_bin", arguments)?.cmds;
    Ok(Value::from(programs.iter().find_map(|program| find(look, program))).into())
}

pub(super) fn shells(_: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("cmd.shells", arguments)?;
    let text = fs::read_line("/etc/shells").unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('/'));
    Ok(lines.map(Value::from).collect::<Value>().into())
}

pub(super) fn tty(_: &Act, arguments: Arguments) -> CallResult {
    let args = Tty::bind("cmd.tty", arguments)?;
    let known = ["tty", "pts"].iter().any(|kind| {
        args.device.strip_prefix(kind).is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
    });
    if !known {
        return Err(CallError::Failed("The specified device is not a valid TTY".to_owned()));
    }
    let path = match args.device.strip_prefix("pts") {
        Some(number) => format!("/dev/pts/{number}"),
        None => format!("/dev/{}", args.device),
    };
    let opened = std::fs::OpenOptions::new().write(true).open(Path::new(&path));
    let written = opened.and_then(|mut device| writeln!(device, "{}", args.echo));
    match written {
        Ok(()) => Ok(format!("Success: Message was successfully echoed to {path}").into()),
        Err(error) => Err(CallError::Failed(format!("{path}: {}", fs::plain(&error)))),
    }
}
