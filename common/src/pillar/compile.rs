//! SLS files rendered once each, their includes resolved, everything merged in order.

use std::collections::HashSet;
use std::sync::Arc;

use super::facts::PillarFacts;
use super::fault::{Fault, Problem, Refused};
use super::options::Options;
use super::top::Matched;
use crate::call::Facts;
use crate::diag::{Diagnostic, Place};
use crate::files::{FileSource, Tree, is_init};
use crate::render::{Renderer, Scope, Template};
use crate::target::glob;
use crate::value::merge::{self, Strategy};
use crate::value::python::str_;
use crate::value::{Map, Value};

/// Includes below each other at most.
const MAX_DEPTH: usize = 200;

/// A compiled pillar: what could be compiled, and what is wrong with the rest.
#[derive(Debug, Clone, Default)]
pub struct Pillar {
    /// The data; incomplete when there are faults.
    pub data: Map,
    /// What is wrong. Any fault holds the run.
    pub faults: Vec<Fault>,
    /// Targets of the top file that believe a minion's own claims.
    pub believed: Vec<Believed>,
    /// True when templates used chance or functions of `pillar_exec`: another time the data may be other.
    pub volatile: bool,
}

/// A target of the top file and the grains it believes that nobody declared trusted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Believed {
    /// The target as written.
    pub target: String,
    /// Names of grains, sorted; `*` for any.
    pub grains: Vec<String>,
}

impl Pillar {
    /// The data, if nothing is wrong with it.
    pub fn into_result(self) -> Result<Map, Refused> {
        if self.faults.is_empty() { Ok(self.data) } else { Err(Refused { faults: self.faults }) }
    }

    /// The data with the faults under `_errors`, as the reference hands it out.
    pub fn into_map(self) -> Map {
        let mut data = self.data;
        if !self.faults.is_empty() {
            let errors = self.faults.iter().map(|fault| Value::from(fault.text())).collect();
            data.insert("_errors", Value::List(errors));
        }
        data
    }
}

/// Compiles the pillar of one minion. `facts` are those of the minion; their own pillar is not looked at.
pub fn compile(renderer: &Renderer, files: &Arc<dyn FileSource>, facts: Arc<dyn Facts>, options: &Options) -> Pillar {
    let facts = Arc::new(PillarFacts::new(facts, Arc::clone(files), &options.exec, options.overrides.clone()));
    let tree = Tree::new(&**files, options.env_order.clone());
    let mut compiler = Compiler { renderer, tree, facts, options, faults: Vec::new(), believed: Vec::new() };
    let matched = compiler.top();
    // The reference tells of SLS files first and of top files last.
    let of_top = std::mem::take(&mut compiler.faults);
    compiler.all(&matched);
    compiler.faults.extend(of_top);
    let Compiler { facts, faults, believed, .. } = compiler;
    let overrides = options.overrides.clone();
    facts.update(|pillar| merge_into(pillar, overrides, options));
    let data = Map::clone(&facts.pillar());
    Pillar { data, faults, believed, volatile: facts.is_volatile() }
}

/// The merged top files as they render for one minion: targets and their lists by environment.
pub fn top(
    renderer: &Renderer,
    files: &Arc<dyn FileSource>,
    facts: Arc<dyn Facts>,
    options: &Options,
) -> Result<Map, Diagnostic> {
    let facts = Arc::new(PillarFacts::new(facts, Arc::clone(files), &options.exec, Map::new()));
    let tree = Tree::new(&**files, options.env_order.clone());
    let mut compiler = Compiler { renderer, tree, facts, options, faults: Vec::new(), believed: Vec::new() };
    let top = compiler.merged_top();
    match compiler.faults.into_iter().next() {
        None => Ok(top),
        Some(fault) => Err(fault.diagnostic),
    }
}

/// One compilation.
pub(super) struct Compiler<'c> {
    pub renderer: &'c Renderer,
    pub tree: Tree<'c>,
    pub facts: Arc<PillarFacts>,
    pub options: &'c Options,
    pub faults: Vec<Fault>,
    pub believed: Vec<Believed>,
}

impl Compiler<'_> {
    fn all(&mut self, matched: &Matched) {
        for (env, patterns) in &matched.names {
            if !self.tree.has_environment(env).unwrap_or(false) {
                let known = self.tree.environments().unwrap_or_default();
                let fault = Fault::new(Problem::NoEnvironment { env: env.clone() });
                self.faults.push(fault.did_you_mean(env, known.iter().map(String::as_str)));
                continue;
            }
            let mut names = Vec::new();
            for pattern in patterns {
                match self.tree.expand(env, pattern) {
                    Ok(found) if found.is_empty() => names.push(pattern.clone()),
                    Ok(found) => names.extend(found),
                    Err(error) => self.faults.push(Fault::new(Problem::Files { why: error.to_string() })),
                }
            }
            let mut rendered = HashSet::new();
            for sls in names {
                let optional = matched.optional.contains(&(env.clone(), sls.clone()));
                let Some(part) = self.sls(env, &sls, None, &mut rendered, (0, optional)) else { continue };
                self.facts.update(|pillar| merge_into(pillar, part, self.options));
            }
        }
    }

    /// The data of one SLS with everything it includes; `rendered` are the names met so far in the environment.
    fn sls(
        &mut self,
        env: &str,
        sls: &str,
        defaults: Option<&Map>,
        rendered: &mut HashSet<String>,
        (depth, optional): (usize, bool),
    ) -> Option<Map> {
        rendered.insert(sls.to_owned());
        if depth > MAX_DEPTH {
            self.faults.push(Fault::new(Problem::IncludeDepth { sls: sls.to_owned() }));
            return None;
        }
        let path = match self.tree.find(env, sls) {
            Ok(Some(path)) => path,
            Ok(None) => {
                if !optional {
                    self.missing(env, sls);
                }
                return None;
            }
            Err(error) => {
                self.faults.push(Fault::new(Problem::Files { why: error.to_string() }));
                return None;
            }
        };
        let mut data = match self.render_with(env, Some(sls), &path, defaults) {
            Ok(Some(Value::Map(data))) => data,
            Ok(Some(value)) if value.truthy() => {
                let problem = Problem::NotADictionary { sls: sls.to_owned() };
                let message = format!("an SLS is a mapping; this one is a {}", value.kind());
                let diagnostic = Diagnostic::user(message).at(Place::new(path, 1, 0));
                self.faults.push(Fault::explained(problem, diagnostic));
                return None;
            }
            Ok(_) => return None,
            Err(diagnostic) => {
                self.not_rendered(sls, *diagnostic);
                return None;
            }
        };
        match data.get("include") {
            None => Some(data),
            Some(Value::List(_)) => {
                let Some(Value::List(items)) = data.remove("include") else { return Some(data) };
                let included = self.includes(env, (sls, is_init(&path)), &items, rendered, depth);
                Some(self.with_includes(data, included))
            }
            Some(_) => {
                self.faults.push(Fault::new(Problem::IncludeNotList { sls: sls.to_owned() }));
                Some(data)
            }
        }
    }

    /// What includes bring goes below the file's own data, or above it if the options say so.
    fn with_includes(&self, data: Map, included: Vec<Map>) -> Map {
        let mut parts = included;
        let own_first = self.options.includes_override;
        parts.insert(if own_first { 0 } else { parts.len() }, data);
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_default();
        for part in parts {
            merge_into(&mut whole, part, self.options);
        }
        whole
    }

    fn includes(
        &mut self,
        env: &str,
        (by, by_init): (&str, bool),
        items: &[Value],
        rendered: &mut HashSet<String>,
        depth: usize,
    ) -> Vec<Map> {
        let mut parts = Vec::new();
        for item in items {
            let Some((name, defaults, key)) = include(item) else {
                let problem = Problem::BadInclude { include: str_(item), sls: by.to_owned() };
                self.faults.push(Fault::new(problem));
                continue;
            };
            let name = absolute(name, by, by_init);
            let mut names = self.tree.expand(env, &name).unwrap_or_default();
            if names.is_empty() {
                names.push(name);
            }
            for name in names {
                if rendered.contains(&name) {
                    continue;
                }
                if let Some(part) = self.sls(env, &name, defaults, rendered, (depth + 1, false)) {
                    parts.push(key.map_or(part.clone(), |key| below(part, key)));
                }
            }
        }
        parts
    }

    fn missing(&mut self, env: &str, sls: &str) {
        let fault = Fault::new(Problem::NoSls { sls: sls.to_owned(), env: env.to_owned() });
        let fault = match self.tree.sls_names(env) {
            Ok(names) if !glob::is_pattern(sls) => fault.did_you_mean(sls, names.iter().map(String::as_str)),
            _ => fault,
        };
        self.faults.push(fault);
    }

    fn not_rendered(&mut self, sls: &str, diagnostic: Diagnostic) {
        let sls = sls.to_owned();
        let diagnostic = match self.facts.explain(&diagnostic.message) {
            Some(hint) => diagnostic.help(hint),
            None => diagnostic,
        };
        let problem = if self.options.safe_render_error {
            Problem::Rendering { sls }
        } else {
            Problem::RenderingBecause { sls, why: diagnostic.to_string() }
        };
        self.faults.push(Fault::explained(problem, diagnostic));
    }

    /// Renders a file by path; `None` when there is none.
    pub fn render(&self, env: &str, sls: Option<&str>, path: &str) -> Result<Option<Value>, Box<Diagnostic>> {
        self.render_with(env, sls, path, None)
    }

    fn render_with(
        &self,
        env: &str,
        sls: Option<&str>,
        path: &str,
        defaults: Option<&Map>,
    ) -> Result<Option<Value>, Box<Diagnostic>> {
        let content = match self.tree.files().read(env, path) {
            Ok(Some(content)) => content,
            Ok(None) | Err(crate::files::FileError::Environment(_)) => return Ok(None),
            Err(error) => return Err(Box::new(Diagnostic::user(error.to_string()))),
        };
        let text = std::str::from_utf8(&content)
            .map_err(|_| Box::new(Diagnostic::user("the file is not UTF-8").at(Place::new(path, 0, 0))))?;
        let facts: Arc<dyn Facts> = Arc::clone(&self.facts) as Arc<dyn Facts>;
        let scope = Scope { saltenv: env.to_owned(), facts, context: defaults.cloned().unwrap_or_default() };
        self.renderer.sls(&scope, &Template { text, path, sls }).map(|rendered| Some(rendered.value))
    }
}

/// Name, `defaults` and `key` of one entry of `include:`.
fn include(item: &Value) -> Option<(&str, Option<&Map>, Option<&str>)> {
    match item {
        Value::Str(name) => Some((name, None, None)),
        Value::Map(map) => {
            let (name, options) = map.get_index(0)?;
            let defaults = options.get("defaults").and_then(Value::as_map);
            Some((name.as_str()?, defaults, options.get("key").and_then(Value::as_str)))
        }
        _ => None,
    }
}

/// A name with a leading dot is a sibling of the file that includes it.
fn absolute(name: &str, by: &str, by_init: bool) -> String {
    let Some(rest) = name.strip_prefix('.') else { return name.to_owned() };
    let package = if by_init { Some(by) } else { by.rsplit_once('.').map(|(package, _)| package) };
    package.map_or_else(|| rest.to_owned(), |package| format!("{package}.{rest}"))
}

/// Puts data below a path (`a:b`).
fn below(part: Map, key: &str) -> Map {
    key.rsplit(':').fold(part, |inner, name| Map::from_iter([(name, Value::Map(inner))]))
}

/// Merges a part over what is there, in place: the whole takes time in proportion to its parts.
fn merge_into(whole: &mut Map, part: Map, options: &Options) {
    match options.strategy {
        Strategy::Aggregate | Strategy::Overwrite => whole.extend(part),
        Strategy::Smart | Strategy::Recurse => merge::update(whole, &part, options.merge_lists),
        Strategy::None => merge::update(whole, &part, false),
        Strategy::List => *whole = merge::merge(whole, &part, Strategy::List, options.merge_lists),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::call::{Arguments, Call, CallError, CallResult};
    use crate::files::{FileError, FileStat};
    use crate::render::Limits;
    use crate::value::python::repr;

    struct Files(BTreeMap<(&'static str, String), String>);

    impl FileSource for Files {
        fn environments(&self) -> Result<Vec<String>, FileError> {
            Ok(vec!["base".to_owned(), "dev".to_owned()])
        }
        fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
            let inside = self.0.keys().filter(|(env, path)| *env == environment && path.starts_with(prefix));
            Ok(inside.map(|(_, path)| path.clone()).collect())
        }
        fn directories(&self, _: &str, _: &str) -> Result<Vec<String>, FileError> {
            Ok(Vec::new())
        }
        fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError> {
            let found = self.read(environment, path)?;
            Ok(found.map(|content| FileStat { size: content.len() as u64, ..FileStat::default() }))
        }
        fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
            let found = self.0.iter().find(|((env, known), _)| *env == environment && known == path);
            Ok(found.map(|(_, text)| text.as_bytes().into()))
        }
    }

    struct Web1;

    impl Facts for Web1 {
        fn id(&self) -> &str {
            "web1"
        }
        fn grains(&self) -> Arc<Map> {
            Arc::new(Map::from_iter([("os", "Debian")]))
        }
        fn pillar(&self) -> Arc<Map> {
            Arc::default()
        }
        fn opts(&self) -> Arc<Map> {
            Arc::default()
        }
        fn files(&self) -> Option<Arc<dyn FileSource>> {
            None
        }
        fn caller(&self) -> Arc<dyn Call> {
            Arc::new(Shell)
        }
    }

    /// A minion's functions: `cmd.run`, which says what it would have run.
    struct Shell;

    impl Call for Shell {
        fn call(&self, function: &str, arguments: Arguments) -> CallResult {
            if !self.exists(function) {
                return Err(CallError::Unknown { function: function.to_owned(), suggestion: None });
            }
            Ok(arguments.positional.into_iter().next().unwrap_or_default().into())
        }
        fn exists(&self, function: &str) -> bool {
            function == "cmd.run"
        }
        fn names(&self) -> Vec<String> {
            vec!["cmd.run".to_owned()]
        }
    }

    fn compiled(files: &[(&'static str, &str, &str)], options: &Options) -> Pillar {
        let files = files.iter().map(|(env, path, text)| ((*env, (*path).to_owned()), (*text).to_owned()));
        let files: Arc<dyn FileSource> = Arc::new(Files(files.collect()));
        compile(&Renderer::new(Limits::default()), &files, Arc::new(Web1), options)
    }

    fn shown(files: &[(&'static str, &str, &str)], options: &Options) -> String {
        repr(&Value::Map(compiled(files, options).into_map()))
    }

    const TOP: (&str, &str, &str) = ("base", "top.sls", "base: {'web1': [{match: glob}, a, b]}");

    #[test]
    fn includes_take_defaults_and_keys_and_go_below() {
        let a = ("base", "a/init.sls", "include: [{.part: {defaults: {v: 7}, key: 'x:y'}}]\nx: {z: 1}\n");
        let part = ("base", "a/part.sls", "k: {{ v }}\n");
        let b = ("base", "b.sls", "x: {z: 2}\nseen: {{ pillar['x']['y']['k'] }}\n");
        assert_eq!(shown(&[TOP, a, part, b], &Options::default()), "{'x': {'y': {'k': 7}, 'z': 2}, 'seen': 7}");
    }

    #[test]
    fn a_fault_holds_the_pillar_but_hides_no_other() {
        let pillar = compiled(&[TOP, ("base", "a.sls", "x: {{ nope }}\n")], &Options::default());
        let texts: Vec<String> = pillar.faults.iter().map(Fault::text).collect();
        let missing = "Specified SLS 'b' in environment 'base' is not available on the salt master";
        assert_eq!(texts, ["Rendering SLS 'a' failed. Please see master log for details.", missing]);
        assert_eq!(pillar.faults[0].diagnostic.place.as_ref().map(|place| place.line), Some(1));
        assert!(pillar.into_result().is_err());
    }

    #[test]
    fn functions_with_an_effect_are_refused_by_name() {
        let files = [TOP, ("base", "a.sls", "x: {{ salt['cmd.run']('id') }}\n"), ("base", "b.sls", "y: 1\n")];
        let refused = compiled(&files, &Options::default());
        let told = refused.faults[0].diagnostic.to_string();
        assert!(told.contains("cmd.run") && told.contains("pillar_exec"), "{told}");
        let allowed = Options { exec: vec!["cmd.run".to_owned()], ..Options::default() };
        assert_eq!(shown(&files, &allowed), "{'x': 'id', 'y': 1}");
    }

    #[test]
    fn chance_is_told() {
        for (text, volatile) in [
            ("x: {{ grains.os | upper }}-{{ salt['hashutil.sha256_digest']('a') }}\n", false),
            ("x: {{ [1, 2] | random }}\n", true),
            ("x: {{ [1, 2] | map('random_hash') | list | length }}\n", true),
            ("x: {{ salt['random.get_str'](8) | json }}\n", true),
            ("x: {{ salt.random.rand_int(1, 2) }}\n", true),
        ] {
            let files = [TOP, ("base", "a.sls", text), ("base", "b.sls", "y: 1\n")];
            let pillar = compiled(&files, &Options::default());
            assert_eq!((pillar.faults.len(), pillar.volatile), (0, volatile), "{text} {:?}", pillar.faults);
        }
        let files = [TOP, ("base", "a.sls", "x: {{ salt['cmd.run']('id') }}\n"), ("base", "b.sls", "y: 1\n")];
        assert!(compiled(&files, &Options { exec: vec!["cmd.run".to_owned()], ..Options::default() }).volatile);
    }

    #[test]
    fn environments_and_overrides() {
        let files = [
            ("base", "top.sls", "base: {'web1': [{match: glob}, a]}"),
            ("dev", "top.sls", "dev: {'web1': [{match: glob}, a]}"),
            ("base", "a.sls", "s: base\nb: 1\n"),
            ("dev", "a.sls", "s: dev\n"),
        ];
        assert_eq!(shown(&files, &Options::default()), "{'s': 'dev', 'b': 1}");
        let dev = Options { pillarenv: Some("dev".to_owned()), ..Options::default() };
        assert_eq!(shown(&files, &dev), "{'s': 'dev'}");
        let over = Options { overrides: Map::from_iter([("s", "call")]), ..Options::default() };
        assert_eq!(shown(&files, &over), "{'s': 'call', 'b': 1}");
    }
}
