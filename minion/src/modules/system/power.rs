//! The end of this machine's run: halt, reboot, runlevels, and the mark that a reboot is needed.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Value;

use super::Nothing;
use crate::cx::{Act, Module};
use crate::modules::tool;

/// The mark that a reboot is needed, on a file system that a reboot empties.
const WITNESSED: &str = "/run/reboot-required-witnessed";

/// This part of the module.
pub const MODULE: Module = Module {
    name: "system",
    doc: super::DOC,
    functions: &[
        Function::changes(
            "halt",
            "Stops this machine, without power off.",
            "system.halt",
            Nothing::ROWS,
            |act, arguments| {
                Nothing::bind("system.halt", arguments)?;
                end(act, &["halt"])
            },
        ),
        Function::changes(
            "poweroff",
            "Powers this machine off.",
            "system.poweroff",
            Nothing::ROWS,
            |act, arguments| {
                Nothing::bind("system.poweroff", arguments)?;
                end(act, &["poweroff"])
            },
        ),
        Function::changes("init", "Changes the runlevel.", "system.init 3", Runlevel::ROWS, |act, arguments| {
            let level = Runlevel::bind("system.init", arguments)?.runlevel;
            if level.len() != 1 || !level.contains(|letter| "0123456sSqQuU".contains(letter)) {
                return Err(CallError::Invocation(format!("runlevel is one of 0 to 6, s, q and u, not {level:?}")));
            }
            end(act, &["init", &level])
        }),
        Function::changes("reboot", "Boots this machine anew.", "system.reboot 5", When::ROWS, |act, arguments| {
            let when = when(When::bind("system.reboot", arguments)?.at_time)?;
            end(act, &["shutdown", "-r", &when])
        }),
        Function::changes("shutdown", "Shuts this machine down.", "system.shutdown 5", When::ROWS, |act, arguments| {
            let when = when(When::bind("system.shutdown", arguments)?.at_time)?;
            end(act, &["shutdown", "-h", &when])
        }),
        Function::reads(
            "get_reboot_required_witnessed",
            "True if it was noted since the last start that a reboot is needed.",
            "system.get_reboot_required_witnessed",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("system.get_reboot_required_witnessed", arguments)?;
                Ok(Path::new(WITNESSED).exists().into())
            },
        )
        .quick(),
        Function::changes(
            "set_reboot_required_witnessed",
            "Notes until the next start that a reboot is needed.",
            "system.set_reboot_required_witnessed",
            Nothing::ROWS,
            witness,
        ),
    ],
};

args! {
    /// Arguments of `system.init`.
    pub struct Runlevel {
        /// 0 to 6, `s`, `q` or `u`.
        runlevel: String,
    }
}

args! {
    /// When to do it.
    pub struct When {
        /// Minutes from now, or a time as `'20:30'`; at once if not given. Times are quoted twice in a shell.
        at_time: Option<Value> = None,
    }
}

/// Runs the program that ends it. The answer is what it says: the machine may be gone before it comes.
fn end(_act: &Act, argv: &[&str]) -> CallResult {
    Ok(tool::output(argv)?.into())
}

/// A time as `shutdown` takes it; nothing that it would take for an option.
fn when(given: Option<Value>) -> Result<String, CallError> {
    let text = match given {
        None => return Ok("now".to_owned()),
        Some(Value::Int(minutes)) => minutes.to_string(),
        Some(Value::Str(text)) => text,
        Some(other) => format!("{other:?}"),
    };
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let clock = text.split_once(':').is_some_and(|(hours, minutes)| digits(hours, 2) && digits(minutes, 2));
    if text == "now" || clock || digits(text.strip_prefix('+').unwrap_or(&text), 9) {
        return Ok(text);
    }
    Err(CallError::Invocation(format!("at_time is a number of minutes, hh:mm or now, not {text}")))
}

fn witness(_act: &Act, arguments: Arguments) -> CallResult {
    Nothing::bind("system.set_reboot_required_witnessed", arguments)?;
    tool::store(Path::new(WITNESSED), "")?;
    Ok(true.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_come_through() {
        assert_eq!(when(None), Ok("now".to_owned()));
        assert_eq!(when(Some(Value::Int(5))), Ok("5".to_owned()));
        for text in ["now", "5", "+5", "20:30", "7:05"] {
            assert_eq!(when(Some(text.into())), Ok(text.to_owned()));
        }
        for text in ["", "-c", "--no-wall", "x", "+", "20:", "20:3:1", "++5", "5 ; x", "1234567890"] {
            assert!(when(Some(text.into())).is_err(), "{text}");
        }
        assert!(when(Some(Value::Int(-5))).is_err());
        assert!(when(Some(Value::Bool(true))).is_err());
    }
}
