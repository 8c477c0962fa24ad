//! `grains.*`: facts kept in the machine's own file of grains.

use fleet_common::args;
use fleet_common::call::{Arguments, Facts};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value, path};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "grains",
    doc: "Facts kept in the machine's own file of grains.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A grain with this value.",
            example: "role: {grains.present: [{value: web}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "exists",
            doc: "A grain that is there, whatever its value; never changes anything.",
            example: "role: {grains.exists: []}",
            args: Exists::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Exists::bind(f, a)?))),
        },
        StateFunction {
            name: "list_present",
            doc: "A list with these values among its own.",
            example: "roles: {grains.list_present: [{value: web}]}",
            args: OfList::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(ListPresent(OfList::bind(f, a)?)))),
        },
        StateFunction {
            name: "list_absent",
            doc: "A list without these values.",
            example: "roles: {grains.list_absent: [{value: db}]}",
            args: OfList::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(ListAbsent(OfList::bind(f, a)?)))),
        },
        StateFunction {
            name: "absent",
            doc: "A grain without a value, or with `destructive` none of that name.",
            example: "role: {grains.absent: [{destructive: true}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
        StateFunction {
            name: "append",
            doc: "A list that exists, with this value among its own.",
            example: "roles: {grains.append: [{value: web}]}",
            args: Append::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Append::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `grains.present`.
    struct Present {
        /// The grain; `a:b` is `b` in `a`.
        name: String,
        /// Its value.
        value: Value,
        /// What separates the parts of the name.
        delimiter: String = ":".to_owned(),
        /// Replaces a list or mapping, too.
        force: bool = false,
    }
}

args! {
    /// Arguments of `grains.exists`.
    struct Exists {
        /// The grain.
        name: String,
        /// What separates the parts of the name.
        delimiter: String = ":".to_owned(),
    }
}

args! {
    /// Arguments of `grains.list_present` and `grains.list_absent`.
    struct OfList {
        /// The list.
        name: String,
        /// A value, or a list of values.
        value: Value,
        /// What separates the parts of the name.
        delimiter: String = ":".to_owned(),
    }
}

args! {
    /// Arguments of `grains.absent`.
    struct Absent {
        /// The grain.
        name: String,
        /// Removes the name as well.
        destructive: bool = false,
        /// What separates the parts of the name.
        delimiter: String = ":".to_owned(),
        /// Removes a list or mapping, too.
        force: bool = false,
    }
}

args! {
    /// Arguments of `grains.append`.
    struct Append {
        /// The list.
        name: String,
        /// The value.
        value: Value,
        /// Makes a list of a grain that is none.
        convert: bool = false,
        /// What separates the parts of the name.
        delimiter: String = ":".to_owned(),
    }
}

/// The name with colons.
fn plain(name: &str, delimiter: &str) -> String {
    name.replace(delimiter, ":")
}

fn grain(look: &Look, name: &str) -> Option<Value> {
    path::traverse_map(&look.grains(), name, ":").cloned()
}

/// Calls a function of `grains` that answers with result, comment and changes.
fn set(act: &Act, name: &str, value: Value, destructive: bool, force: bool) -> Result<Map, Failure> {
    let arguments = Arguments::positional([Value::from(name), value]);
    let answer = act.run("grains.set", arguments.with("destructive", destructive).with("force", force))?.value;
    let Value::Map(answer) = answer else { return Ok(Map::new()) };
    if answer.get("result") == Some(&Value::Bool(false)) {
        return Err(Failure::new(answer.get("comment").map(str_).unwrap_or_default()));
    }
    Ok(answer.get("changes").and_then(Value::as_map).cloned().unwrap_or_default())
}

impl State for Present {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = plain(&self.name, &self.delimiter);
        let would = match grain(look, &name) {
            Some(now) if now == self.value => return Ok(Plan::Nothing(Report::new("Grain is already set"))),
            None => Report::new(format!("Grain {name} is set to be added")).change("new", name.as_str()),
            Some(_) => {
                let changed = Map::from_iter([(name.as_str(), self.value.clone())]);
                Report::new(format!("Grain {name} is set to be changed")).change("changed", changed)
            }
        };
        Ok(Plan::Change { todo: (), would, did: Report::default() })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let name = plain(&self.name, &self.delimiter);
        let changes = set(act, &name, self.value.clone(), false, self.force)?;
        Ok(Applied::Really(Report::new(format!("Set grain {name} to {}", str_(&self.value))).changes(changes)))
    }
}

impl State for Exists {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        match grain(look, &plain(&self.name, &self.delimiter)) {
            Some(_) => Ok(Plan::Nothing(Report::new("Grain exists"))),
            None => Err(Failure::new("Grain does not exist")),
        }
    }

    fn apply(&self, _act: &Act, (): ()) -> Result<Applied, Failure> {
        Ok(Applied::AsPlanned)
    }
}

/// The values of an argument that is a value or a list of them.
fn values(given: &Value) -> Vec<Value> {
    given.as_list().map_or_else(|| vec![given.clone()], <[Value]>::to_vec)
}

struct ListPresent(OfList);

impl State for ListPresent {
    type Todo = Value;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Value>, Failure> {
        let (name, value) = (plain(&self.0.name, &self.0.delimiter), &self.0.value);
        let now = grain(look, &name).filter(Value::truthy);
        let Some(now) = now else {
            let would = Report::new(format!("Grain {name} is set to be added")).change("new", Value::Null);
            let added = Map::from_iter([(name.as_str(), values(value))]);
            let did = Report::new(format!("Append value {} to grain {name}", str_(value))).change("new", added);
            return Ok(Plan::Change { todo: value.clone(), would, did });
        };
        let Value::List(list) = &now else {
            return Err(Failure::new(format!("Grain {name} is not a valid list")));
        };
        let (there, missing): (Vec<_>, Vec<_>) = values(value).into_iter().partition(|one| list.contains(one));
        if missing.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Value {} is already in grain {name}", str_(value)))));
        }
        let todo = if value.as_list().is_some() { Value::List(missing.clone()) } else { value.clone() };
        let removed = if there.is_empty() {
            String::new()
        } else {
            format!("Removed value {} from update due to value found in \"{name}\".\n", str_(&Value::List(there)))
        };
        let would = format!("Value {} is set to be appended to grain {name}", str_(&todo));
        let after: Vec<Value> = list.iter().chain(&missing).cloned().collect();
        let did = Report::new(format!("{removed}Append value {} to grain {name}", str_(&todo)));
        let did = did.change("new", Map::from_iter([(name.as_str(), after)]));
        Ok(Plan::Change { todo, would: Report::new(would).change("new", now.clone()), did })
    }

    fn apply(&self, act: &Act, todo: Value) -> Result<Applied, Failure> {
        let name = plain(&self.0.name, &self.0.delimiter);
        act.run("grains.append", Arguments::positional([Value::from(name.as_str()), todo.clone()]))?;
        let now = grain(act, &name).unwrap_or(Value::Null);
        let list = now.as_list().unwrap_or_default();
        if values(&todo).iter().any(|value| !list.contains(value)) {
            return Err(Failure::new(format!("Failed append value {} to grain {name}", str_(&todo))));
        }
        Ok(Applied::AsPlanned)
    }
}

struct ListAbsent(OfList);

impl State for ListAbsent {
    type Todo = Vec<Value>;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<Value>>, Failure> {
        let name = plain(&self.0.name, &self.0.delimiter);
        let Some(now) = grain(look, &name).filter(Value::truthy) else {
            return Ok(Plan::Nothing(Report::new(format!("Grain {name} does not exist"))));
        };
        let Value::List(list) = now else { return Err(Failure::new(format!("Grain {name} is not a valid list"))) };
        let (mut would, mut did, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for value in values(&self.0.value) {
            let text = str_(&value);
            if list.contains(&value) {
                would.push(format!("Value {text} in grain {name} is set to be deleted"));
                did.push(format!("Value {text} was deleted from grain {name}"));
                gone.push(value);
            } else {
                let line = format!("Value {text} is absent from grain {name}");
                would.push(line.clone());
                did.push(line);
            }
        }
        if gone.is_empty() {
            return Ok(Plan::Nothing(Report::new(did.join("\n"))));
        }
        let report = |lines: Vec<String>| Report::new(lines.join("\n")).change("deleted", gone.clone());
        Ok(Plan::Change { would: report(would), did: report(did), todo: gone.clone() })
    }

    fn apply(&self, act: &Act, todo: Vec<Value>) -> Result<Applied, Failure> {
        let name = plain(&self.0.name, &self.0.delimiter);
        for value in todo {
            act.run("grains.remove", Arguments::positional([Value::from(name.as_str()), value]))?;
        }
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = plain(&self.name, &self.delimiter);
        let Some(now) = grain(look, &name) else {
            return Ok(Plan::Nothing(Report::new(format!("Grain {name} does not exist"))));
        };
        if self.destructive {
            let report = |text: String| Report::new(text).change("deleted", name.as_str());
            let would = report(format!("Grain {name} is set to be deleted"));
            return Ok(Plan::Change { todo: (), would, did: report(format!("Grain {name} was deleted")) });
        }
        if now.is_null() {
            return Ok(Plan::Nothing(Report::new("Grain is already set")));
        }
        let report = |text: String| Report::new(text).change("grain", name.as_str()).change("value", Value::Null);
        let would = report(format!("Value for grain {name} is set to be deleted (None)"));
        Ok(Plan::Change { todo: (), would, did: report(format!("Value for grain {name} was set to None")) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        set(act, &plain(&self.name, &self.delimiter), Value::Null, self.destructive, self.force)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Append {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (name, text) = (plain(&self.name, &self.delimiter), str_(&self.value));
        let would = match grain(look, &name) {
            None => return Err(Failure::new(format!("Grain {name} does not exist"))),
            Some(Value::List(list)) if list.contains(&self.value) => {
                return Ok(Plan::Nothing(Report::new(format!("Value {text} is already in the list for grain {name}"))));
            }
            Some(Value::List(_)) => format!("Value {text} in grain {name} is set to be added"),
            Some(_) if self.convert => {
                format!("Grain {name} is set to be converted to list and value {text} will be added")
            }
            Some(_) => return Err(Failure::new(format!("Grain {name} is not a valid list"))),
        };
        let report = |text: String| Report::new(text).change("added", self.value.clone());
        let did = report(format!("Value {text} was added to grain {name}"));
        Ok(Plan::Change { todo: (), would: report(would), did })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let name = plain(&self.name, &self.delimiter);
        let arguments = Arguments::positional([Value::from(name), self.value.clone()]);
        act.run("grains.append", arguments.with("convert", self.convert))?;
        Ok(Applied::AsPlanned)
    }
}
