//! `test.*` that answer or wait by chance.

use rand::Rng;

use super::{DOC, Row};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Facts, Module, PureModule};
use crate::digest;

/// The longest `test.rand_sleep`, in seconds: a year.
const LONGEST_SLEEP: i64 = 31_536_000;

/// The module.
pub const MODULE: PureModule = Module {
    name: "test",
    doc: DOC,
    functions: &[
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
    ],
};

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
