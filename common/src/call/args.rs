//! Arguments of a call and the one macro that binds them to typed structs.
//!
//! Positional in order, keywords by name; too many, given twice, unknown and missing are worded once, here.

use std::collections::BTreeMap;

use crate::diag::nearest;
use crate::value::{Map, Value};

/// The arguments of one call as they came over the wire or from a template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments {
    /// Arguments by position.
    pub positional: Vec<Value>,
    /// Arguments by name, in the order given. Keys starting with `__pub_` are ours and never reach `args!` structs.
    pub keyword: Map,
}

impl Arguments {
    /// Only positional arguments.
    pub fn positional(items: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        Self { positional: items.into_iter().map(Into::into).collect(), keyword: Map::new() }
    }
    /// Adds an argument by name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.keyword.insert(name, value);
        self
    }
}

/// One row of a function's argument table.
#[derive(Debug, Clone, Copy)]
pub struct ArgRow {
    /// Name as typed before `=`.
    pub name: &'static str,
    /// Kind a user knows it by (`str`, `int`, `bool`, `list`, `dict`, `any`, …).
    pub kind: &'static str,
    /// The default as a text, or `None` when the argument is required.
    pub default: Option<&'static str>,
    /// What it means.
    pub doc: &'static str,
    /// Plain, `*args` or `**kwargs`.
    pub rest: Rest,
}

/// Whether a row takes one argument or all the remaining ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// One argument.
    No,
    /// All remaining positional arguments (`*args`).
    Positional,
    /// All remaining named arguments (`**kwargs`).
    Keyword,
}

/// Why arguments do not fit a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgError {
    /// More positional arguments than the function takes.
    #[error("{function} takes at most {most} positional argument(s), {given} were given")]
    TooMany {
        /// The function.
        function: String,
        /// The most it takes.
        most: usize,
        /// How many came.
        given: usize,
    },
    /// An argument was given by position and by name.
    #[error("{function} got argument '{name}' twice: by position and by name")]
    Twice {
        /// The function.
        function: String,
        /// The argument.
        name: String,
    },
    /// There is no argument of that name.
    #[error("{function} has no argument '{name}'{}", suggestion.as_ref().map(|s| format!("; did you mean '{s}'?")).unwrap_or_default())]
    UnknownName {
        /// The function.
        function: String,
        /// The name that was given.
        name: String,
        /// The nearest name it has.
        suggestion: Option<String>,
    },
    /// A required argument was not given.
    #[error("{function} needs the argument '{name}'")]
    Missing {
        /// The function.
        function: String,
        /// The argument.
        name: String,
    },
    /// An argument is of the wrong kind.
    #[error("{function}: argument '{name}' must be {expected}, not {given}")]
    Kind {
        /// The function.
        function: String,
        /// The argument.
        name: String,
        /// The kind that is expected.
        expected: String,
        /// What came (kind and, for scalars, text).
        given: String,
    },
}

impl ArgError {
    /// The argument that is wrong, if it is one.
    pub fn argument(&self) -> Option<&str> {
        match self {
            Self::TooMany { .. } => None,
            Self::Twice { name, .. }
            | Self::UnknownName { name, .. }
            | Self::Missing { name, .. }
            | Self::Kind { name, .. } => Some(name),
        }
    }
}

/// A Rust type an argument can have.
pub trait FromValue: Sized {
    /// The kind as shown to users.
    const KIND: &'static str;
    /// Converts; gives the value back when it does not fit.
    fn from_value(value: Value) -> Result<Self, Value>;
    /// True when the type can stand for an argument that was not given (`Option`).
    fn absent() -> Option<Self> {
        None
    }
}

impl FromValue for Value {
    const KIND: &'static str = "any";
    fn from_value(value: Value) -> Result<Self, Value> {
        Ok(value)
    }
}

impl FromValue for bool {
    const KIND: &'static str = "bool";
    /// Anything is true or false in the reference; text that says neither is refused here.
    fn from_value(value: Value) -> Result<Self, Value> {
        match &value {
            Value::Str(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(true),
                "false" | "no" | "off" | "0" | "none" | "" => Ok(false),
                _ => Err(value),
            },
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Null => Ok(value.truthy()),
            _ => Err(value),
        }
    }
}

impl FromValue for i64 {
    const KIND: &'static str = "int";
    fn from_value(value: Value) -> Result<Self, Value> {
        match &value {
            Value::Int(number) => Ok(*number),
            Value::Bool(truth) => Ok(i64::from(*truth)),
            Value::Str(text) => text.trim().parse().map_err(|_| value),
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(*number as i64),
            _ => Err(value),
        }
    }
}

impl FromValue for f64 {
    const KIND: &'static str = "float";
    fn from_value(value: Value) -> Result<Self, Value> {
        match &value {
            Value::Float(number) => Ok(*number),
            Value::Int(number) => Ok(*number as f64),
            Value::Str(text) => text.trim().parse().map_err(|_| value),
            _ => Err(value),
        }
    }
}

impl FromValue for String {
    const KIND: &'static str = "str";
    /// Numbers and bools become their text as Python's `str()` prints them; lists and mappings are refused.
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Str(text) => Ok(text),
            Value::Int(number) => Ok(number.to_string()),
            Value::BigInt(number) => Ok(number.to_string()),
            Value::Bool(true) => Ok("True".to_owned()),
            Value::Bool(false) => Ok("False".to_owned()),
            Value::Float(number) => Ok(format!("{number:?}")),
            other => Err(other),
        }
    }
}

impl FromValue for Map {
    const KIND: &'static str = "dict";
    fn from_value(value: Value) -> Result<Self, Value> {
        if let Value::Map(map) = value { Ok(map) } else { Err(value) }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const KIND: &'static str = "list";
    /// A single value stands for a list of one; text is split at commas, as the reference's command line does.
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            Value::Str(text) if text.contains(',') => {
                text.split(',').map(|part| T::from_value(Value::from(part.trim()))).collect()
            }
            Value::Null => Ok(Vec::new()),
            other => Ok(vec![T::from_value(other)?]),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const KIND: &'static str = T::KIND;
    fn from_value(value: Value) -> Result<Self, Value> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    const KIND: &'static str = "dict";
    fn from_value(value: Value) -> Result<Self, Value> {
        let Value::Map(map) = value else { return Err(value) };
        let mut out = BTreeMap::new();
        for (key, value) in map {
            out.insert(String::from_value(key)?, T::from_value(value)?);
        }
        Ok(out)
    }
}

/// Hands out arguments one by one while an `args!` struct is filled.
pub struct Binder<'f> {
    function: &'f str,
    rows: &'static [ArgRow],
    positional: std::collections::VecDeque<Value>,
    given: usize,
    keyword: Map,
}

impl<'f> Binder<'f> {
    /// Starts binding the arguments of `function`.
    pub fn new(function: &'f str, rows: &'static [ArgRow], arguments: Arguments) -> Self {
        let mut keyword = arguments.keyword;
        if keyword.keys().any(|key| key.as_str().is_some_and(|key| key.starts_with("__pub_"))) {
            keyword.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with("__pub_")));
        }
        Self { function, rows, given: arguments.positional.len(), positional: arguments.positional.into(), keyword }
    }

    /// The next plain argument, or `None` when it was not given.
    pub fn take<T: FromValue>(&mut self, name: &'static str) -> Result<Option<T>, ArgError> {
        let named = self.keyword.remove(name);
        let value = match (self.positional.pop_front(), named) {
            (Some(_), Some(_)) => {
                return Err(ArgError::Twice { function: self.function.to_owned(), name: name.to_owned() });
            }
            (Some(value), None) | (None, Some(value)) => value,
            (None, None) => return Ok(None),
        };
        T::from_value(value).map(Some).map_err(|value| self.wrong_kind(name, T::KIND, &value))
    }

    /// The next plain argument, which has no default.
    pub fn need<T: FromValue>(&mut self, name: &'static str) -> Result<T, ArgError> {
        match self.take(name)? {
            Some(value) => Ok(value),
            None => T::absent()
                .ok_or_else(|| ArgError::Missing { function: self.function.to_owned(), name: name.to_owned() }),
        }
    }

    /// All remaining positional arguments.
    pub fn rest<T: FromValue>(&mut self, name: &'static str) -> Result<Vec<T>, ArgError> {
        let items = std::mem::take(&mut self.positional);
        items
            .into_iter()
            .map(|value| T::from_value(value).map_err(|value| self.wrong_kind(name, T::KIND, &value)))
            .collect()
    }

    /// All remaining named arguments.
    pub fn named_rest(&mut self) -> Map {
        std::mem::take(&mut self.keyword)
    }

    /// Refuses what is left over.
    pub fn finish(self) -> Result<(), ArgError> {
        if !self.positional.is_empty() {
            let most = self.given - self.positional.len();
            return Err(ArgError::TooMany { function: self.function.to_owned(), most, given: self.given });
        }
        if let Some((key, _)) = self.keyword.iter().next() {
            let name = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            let known = self.rows.iter().filter(|row| row.rest == Rest::No).map(|row| row.name);
            let suggestion = nearest(&name, known).map(str::to_owned);
            return Err(ArgError::UnknownName { function: self.function.to_owned(), name, suggestion });
        }
        Ok(())
    }

    fn wrong_kind(&self, name: &str, expected: &str, value: &Value) -> ArgError {
        let given = match value {
            Value::Str(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
            other => other.kind().to_owned(),
        };
        ArgError::Kind {
            function: self.function.to_owned(),
            name: name.to_owned(),
            expected: expected.to_owned(),
            given,
        }
    }
}

/// Declares the arguments of one or more functions: the struct, its binding and its rows.
///
/// ```
/// use fleet_common::args;
/// args! {
///     /// Arguments of `demo.copy`.
///     pub struct Copy {
///         /// The file to copy.
///         source: String,
///         /// Follow links.
///         follow: bool = true,
///         /// Stop after so many seconds.
///         timeout: Option<i64> = None,
///         /// More files.
///         *more: Vec<String>,
///         /// Anything else.
///         **options: fleet_common::value::Map,
///     }
/// }
/// let bound = Copy::bind("demo.copy", fleet_common::call::Arguments::positional(["/a"])).unwrap();
/// assert!(bound.follow && bound.timeout.is_none());
/// assert_eq!(Copy::ROWS.len(), 5);
/// ```
#[macro_export]
macro_rules! args {
    ($(#[doc = $struct_doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        $crate::args!(@fields [$(#[doc = $struct_doc])* $vis struct $name] [] $($body)*);
    };
    // One field at a time is turned into [docs][name][kind][default][rest].
    (@fields $head:tt [$($done:tt)*] $(#[doc = $doc:expr])* * $field:ident : Vec<$kind:ty> $(, $($more:tt)*)?) => {
        $crate::args!(@fields $head [$($done)* {[$($doc)*] $field [Vec<$kind>] [rest $kind]}] $($($more)*)?);
    };
    (@fields $head:tt [$($done:tt)*] $(#[doc = $doc:expr])* ** $field:ident : $kind:ty $(, $($more:tt)*)?) => {
        $crate::args!(@fields $head [$($done)* {[$($doc)*] $field [$kind] [named]}] $($($more)*)?);
    };
    (@fields $head:tt [$($done:tt)*] $(#[doc = $doc:expr])* $field:ident : $kind:ty = $default:expr $(, $($more:tt)*)?) => {
        $crate::args!(@fields $head [$($done)* {[$($doc)*] $field [$kind] [default $default]}] $($($more)*)?);
    };
    (@fields $head:tt [$($done:tt)*] $(#[doc = $doc:expr])* $field:ident : $kind:ty $(, $($more:tt)*)?) => {
        $crate::args!(@fields $head [$($done)* {[$($doc)*] $field [$kind] [need]}] $($($more)*)?);
    };
    (@fields [$(#[doc = $struct_doc:expr])* $vis:vis struct $name:ident] [$({[$($doc:expr)*] $field:ident [$kind:ty] [$($how:tt)*]})*]) => {
        $(#[doc = $struct_doc])*
        #[derive(Debug, Clone)]
        $vis struct $name { $($(#[doc = $doc])* pub $field: $kind,)* }
        impl $name {
            /// The rows that documentation, forms and checks read.
            pub const ROWS: &'static [$crate::call::ArgRow] = &[$($crate::call::ArgRow {
                name: $crate::args!(@name $field),
                kind: $crate::args!(@kind [$kind] [$($how)*]),
                default: $crate::args!(@shown [$($how)*]),
                doc: concat!($($doc, "\n",)* ""),
                rest: $crate::args!(@rest [$($how)*]),
            },)*];
            /// Binds the arguments of a call of `function`, or says which does not fit.
            #[allow(unused_mut, unused_variables, reason = "a function may have no arguments")]
            pub fn bind(function: &str, arguments: $crate::call::Arguments) -> Result<Self, $crate::call::ArgError> {
                let mut binder = $crate::call::Binder::new(function, Self::ROWS, arguments);
                $(let $field: $kind = $crate::args!(@take binder $field [$kind] [$($how)*]);)*
                binder.finish()?;
                Ok(Self { $($field,)* })
            }
        }
    };
    // A Rust keyword as an argument name is written with a trailing underscore: `type_`, `match_`.
    (@name $field:ident) => {{
        const NAME: &str = stringify!($field);
        $crate::call::plain_name(NAME)
    }};
    (@kind [$kind:ty] [rest $item:ty]) => { <$item as $crate::call::FromValue>::KIND };
    (@kind [$kind:ty] [$($how:tt)*]) => { <$kind as $crate::call::FromValue>::KIND };
    (@shown [default $default:expr]) => { Some(stringify!($default)) };
    (@shown [need]) => { None };
    (@shown [$($how:tt)*]) => { Some("") };
    (@rest [rest $item:ty]) => { $crate::call::Rest::Positional };
    (@rest [named]) => { $crate::call::Rest::Keyword };
    (@rest [$($how:tt)*]) => { $crate::call::Rest::No };
    (@take $binder:ident $field:ident [$kind:ty] [rest $item:ty]) => { $binder.rest::<$item>($crate::args!(@name $field))? };
    (@take $binder:ident $field:ident [$kind:ty] [named]) => { $binder.named_rest() };
    (@take $binder:ident $field:ident [$kind:ty] [default $default:expr]) => {
        match $binder.take::<$kind>($crate::args!(@name $field))? { Some(value) => value, None => $default }
    };
    (@take $binder:ident $field:ident [$kind:ty] [need]) => { $binder.need::<$kind>($crate::args!(@name $field))? };
}

/// The argument name a field stands for: a trailing underscore (which lets a Rust keyword be a field) is dropped.
pub const fn plain_name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [rest @ .., b'_'] => match std::str::from_utf8(rest) {
            Ok(name) => name,
            Err(_) => field,
        },
        _ => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    args! {
        /// A struct with every shape.
        struct Every {
            /// Required.
            name: String,
            /// With default.
            count: i64 = 3,
            /// A keyword as a name.
            type_: Option<String> = None,
            /// The rest.
            *more: Vec<Value>,
            /// Named rest.
            **options: Map,
        }
    }
    args! {
        struct Strict { name: String, test: bool = false }
    }

    #[test]
    fn binds_by_position_and_name() {
        let bound = Every::bind(
            "t.f",
            Arguments::positional([Value::from("a"), Value::from("7"), Value::Null, Value::from(1)]).with("x", 2),
        )
        .unwrap();
        assert_eq!((bound.name.as_str(), bound.count, bound.more.len(), bound.options.len()), ("a", 7, 1, 1));
        assert_eq!(bound.type_, None);
        assert_eq!(Every::ROWS[2].name, "type");
        assert_eq!(Every::ROWS[1].default, Some("3"));
    }

    #[test]
    fn says_what_does_not_fit() {
        let fits = Strict::bind("t.f", Arguments::positional(["a"])).unwrap();
        assert_eq!((fits.name.as_str(), fits.test), ("a", false));
        let say = |arguments| Strict::bind("t.f", arguments).unwrap_err().to_string();
        assert_eq!(say(Arguments::default()), "t.f needs the argument 'name'");
        assert_eq!(
            say(Arguments::positional(["a"]).with("name", "b")),
            "t.f got argument 'name' twice: by position and by name"
        );
        assert_eq!(
            say(Arguments::positional(["a"]).with("tset", true)),
            "t.f has no argument 'tset'; did you mean 'test'?"
        );
        assert_eq!(
            say(Arguments::positional(["a", "true", "c"])),
            "t.f takes at most 2 positional argument(s), 3 were given"
        );
        assert_eq!(
            say(Arguments::positional(["a"]).with("test", "perhaps")),
            "t.f: argument 'test' must be bool, not the text \"perhaps\""
        );
    }
}
