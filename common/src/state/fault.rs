//! What is wrong with a tree: the reference's wording for tools that read it, and a diagnostic with place and hint.

use std::fmt;
use std::sync::Arc;

use crate::diag::{Diagnostic, Place, excerpt};
use crate::render::Origins;
use crate::value::Value;

/// A file as it was compiled: its name as the user knows it and its text after the templates ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Path inside the tree (`web/init.sls`), or a made-up name in angle brackets.
    pub name: String,
    /// The rendered text; empty when there is none.
    pub text: String,
    /// Which lines of which templates wrote `text`.
    pub origins: Origins,
    /// The `include:` entries that led to the file, nearest first.
    pub via: Vec<Place>,
}

/// A position inside a source. Cheap to copy around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub source: Arc<Source>,
    /// Line of the rendered text, from 1; 0 when not known.
    pub line: u32,
    /// Column in characters, from 1; 0 when not known.
    pub column: u32,
}

impl Spot {
    /// A place in no file: data that was handed in by a call.
    pub fn nowhere(name: &str) -> Self {
        Self { source: Arc::new(Source { name: name.to_owned(), ..Source::default() }), line: 0, column: 0 }
    }

    /// The place as diagnostics carry it: in the file that somebody wrote, not in the text that a template made of it.
    pub fn place(&self) -> Place {
        let Source { name, text, origins, .. } = &*self.source;
        let written = (self.line > 0).then(|| origins.place(text, self.line, self.column)).flatten();
        written.unwrap_or_else(|| Place::new(name.clone(), self.line, self.column))
    }

    /// A diagnostic about what stands here, with the line as it was rendered and how the file came to be read.
    pub fn diagnostic(&self, message: impl Into<String>) -> Diagnostic {
        let place = self.place();
        let mut diagnostic = Diagnostic::user(message);
        if self.line > 0 && !self.source.text.is_empty() {
            if place.line != self.line || place.file != self.source.name {
                let rendered = format!(" (line {}, column {} of the rendered text)", self.line, self.column);
                diagnostic.message.push_str(&rendered);
            }
            diagnostic = diagnostic.excerpt(excerpt(&self.source.text, self.line, self.column, 1));
        }
        diagnostic.via.clone_from(&self.source.via);
        diagnostic.at(place)
    }
}

/// One thing that is wrong. `text` is interface: scripts and cases compare it; `diagnostic` is for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What is wrong, as data; its text is the reference's.
    problem: Problem,
    /// Where, with the line and hints.
    pub diagnostic: Diagnostic,
    /// True when an earlier pass had found faults already: a run that the reference refuses there tells only of those.
    is_later: bool,
}

impl Fault {
    /// A problem at a place.
    pub(crate) fn new(problem: Problem, spot: &Spot) -> Self {
        let message = problem.to_string();
        let diagnostic = spot.diagnostic(message.lines().next().unwrap_or_default());
        Self { problem, diagnostic, is_later: false }
    }

    /// A problem whose place is told by another diagnostic (a template that does not render).
    pub(crate) fn explained(problem: Problem, diagnostic: Diagnostic) -> Self {
        Self { problem, diagnostic, is_later: false }
    }

    /// A problem of a call, not of a file.
    pub(crate) fn of_call(problem: Problem) -> Self {
        let diagnostic = Diagnostic::user(problem.to_string());
        Self { problem, diagnostic, is_later: false }
    }

    /// Marks it as found by a pass after one that had found faults.
    pub(super) fn later(mut self, is_later: bool) -> Self {
        self.is_later = is_later;
        self
    }

    /// Adds the declaration it belongs to.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.about(subject);
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.help(hint);
        self
    }

    /// Adds "did you mean …?" when a known name is near.
    #[must_use]
    pub fn did_you_mean<'a>(mut self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.diagnostic = self.diagnostic.did_you_mean(typed, known);
        self
    }

    /// The reference's wording.
    pub fn text(&self) -> String {
        self.problem.to_string()
    }
}

/// Printed with place, lines around it and hints.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

/// The reference's wording of all faults, as functions return it.
pub fn texts(faults: &[Fault]) -> Value {
    Value::List(faults.iter().map(|fault| Value::from(fault.text())).collect())
}

/// As [`texts`], of the passes up to the first that found faults: what a refused run returns.
pub fn first_texts(faults: &[Fault]) -> Value {
    Value::List(faults.iter().filter(|fault| !fault.is_later).map(|fault| Value::from(fault.text())).collect())
}

/// Everything that can be wrong with a tree. The wording is the reference's, because tools match on it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("No matching sls found for '{sls}' in env '{env}'")]
    NoSls { sls: String, env: String },
    #[error(
        "Specified SLS {sls} in saltenv {env} is not available on the salt master or through a configured fileserver"
    )]
    NoIncludedSls { sls: String, env: String },
    #[error("No matching salt environment for environment '{env}' found")]
    NoEnvironment { env: String },
    #[error("Rendering SLS '{env}:{sls}' failed: {why}")]
    Rendering { env: String, sls: String, why: String },
    #[error("SLS {sls} does not render to a dictionary")]
    NotADictionary { sls: String },
    #[error("Error when rendering state with contents: {contents}")]
    Contents { contents: String },
    #[error("Files could not be read: {why}")]
    Files { why: String },

    #[error("Include Declaration in SLS {sls} is not formed as a list")]
    IncludeNotList { sls: String },
    #[error("Nonexistent saltenv '{env}' found in include of '{include}' within SLS '{in_env}:{in_sls}'")]
    IncludeEnvironment { env: String, include: String, in_env: String, in_sls: String },
    #[error(
        "Unknown include: Specified SLS {env}: {include} is not available on the salt master in saltenv(s): {among} "
    )]
    UnknownInclude { env: String, include: String, among: String },
    #[error("Attempted relative include of '{include}' within SLS '{env}:{sls}' goes beyond top level package ")]
    IncludeBeyondTop { include: String, env: String, sls: String },
    #[error("Badly formatted include {include} found in include of SLS '{env}:{sls}'")]
    BadInclude { include: String, env: String, sls: String },
    #[error("Includes of SLS '{env}:{sls}' are nested too deeply")]
    IncludeDepth { env: String, sls: String },
    #[error("Extension value in SLS '{sls}' is not a dictionary")]
    ExtendNotDictionary { sls: String },
    #[error("Extension name '{name}' in SLS '{sls}' is not a dictionary")]
    ExtensionNotDictionary { name: String, sls: String },
    #[error("Exclude Declaration in SLS {sls} is not formed as a list")]
    ExcludeNotList { sls: String },
    #[error(
        "Cannot extend ID '{id}' in '{env}:{sls}'. It is not part of the high state.\nThis is likely due to a missing include statement or an incorrectly typed ID.\nEnsure that a state with an ID of '{id}' is available\nin environment '{env}' and to SLS '{sls}'"
    )]
    CannotExtend { id: String, env: String, sls: String },
    #[error(
        "Detected conflicting IDs, SLS IDs need to be globally unique.\n    The conflicting ID is '{id}' and is found in SLS '{first}' and SLS '{second}'"
    )]
    ConflictingIds { id: String, first: String, second: String },

    #[error("ID {id} in SLS {sls} is not a dictionary")]
    IdNotDictionary { id: String, sls: String },
    #[error("ID '{id}' in SLS '{sls}' contains multiple state declarations of the same type")]
    SameStateTwice { id: String, sls: String },
    #[error("ID '{id}' in SLS '{sls}' is not formed as a string, but is a {kind}. It may need to be quoted.")]
    IdNotString { id: String, sls: String, kind: String },
    #[error("The type {id} in {body} is not formatted as a dictionary")]
    TypeNotDictionary { id: String, body: String },
    #[error(
        "ID '{id}' in SLS '{sls}' contains a short declaration ({state}) with a trailing colon. When not passing any arguments to a state, the colon must be omitted."
    )]
    TrailingColon { id: String, sls: String, state: String },
    #[error("State {state} of ID '{id}' in SLS '{sls}' is not formed as a string")]
    StateNotString { id: String, sls: String, state: String },
    #[error("State '{id}' in SLS '{sls}' is not formed as a list")]
    StateNotList { id: String, sls: String },
    #[error(
        "The function \"{function}\" in state \"{id}\" in SLS \"{sls}\" has whitespace, a function with whitespace is not supported, perhaps this is an argument that is missing a \":\""
    )]
    FunctionWhitespace { function: String, id: String, sls: String },
    #[error("The 'names' argument in state '{id}' in SLS '{sls}' needs to be formed as a list")]
    NamesNotList { id: String, sls: String },
    #[error("An entry of the 'names' argument in state '{id}' in SLS '{sls}' is malformed")]
    BadName { id: String, sls: String },
    #[error("Empty dictionary as argument of state '{id}' in SLS '{sls}'")]
    EmptyArgument { id: String, sls: String },
    #[error("The {keyword} statement in state '{id}' in SLS '{sls}' needs to be formed as a list")]
    RequisiteNotList { keyword: String, id: String, sls: String },
    #[error("Requisite declaration {requisite} in SLS {sls} is not formed as a single key dictionary")]
    RequisiteForm { requisite: String, sls: String },
    #[error(
        "Invalid requisite type '{kind}' in state '{id}', in SLS '{sls}'. Requisite types must not contain dots, did you mean '{meant}'?"
    )]
    RequisiteDots { kind: String, id: String, sls: String, meant: String },
    #[error(
        "Invalid requisite in {keyword}: {kind} for {name}, in SLS '{sls}'. Requisites must not contain dots, did you mean '{meant}'?"
    )]
    RequisiteInDots { keyword: String, kind: String, name: String, sls: String, meant: String },
    #[error("Illegal requisite \"{requisite}\", please check your syntax.\n")]
    IllegalRequisite { requisite: String },
    #[error("A recursive requisite was found, SLS \"{sls}\" ID \"{id}\" ID \"{other}\"")]
    RecursiveRequisite { sls: String, id: String, other: String },
    #[error("No function declared in state '{id}' in SLS '{sls}'")]
    NoFunction { id: String, sls: String },
    #[error(
        "Too many functions declared in state '{id}' in SLS '{sls}'. Please choose one of the following: {functions}"
    )]
    ManyFunctions { id: String, sls: String, functions: String },

    #[error("Unable to render top file. No targets found.")]
    NoTargets,
    #[error("Environment {env} in top file is not formed as a string")]
    TopEnvironment { env: String },
    #[error("Empty saltenv statement in top file")]
    TopEmptyEnvironment,
    #[error("Malformed topfile (state declarations not formed as a list)")]
    TopNotList,
    #[error("The top file of environment {env} is a {kind}, not a mapping of environments")]
    TopNotMapping { env: String, kind: &'static str },
    #[error("Environment {env} in the top file lists {item}, which is no SLS name")]
    TopNoName { env: String, item: String },
    #[error("Improperly formatted top file matcher in saltenv {env}: {item} file")]
    TopMatcher { env: String, item: String },
    #[error("Environment {env} contains an empty sls index")]
    TopEmptySls { env: String },
    #[error("Target '{target}' in the top file can not be matched: {why}")]
    TopTarget { target: String, why: String },
    #[error("top_file_merging_strategy set to 'same', but no default_top configuration option was set")]
    NoDefaultTop,
    #[error("Missing \"{key}\" data")]
    MissingData { key: String },
    #[error("No matches for ID '{id}' found in SLS '{sls}' within saltenv '{env}'")]
    NoId { id: String, sls: String, env: String },
}
