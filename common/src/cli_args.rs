//! Arguments of a function as typed on a command line: `name=value` pairs and values in a line of YAML.
//!
//! `saltcall` and `saltctl` read them alike, and as the reference does: what is no clean YAML value stays text.

use crate::call::Arguments;
use crate::value::{Map, Value};
use crate::yaml;

/// Reads the words after the function's name.
///
/// Values of the arguments in `no_parse` stay the text they are.
pub fn parse(words: &[String], no_parse: &[String]) -> Arguments {
    let mut arguments = Arguments::default();
    for word in words {
        if let Some((name, text)) = split_pair(word) {
            let value = if no_parse.iter().any(|kept| kept == name) { Value::from(text) } else { parse_value(text) };
            arguments.keyword.insert(name, value);
            continue;
        }
        match parse_value(word) {
            // A quoted pair is a pair all the same.
            Value::Str(text) => match split_pair(&text) {
                Some((name, text)) => drop(arguments.keyword.insert(name, parse_value(text))),
                None => arguments.positional.push(Value::Str(text)),
            },
            Value::Map(map) => match named_arguments(map) {
                Ok(named) => arguments.keyword.extend(named),
                Err(map) => arguments.positional.push(Value::Map(map)),
            },
            other => arguments.positional.push(other),
        }
    }
    arguments
}

/// Reads one value: scalars, `[lists]` and `{mappings}` of YAML; everything else is text, blanks included.
pub fn parse_value(text: &str) -> Value {
    let kept = || Value::from(text);
    let trimmed = text.trim();
    let grouped_digits = text.contains('_') && trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if trimmed.is_empty() || grouped_digits || text.contains(['\t', '\r', '\n']) {
        return kept();
    }
    if text == "None" {
        return Value::Null;
    }
    let Ok(document) = yaml::load(text, "<argument>") else { return kept() };
    // With a comment sign in it, only what is clearly data loses the comment.
    if text.contains('#') {
        return match document.value {
            Value::Str(_) | Value::Null => kept(),
            data => data,
        };
    }
    match document.value {
        // Block mappings and lists are more often prose than data.
        Value::Map(map) if text.starts_with('{') => Value::Map(map),
        Value::List(items) if text.starts_with('[') => Value::List(items),
        Value::Map(_) | Value::List(_) | Value::Bytes(_) => kept(),
        Value::Str(empty) if empty.is_empty() && matches!(text, "|" | "!") => kept(),
        Value::Null | Value::Str(_) if text == "!" || matches!(trimmed, "..." | "---") => kept(),
        scalar => scalar,
    }
}

/// Name and value of a `name=value` word. Names start with a letter or `_` and go on with those, digits, `.` and `-`.
fn split_pair(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|first| first == '_' || first.is_alphabetic());
    let goes_on_well = characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '.' | '-'));
    // One newline at the end is not part of the value; elsewhere it makes the word a text.
    let value = value.strip_suffix('\n').unwrap_or(value);
    (starts_well && goes_on_well && !value.starts_with('=') && !value.contains('\n')).then_some((name, value))
}

/// The entries of a mapping marked with `__kwarg__: true`, which stand for named arguments. The mark is taken off
/// whatever it says.
fn named_arguments(mut map: Map) -> Result<Map, Map> {
    if map.remove("__kwarg__") == Some(Value::Bool(true)) { Ok(map) } else { Err(map) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> Arguments {
        parse(&[word.to_owned()], &[])
    }

    #[test]
    fn values_are_yaml_only_where_that_is_plain() {
        for (text, value) in [
            ("0644", Value::from(644)),
            ("1.0e+3", Value::from(1000.0)),
            ("None", Value::Null),
            ("--- 5", Value::from(5)),
            ("[1] # x", Value::from(vec![1])),
            (">", Value::from("")),
            (" x ", Value::from("x")),
        ] {
            assert!(parse_value(text).identical(&value), "{text:?} gave {:?}", parse_value(text));
        }
        for text in [
            "1_0",
            " 1_0 ",
            "a#b",
            "null #x",
            "5\n",
            "|",
            "!",
            "---",
            "--- ",
            "  --- ",
            "...",
            " ...",
            "- a",
            "a: b",
            "{a: b",
            "{[1]: 2}",
            "!!binary aGk=",
            "!!python/tuple [1]",
            "*a",
            "%x",
            "",
        ] {
            assert!(parse_value(text).identical(&Value::from(text)), "{text:?} gave {:?}", parse_value(text));
        }
    }

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        for (word, name, value) in [
            ("a=b=c", "a", Value::from("b=c")),
            ("k.x-1=1", "k.x-1", Value::from(1)),
            ("é=", "é", Value::from("")),
            ("\"a=b\"", "a", Value::from("b")),
            (" a=1", "a", Value::from(1)),
            ("{__kwarg__: true, a: 5}", "a", Value::from(5)),
            ("k=1\n", "k", Value::from(1)),
        ] {
            let expected = Arguments::default().with(name, value);
            assert_eq!(parsed(word), expected, "{word:?}");
        }
        for word in ["k==1", "k:c=1", "1a=2", "k v=1", "k=a\nb", "=x"] {
            assert_eq!(parsed(word), Arguments::positional([word]), "{word:?}");
        }
        let kept = parse(&["cmd=[1]".to_owned(), "b=[1]".to_owned()], &["cmd".to_owned()]);
        assert_eq!(kept, Arguments::default().with("cmd", "[1]").with("b", vec![1]));
    }
}
