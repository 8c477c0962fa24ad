//! `test.*` that fail as told.

use super::{DOC, Row};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Facts, Module, PureModule};
use crate::value::{Value, python};

/// The module.
pub const MODULE: PureModule = Module {
    name: "test",
    doc: DOC,
    functions: &[
        Row::reads("assertion", "Fails unless its argument is true.", "test.assertion False", Held::ROWS, assertion),
        Row::reads(
            "raise_exception",
            "Fails as the named exception of Python would; false when there is none of that name.",
            "test.raise_exception OSError 2 'No such file'",
            Exception::ROWS,
            raise,
        ),
    ],
};

args! {
    /// Arguments of `test.assertion`.
    pub struct Held {
        /// What must be true.
        assertion: Value,
    }
}

args! {
    /// Arguments of `test.raise_exception`.
    pub struct Exception {
        /// Name of the exception, with `salt.exceptions.` for those of Salt.
        name: String,
        /// What it is made with.
        *args: Vec<Value>,
    }
}

fn assertion(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Held::bind("test.assertion", arguments)?.assertion;
    if given.truthy() {
        return Ok(Value::Null.into());
    }
    Err(CallError::Failed(format!("AssertionError: {} is not true", python::repr(&given))))
}

/// Exceptions of Python whose text is not simply what they are made with.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BufferError",
    "EOFError",
    "Exception",
    "FloatingPointError",
    "GeneratorExit",
    "ImportError",
    "IndexError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplementedError",
    "OverflowError",
    "RecursionError",
    "ReferenceError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemError",
    "SystemExit",
    "TypeError",
    "UnboundLocalError",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
];

/// Exceptions of Python about the system: a number and a text.
const OF_THE_SYSTEM: &[&str] = &[
    "BlockingIOError",
    "BrokenPipeError",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "EnvironmentError",
    "FileExistsError",
    "FileNotFoundError",
    "IOError",
    "InterruptedError",
    "IsADirectoryError",
    "NotADirectoryError",
    "OSError",
    "PermissionError",
    "ProcessLookupError",
    "TimeoutError",
];

/// Exceptions of Salt that are raised to users.
const OF_SALT: &[&str] = &[
    "ArgumentValueError",
    "AuthenticationError",
    "AuthorizationError",
    "CommandExecutionError",
    "CommandNotFoundError",
    "EauthAuthenticationError",
    "FileserverConfigError",
    "InvalidConfigError",
    "LoaderError",
    "MinionError",
    "PillarRenderError",
    "SaltClientError",
    "SaltException",
    "SaltInvocationError",
    "SaltRenderError",
    "SaltReqTimeoutError",
    "SaltRunnerError",
    "SaltSystemExit",
    "TimeoutError",
    "TokenAuthenticationError",
];

fn raise(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let Exception { name, args } = Exception::bind("test.raise_exception", arguments)?;
    let plain = |args: &[Value]| match args {
        [] => String::new(),
        [one] => python::str_(one),
        many => format!("({})", many.iter().map(python::repr).collect::<Vec<_>>().join(", ")),
    };
    let text = match (name.strip_prefix("salt.exceptions."), args.as_slice()) {
        (Some(name), args) if OF_SALT.contains(&name) => plain(args),
        (None, [key]) if name == "KeyError" => python::repr(key),
        (None, [number, text]) if OF_THE_SYSTEM.contains(&name.as_str()) => {
            format!("[Errno {}] {}", python::str_(number), python::str_(text))
        }
        (None, [number, text, file, ..]) if OF_THE_SYSTEM.contains(&name.as_str()) => {
            format!("[Errno {}] {}: {}", python::str_(number), python::str_(text), python::repr(file))
        }
        (None, args) if name == "KeyError" || [BUILTINS, OF_THE_SYSTEM].iter().any(|of| of.contains(&&*name)) => {
            plain(args)
        }
        // The reference names what it does not know in its log only.
        _ => return Ok(false.into()),
    };
    // A failure without a word says at least what it is.
    Err(CallError::Failed(if text.is_empty() { name } else { text }))
}
