//! `test.*`: functions that answer, echo, wait or fail on purpose.

use std::time::{Duration, Instant};

use super::{Nothing, Row};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, Outcome, PureModule};
use crate::value::{Map, Value, python};

/// The longest `test.sleep`, in seconds: a year.
const LONGEST_SLEEP: f64 = 31_536_000.0;

/// The module.
pub const MODULE: PureModule = Module {
    name: "test",
    doc: super::DOC,
    functions: &[
        Function {
            name: "ping",
            quick: true,
            doc: "Answers True: the minion is there and runs functions.",
            example: "test.ping",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| {
                Nothing::bind("test.ping", arguments)?;
                Ok(true.into())
            }),
        },
        Function {
            name: "echo",
            quick: true,
            doc: "Returns its argument.",
            example: "test.echo 'foo bar baz'",
            args: Echo::ROWS,
            code: Code::Reads(|_, arguments| Ok(Echo::bind("test.echo", arguments)?.text.into())),
        },
        Function {
            name: "arg",
            quick: true,
            doc: "Returns the arguments it was given, by position and by name.",
            example: "test.arg 1 two 3.1 txt=hello",
            args: Anything::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Anything::bind("test.arg", arguments)?;
                Ok(pair(given.args.into(), given.kwargs.into()))
            }),
        },
        Function {
            name: "arg_clean",
            quick: true,
            doc: "Returns the arguments it was given, without those that the publishing machinery adds.",
            example: "test.arg_clean 1 two 3.1 txt=hello",
            args: Anything::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Anything::bind("test.arg_clean", arguments)?;
                Ok(pair(given.args.into(), given.kwargs.into()))
            }),
        },
        Function {
            name: "arg_type",
            quick: true,
            doc: "Returns the types of the arguments it was given.",
            example: "test.arg_type 1 two 3.1 txt=hello",
            args: Anything::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Anything::bind("test.arg_type", arguments)?;
                let named: Map = given.kwargs.iter().map(|(key, value)| (key.clone(), type_of(value))).collect();
                Ok(pair(given.args.iter().map(type_of).collect(), named.into()))
            }),
        },
        Function {
            name: "arg_repr",
            quick: true,
            doc: "Returns the arguments it was given as Python prints them.",
            example: "test.arg_repr 1 two 3.1 txt=hello",
            args: Anything::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Anything::bind("test.arg_repr", arguments)?;
                let items: Vec<String> = given.args.iter().map(python::repr).collect();
                let tail = if items.len() == 1 { "," } else { "" };
                let args = format!("({}{tail})", items.join(", "));
                Ok(pair(args.into(), python::repr(&Value::Map(given.kwargs)).into()))
            }),
        },
        Function {
            name: "kwarg",
            quick: true,
            doc: "Returns the arguments given by name.",
            example: "test.kwarg num=1 txt=\"two\"",
            args: Named::ROWS,
            code: Code::Reads(|_, arguments| Ok(Named::bind("test.kwarg", arguments)?.kwargs.into())),
        },
        Function {
            name: "true",
            quick: true,
            doc: "Always returns True.",
            example: "test.true",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| constant("test.true", arguments, true)),
        },
        Function {
            name: "true_",
            quick: true,
            doc: "Always returns True (the name with an underscore).",
            example: "test.true_",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| constant("test.true_", arguments, true)),
        },
        Function {
            name: "false",
            quick: true,
            doc: "Always returns False.",
            example: "test.false",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| constant("test.false", arguments, false)),
        },
        Function {
            name: "false_",
            quick: true,
            doc: "Always returns False (the name with an underscore).",
            example: "test.false_",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| constant("test.false_", arguments, false)),
        },
        Function {
            name: "deprecation_warning",
            quick: true,
            doc: "Returns True; exists so that calls of it keep working.",
            example: "test.deprecation_warning",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| constant("test.deprecation_warning", arguments, true)),
        },
        Function {
            name: "tty",
            quick: true,
            doc: "Says that it lives in cmd.tty.",
            example: "test.tty tty0 'This is a test'",
            args: Anything::ROWS,
            code: Code::Reads(|_, _| Ok("ERROR: This function has been moved to cmd.tty".into())),
        },
        Function {
            name: "attr_call",
            quick: true,
            doc: "Calls grains.items through the caller and returns the grains.",
            example: "test.attr_call",
            args: Nothing::ROWS,
            code: Code::Reads(|facts, arguments| {
                Nothing::bind("test.attr_call", arguments)?;
                facts.caller().call("grains.items", Arguments::default())
            }),
        },
        Function {
            name: "retcode",
            quick: true,
            doc: "Returns True and leaves the given exit status.",
            example: "test.retcode 42",
            args: Retcode::ROWS,
            code: Code::Reads(|_, arguments| {
                let code = Retcode::bind("test.retcode", arguments)?.code;
                Ok(Outcome::with_status(true, i32::try_from(code).unwrap_or(1)))
            }),
        },
        Function {
            name: "exception",
            quick: true,
            doc: "Fails with the given message.",
            example: "test.exception 'Oh noes!'",
            args: Exception::ROWS,
            code: Code::Reads(|_, arguments| {
                Err(CallError::Failed(Exception::bind("test.exception", arguments)?.message))
            }),
        },
        Function {
            name: "sleep",
            quick: false,
            doc: "Waits so many seconds, then returns True.",
            example: "test.sleep 20",
            args: Sleep::ROWS,
            code: Code::Reads(sleep),
        },
        Function {
            name: "fib",
            quick: false,
            doc: "Computes a Fibonacci number and how many seconds that took.",
            example: "test.fib 3",
            args: Number::ROWS,
            code: Code::Reads(fib),
        },
        Function {
            name: "collatz",
            quick: false,
            doc: "Computes the Collatz sequence from a number until 1 is reached and how many seconds that took.",
            example: "test.collatz 3",
            args: Number::ROWS,
            code: Code::Reads(collatz),
        },
        Function {
            name: "version",
            quick: true,
            doc: "The version of this program.",
            example: "test.version",
            args: Nothing::ROWS,
            code: Code::Reads(|_, arguments| {
                Nothing::bind("test.version", arguments)?;
                Ok(env!("CARGO_PKG_VERSION").into())
            }),
        },
        Function {
            name: "get_opts",
            quick: true,
            doc: "The configuration that functions may see.",
            example: "test.get_opts",
            args: Nothing::ROWS,
            code: Code::Reads(|facts, arguments| {
                Nothing::bind("test.get_opts", arguments)?;
                Ok(Value::Map((*facts.opts()).clone()).into())
            }),
        },
        Function {
            name: "try",
            quick: false,
            doc: "Runs another function and returns False (or the given value) when it fails.",
            example: "test.try pillar.get key return_try_exception=True",
            args: Try::ROWS,
            code: Code::Reads(|facts, arguments| attempt(facts, "test.try", arguments)),
        },
        Function {
            name: "try_",
            quick: false,
            doc: "Runs another function and returns False (or the failure) when it fails.",
            example: "test.try_ pillar.get key",
            args: Try::ROWS,
            code: Code::Reads(|facts, arguments| attempt(facts, "test.try_", arguments)),
        },
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
    ],
};

args! {
    /// Arguments of `test.echo`.
    pub struct Echo {
        /// What to return.
        text: Value,
    }
}

args! {
    /// Arguments of `test.arg` and its kin.
    pub struct Anything {
        /// Anything by position.
        *args: Vec<Value>,
        /// Anything by name.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `test.kwarg`.
    pub struct Named {
        /// Anything by name.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `test.retcode`.
    pub struct Retcode {
        /// The exit status to leave.
        code: i64 = 42,
    }
}

args! {
    /// Arguments of `test.exception`.
    pub struct Exception {
        /// The message to fail with.
        message: String = "Test Exception".to_owned(),
    }
}

args! {
    /// Arguments of `test.sleep`.
    pub struct Sleep {
        /// Seconds.
        length: f64,
    }
}

args! {
    /// Arguments of `test.fib` and `test.collatz`.
    pub struct Number {
        /// The number.
        num: i64,
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
    /// Arguments of `test.try`.
    pub struct Try {
        /// The function to run.
        module: String,
        /// Returned when the function fails.
        return_try_exception: bool = false,
        /// Arguments for the function.
        *args: Vec<Value>,
        /// Named arguments for the function.
        **kwargs: Map,
    }
}

fn constant(function: &str, arguments: Arguments, answer: bool) -> CallResult {
    Nothing::bind(function, arguments)?;
    Ok(answer.into())
}

fn pair(args: Value, kwargs: Value) -> Outcome {
    Outcome::from(Map::from_iter([("args", args), ("kwargs", kwargs)]))
}

fn type_of(value: &Value) -> Value {
    let name = match value {
        Value::Null => "NoneType",
        other => other.kind(),
    };
    Value::from(format!("<class '{name}'>"))
}

fn sleep(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let seconds = Sleep::bind("test.sleep", arguments)?.length;
    if !(0.0..=LONGEST_SLEEP).contains(&seconds) {
        return Err(CallError::Invocation("sleep length must be between 0 seconds and a year".to_owned()));
    }
    std::thread::sleep(Duration::from_secs_f64(seconds));
    Ok(true.into())
}

fn fib(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let number = Number::bind("test.fib", arguments)?.num;
    let start = Instant::now();
    if number > 10_000 {
        return Err(CallError::Invocation("test.fib takes numbers up to 10000".to_owned()));
    }
    let (mut last, mut next) = (crate::value::BigInt::from(0), crate::value::BigInt::from(1));
    for _ in 0..number.max(0) {
        let sum = &last + &next;
        last = std::mem::replace(&mut next, sum);
    }
    Ok(timed(Value::integer(last), start))
}

fn collatz(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let first = i128::from(Number::bind("test.collatz", arguments)?.num);
    let start = Instant::now();
    if first < 1 {
        return Err(CallError::Invocation("test.collatz takes numbers from 1".to_owned()));
    }
    let (mut number, mut was_halved) = (first, false);
    let mut steps = Vec::new();
    while number > 1 {
        // Python's division makes a float, and what follows stays one.
        steps.push(if was_halved { Value::Float(number as f64) } else { Value::from(number) });
        was_halved |= number % 2 == 0;
        number = if number % 2 == 0 { number / 2 } else { number * 3 + 1 };
    }
    Ok(timed(Value::List(steps), start))
}

fn timed(answer: Value, start: Instant) -> Outcome {
    Value::List(vec![answer, Value::Float(start.elapsed().as_secs_f64())]).into()
}

fn attempt(facts: &dyn Facts, function: &str, arguments: Arguments) -> CallResult {
    let call = Try::bind(function, arguments)?;
    let arguments = Arguments { positional: call.args, keyword: call.kwargs };
    match facts.caller().call(&call.module, arguments) {
        Ok(outcome) => Ok(outcome),
        Err(error) if call.return_try_exception => Ok(error.to_string().into()),
        Err(_) => Ok(false.into()),
    }
}
