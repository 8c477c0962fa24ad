//! Pass 6: requisites that are written at the other end (`require_in`, `prereq`, `use` …) moved to where they act.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::declaration::{Argument, Arguments, Body, Declaration, Exclude, High, Home, StateDeclaration};
use super::extend::{cannot_extend, merge, option};
use super::fault::{Fault, Problem, Spot};
use crate::target::glob;
use crate::value::python::str_;
use crate::value::{Map, Value};

/// The words that name requisites in declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Keyword {
    /// Runs after, and only if these succeeded.
    Require,
    /// As `Require`, if one of these succeeded.
    RequireAny,
    /// As `Require`, and reacts to their changes.
    Watch,
    /// As `Watch`, for one of these.
    WatchAny,
    /// Runs before these, only if they would change.
    Prereq,
    /// Runs only if one of these failed.
    Onfail,
    /// The same as `Onfail`.
    OnfailAny,
    /// Runs only if all of these failed.
    OnfailAll,
    /// Runs only if one of these changed.
    Onchanges,
    /// As `Onchanges`, tolerating failures while one changed.
    OnchangesAny,
    /// The other end of `Prereq`; made by the compiler.
    Prerequired,
    /// Reacts to changes of these at the end of the run.
    Listen,
    /// Takes over arguments of these.
    Use,
    /// Words ending in `_in`: the same from the other side.
    In(InKeyword),
}

/// What `use` leaves alone. All other requisites are taken over like arguments.
const NOT_COPIED: &[&str] = &[
    "name",
    "names",
    "require",
    "watch",
    "onfail",
    "onfail_stop",
    "onchanges",
    "prereq",
    "use",
    "require_in",
    "watch_in",
    "onfail_in",
    "onchanges_in",
    "prereq_in",
    "use_in",
];

/// How many entries of one list are repeated by those after them; longer lists start anew, so that they stay linear.
const REPEATED: usize = 50;

/// Requisites written at the state that is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InKeyword {
    /// `require_in`.
    Require,
    /// `watch_in`.
    Watch,
    /// `prereq_in`.
    Prereq,
    /// `onfail_in`.
    Onfail,
    /// `onchanges_in`.
    Onchanges,
    /// `use_in`.
    Use,
    /// `listen_in`.
    Listen,
}

impl Keyword {
    /// The keyword that a text is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "require" => Self::Require,
            "require_any" => Self::RequireAny,
            "watch" => Self::Watch,
            "watch_any" => Self::WatchAny,
            "prereq" => Self::Prereq,
            "onfail" => Self::Onfail,
            "onfail_any" => Self::OnfailAny,
            "onfail_all" => Self::OnfailAll,
            "onchanges" => Self::Onchanges,
            "onchanges_any" => Self::OnchangesAny,
            "prerequired" => Self::Prerequired,
            "listen" => Self::Listen,
            "use" => Self::Use,
            "require_in" => Self::In(InKeyword::Require),
            "watch_in" => Self::In(InKeyword::Watch),
            "prereq_in" => Self::In(InKeyword::Prereq),
            "onfail_in" => Self::In(InKeyword::Onfail),
            "onchanges_in" => Self::In(InKeyword::Onchanges),
            "use_in" => Self::In(InKeyword::Use),
            "listen_in" => Self::In(InKeyword::Listen),
            _ => return None,
        })
    }
}

/// The keyword that a `…_in` becomes at the other end.
fn mirrored(keyword: InKeyword) -> Option<&'static str> {
    match keyword {
        InKeyword::Require => Some("require"),
        InKeyword::Watch => Some("watch"),
        InKeyword::Prereq => Some("prereq"),
        InKeyword::Onfail => Some("onfail"),
        InKeyword::Onchanges => Some("onchanges"),
        InKeyword::Use | InKeyword::Listen => None,
    }
}

/// Moves requisites to where they act. `listen_in` stays: the run reads it at its end.
pub(super) fn distribute(high: &mut High, disabled: &[String]) -> Vec<Fault> {
    let mut pass = Pass { names: Names::of(high), high, additions: IndexMap::new(), faults: Vec::new() };
    pass.collect(disabled);
    let Pass { additions, mut faults, names, .. } = pass;
    for (id, addition) in additions {
        apply(high, &names, &id, addition, &mut faults);
    }
    faults
}

/// Takes excluded declarations out.
pub(super) fn exclude(high: &mut High) {
    let excludes = std::mem::take(&mut high.excludes);
    for exclude in &excludes {
        match exclude {
            Exclude::Id(id) => {
                high.declarations.shift_remove(id);
            }
            Exclude::Sls(pattern) | Exclude::Word(pattern) => high.declarations.retain(|_, declaration| {
                !declaration.home.sls.as_deref().is_some_and(|sls| glob::matches(pattern, sls))
            }),
        }
    }
}

/// What is added to one ID.
struct Addition {
    home: Home,
    spot: Spot,
    states: IndexMap<String, Vec<Argument>>,
}

/// Declarations by state and `name`, so that look-ups stay cheap in large trees.
struct Names(HashMap<(String, String), Vec<String>>);

impl Names {
    fn of(high: &High) -> Self {
        let mut names: HashMap<(String, String), Vec<String>> = HashMap::new();
        for declaration in high.declarations.values() {
            for state in declaration.states() {
                if let Some(name) = state.name() {
                    let ids = names.entry((state.state.clone(), name.to_owned())).or_default();
                    ids.push(declaration.id.clone());
                }
            }
        }
        Self(names)
    }

    /// The IDs that `name` stands for: itself when there is such an ID, else declarations of that name.
    fn find(&self, high: &High, name: &str, state: &str) -> Vec<String> {
        if high.declarations.contains_key(name) {
            return vec![name.to_owned()];
        }
        self.0.get(&(state.to_owned(), name.to_owned())).cloned().unwrap_or_default()
    }
}

struct Pass<'h> {
    high: &'h High,
    names: Names,
    additions: IndexMap<String, Addition>,
    faults: Vec<Fault>,
}

/// Where a requisite is written.
#[derive(Clone, Copy)]
struct Origin<'h> {
    declaration: &'h Declaration,
    state: &'h StateDeclaration,
    argument: &'h Argument,
}

impl<'h> Pass<'h> {
    fn collect(&mut self, disabled: &[String]) {
        let high = self.high;
        for declaration in high.declarations.values() {
            for state in declaration.states() {
                for argument in state.items() {
                    let Some((key, value)) = argument.option() else { continue };
                    let keyword = match Keyword::parse(key) {
                        Some(keyword @ (Keyword::Prereq | Keyword::Use)) => keyword,
                        Some(keyword @ Keyword::In(inner)) if inner != InKeyword::Listen => keyword,
                        _ => continue,
                    };
                    if !disabled.iter().any(|word| word == key) {
                        self.requisites(keyword, value, Origin { declaration, state, argument });
                    }
                }
            }
        }
    }

    fn requisites(&mut self, keyword: Keyword, value: &Value, origin: Origin<'h>) {
        match value {
            // A single requisite without a list.
            Value::Map(map) => {
                for (state, name) in map {
                    let (state, name) = (str_(state), str_(name));
                    self.refuse_dots(keyword, &state, &name, origin);
                    let state = state.split('.').next().unwrap_or_default();
                    match keyword {
                        // The other end of a `prereq` is told by lists only.
                        Keyword::In(InKeyword::Prereq) => self.add_mirrored(InKeyword::Prereq, state, &name, origin),
                        keyword => self.requisite(keyword, state, &name, origin),
                    }
                }
            }
            Value::List(items) => {
                let mut meant: Vec<(String, String)> = Vec::new();
                for item in items {
                    let (state, name) = match item {
                        Value::Map(map) => match map.get_index(0) {
                            Some((state, name)) => (str_(state), str_(name)),
                            None => continue,
                        },
                        other => match self.plain(&str_(other)) {
                            Some(found) => found,
                            None => continue,
                        },
                    };
                    if state == "sls" || meant.len() >= REPEATED {
                        meant.clear();
                    }
                    if state == "sls" {
                        meant.extend(self.members(&name));
                    } else {
                        // The dots stay: no declaration has such a state, and that is told too.
                        self.refuse_dots(keyword, &state, &name, origin);
                        meant.push((name, state));
                    }
                    // Each entry adds those before it once more, as trees see it in `show_lowstate`.
                    for (name, state) in &meant {
                        self.requisite(keyword, state, name, origin);
                    }
                }
            }
            _ => {}
        }
    }

    /// State and ID of a requisite that is only a word: an ID, or the name of a declaration.
    fn plain(&self, word: &str) -> Option<(String, String)> {
        if let Some(declaration) = self.high.declarations.get(word) {
            return declaration.states().first().map(|state| (state.state.clone(), word.to_owned()));
        }
        let mut all = self.high.declarations.values();
        all.find_map(|declaration| {
            let state = declaration.states().iter().find(|state| state.name() == Some(word))?;
            Some((state.state.clone(), declaration.id.clone()))
        })
    }

    /// All states of the SLS files that match a pattern.
    fn members(&self, sls: &str) -> Vec<(String, String)> {
        let inside =
            |declaration: &&Declaration| declaration.home.sls.as_deref().is_some_and(|known| glob::matches(sls, known));
        let declarations = self.high.declarations.values().filter(inside);
        declarations
            .flat_map(|declaration| {
                declaration.states().iter().map(|state| (declaration.id.clone(), state.state.clone()))
            })
            .collect()
    }

    /// The IDs that `name` stands for, of those that have this state.
    fn declared(&self, name: &str, state: &str) -> Vec<String> {
        let mut ids = self.names.find(self.high, name, state);
        ids.retain(|id| self.high.declarations.get(id).is_some_and(|known| known.state(state).is_some()));
        ids
    }

    fn requisite(&mut self, keyword: Keyword, state: &str, name: &str, origin: Origin<'h>) {
        let here = (origin.declaration.id.as_str(), origin.state.state.as_str());
        match keyword {
            Keyword::Prereq => {
                for id in self.declared(name, state) {
                    self.add(&id, state, "prerequired", here, origin);
                }
            }
            Keyword::Use => {
                for id in self.names.find(self.high, name, state) {
                    self.copy_arguments((&id, state), here, origin);
                }
            }
            Keyword::In(InKeyword::Use) => {
                for id in self.declared(name, state) {
                    self.copy_arguments(here, (&id, state), origin);
                }
            }
            Keyword::In(inner) => {
                if inner == InKeyword::Prereq {
                    self.add(here.0, here.1, "prerequired", (name, state), origin);
                }
                self.add_mirrored(inner, state, name, origin);
            }
            _ => {}
        }
    }

    /// Adds the keyword that a `…_in` becomes to the state that it names.
    fn add_mirrored(&mut self, keyword: InKeyword, state: &str, name: &str, origin: Origin<'h>) {
        if let Some(word) = mirrored(keyword) {
            self.add(name, state, word, (&origin.declaration.id, &origin.state.state), origin);
        }
    }

    fn refuse_dots(&mut self, keyword: Keyword, kind: &str, name: &str, origin: Origin<'h>) {
        let Some((meant, _)) = kind.split_once('.') else { return };
        let keyword = match keyword {
            Keyword::Prereq => "prereq",
            Keyword::In(InKeyword::Use) | Keyword::Use => "use",
            Keyword::In(inner) => mirrored(inner).unwrap_or_default(),
            _ => return,
        };
        let problem = Problem::RequisiteInDots {
            keyword: keyword.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            sls: origin.declaration.home.sls_text(),
            meant: meant.to_owned(),
        };
        self.faults.push(Fault::new(problem, &origin.argument.spot).about(origin.declaration.id.clone()));
    }

    /// Adds `word: [{state: id}]` of `from` to a declaration, which may turn out not to exist.
    fn add(&mut self, id: &str, state: &str, word: &str, from: (&str, &str), origin: Origin<'h>) {
        let items = self.additions_of(id, state, origin);
        let entry = Value::Map(Map::from_iter([(from.1, from.0)]));
        let known = items.iter_mut().find(|item| item.option().is_some_and(|(key, _)| key == word));
        match known.and_then(|item| item.value.as_map_mut()?.get_mut(word)) {
            Some(Value::List(list)) => list.push(entry),
            _ => items.push(option(word, Value::List(vec![entry]), &origin.argument.spot)),
        }
    }

    /// Adds the arguments of one state to another one that does not have them (`use`).
    fn copy_arguments(&mut self, from: (&str, &str), to: (&str, &str), origin: Origin<'h>) {
        let high = self.high;
        let items = |(id, state): (&str, &str)| high.declarations.get(id).and_then(|known| known.state(state));
        let Some(source) = items(from) else { return };
        let own: Vec<&str> = items(to)
            .map(|state| state.items().iter().filter_map(Argument::option).map(|(key, _)| key).collect())
            .unwrap_or_default();
        let copied = source.items().iter().filter(|item| {
            item.value.as_map().is_some_and(|map| map.len() == 1)
                && item.option().is_some_and(|(key, _)| !NOT_COPIED.contains(&key) && !own.contains(&key))
        });
        let copied: Vec<Argument> = copied.cloned().collect();
        self.additions_of(to.0, to.1, origin).extend(copied);
    }

    fn additions_of(&mut self, id: &str, state: &str, origin: Origin<'h>) -> &mut Vec<Argument> {
        let addition = self.additions.entry(id.to_owned()).or_insert_with(|| Addition {
            home: origin.declaration.home.clone(),
            spot: origin.argument.spot.clone(),
            states: IndexMap::new(),
        });
        addition.states.entry(state.to_owned()).or_default()
    }
}

fn apply(high: &mut High, names: &Names, id: &str, addition: Addition, faults: &mut Vec<Fault>) {
    let states: Vec<StateDeclaration> = addition
        .states
        .into_iter()
        .map(|(state, items)| StateDeclaration {
            state,
            spot: addition.spot.clone(),
            arguments: Arguments::List(items),
        })
        .collect();
    let mut extension = Declaration {
        id: id.to_owned(),
        wrong_kind: None,
        home: addition.home,
        included_from: Vec::new(),
        spot: addition.spot,
        body: Body::States(Vec::new()),
    };
    let first = states.first().map(|state| state.state.clone()).unwrap_or_default();
    let target = if high.declarations.get(id).is_some_and(|known| known.state(&first).is_some()) {
        Some(id.to_owned())
    } else {
        match names.0.get(&(first, id.to_owned())).map(Vec::as_slice) {
            Some([only]) => Some(only.clone()),
            _ => None,
        }
    };
    match target {
        Some(target) => {
            extension.body = Body::States(states);
            merge(high, &target, extension);
        }
        None => faults.push(cannot_extend(high, &extension)),
    }
}
