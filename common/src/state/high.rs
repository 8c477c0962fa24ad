//! Pass 5: high data checked as a whole; what passes here can become chunks.

use std::collections::HashMap;

use super::declaration::{Argument, Arguments, Body, Declaration, High, StateDeclaration};
use super::fault::{Fault, Problem};
use crate::value::Value;
use crate::value::python::str_;

/// Everything that is wrong with the form of the declarations.
pub(super) fn verify(high: &High) -> Vec<Fault> {
    let mut check = Check { seen: HashMap::new(), faults: Vec::new() };
    for declaration in high.declarations.values() {
        check.declaration(declaration);
    }
    check.faults
}

/// What one ID requires, remembered to find pairs that require each other.
struct Requires {
    state: String,
    /// Requisite value → requisite type, of the last requisite statement under the ID.
    named: HashMap<Value, String>,
}

struct Check {
    seen: HashMap<String, Requires>,
    faults: Vec<Fault>,
}

/// Where a check is.
#[derive(Clone, Copy)]
struct At<'d> {
    declaration: &'d Declaration,
    state: &'d StateDeclaration,
    argument: &'d Argument,
}

impl At<'_> {
    fn id(&self) -> String {
        self.declaration.id.clone()
    }
    fn sls(&self) -> String {
        self.declaration.home.sls_text()
    }
    fn subject(&self, option: &str) -> String {
        format!("{}: {}: {option}", self.declaration.id, self.state.state)
    }
}

impl Check {
    fn declaration(&mut self, declaration: &Declaration) {
        let (id, sls) = (declaration.id.clone(), declaration.home.sls_text());
        if let Some(kind) = declaration.wrong_kind {
            let problem = Problem::IdNotString { id: id.clone(), sls, kind: kind.to_owned() };
            let hint = format!("write '{id}' in quotes");
            self.faults.push(Fault::new(problem, &declaration.spot).help(hint));
        }
        match &declaration.body {
            Body::States(states) => {
                for state in states {
                    self.state(declaration, state);
                }
            }
            Body::Other(body) => {
                let problem = Problem::TypeNotDictionary { id, body: str_(body) };
                self.faults.push(Fault::new(problem, &declaration.spot));
            }
        }
    }

    fn state(&mut self, declaration: &Declaration, state: &StateDeclaration) {
        let (id, sls) = (declaration.id.clone(), declaration.home.sls_text());
        let subject = format!("{id}: {}", state.state);
        let items = match &state.arguments {
            Arguments::List(items) => items,
            Arguments::Other(Value::Null) => {
                let problem = Problem::TrailingColon { id, sls, state: state.state.clone() };
                let hint = format!("write '{}: []' or leave the colon out", state.state);
                self.faults.push(Fault::new(problem, &state.spot).about(subject).help(hint));
                return;
            }
            Arguments::Other(other) => {
                let mut fault = Fault::new(Problem::StateNotList { id, sls }, &state.spot).about(subject);
                if let Value::Map(_) = other {
                    fault = fault.help("arguments are a list: put '- ' before each of them");
                }
                self.faults.push(fault);
                return;
            }
        };
        let mut functions = Vec::new();
        for argument in items {
            match &argument.value {
                Value::Str(function) => {
                    functions.push(function.as_str());
                    self.function(At { declaration, state, argument }, function);
                }
                Value::Map(_) => self.options(At { declaration, state, argument }),
                _ => {}
            }
        }
        match functions.as_slice() {
            [] if matches!(state.state.as_str(), "require" | "watch") => {}
            [] => {
                let fault = Fault::new(Problem::NoFunction { id, sls }, &state.spot).about(subject);
                self.faults.push(fault.help(format!("name the function: '{}.FUNCTION:'", state.state)));
            }
            [_] => {}
            several => {
                let problem = Problem::ManyFunctions { id, sls, functions: several.join(", ") };
                self.faults.push(Fault::new(problem, &state.spot).about(subject));
            }
        }
    }

    fn function(&mut self, at: At, function: &str) {
        if function.trim().contains(' ') {
            let problem = Problem::FunctionWhitespace { function: function.to_owned(), id: at.id(), sls: at.sls() };
            self.faults.push(Fault::new(problem, &at.argument.spot).about(at.subject(function)));
        }
    }

    fn options(&mut self, at: At) {
        let Some((key, value)) = at.argument.option() else {
            if at.argument.value.as_map().is_some_and(|map| map.is_empty()) {
                let problem = Problem::EmptyArgument { id: at.id(), sls: at.sls() };
                self.faults.push(Fault::new(problem, &at.argument.spot).about(at.subject("{}")));
            }
            return;
        };
        match (key, value) {
            ("names", Value::List(entries)) => self.names(at, entries),
            ("names", _) => {
                let problem = Problem::NamesNotList { id: at.id(), sls: at.sls() };
                self.faults.push(Fault::new(problem, &at.argument.spot).about(at.subject(key)));
            }
            ("require" | "watch" | "prereq" | "onchanges", Value::List(items)) => self.requisites(at, key, items),
            ("require" | "watch" | "prereq" | "onchanges", _) => {
                let problem = Problem::RequisiteNotList { keyword: key.to_owned(), id: at.id(), sls: at.sls() };
                let fault = Fault::new(problem, &at.argument.spot).about(at.subject(key));
                self.faults.push(fault.help(format!("put '- ' before each state under '{key}:'")));
            }
            _ => {}
        }
    }

    /// Entries are names, or a name with a list of options that replace the common ones.
    fn names(&mut self, at: At, entries: &[Value]) {
        let well_formed = |entry: &Value| match entry {
            Value::Map(map) => map.get_index(0).is_some_and(|(_, overrides)| match overrides {
                Value::List(items) => items.iter().all(|item| item.as_map().is_some()),
                _ => false,
            }),
            Value::List(_) => false,
            _ => true,
        };
        if !entries.iter().all(well_formed) {
            let problem = Problem::BadName { id: at.id(), sls: at.sls() };
            let fault = Fault::new(problem, &at.argument.spot).about(at.subject("names"));
            self.faults.push(fault.help("an entry is a name, or 'NAME:' with a list of options under it"));
        }
    }

    fn requisites(&mut self, at: At, keyword: &str, items: &[Value]) {
        let requires = Requires { state: at.state.state.clone(), named: HashMap::new() };
        self.seen.insert(at.id(), requires);
        for item in items {
            let (kind, name) = match item {
                Value::Str(id) => ("id", &Value::from(id.as_str())),
                Value::Map(map) => match map.get_index(0) {
                    Some((Value::Str(kind), name)) => (kind.as_str(), name),
                    _ => {
                        self.bad_form(at, item);
                        continue;
                    }
                },
                _ => {
                    self.bad_form(at, item);
                    continue;
                }
            };
            if let Some((meant, _)) = kind.split_once('.') {
                let problem = Problem::RequisiteDots {
                    kind: kind.to_owned(),
                    id: at.id(),
                    sls: at.sls(),
                    meant: meant.to_owned(),
                };
                self.faults.push(Fault::new(problem, &at.argument.spot).about(at.subject(keyword)));
            }
            if matches!(name, Value::List(_) | Value::Map(_)) {
                let problem = Problem::IllegalRequisite { requisite: str_(name) };
                let fault = Fault::new(problem, &at.argument.spot).about(at.subject(keyword));
                self.faults.push(fault.help(format!("name one state an entry: '- {kind}: ID'")));
                continue;
            }
            self.mutual(at, kind, name);
        }
    }

    fn bad_form(&mut self, at: At, item: &Value) {
        let problem = Problem::RequisiteForm { requisite: str_(item), sls: at.sls() };
        self.faults.push(Fault::new(problem, &at.argument.spot).about(at.subject("requisite")));
    }

    /// Refuses two IDs whose last requisite statements name each other. Longer circles are found by the run.
    fn mutual(&mut self, at: At, kind: &str, name: &Value) {
        if let Some(requires) = self.seen.get_mut(&at.declaration.id) {
            requires.named.insert(name.clone(), kind.to_owned());
        }
        let Some(other) = name.as_str().and_then(|name| self.seen.get(name)) else { return };
        let back = other.named.get(&Value::from(at.declaration.id.as_str()));
        if back == Some(&at.state.state) && other.state == kind {
            let problem = Problem::RecursiveRequisite { sls: at.sls(), id: at.id(), other: str_(name) };
            self.faults.push(Fault::new(problem, &at.argument.spot).about(at.subject(kind)));
        }
    }
}
