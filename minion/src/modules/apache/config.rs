//! Configuration of Apache out of data.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::cx::Module;
use crate::system::fs::{WriteOptions, write_atomic};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "apache",
    doc: "The web server Apache.",
    functions: &[Function::changes(
        "config",
        "Writes configuration made of data to a file, or with `edit=False` only gives it.",
        "apache.config /etc/apache2/ports.conf '[{Listen: 8080}]'",
        Config::ROWS,
        |_, arguments| {
            let args = Config::bind("apache.config", arguments)?;
            let text = rendered(&args.config)?;
            if args.edit {
                let path = PathBuf::from(&args.name);
                if !path.is_absolute() {
                    return Err(CallError::Invocation(format!("{} is no absolute path", args.name)));
                }
                write_atomic(&path, format!("{text}\n").as_bytes(), &WriteOptions::default())
                    .map_err(|fault| CallError::Failed(fault.to_string()))?;
            }
            Ok(text.into())
        },
    )],
};

args! {
    /// Arguments of `apache.config`.
    pub struct Config {
        /// The file.
        name: String,
        /// Directives: a list of mappings. A mapping with `this` is a section, a list is one directive for each entry.
        config: Value,
        /// Writes the file.
        edit: bool = true,
    }
}

/// The text of a configuration.
pub fn rendered(config: &Value) -> Result<String, CallError> {
    let odd = || CallError::Invocation("config is a list of mappings of directives to their values".to_owned());
    let entries = config.as_list().ok_or_else(odd)?;
    let mut parts = Vec::new();
    for entry in entries {
        parts.extend(directives(entry.as_map().ok_or_else(odd)?)?);
    }
    Ok(parts.join("\n"))
}

fn directives(map: &Map) -> Result<Vec<String>, CallError> {
    let mut parts = Vec::new();
    for (key, value) in map {
        let key = str_(key);
        match value {
            Value::Null => {}
            Value::Map(section) => parts.push(self::section(&key, section)?),
            // Sections of one kind.
            Value::List(items) if !items.is_empty() && items.iter().all(|item| item.as_map().is_some()) => {
                for item in items.iter().filter_map(Value::as_map) {
                    parts.push(self::section(&key, item)?);
                }
            }
            Value::List(items) => {
                let lines =
                    items.iter().map(|item| Ok(line(&key, item)? + "\n")).collect::<Result<String, CallError>>();
                parts.push(lines?);
            }
            value => parts.push(line(&key, value)?),
        }
    }
    Ok(parts)
}

fn section(key: &str, map: &Map) -> Result<String, CallError> {
    let this = map.get("this").map(|this| format!(" {}", str_(this))).unwrap_or_default();
    let inner: Map =
        map.iter().filter(|(key, _)| key.as_str() != Some("this")).map(|(k, v)| (k.clone(), v.clone())).collect();
    let inner = directives(&inner)?.join("\n");
    let inner = if inner.is_empty() { inner } else { inner + "\n" };
    let text = format!("<{key}{this}>\n{inner}</{key}>\n");
    if this.contains('\n') { Err(too_many_lines(key)) } else { Ok(text) }
}

fn line(key: &str, value: &Value) -> Result<String, CallError> {
    let text = match value {
        // YAML makes truths of `on` and `off`; Apache's words for them are these.
        Value::Bool(true) => "On".to_owned(),
        Value::Bool(false) => "Off".to_owned(),
        Value::Map(_) | Value::List(_) => {
            return Err(CallError::Invocation(format!("{key}: a mapping or list can't be the value of one directive")));
        }
        value => str_(value),
    };
    if text.contains('\n') || key.contains('\n') { Err(too_many_lines(key)) } else { Ok(format!("{key} {text}")) }
}

fn too_many_lines(key: &str) -> CallError {
    CallError::Invocation(format!("{}: a directive is one line", key.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Value {
        fleet_common::yaml::load(yaml, "test").unwrap().value
    }

    #[test]
    fn data_become_directives() {
        let yaml = "- Listen: 8080\n- VirtualHost:\n    this: '*:80'\n    ServerAlias: [a, b]\n    SSLEngine: on\n    Directory:\n      - this: /x\n        Order: Deny,Allow\n      - this: /y\n";
        let config = read(yaml);
        let text = "Listen 8080\n<VirtualHost *:80>\nServerAlias a\nServerAlias b\n\nSSLEngine On\n<Directory /x>\nOrder Deny,Allow\n</Directory>\n\n<Directory /y>\n</Directory>\n\n</VirtualHost>\n";
        assert_eq!(rendered(&config).unwrap(), text);
        for wrong in ["a: 1", "[1]", "[{a: [[1]]}]", "[{a: \"b\\nc\"}]"] {
            assert!(rendered(&read(wrong)).is_err(), "{wrong}");
        }
    }
}
