//! `ini.*`: files of sections, keys and values.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::edit::Ini;
use crate::modules::ini::{self as tool, text};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "ini",
    doc: "Files of sections, keys and values.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "options_present",
            doc: "Keys with these values.",
            example: "/etc/app.ini: {ini.options_present: [{sections: {http: {port: 80}}}]}",
            args: Options::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(OptionsPresent(Options::bind(f, a)?)))),
        },
        StateFunction {
            name: "options_absent",
            doc: "No such keys.",
            example: "/etc/app.ini: {ini.options_absent: [{sections: {http: [port]}}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(OptionsAbsent(Absent::bind(f, a)?)))),
        },
        StateFunction {
            name: "sections_present",
            doc: "Sections, empty unless they are there.",
            example: "/etc/app.ini: {ini.sections_present: [{sections: [http]}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(SectionsPresent(Absent::bind(f, a)?)))),
        },
        StateFunction {
            name: "sections_absent",
            doc: "No such sections.",
            example: "/etc/app.ini: {ini.sections_absent: [{sections: [http]}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(SectionsAbsent(Absent::bind(f, a)?)))),
        },
    ],
};

args! {
    /// Arguments of `ini.options_present`.
    struct Options {
        /// The file.
        name: String,
        /// Keys and values by section; a value beside the sections is of a key before them.
        sections: Map = Map::new(),
        /// What divides keys and values.
        separator: String = "=".to_owned(),
        /// Remove the other keys of these sections, and those before all sections.
        strict: bool = false,
        /// Only UTF-8 is known.
        encoding: Option<String> = None,
        /// No blanks around the separator.
        no_spaces: bool = false,
    }
}

args! {
    /// Arguments of the other states.
    struct Absent {
        /// The file.
        name: String,
        /// Sections: a list of them, or for `options_absent` keys by section.
        sections: Value = Value::Null,
        /// What divides keys and values.
        separator: String = "=".to_owned(),
        /// Only UTF-8 is known.
        encoding: Option<String> = None,
    }
}

struct OptionsPresent(Options);
struct OptionsAbsent(Absent);
struct SectionsPresent(Absent);
struct SectionsAbsent(Absent);

/// The plan of a file that becomes another one.
fn plan(lines: Vec<String>, changes: Map, ini: Ini) -> Plan<Ini> {
    let told = lines.concat();
    if changes.is_empty() {
        return Plan::Same { would: Report::new(told), did: Report::new("No anomaly detected") };
    }
    let would = Report::new(told).changes(changes.clone());
    Plan::Change { todo: ini, would, did: Report::new("Changes take effect").changes(changes) }
}

impl Absent {
    fn read(&self) -> Result<Ini, Failure> {
        Ok(tool::read(&self.name, &self.separator, self.encoding.as_deref())?)
    }

    /// The sections that are named: a list, or the keys of a mapping.
    fn names(&self) -> Result<Vec<String>, Failure> {
        let names: Result<Vec<String>, _> = match &self.sections {
            Value::List(items) => items.iter().map(text).collect(),
            Value::Map(map) => map.keys().map(text).collect(),
            Value::Null => Ok(Vec::new()),
            one => text(one).map(|name| vec![name]),
        };
        Ok(names?)
    }
}

impl OptionsPresent {
    /// Removes what is not declared; it is told and recorded.
    fn strict(&self, ini: &mut Ini, lines: &mut Vec<String>, changes: &mut Map) {
        let gone = |value: Option<String>| {
            Map::from_iter([("before", value.map_or(Value::Null, Value::from)), ("after", Value::Null)])
        };
        let owned = |pairs: Vec<(&str, &str)>| pairs.into_iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
        let declared = |key: &str| self.0.sections.get(key).is_some_and(|body| !matches!(body, Value::Map(_)));
        for key in owned(ini.pairs(None)).into_iter().filter(|key| !declared(key)) {
            lines.push(format!("Removed key {key}.\n"));
            let value = ini.unset(None, &key);
            changes.insert(key, gone(value));
        }
        for (name, body) in self.0.sections.iter() {
            let (Some(name), Value::Map(body)) = (name.as_str(), body) else { continue };
            let mut inner = Map::new();
            for key in owned(ini.pairs(Some(name))).into_iter().filter(|key| body.get(key.as_str()).is_none()) {
                lines.push(format!("Deleted key {key} in section {name}.\n"));
                let value = ini.unset(Some(name), &key);
                inner.insert(key, gone(value));
            }
            if !inner.is_empty() {
                changes.insert(name, inner);
            }
        }
    }
}

impl State for OptionsPresent {
    type Todo = Ini;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Ini>, Failure> {
        let args = &self.0;
        let mut ini = tool::read(&args.name, &args.separator, args.encoding.as_deref())?.without_spaces(args.no_spaces);
        let (mut lines, mut changes) = (Vec::new(), Map::new());
        if args.strict {
            self.strict(&mut ini, &mut lines, &mut changes);
        }
        for (name, body) in args.sections.iter() {
            let name = text(name)?;
            let told = |same: bool| if same { "Unchanged" } else { "Changed" };
            let Value::Map(body) = body else {
                let same = ini.get(None, &name) == Some(&text(body)?);
                lines.push(format!("{} key {name}.\n", told(same)));
                continue;
            };
            for (key, value) in body.iter() {
                let key = text(key)?;
                let same = ini.get(Some(&name), &key) == Some(&text(value)?);
                lines.push(format!("{} key {key} in section {name}.\n", told(same)));
            }
        }
        for (name, change) in tool::set(&mut ini, &args.sections)? {
            match (name.as_str().and_then(|name| changes.get_mut(name)), change) {
                (Some(Value::Map(known)), Value::Map(more)) => known.extend(more),
                (_, change) => drop(changes.insert(name, change)),
            }
        }
        Ok(plan(lines, changes, ini))
    }

    fn apply(&self, _act: &Act, ini: Ini) -> Result<Applied, Failure> {
        tool::write(&self.0.name, &ini)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for OptionsAbsent {
    type Todo = Ini;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Ini>, Failure> {
        let mut ini = self.0.read()?;
        let (mut lines, mut changes) = (Vec::new(), Map::new());
        let sections = match &self.0.sections {
            Value::Map(map) => map.clone(),
            Value::Null => Map::new(),
            // A list names keys before all sections.
            Value::List(keys) => keys.iter().map(|key| (key.clone(), Value::Null)).collect(),
            other => Map::from_iter([(other.clone(), Value::Null)]),
        };
        for (name, keys) in sections.iter() {
            let name = text(name)?;
            let keys = match keys {
                Value::List(keys) => keys.clone(),
                Value::Map(keys) => keys.keys().cloned().collect(),
                _ => {
                    let value = ini.unset(None, &name);
                    lines.push(match &value {
                        Some(_) => format!("Deleted key {name}.\n"),
                        None => format!("Key {name} does not exist.\n"),
                    });
                    changes.extend(value.map(|value| (Value::from(name), Value::from(value))));
                    continue;
                }
            };
            let mut inner = Map::new();
            for key in &keys {
                let key = text(key)?;
                let value = ini.unset(Some(&name), &key);
                lines.push(match &value {
                    Some(_) => format!("Deleted key {key} in section {name}.\n"),
                    None => format!("Key {key} in section {name} does not exist.\n"),
                });
                inner.extend(value.map(|value| (Value::from(key), Value::from(value))));
            }
            if !inner.is_empty() {
                changes.insert(name, inner);
            }
        }
        Ok(plan(lines, changes, ini))
    }

    fn apply(&self, _act: &Act, ini: Ini) -> Result<Applied, Failure> {
        tool::write(&self.0.name, &ini)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for SectionsPresent {
    type Todo = Ini;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Ini>, Failure> {
        let mut ini = self.0.read()?;
        let (mut lines, mut changes) = (Vec::new(), Map::new());
        for name in self.0.names()? {
            if ini.has(&name) {
                lines.push(format!("Section unchanged {name}.\n"));
                continue;
            }
            lines.push(format!("Created new section {name}.\n"));
            ini.add(Some(&name));
            changes.insert(name, Map::from_iter([("before", Value::Null), ("after", Value::from(Map::new()))]));
        }
        Ok(plan(lines, changes, ini))
    }

    fn apply(&self, _act: &Act, ini: Ini) -> Result<Applied, Failure> {
        tool::write(&self.0.name, &ini)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for SectionsAbsent {
    type Todo = Ini;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Ini>, Failure> {
        let mut ini = self.0.read()?;
        let (mut lines, mut changes) = (Vec::new(), Map::new());
        for name in self.0.names()? {
            let Some(pairs) = ini.remove(&name) else {
                lines.push(format!("Section {name} does not exist.\n"));
                continue;
            };
            lines.push(format!("Deleted section {name}.\n"));
            changes.insert(name, pairs.into_iter().collect::<Map>());
        }
        Ok(plan(lines, changes, ini))
    }

    fn apply(&self, _act: &Act, ini: Ini) -> Result<Applied, Failure> {
        tool::write(&self.0.name, &ini)?;
        Ok(Applied::AsPlanned)
    }
}
