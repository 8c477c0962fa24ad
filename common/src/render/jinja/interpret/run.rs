//! The state of one render.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;

use super::super::compile::{Bounds, compile};
use super::super::fault::{Fault, Res};
use super::super::object::{BlockStacks, Val};
use super::super::tree::Compiled;
use super::super::variables::Variables;
use super::Frame;
use super::meter::Circles;
use crate::render::{Limits, Origins, Scope};

/// How many compiled templates are kept.
const KEPT: usize = 1024;

/// What all renders of a program share: limits and compiled templates.
pub(in crate::render) struct Engine {
    /// What bounds a render.
    pub limits: Limits,
    compiled: Mutex<HashMap<String, Arc<Compiled>>>,
}

impl Engine {
    /// An engine with an empty cache.
    pub fn new(limits: Limits) -> Self {
        Self { limits, compiled: Mutex::new(HashMap::new()) }
    }

    /// The compiled main template.
    pub(in crate::render::jinja) fn main(&self, name: &str, text: &str, syntax: &Syntax) -> Res<Arc<Compiled>> {
        self.compiled(name, text, syntax)
    }

    /// The compiled template of a text; compiled once for each content.
    pub(super) fn compiled(&self, name: &str, text: &str, syntax: &Syntax) -> Res<Arc<Compiled>> {
        let key = format!("{}\n{name}", syntax.key);
        let known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known.filter(|known| *known.source == *text) {
            return Ok(known);
        }
        let bounds = Bounds { source: self.limits.source, chain: self.limits.chain };
        let fresh = Arc::new(compile(name, text, &syntax.config, bounds)?);
        let mut cache = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(key, fresh.clone());
        Ok(fresh)
    }
}

/// Delimiters and white space handling, with a text that tells configurations apart.
pub(in crate::render::jinja) struct Syntax {
    /// For the parser.
    pub config: SyntaxConfig,
    /// Tells configurations apart.
    pub key: String,
}

/// One render.
pub(in crate::render::jinja) struct Run<'r> {
    /// Shared by all renders.
    pub engine: &'r Engine,
    /// Facts, environment and extra names.
    pub scope: &'r Scope,
    /// Names that come with the template (`sls`, `tpldir` ...).
    pub variables: Variables,
    /// How templates are read.
    pub syntax: Syntax,
    /// The template that runs.
    pub template: Arc<Compiled>,
    /// Globals that were asked for.
    pub globals: HashMap<Arc<str>, Val>,
    /// Templates imported without context: one module each.
    pub modules: HashMap<String, Val>,
    /// The names of the template that runs, without those of its loops: what blocks see.
    pub root: Rc<Frame>,
    /// Blocks of the templates around, innermost last.
    pub blocks: Vec<BlockStacks>,
    /// Where the output came from.
    pub origins: Origins,
    /// How many texts are being captured: only what goes straight to the output has an origin.
    pub captures: u32,
    /// Inside `{% autoescape true %}`.
    pub escape: bool,
    /// What the values weigh.
    pub(super) weight: usize,
    /// How many values were put into others.
    pub(super) inside: usize,
    /// Emptied at the end.
    pub(super) circles: Circles,
    pub(super) fuel: u64,
    pub(super) depth: u32,
}

impl<'r> Run<'r> {
    /// A render that has not started.
    pub fn new(
        engine: &'r Engine,
        scope: &'r Scope,
        variables: Variables,
        syntax: Syntax,
        main: Arc<Compiled>,
    ) -> Self {
        Self {
            engine,
            scope,
            variables,
            syntax,
            template: main,
            globals: HashMap::new(),
            modules: HashMap::new(),
            root: Frame::alone(),
            blocks: Vec::new(),
            origins: Origins::default(),
            captures: 0,
            escape: false,
            weight: 0,
            inside: 0,
            circles: Circles::default(),
            fuel: engine.limits.fuel,
            depth: 0,
        }
    }

    /// Pays for work; a render that never ends runs out of it.
    pub fn spend(&mut self, steps: usize) -> Res<()> {
        match self.fuel.checked_sub(steps as u64) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => Err(Fault::limit(format!("the template needs more than {} steps", self.engine.limits.fuel))),
        }
    }

    /// Runs something one level deeper; refuses what nests without end.
    pub(super) fn deeper<T>(&mut self, levels: u32, work: impl FnOnce(&mut Self) -> Res<T>) -> Res<T> {
        self.depth += levels;
        let result = if self.depth > self.engine.limits.recursion * 10 {
            Err(Fault::limit(format!("macros, includes or values nest deeper than {}", self.engine.limits.recursion)))
        } else {
            work(self)
        };
        self.depth -= levels;
        result
    }

    /// Refuses output beyond the limit.
    pub(super) fn bounded(&self, out: &str) -> Res<()> {
        if out.len() > self.engine.limits.output {
            return Err(Fault::limit(format!("the output is larger than {} bytes", self.engine.limits.output)));
        }
        Ok(())
    }
}
