//! Pass 2: one SLS file, found, rendered and split into includes, extensions, excludes and declarations.

use std::sync::Arc;

use indexmap::IndexMap;

use super::context::Context;
use super::declaration::{Argument, Arguments, Body, Declaration, Exclude, Home, StateDeclaration};
use super::fault::{Fault, Problem, Source, Spot};
use crate::diag::{Diagnostic, Place, excerpt};
use crate::files::is_init;
use crate::render::Template;
use crate::value::python::{repr, str_};
use crate::value::{Map, Value};
use crate::yaml::{Mark, Marks};

/// A rendered file.
pub(super) struct Rendered {
    pub value: Value,
    pub marks: Marks,
    pub source: Arc<Source>,
    /// True for an `init.sls`, from which relative includes count one level deeper.
    pub is_init: bool,
}

/// One SLS, split into its parts.
#[derive(Default)]
pub(super) struct Part {
    pub includes: Vec<(Value, Spot)>,
    pub extensions: Vec<Declaration>,
    pub excludes: Vec<Exclude>,
    pub declarations: IndexMap<String, Declaration>,
    pub faults: Vec<Fault>,
}

/// Finds and renders an SLS; `None` when there is no such file. `via` says which includes led to it, nearest first.
pub(super) fn render(context: &Context, env: &str, sls: &str, via: &[Place]) -> Result<Option<Rendered>, Fault> {
    let failed = |why: String| Fault::of_call(Problem::Files { why });
    let Some(path) = context.tree.find(env, sls).map_err(|error| failed(error.to_string()))? else { return Ok(None) };
    render_file(context, env, Some(sls), &path, via)
}

/// Renders a file of the tree by path; `None` when there is no such file.
pub(super) fn render_file(
    context: &Context,
    env: &str,
    sls: Option<&str>,
    path: &str,
    via: &[Place],
) -> Result<Option<Rendered>, Fault> {
    let failed = |mut diagnostic: Diagnostic, template: Option<&Template<'_>>| {
        diagnostic.via.extend_from_slice(via);
        let why = why_not_rendered(&diagnostic, template);
        let problem = Problem::Rendering { env: env.to_owned(), sls: sls.unwrap_or(path).to_owned(), why };
        Fault::explained(problem, diagnostic)
    };
    let content = context.tree.files().read(env, path);
    let Some(content) = content.map_err(|error| failed(Diagnostic::user(error.to_string()), None))? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&content).map_err(|error| {
        let message = format!("the file is not UTF-8: byte {} is not part of a character", error.valid_up_to());
        failed(Diagnostic::user(message).at(Place::new(path, 0, 0)), None)
    })?;
    let template = Template { text, path, sls };
    let rendered = context.renderer.sls(&context.scope(env), &template);
    let rendered = rendered.map_err(|diagnostic| failed(*diagnostic, Some(&template)))?;
    let (text, origins) = (rendered.rendered, rendered.origins);
    Ok(Some(Rendered {
        value: rendered.value,
        marks: rendered.marks,
        source: Arc::new(Source { name: path.to_owned(), text, origins, via: via.to_vec() }),
        is_init: is_init(path),
    }))
}

/// Why a template did not render, in the form of the reference: message, line, the lines around it. A fault in the
/// template itself shows its lines as the reference does, one in another file names that.
pub fn why_not_rendered(diagnostic: &Diagnostic, template: Option<&Template<'_>>) -> String {
    let why = &diagnostic.message;
    let lines = diagnostic.excerpt.as_deref();
    match (&diagnostic.place, template) {
        (Some(place), Some(template)) if place.line > 0 && place.file == template.path => {
            let own = excerpt(template.text, place.line, place.column, 3);
            let shown = match lines {
                // What the template made of its text is shown as it was made.
                Some(lines) if lines != own => lines.to_owned(),
                _ => marked(template.text, place.line),
            };
            format!("{why}; line {}\n\n---\n{shown}\n---", place.line)
        }
        (Some(place), _) if place.line > 0 => {
            let lines = lines.map_or_else(String::new, |lines| format!("\n---\n{lines}\n---"));
            format!("{why}\n{}({}):{lines}", place.file, place.line)
        }
        _ => why.clone(),
    }
}

/// Lines each side of a fault.
const AROUND: usize = 5;

/// The lines around `line` (from 1), that one marked.
fn marked(text: &str, line: u32) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let line = usize::try_from(line).unwrap_or(usize::MAX);
    if line > lines.len() {
        return text.trim_end_matches('\n').to_owned();
    }
    let (first, last) = (line.saturating_sub(AROUND + 1), lines.len().min(line + AROUND));
    let mut shown: Vec<String> = Vec::new();
    if first > 0 {
        shown.push("[...]".to_owned());
    }
    for (number, content) in (1..).zip(&lines).skip(first).take(last - first) {
        let mark = if number == line { "    <======================" } else { "" };
        shown.push(format!("{content}{mark}"));
    }
    if last < lines.len() {
        shown.push("[...]".to_owned());
    }
    shown.join("\n")
}

/// Splits a rendered mapping into its parts. Positions come from `marks`, which may be empty.
pub(super) fn split(data: Map, marks: &Marks, source: &Arc<Source>, home: &Home) -> Part {
    let mut part = Part::default();
    let sls = home.sls_text();
    let place = |mark: Mark| Spot { source: Arc::clone(source), line: mark.line, column: mark.column };
    for (index, (key, value)) in data.into_iter().enumerate() {
        let spot = place(marks.key(index));
        let inner = Located { marks: marks.child(index), source, spot: spot.clone() };
        match (key.as_str(), value) {
            (Some("include"), Value::List(items)) => {
                part.includes.extend(items.into_iter().enumerate().map(|(at, item)| (item, inner.item(at))));
            }
            (Some("include"), value) => {
                part.faults.push(Fault::new(Problem::IncludeNotList { sls: sls.clone() }, &spot));
                part.declare("include".to_owned(), None, value, home, &inner);
            }
            (Some("extend"), Value::Map(extensions)) => part.extend(extensions, home, &inner),
            (Some("extend"), _) => {
                part.faults.push(Fault::new(Problem::ExtendNotDictionary { sls: sls.clone() }, &spot));
            }
            (Some("exclude"), Value::List(items)) => part.excludes.extend(items.into_iter().filter_map(exclude)),
            (Some("exclude"), _) => {
                part.faults.push(Fault::new(Problem::ExcludeNotList { sls: sls.clone() }, &spot));
            }
            (Some(id), _) if id.starts_with("__") => {}
            (Some(id), value) => part.declare(id.to_owned(), None, value, home, &inner),
            (None, value) => part.declare(str_(&key), Some(python_kind(&key)), value, home, &inner),
        }
    }
    part
}

/// An entry of `exclude:`: text names an SLS; mappings say `id` or `sls`; anything else excludes nothing.
pub(super) fn exclude(item: Value) -> Option<Exclude> {
    match item {
        Value::Str(sls) => Some(Exclude::Word(sls)),
        Value::Map(map) if map.len() == 1 => match (map.get("id"), map.get("sls")) {
            (Some(Value::Str(id)), _) => Some(Exclude::Id(id.clone())),
            (_, Some(Value::Str(sls))) => Some(Exclude::Sls(sls.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// Marks of a value and the place that stands in where they end.
struct Located<'m> {
    marks: Option<&'m Marks>,
    source: &'m Arc<Source>,
    spot: Spot,
}

impl Located<'_> {
    fn at(&self, mark: Mark) -> Spot {
        if mark.line == 0 {
            return self.spot.clone();
        }
        Spot { source: Arc::clone(self.source), line: mark.line, column: mark.column }
    }
    fn item(&self, index: usize) -> Spot {
        let child = self.marks.and_then(|marks| marks.child(index));
        child.map_or_else(|| self.spot.clone(), |child| self.at(child.here()))
    }
    fn entry(&self, index: usize) -> Located<'_> {
        let spot = self.marks.map_or_else(|| self.spot.clone(), |marks| self.at(marks.key(index)));
        Located { marks: self.marks.and_then(|marks| marks.child(index)), source: self.source, spot }
    }
}

impl Part {
    fn declare(&mut self, id: String, wrong_kind: Option<&'static str>, value: Value, home: &Home, at: &Located) {
        let sls = home.sls_text();
        let body = match value {
            Value::Map(states) => Body::States(self.states(&id, &sls, states, at, true)),
            Value::Str(short) if short.contains('.') => Body::States(vec![short_declaration(&short, &at.spot)]),
            other => {
                let fault = Fault::new(Problem::IdNotDictionary { id: id.clone(), sls }, &at.spot)
                    .help(format!("write a state and its arguments under '{id}', for example: test.nop: []"));
                self.faults.push(fault);
                Body::Other(other)
            }
        };
        let declaration = Declaration {
            id: id.clone(),
            wrong_kind,
            home: home.clone(),
            included_from: Vec::new(),
            spot: at.spot.clone(),
            body,
        };
        self.declarations.insert(id, declaration);
    }

    fn extend(&mut self, extensions: Map, home: &Home, at: &Located) {
        let sls = home.sls_text();
        for (index, (key, value)) in extensions.into_iter().enumerate() {
            let (name, at) = (str_(&key), at.entry(index));
            let Value::Map(states) = value else {
                self.faults.push(Fault::new(Problem::ExtensionNotDictionary { name, sls: sls.clone() }, &at.spot));
                continue;
            };
            let states = self.states(&name, &sls, states, &at, false);
            for state in &states {
                if let Arguments::Other(_) = state.arguments {
                    let problem = Problem::StateNotList { id: name.clone(), sls: sls.clone() };
                    self.faults.push(Fault::new(problem, &state.spot).about(format!("extend: {name}")));
                }
            }
            self.extensions.push(Declaration {
                id: name,
                wrong_kind: None,
                home: home.clone(),
                included_from: Vec::new(),
                spot: at.spot.clone(),
                body: Body::States(states),
            });
        }
    }

    /// The state modules under an ID. Keys with the function in them come last, as the reference orders them.
    fn states(&mut self, id: &str, sls: &str, states: Map, at: &Located, unique: bool) -> Vec<StateDeclaration> {
        let (mut plain, mut dotted): (Vec<StateDeclaration>, Vec<StateDeclaration>) = (Vec::new(), Vec::new());
        for (index, (key, value)) in states.into_iter().enumerate() {
            let at = at.entry(index);
            let Value::Str(key) = key else {
                let problem = Problem::StateNotString { id: id.to_owned(), sls: sls.to_owned(), state: repr(&key) };
                self.faults.push(Fault::new(problem, &at.spot));
                continue;
            };
            if key.starts_with("__") {
                continue;
            }
            let mut arguments = match value {
                Value::List(items) => Arguments::List(
                    (items.into_iter().enumerate())
                        .map(|(index, value)| Argument { value, spot: at.item(index) })
                        .collect(),
                ),
                other => Arguments::Other(other),
            };
            let (Some((state, function)), Arguments::List(items)) = (key.split_once('.'), &mut arguments) else {
                plain.push(StateDeclaration { state: key, spot: at.spot, arguments });
                continue;
            };
            if unique && plain.iter().chain(&dotted).any(|known| known.state == state) {
                let problem = Problem::SameStateTwice { id: id.to_owned(), sls: sls.to_owned() };
                let hint = format!("give the second '{state}' state an ID of its own and its target as 'name'");
                self.faults.push(Fault::new(problem, &at.spot).about(format!("{id}: {key}")).help(hint));
                continue;
            }
            // What follows a second dot is ignored, as the reference does.
            let function = function.split('.').next().unwrap_or_default();
            items.push(Argument { value: Value::from(function), spot: at.spot.clone() });
            dotted.push(StateDeclaration { state: state.to_owned(), spot: at.spot, arguments });
        }
        plain.append(&mut dotted);
        plain
    }
}

/// `vim: pkg.installed`.
fn short_declaration(short: &str, spot: &Spot) -> StateDeclaration {
    let mut parts = short.split('.');
    let (state, function) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let arguments = Arguments::List(vec![Argument { value: Value::from(function), spot: spot.clone() }]);
    StateDeclaration { state: state.to_owned(), spot: spot.clone(), arguments }
}

/// The kind of a value as the reference names it.
fn python_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        other => other.kind(),
    }
}
