//! `file.serialize`.

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments, Facts};
use fleet_common::value::json_dump::{JsonOptions, dumps};
use fleet_common::value::path::traverse;
use fleet_common::value::python::{repr, str_};
use fleet_common::value::{Map, Value, json_load, merge};
use fleet_common::yaml::{self, DumpOptions, Flow};

use super::managed::{Managed, Todo};
use super::text::{named, read};
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.serialize`; those of `file.managed` on the file itself hold too.
    pub struct Serialize {
        /// The file.
        name: String,
        /// The data.
        dataset: Value = Value::Null,
        /// Pillar key of the data.
        dataset_pillar: Option<String> = None,
        /// How it is written: yaml, json, configparser or python.
        serializer: Option<String> = None,
        /// An older name for `serializer`.
        formatter: Option<String> = None,
        /// Options of the serializer, a mapping or a list of mappings.
        serializer_opts: Value = Value::Null,
        /// Not used: what is read back needs no options.
        deserializer_opts: Value = Value::Null,
        /// Merge the data into that of a file that exists.
        merge_if_exists: bool = false,
        /// Make the file if it is missing.
        create: bool = true,
        /// Show the difference in the changes.
        show_changes: bool = true,
        /// `user`, `group`, `mode`, `makedirs`, `backup`, `check_cmd` … as in `file.managed`.
        **file: Map,
    }
}

/// What `file.managed` does with the written data.
pub struct Serialized {
    managed: Managed,
    todo: Todo,
}

impl State for Serialize {
    type Todo = Box<Serialized>;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Box<Serialized>>, Failure> {
        let name = &self.name;
        let path = named(name, "serialize")?;
        if !self.create && !path.is_file() {
            let text = format!("File {name} is not present and is not set for creation");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let format = match (&self.serializer, &self.formatter) {
            (Some(_), Some(_)) => return Err(Failure::new("Only one of serializer and formatter are allowed")),
            (Some(name), None) | (None, Some(name)) => name.as_str(),
            (None, None) => "yaml",
        };
        let mut data = self.data(look)?;
        if self.merge_if_exists && path.is_file() {
            let former = loaded(format, &read(&path)?)?;
            match (former, &data) {
                (Value::Map(former), Value::Map(over)) => {
                    data = Value::Map(merge::merge(&former, over, merge::Strategy::Recurse, false));
                    if data == Value::Map(former) {
                        return Ok(Plan::Nothing(Report::new(format!("The file {name} is in the correct state"))));
                    }
                }
                (Value::Null, _) => {}
                _ => return Err(Failure::new(format!("{name}: only mappings can be merged"))),
            }
        }
        let text = self.written(format, &data)?;
        let managed = self.managed(text).map_err(|error| Failure::new(error.to_string()))?;
        Ok(match managed.plan(look, run)? {
            Plan::Nothing(report) => Plan::Nothing(report),
            Plan::Same { would, did } => Plan::Same { would, did },
            Plan::Change { todo, would, did } => Plan::Change {
                todo: Box::new(Serialized { managed, todo }),
                would: Report { comment: format!("Dataset will be serialized and stored into {name}"), ..would },
                did,
            },
        })
    }

    fn apply(&self, act: &Act, todo: Box<Serialized>) -> Result<Applied, Failure> {
        todo.managed.apply(act, todo.todo)
    }
}

impl Serialize {
    fn data(&self, look: &Look) -> Result<Value, Failure> {
        match (&self.dataset, &self.dataset_pillar) {
            (data, Some(_)) if data.truthy() => {
                Err(Failure::new("Only one of 'dataset' and 'dataset_pillar' is permitted"))
            }
            (_, Some(key)) => {
                let pillar = Value::Map((*look.pillar()).clone());
                let found = traverse(&pillar, key, ":").cloned();
                found.ok_or_else(|| Failure::new("Neither 'dataset' nor 'dataset_pillar' was defined"))
            }
            (Value::Null, None) => Err(Failure::new("Neither 'dataset' nor 'dataset_pillar' was defined")),
            (data, None) => Ok(data.clone()),
        }
    }

    fn option(&self, key: &str) -> Option<&Value> {
        match &self.serializer_opts {
            Value::Map(map) => map.get(key),
            Value::List(items) => items.iter().find_map(|item| item.get(key)),
            _ => None,
        }
    }

    fn written(&self, format: &str, data: &Value) -> Result<String, Failure> {
        let flag = |key: &str, usual: bool| self.option(key).map_or(usual, Value::truthy);
        let number =
            |key: &str| self.option(key).and_then(Value::as_int).and_then(|number| usize::try_from(number).ok());
        Ok(match format {
            "yaml" => {
                let flow = if flag("default_flow_style", false) { Flow::Always } else { Flow::Never };
                let usual = DumpOptions::default();
                let options = DumpOptions {
                    flow,
                    sort_keys: flag("sort_keys", true),
                    unicode: flag("allow_unicode", true),
                    indent: number("indent").unwrap_or(usual.indent),
                    width: number("width").unwrap_or(usual.width),
                    explicit_start: flag("explicit_start", false),
                };
                let text = yaml::dump(data, &options);
                format!("{}\n", text.trim_end_matches('\n').trim_end_matches("\n..."))
            }
            "json" => {
                let options = JsonOptions {
                    sort_keys: flag("sort_keys", true),
                    ensure_ascii: flag("ensure_ascii", false),
                    ..JsonOptions::indented(number("indent").unwrap_or(2))
                };
                format!("{}\n", dumps(data, &options))
            }
            "configparser" => format!("{}\n", sections(data)?),
            "python" => format!("{}\n", repr(&sorted(data))),
            other => {
                return Err(Failure::new(format!(
                    "The {other} serializer could not be found. It either does not exist or its prerequisites are not installed."
                )));
            }
        })
    }

    fn managed(&self, text: String) -> Result<Managed, ArgError> {
        let mut keyword = self.file.clone();
        keyword.insert("name", self.name.as_str());
        keyword.insert("contents", Value::Bytes(text.into_bytes()));
        keyword.insert("show_changes", self.show_changes);
        Managed::bind("file.serialize", Arguments { positional: Vec::new(), keyword })
    }
}

/// The data of a file that exists.
fn loaded(format: &str, text: &str) -> Result<Value, Failure> {
    let failed = |why: String| Failure::new(format!("Failed to deserialize existing data: {why}"));
    match format {
        "yaml" => Ok(yaml::load(text, "file").map_err(|error| failed(error.to_string()))?.value),
        "json" if text.trim().is_empty() => Ok(Value::Null),
        "json" => json_load::parse(text).map_err(|error| failed(error.to_string())),
        other => Err(Failure::new(format!("merge_if_exists is not supported for the {other} serializer"))),
    }
}

/// Sections of `key = value` lines, as Python's `configparser` writes them.
fn sections(data: &Value) -> Result<String, Failure> {
    let wrong = || Failure::new("the configparser serializer needs a mapping of sections to mappings");
    let mut out = String::new();
    for (section, entries) in data.as_map().ok_or_else(wrong)? {
        out.push_str(&format!("[{}]\n", str_(section)));
        for (key, value) in entries.as_map().ok_or_else(wrong)? {
            let text = str_(value).replace('\n', "\n\t");
            out.push_str(&format!("{} = {text}\n", str_(key).to_lowercase()));
        }
        out.push('\n');
    }
    Ok(out)
}

/// Mappings by key at every depth, as Python's `pprint` writes them.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by_key(|(key, _)| str_(key));
            Value::Map(entries.into_iter().collect())
        }
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
