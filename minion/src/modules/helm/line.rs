//! A line of Helm: which command, for what, and what is made of the answer.

use std::ffi::OsStr;
use std::path::PathBuf;

use fleet_common::call::{CallError, CallResult};
use fleet_common::value::{Value, json_load as json};

use super::options::Options;
use crate::cx::Act;
use crate::modules::tool;
use crate::system::command::Command;

/// How much of an answer is read: charts with all that is in them.
const LIMIT: usize = 64 << 20;

/// What a function or state of Helm is given.
pub trait Asked {
    /// The words behind the command: names, charts, addresses.
    fn words(&self) -> Vec<&str>;
    /// The options behind the words.
    ///
    /// # Errors
    /// Says which is none.
    fn options(&self) -> Result<Options, CallError>;
}

/// An argument that becomes an option: null is none.
pub trait Given {
    /// Its value.
    fn given(&self) -> Value;
}

impl Given for Value {
    fn given(&self) -> Value {
        self.clone()
    }
}

impl Given for Option<String> {
    fn given(&self) -> Value {
        self.as_deref().map_or(Value::Null, Value::from)
    }
}

/// An `args!` struct that ends with options by name: which of its fields are words of the command line, and which are
/// options by the name of the field.
macro_rules! asked {
    (
        $(#[doc = $doc:expr])*
        $vis:vis struct $name:ident [$($word:ident),*] [$($option:ident),*] { $($body:tt)* }
    ) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            $vis struct $name {
                $($body)*
                /// Options without a value, with or without their dashes.
                flags: Option<Vec<String>> = None,
                /// Options with a value by name; a list gives one several times.
                kvflags: Option<fleet_common::value::Map> = None,
            }
        }
        impl $crate::modules::helm::line::Asked for $name {
            fn words(&self) -> Vec<&str> {
                vec![$(self.$word.as_str()),*]
            }
            fn options(&self) -> Result<$crate::modules::helm::options::Options, fleet_common::call::CallError> {
                let flags = self.flags.as_deref().unwrap_or_default();
                let options = $crate::modules::helm::options::Options::new(flags, self.kvflags.as_ref())?;
                $(
                    let value = $crate::modules::helm::line::Given::given(&self.$option);
                    let options = options.with(&stringify!($option).replace('_', "-"), &value)?;
                )*
                Ok(options)
            }
        }
    };
}
pub(crate) use asked;

/// Runs a command that only reads; what it wrote.
pub fn ask(command: &[&str], words: &[&str], options: Options) -> Result<String, CallError> {
    tool::succeeded("helm", &tool::finish(&line(command, words, options)?)?)
}

/// Runs a command that only reads; what it wrote, as a value where it writes JSON, which it does unless told otherwise.
pub fn ask_value(command: &[&str], words: &[&str], options: Options) -> Result<Value, CallError> {
    let options = if options.get("output").is_none() { options.with("output", &"json".into())? } else { options };
    let is_json = options.get("output") == Some("json");
    let said = ask(command, words, options)?;
    if !is_json {
        return Ok(said.into());
    }
    let odd = || CallError::Failed(format!("helm {}: this is not JSON: {}", command.join(" "), start(&said)));
    json::parse(&said).map_err(|_| odd())
}

/// Runs a command that may change something; what it wrote.
pub fn order(_act: &Act, command: &[&str], words: &[&str], options: Options) -> Result<String, CallError> {
    ask(command, words, options)
}

/// The answer of a function that reads: a text.
pub fn told(command: &[&str], asked: &impl Asked) -> CallResult {
    Ok(ask(command, &asked.words(), asked.options()?)?.into())
}

/// The answer of a function that reads: a value.
pub fn value(command: &[&str], asked: &impl Asked) -> CallResult {
    Ok(ask_value(command, &asked.words(), asked.options()?)?.into())
}

/// The answer of a function that changes something: true.
pub fn done(act: &Act, command: &[&str], asked: &impl Asked) -> CallResult {
    order(act, command, &asked.words(), asked.options()?)?;
    Ok(true.into())
}

fn line(command: &[&str], words: &[&str], mut options: Options) -> Result<Command, CallError> {
    if let Some(odd) = words.iter().find(|word| word.starts_with('-') || word.contains('\0')) {
        return Err(CallError::Invocation(format!("{odd:?} would be an option of Helm: give options in 'flags'")));
    }
    let token = options.take("kube-token");
    let password = options.take("password");
    if password.is_some() && command != ["repo", "add"] {
        let why = "a password would be in the list of processes: add the repository with it (helm.repo_add) and name \
                   the chart by the repository, or log in to the registry";
        return Err(CallError::Invocation(why.to_owned()));
    }
    if password.is_some() {
        options = options.flag("password-stdin");
    }
    let given: Vec<String> = options.words().collect();
    let argv = ["helm"].into_iter().chain(command.iter().copied()).chain(words.iter().copied());
    let argv: Vec<&str> = argv.chain(given.iter().map(String::as_str)).collect();
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_dir());
    let mut line = tool::command(&argv)?.cwd(home.unwrap_or_else(|| "/".into())).output_limit(LIMIT);
    if let Some(token) = token {
        line = line.env("HELM_KUBETOKEN", Some(OsStr::new(&token)));
    }
    Ok(match password {
        Some(password) => line.stdin(format!("{}\n", secret_line(&password)?)),
        None => line,
    })
}

fn secret_line(password: &str) -> Result<&str, CallError> {
    if password.is_empty() || password.contains(['\n', '\r']) {
        return Err(CallError::Invocation("a password for Helm is one line of text, and not empty".to_owned()));
    }
    Ok(password)
}

fn start(said: &str) -> String {
    said.chars().take(200).collect()
}
