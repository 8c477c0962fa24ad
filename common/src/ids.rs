//! Names that are parsed once and can be trusted afterwards: job ids, minion ids, function names.
//!
//! A value of these types cannot hold a path separator, a NUL, a leading dot or an unbounded length, so it
//! may be part of a file name. Nothing here knows about files, sockets or clocks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a valid identifier. Carries the offending text shortened to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The minion id has characters, a length or a form that is refused.
    #[error("{0:?} is not a minion id: 1 to 255 of A-Z a-z 0-9 . _ - and no leading dot")]
    Minion(String),
    /// The job id is not twenty decimal digits.
    #[error("{0:?} is not a job id: twenty digits are expected")]
    Jid(String),
    /// The function name is not `module.function`.
    #[error("{0:?} is not a function name: module.function is expected")]
    Function(String),
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A minion's name: 1 to 255 of `A-Z a-z 0-9 . _ -`, no leading dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MinionId(String);
text_id!(MinionId);

impl FromStr for MinionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = (1..=255).contains(&text.len())
            && !text.starts_with('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(IdError::Minion(shortened(text))) }
    }
}

/// A job id: twenty decimal digits as Salt prints them (`YYYYMMDDhhmmssffffff`). A label: never read as a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Jid(String);
text_id!(Jid);

impl FromStr for Jid {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Jid(shortened(text)))
        }
    }
}

/// `module.function`, both parts non-empty, of `A-Z a-z 0-9 _`; the module part may hold further dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionName(String);
text_id!(FunctionName);

impl FunctionName {
    /// The part before the last dot.
    pub fn module(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(module, _)| module)
    }
    /// The part after the last dot.
    pub fn function(&self) -> &str {
        self.0.rsplit_once('.').map_or(self.as_str(), |(_, function)| function)
    }
}

impl FromStr for FunctionName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let parts_fit = text.len() <= 128
            && text.contains('.')
            && text
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        if parts_fit { Ok(Self(text.to_owned())) } else { Err(IdError::Function(shortened(text))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_could_be_a_path() {
        for bad in ["", ".", "..", "../../etc/passwd", "a/b", "a\0b", ".hidden", "é", &"x".repeat(256)] {
            assert!(bad.parse::<MinionId>().is_err(), "{bad:?}");
        }
        for good in ["web1", "SN2013-08-020", "a.b_c-d", &"x".repeat(255)] {
            assert!(good.parse::<MinionId>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn function_names_have_two_parts() {
        assert!("test.ping".parse::<FunctionName>().is_ok());
        for bad in ["test", "test.", ".ping", "test.pi ng", "a/../b.c"] {
            assert!(bad.parse::<FunctionName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn jids_are_twenty_digits() {
        assert!("20261120113836123456".parse::<Jid>().is_ok());
        for bad in ["", "2026112011383612345", "2026112011383612345x", "../../../../etc/pass"] {
            assert!(bad.parse::<Jid>().is_err(), "{bad:?}");
        }
    }
}
