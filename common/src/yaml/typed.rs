//! Our own typed formats (not SLS, pillar or configuration) over `serde_yaml`, its only use.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::diag::{Diagnostic, Place, excerpt};

/// Reads a text into a type; `name` is the file as the user knows it.
pub fn from_str<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, Box<Diagnostic>> {
    serde_yaml::from_str(text).map_err(|error| {
        let diagnostic = Diagnostic::user(error.to_string());
        Box::new(match error.location() {
            Some(at) => {
                let line = u32::try_from(at.line()).unwrap_or(u32::MAX);
                let column = u32::try_from(at.column()).unwrap_or(u32::MAX);
                diagnostic.at(Place::new(name, line, column)).excerpt(excerpt(text, line, column, 2))
            }
            None => diagnostic.at(Place::new(name, 0, 0)),
        })
    })
}

/// Writes a type as text that [`from_str`] reads back.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, Box<Diagnostic>> {
    serde_yaml::to_string(value)
        .map_err(|error| Box::new(Diagnostic::new(crate::diag::Kind::Internal, error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        name: String,
        mode: u32,
    }

    #[test]
    fn types_survive_and_faults_have_a_place() {
        let settings = Settings { name: "a".into(), mode: 5 };
        let text = to_string(&settings).unwrap();
        assert_eq!(from_str::<Settings>(&text, "x.yaml").unwrap(), settings);
        let fault = from_str::<Settings>("name: a\nmood: 5\n", "x.yaml").unwrap_err();
        assert!(fault.to_string().starts_with("x.yaml:2:1: unknown field `mood`"), "{fault}");
    }
}
