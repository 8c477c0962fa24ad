//! `debconf.*`: answers to what Debian packages ask, through the programs of debconf.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::tool;
use crate::cx::{Act, Module};
use crate::files::anywhere;

/// What is shown of a password.
pub const HIDDEN: &str = "(password hidden)";
/// The kinds of questions that debconf knows, and the mark of one that was asked.
const KINDS: &[&str] =
    &["string", "boolean", "select", "multiselect", "note", "text", "password", "title", "error", "seen"];
/// The largest file of answers.
const LIMIT: u64 = 1 << 20;

/// The module.
pub const MODULE: Module = Module {
    name: "debconf",
    doc: "Answers to what Debian packages ask.",
    functions: &[
        Function::reads(
            "get_selections",
            "Answers by package: question, kind, value. Passwords are hidden.",
            "debconf.get_selections",
            Fetch::ROWS,
            |_, arguments| {
                let all = Fetch::bind("debconf.get_selections", arguments)?.fetchempty;
                let mut listed = Map::new();
                for (package, answers) in selections()? {
                    let answers = answers.iter().filter(|answer| all || !answer.value.is_empty());
                    let answers: Value = answers.map(Answer::shown).collect();
                    if answers.truthy() {
                        listed.insert(package, answers);
                    }
                }
                Ok(listed.into())
            },
        ),
        Function::reads(
            "show",
            "Answers for a package: question, kind, value; null when there are none. Passwords are hidden.",
            "debconf.show tzdata",
            Package::ROWS,
            |_, arguments| {
                let name = Package::bind("debconf.show", arguments)?.name;
                let answers = selections()?.remove(&name);
                Ok(answers.map_or(Value::Null, |answers| answers.iter().map(Answer::shown).collect()).into())
            },
        ),
        Function::changes(
            "set",
            "Answers a question.",
            "debconf.set tzdata tzdata/Areas select Europe",
            Set::ROWS,
            set_one,
        ),
        Function::changes(
            "set_file",
            "Answers the questions of a file.",
            "debconf.set_file salt://pkg.selections",
            SetFile::ROWS,
            |act, arguments| {
                let args = SetFile::bind("debconf.set_file", arguments)?;
                let saltenv = args.saltenv.as_deref().unwrap_or("base");
                let bytes = anywhere::read(act, &args.path, saltenv, LIMIT)
                    .map_err(|missing| CallError::Failed(missing.to_string()))?;
                set(act, &parse_file(&String::from_utf8_lossy(&bytes))?)?;
                Ok(true.into())
            },
        ),
    ],
};

args! {
    /// Arguments of `debconf.get_selections`.
    pub struct Fetch {
        /// Also questions without an answer.
        fetchempty: bool = true,
    }
}

args! {
    /// A package.
    pub struct Package {
        /// Its name.
        name: String,
    }
}

args! {
    /// Arguments of `debconf.set`.
    pub struct Set {
        /// The package that asks.
        package: String,
        /// The question (`tzdata/Areas`).
        question: String,
        /// Its kind (`select`).
        type_: String,
        /// The answer.
        value: Value,
        /// More words of the answer.
        *extra: Vec<String>,
    }
}

args! {
    /// Arguments of `debconf.set_file`.
    pub struct SetFile {
        /// Lines of package, question, kind and answer.
        path: String,
        /// Environment of a `salt://` path.
        saltenv: Option<String> = None,
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The package that asks.
    pub package: String,
    /// The question.
    pub question: String,
    /// Its kind.
    pub kind: String,
    /// The value.
    pub value: String,
}

impl Answer {
    /// An answer of this kind; one that debconf could not take is refused.
    pub fn new(package: &str, question: &str, kind: &str, value: &Value) -> Result<Self, CallError> {
        let value = match value {
            Value::Bool(truth) => truth.to_string(),
            Value::List(items) => items.iter().map(str_).collect::<Vec<_>>().join(", "),
            Value::Map(_) => return Err(CallError::Invocation(format!("{question}: an answer is no mapping"))),
            Value::Null => String::new(),
            other => str_(other),
        };
        if !KINDS.contains(&kind) {
            let text = format!("{question}: there is no kind '{kind}' of questions; kinds are {}", KINDS.join(", "));
            return Err(CallError::Invocation(text));
        }
        let is_word = |word: &str| !word.is_empty() && !word.starts_with('#') && !word.contains(char::is_whitespace);
        if !is_word(package) || !is_word(question) || value.contains(['\n', '\r', '\0']) {
            return Err(CallError::Invocation(format!(
                "{package:?}, {question:?}: package and question are words, an answer is one line"
            )));
        }
        Ok(Self { package: package.to_owned(), question: question.to_owned(), kind: kind.to_owned(), value })
    }

    /// The value as it may be shown.
    pub fn visible(&self) -> &str {
        if self.kind == "password" && !self.value.is_empty() { HIDDEN } else { &self.value }
    }

    fn shown(&self) -> Value {
        [self.question.as_str(), self.kind.as_str(), self.visible()].into_iter().collect()
    }
}

/// All answers by package.
pub fn selections() -> Result<BTreeMap<String, Vec<Answer>>, CallError> {
    Ok(parse(&tool::output(&["debconf-get-selections"])?))
}

fn parse(text: &str) -> BTreeMap<String, Vec<Answer>> {
    let mut found: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.splitn(4, '\t').map(str::to_owned);
        let (Some(package), Some(question), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let value = fields.next().unwrap_or_default();
        found.entry(package.clone()).or_default().push(Answer { package, question, kind, value });
    }
    found
}

/// The answers of a file as `debconf-set-selections` reads it; a line that it would not take is refused.
pub fn parse_file(text: &str) -> Result<Vec<Answer>, CallError> {
    let mut answers = Vec::new();
    for (number, line) in text.replace("\\\n", "").lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut rest = line;
        let mut word = || {
            let (word, more) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            rest = more.trim_start();
            word
        };
        let (package, question, kind) = (word(), word(), word());
        if kind.is_empty() {
            let text = format!("line {}: an answer is package, question, kind and value", number + 1);
            return Err(CallError::Invocation(text));
        }
        answers.push(Answer::new(package, question, kind, &Value::from(rest))?);
    }
    Ok(answers)
}

/// Which of these are not so already.
pub fn missing(answers: Vec<Answer>) -> Result<Vec<Answer>, CallError> {
    let known = selections()?;
    let is_set = |answer: &Answer| known.get(&answer.package).is_some_and(|known| known.contains(answer));
    Ok(answers.into_iter().filter(|answer| !is_set(answer)).collect())
}

/// Gives the answers, through the program's input: they may be passwords.
pub fn set(_act: &Act, answers: &[Answer]) -> Result<(), CallError> {
    let line = |answer: &Answer| {
        let Answer { package, question, kind, value } = answer;
        format!("{package} {question} {kind} {value}\n")
    };
    let lines: String = answers.iter().map(line).collect();
    let finished = tool::finish(&tool::command(&["debconf-set-selections"])?.stdin(lines))?;
    tool::succeeded("debconf-set-selections", &finished).map(drop)
}

fn set_one(act: &Act, arguments: Arguments) -> CallResult {
    let args = Set::bind("debconf.set", arguments)?;
    let value = match args.extra.is_empty() {
        true => args.value,
        false => Value::from(format!("{} {}", str_(&args.value), args.extra.join(" "))),
    };
    set(act, &[Answer::new(&args.package, &args.question, &args.type_, &value)?])?;
    Ok(true.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_passwords_hidden() {
        let read =
            parse("# Question?\na\ta/q\tselect\tone two\na\ta/p\tpassword\tgeheim\nb\tb/e\tstring\t\nnonsense\n");
        assert_eq!(read["a"][0].visible(), "one two");
        assert_eq!(read["a"][1].visible(), HIDDEN);
        assert_eq!((read["b"][0].visible(), read.len()), ("", 2));
    }

    #[test]
    fn files_are_read_as_the_program_does() {
        let read = parse_file("# c\n\na a/q  multiselect one,\\\n two\nb b/s string\n").unwrap();
        assert_eq!((read[0].value.as_str(), read[1].value.as_str()), ("one, two", ""));
        for bad in ["a b", "a a/q weird x", "a"] {
            assert!(parse_file(bad).is_err(), "{bad}");
        }
        assert!(Answer::new("a", "a/q", "string", &Value::from("x\nb b/q string y")).is_err());
        assert_eq!(Answer::new("a", "a/q", "boolean", &Value::Bool(true)).unwrap().value, "true");
    }
}
