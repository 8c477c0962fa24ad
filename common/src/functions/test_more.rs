//! `test.*` that fail as told, answer by chance, or say what this program is made of.

use rand::Rng;

use crate::args;
use crate::call::{Arguments, CallError, CallResult, Facts, Function, Module, PureModule};
use crate::digest;
use crate::value::{Map, Value, python};

type Row = Function<dyn Facts, std::convert::Infallible>;

/// The longest `test.rand_sleep`, in seconds: a year.
const LONGEST_SLEEP: i64 = 31_536_000;

/// The module.
pub const MODULE: PureModule = Module {
    name: "test",
    doc: "Functions that answer, echo, wait or fail on purpose.",
    functions: &[
        Row::reads("assertion", "Fails unless its argument is true.", "test.assertion False", Held::ROWS, assertion),
        Row::reads(
            "conf_test",
            "The setting `test.foo`, or `unconfigured`.",
            "test.conf_test",
            Nothing::ROWS,
            |facts, arguments| {
                Nothing::bind("test.conf_test", arguments)?;
                Ok(facts.opts().get("test.foo").cloned().unwrap_or_else(|| "unconfigured".into()).into())
            },
        ),
        Row::reads(
            "cross_test",
            "Calls another function with a list of arguments.",
            "test.cross_test test.echo '[hello]'",
            Cross::ROWS,
            |facts, arguments| {
                let given = Cross::bind("test.cross_test", arguments)?;
                facts.caller().call(&given.func, Arguments::positional(given.args))
            },
        ),
        Row::reads("outputter", "Returns its argument.", "test.outputter foobar", Data::ROWS, |_, arguments| {
            Ok(Data::bind("test.outputter", arguments)?.data.into())
        }),
        Row::reads(
            "raise_exception",
            "Fails as the named exception of Python would; false when there is none of that name.",
            "test.raise_exception OSError 2 'No such file'",
            Exception::ROWS,
            raise,
        ),
        Row::reads(
            "rand_sleep",
            "Waits at least a second and at most so many, by chance, then returns True.",
            "test.rand_sleep 2",
            Longest::ROWS,
            rand_sleep,
        ),
        Row::reads(
            "rand_str",
            "The digest of a number by chance.",
            "test.rand_str hash_type=md5",
            Size::ROWS,
            |_, arguments| by_chance("test.rand_str", arguments),
        ),
        Row::reads(
            "random_hash",
            "The digest of a number by chance (another name of test.rand_str).",
            "test.random_hash hash_type=sha512",
            Size::ROWS,
            |_, arguments| by_chance("test.random_hash", arguments),
        ),
        Row::reads(
            "opts_pkg",
            "The configuration that functions may see, with the grains.",
            "test.opts_pkg",
            Nothing::ROWS,
            |facts, arguments| {
                Nothing::bind("test.opts_pkg", arguments)?;
                let mut opts = (*facts.opts()).clone();
                opts.insert("grains", Value::Map((*facts.grains()).clone()));
                Ok(opts.into())
            },
        ),
        Row::reads(
            "stack",
            "Which functions of this program are being run by the one that answers.",
            "test.stack",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("test.stack", arguments)?;
                Ok(std::backtrace::Backtrace::force_capture().to_string().into())
            },
        ),
        Row::reads(
            "versions_information",
            "The versions of this program and of the system.",
            "test.versions_information",
            Nothing::ROWS,
            |facts, arguments| {
                Nothing::bind("test.versions_information", arguments)?;
                let shown = |(title, rows): (&'static str, Vec<Fact>)| (title, rows.into_iter().collect::<Map>());
                Ok(versions(facts).into_iter().map(shown).collect::<Map>().into())
            },
        ),
        Row::reads(
            "versions_report",
            "The versions of this program and of the system, as text.",
            "test.versions_report",
            Nothing::ROWS,
            |facts, arguments| report(facts, "test.versions_report", arguments),
        ),
        Row::reads(
            "versions",
            "The versions of this program and of the system, as text (another name of test.versions_report).",
            "test.versions",
            Nothing::ROWS,
            |facts, arguments| report(facts, "test.versions", arguments),
        ),
    ],
};

args! {
    /// Arguments of functions that take none.
    pub struct Nothing {}
}

args! {
    /// Arguments of `test.assertion`.
    pub struct Held {
        /// What must be true.
        assertion: Value,
    }
}

args! {
    /// Arguments of `test.cross_test`.
    pub struct Cross {
        /// The function to call.
        func: String,
        /// Its arguments.
        args: Vec<Value> = Vec::new(),
    }
}

args! {
    /// Arguments of `test.outputter`.
    pub struct Data {
        /// What to return.
        data: Value,
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

args! {
    /// Arguments of `test.rand_sleep`.
    pub struct Longest {
        /// Seconds at most.
        max: i64 = 60,
    }
}

args! {
    /// Arguments of `test.rand_str`.
    pub struct Size {
        /// The number is at most this.
        size: i64 = 9_999_999_999,
        /// The algorithm; the configured one (`hash_type`) unless given.
        hash_type: Option<String> = None,
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

fn rand_sleep(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let longest = Longest::bind("test.rand_sleep", arguments)?.max;
    if !(0..=LONGEST_SLEEP).contains(&longest) {
        return Err(CallError::Invocation("max must be between 0 seconds and a year".to_owned()));
    }
    if longest == 0 {
        return Ok(true.into());
    }
    facts.caller().call("test.sleep", Arguments::positional([rand::rng().random_range(1..=longest)]))
}

fn by_chance(function: &str, arguments: Arguments) -> CallResult {
    let Size { size, hash_type } = Size::bind(function, arguments)?;
    if size < 0 {
        return Err(CallError::Invocation(format!("{function}: size must not be below 0")));
    }
    let algorithm = hash_type.as_deref().unwrap_or("sha256");
    let number = rand::rng().random_range(0..=size).to_string();
    match digest::hex_of_bytes(algorithm, number.as_bytes()) {
        Some(hex) => Ok(hex.into()),
        None => Err(CallError::Invocation(format!("{function}: there is no algorithm '{algorithm}'"))),
    }
}

type Fact = (&'static str, Value);

/// What the versions are of, by title.
fn versions(facts: &dyn Facts) -> [(&'static str, Vec<Fact>); 2] {
    let grains = facts.grains();
    let text = |name: &str| grains.get(name).map(python::str_).unwrap_or_default();
    let dist = format!("{} {} {}", text("os").to_lowercase(), text("osrelease"), text("oscodename"));
    let system = vec![
        ("dist", dist.trim().into()),
        ("locale", "utf-8".into()),
        ("machine", text("cpuarch").into()),
        ("release", text("kernelrelease").into()),
        ("system", text("kernel").into()),
        ("version", format!("{} {}", text("osfullname"), text("osrelease")).trim().into()),
    ];
    [("Salt Version", vec![("Salt", env!("CARGO_PKG_VERSION").into())]), ("System Versions", system)]
}

fn report(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    Nothing::bind(function, arguments)?;
    let groups = versions(facts);
    let width = groups.iter().flat_map(|(_, rows)| rows).map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (title, rows) in groups {
        lines.push(format!("{title}:"));
        lines.extend(rows.into_iter().map(|(name, value)| format!("  {name:>width$}: {}", python::str_(&value))));
        lines.push(" ".to_owned());
    }
    Ok(lines.join("\n").into())
}
