//! `random.*`: numbers and texts by chance or by a seed, and hashes of texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;

use super::twister::Twister;
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::crypto::password::{LONGEST_SALT, hash};
use crate::digest;
use crate::value::{Value, python};

/// The module.
pub const MODULE: PureModule = Module {
    name: "random",
    doc: "Numbers and texts by chance or by a seed, and hashes of texts.",
    functions: &[
        Function {
            name: "seed",
            quick: true,
            doc: "A number below a range that depends on a text alone: the minion's id unless one is given.",
            example: "random.seed 10 hash=text",
            args: Seed::ROWS,
            code: Code::Reads(seed),
        },
        Function {
            name: "hash",
            quick: true,
            doc: "The digest of a text.",
            example: "random.hash 'I am a string' md5",
            args: Hash::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Hash::bind("random.hash", arguments)?;
                match digest::hex_of_bytes(&given.algorithm, given.value.as_bytes()) {
                    Some(hex) => Ok(hex.into()),
                    None => Err(CallError::Failed("You must specify a valid algorithm.".to_owned())),
                }
            }),
        },
        Function {
            name: "str_encode",
            quick: true,
            doc: "A text in base64.",
            example: "random.str_encode 'I am a new string' base64",
            args: Encode::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Encode::bind("random.str_encode", arguments)?;
                match given.encoder.as_str() {
                    "base64" => Ok(STANDARD.encode(given.value).into()),
                    _ => Err(CallError::Invocation("Value must be an encode-able string".to_owned())),
                }
            }),
        },
        Function {
            name: "get_str",
            quick: true,
            doc: "A text by chance, of letters, digits and punctuation or of the given characters.",
            example: "random.get_str 128",
            args: GetStr::ROWS,
            code: Code::Reads(get_str),
        },
        Function {
            name: "shadow_hash",
            quick: false,
            doc: "The hash of a password as /etc/shadow holds it, by sha512 or sha256.",
            example: "random.shadow_hash My5alT MyP@asswd sha512",
            args: Shadow::ROWS,
            code: Code::Reads(shadow_hash),
        },
        Function {
            name: "rand_int",
            quick: true,
            doc: "A number by chance from a range, both ends included.",
            example: "random.rand_int 1 10",
            args: RandInt::ROWS,
            code: Code::Reads(rand_int),
        },
        Function {
            name: "sample",
            quick: true,
            doc: "Some items of a list, by chance or by a seed.",
            example: "random.sample '[a, b, c]' 2 seed=1",
            args: Sample::ROWS,
            code: Code::Reads(sample),
        },
        Function {
            name: "shuffle",
            quick: true,
            doc: "The items of a list in another order, by chance or by a seed.",
            example: "random.shuffle '[a, b, c]' seed=1",
            args: Shuffle::ROWS,
            code: Code::Reads(shuffle),
        },
    ],
};

args! {
    /// Arguments of `random.seed`.
    pub struct Seed {
        /// The number is below this.
        range: i64 = 10,
        /// The text it depends on.
        hash: Option<Value> = None,
    }
}

args! {
    /// Arguments of `random.hash`.
    pub struct Hash {
        /// The text.
        value: String,
        /// The algorithm.
        algorithm: String = "sha512".to_owned(),
    }
}

args! {
    /// Arguments of `random.str_encode`.
    pub struct Encode {
        /// The text.
        value: String,
        /// The encoding.
        encoder: String = "base64".to_owned(),
    }
}

args! {
    /// Arguments of `random.get_str`.
    pub struct GetStr {
        /// How many characters.
        length: i64 = 20,
        /// The characters to take.
        chars: Option<String> = None,
        /// Take small letters.
        lowercase: bool = true,
        /// Take capital letters.
        uppercase: bool = true,
        /// Take digits.
        digits: bool = true,
        /// Take punctuation.
        punctuation: bool = true,
        /// Take white space.
        whitespace: bool = false,
        /// Take all that can be printed.
        printable: bool = false,
    }
}

args! {
    /// Arguments of `random.shadow_hash`.
    pub struct Shadow {
        /// The salt; by chance if not given.
        crypt_salt: Option<String> = None,
        /// The password; by chance if not given.
        password: Option<String> = None,
        /// The algorithm.
        algorithm: String = "sha512".to_owned(),
    }
}

args! {
    /// Arguments of `random.rand_int`.
    pub struct RandInt {
        /// Smallest number.
        start: i64 = 1,
        /// Largest number.
        end: i64 = 10,
        /// The seed, if the number should not come by chance.
        seed: Option<Value> = None,
    }
}

args! {
    /// Arguments of `random.sample`.
    pub struct Sample {
        /// The items.
        value: Vec<Value>,
        /// How many of them.
        size: i64,
        /// The seed, if they should not come by chance.
        seed: Option<Value> = None,
    }
}

args! {
    /// Arguments of `random.shuffle`.
    pub struct Shuffle {
        /// The items.
        value: Vec<Value>,
        /// The seed, if they should not come by chance.
        seed: Option<Value> = None,
    }
}

/// A generator for picking from lists: the reference hashes a seed first.
fn picker(seed: Option<&Value>) -> Twister {
    match seed {
        Some(seed) => {
            Twister::with_text(&digest::hex_of_bytes("sha512", python::str_(seed).as_bytes()).unwrap_or_default())
        }
        None => generator(None),
    }
}

/// A generator for a seed, or one nobody can foresee.
fn generator(seed: Option<&Value>) -> Twister {
    match seed {
        Some(Value::Int(number)) => Twister::with_integer(*number),
        Some(other) => Twister::with_text(&python::str_(other)),
        None => Twister::with_integer(rand::rng().random()),
    }
}

/// Algorithms of the reference without further libraries.
const NATIVE: &str = "['sha512', 'sha256', 'blowfish', 'md5', 'crypt']";

fn shadow_hash(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Shadow::bind("random.shadow_hash", arguments)?;
    let by_chance = |len: usize| -> String {
        rand::rng().sample_iter(rand::distr::Alphanumeric).take(len).map(char::from).collect()
    };
    let password = given.password.unwrap_or_else(|| by_chance(20));
    let salt = given.crypt_salt.unwrap_or_else(|| by_chance(LONGEST_SALT));
    match given.algorithm.as_str() {
        kind @ ("sha512" | "sha256") => match hash(&password, &salt, kind) {
            Some(hash) => Ok(hash.into()),
            None => Err(CallError::Invocation("a salt is letters, digits, dots and slashes".to_owned())),
        },
        weak @ ("blowfish" | "md5" | "crypt") => {
            Err(CallError::Unsupported(format!("random.shadow_hash with algorithm '{weak}'")))
        }
        other => Err(CallError::Invocation(format!(
            "Cannot hash using '{other}' hash algorithm. \
             Natively supported algorithms are: {NATIVE}. \
             If passlib is installed (False), the supported algorithms are: {NATIVE}."
        ))),
    }
}

fn seed(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Seed::bind("random.seed", arguments)?;
    let Ok(range @ 1..) = u64::try_from(given.range) else {
        return Err(CallError::Invocation(format!("empty range for randrange() (0, {})", given.range)));
    };
    let id = Value::from(facts.id());
    Ok(Value::from(generator(Some(given.hash.as_ref().unwrap_or(&id))).below(range)).into())
}

fn get_str(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = GetStr::bind("random.get_str", arguments)?;
    let Ok(length @ 1..=100_000) = usize::try_from(given.length) else {
        return Err(CallError::Invocation("length must be between 1 and 100000".to_owned()));
    };
    let mut characters = String::new();
    if let Some(own) = &given.chars {
        characters.push_str(own);
    } else {
        let printable = given.printable;
        for (take, some) in [
            (given.lowercase || printable, "abcdefghijklmnopqrstuvwxyz"),
            (given.uppercase || printable, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            (given.digits || printable, "0123456789"),
            (given.punctuation || printable, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            (given.whitespace || printable, " \t\n\r\x0b\x0c"),
        ] {
            if take {
                characters.push_str(some);
            }
        }
    }
    let characters: Vec<char> = characters.chars().collect();
    if characters.is_empty() {
        return Err(CallError::Invocation("there are no characters to take".to_owned()));
    }
    let mut chance = rand::rng();
    let text: String = (0..length).map(|_| characters[chance.random_range(0..characters.len())]).collect();
    Ok(text.into())
}

fn rand_int(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = RandInt::bind("random.rand_int", arguments)?;
    let Some(span @ 0..) = given.end.checked_sub(given.start) else {
        return Err(CallError::Invocation("the range is empty".to_owned()));
    };
    let number = generator(given.seed.as_ref()).below(span as u64 + 1);
    Ok(Value::Int(given.start + number as i64).into())
}

fn sample(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Sample::bind("random.sample", arguments)?;
    match usize::try_from(given.size) {
        Ok(size) if size <= given.value.len() => {
            Ok(Value::List(picker(given.seed.as_ref()).sample(&given.value, size)).into())
        }
        _ => Err(CallError::Invocation("Sample larger than population or is negative".to_owned())),
    }
}

fn shuffle(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let Shuffle { value, seed } = Shuffle::bind("random.shuffle", arguments)?;
    Ok(Value::List(picker(seed.as_ref()).sample(&value, value.len())).into())
}
