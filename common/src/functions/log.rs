//! `log.*`: messages from templates into this program's log.

use crate::args;
use crate::call::{Arguments, CallResult, Code, Facts, Function, Module, PureModule};

/// The module.
pub const MODULE: PureModule = Module {
    name: "log",
    doc: "Messages from templates into this program's log.",
    functions: &[
        row("critical", "log.critical 'Failed'", |_, a| {
            write("log.critical", a, |text| tracing::error!(text, "from a template"))
        }),
        row("error", "log.error 'Failed'", |_, a| {
            write("log.error", a, |text| tracing::error!(text, "from a template"))
        }),
        row("exception", "log.exception 'Failed'", |_, a| {
            write("log.exception", a, |text| tracing::error!(text, "from a template"))
        }),
        row("warning", "log.warning 'Beware'", |_, a| {
            write("log.warning", a, |text| tracing::warn!(text, "from a template"))
        }),
        row("info", "log.info 'Here'", |_, a| write("log.info", a, |text| tracing::info!(text, "from a template"))),
        row("debug", "log.debug 'Here'", |_, a| write("log.debug", a, |text| tracing::debug!(text, "from a template"))),
    ],
};

const fn row(
    name: &'static str,
    example: &'static str,
    code: fn(&dyn Facts, Arguments) -> CallResult,
) -> Function<dyn Facts, std::convert::Infallible> {
    let doc = "Writes a message to the log and returns True.";
    Function { name, quick: true, doc, example, args: Message::ROWS, code: Code::Reads(code) }
}

args! {
    /// Arguments of all functions.
    pub struct Message {
        /// The message.
        message: crate::value::Value,
    }
}

fn write(function: &str, arguments: Arguments, log: impl Fn(&str)) -> CallResult {
    let message = Message::bind(function, arguments)?.message;
    log(&crate::value::python::str_(&message));
    Ok(true.into())
}
