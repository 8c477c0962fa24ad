//! `slsutil.*`: what templates and states do with data: merging, serializing, rendering.

use std::sync::Arc;

use crate::args;
use crate::call::{Arguments, Call, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::files::FileSource;
use crate::render::{Limits, Renderer, Scope, Template};
use crate::value::json_dump::{self, JsonOptions};
use crate::value::merge::{self, Strategy};
use crate::value::{Map, Value, json_load, python};
use crate::yaml::{self, DumpOptions};

/// The module.
pub const MODULE: PureModule = Module {
    name: "slsutil",
    doc: "What templates and states do with data: merging, serializing, rendering.",
    functions: &[
        Function {
            name: "merge",
            quick: true,
            doc: "Merges two mappings by a strategy: smart, aggregate, recurse, overwrite, list.",
            example: "slsutil.merge '{foo: Foo}' '{bar: Bar}'",
            args: Merge::ROWS,
            code: Code::Reads(merge_two),
        },
        Function {
            name: "merge_all",
            quick: true,
            doc: "Merges a list of mappings, the last one wins.",
            example: "slsutil.merge_all '[{foo: Foo}, {foo: Bar}]'",
            args: MergeAll::ROWS,
            code: Code::Reads(merge_all),
        },
        Function {
            name: "update",
            quick: true,
            doc: "Merges a mapping over another at every depth.",
            example: "slsutil.update '{foo: Foo}' '{bar: Bar}'",
            args: Update::ROWS,
            code: Code::Reads(update),
        },
        Function {
            name: "serialize",
            quick: true,
            doc: "Data as text: json, yaml, python.",
            example: "slsutil.serialize json '{foo: Foo!}'",
            args: Serialize::ROWS,
            code: Code::Reads(serialize),
        },
        Function {
            name: "deserialize",
            quick: true,
            doc: "Text as data: json, yaml.",
            example: "slsutil.deserialize json '{\"foo\": \"Foo!\"}'",
            args: Deserialize::ROWS,
            code: Code::Reads(deserialize),
        },
        Function {
            name: "renderer",
            quick: false,
            doc: "Renders a file of the tree, or a text, through a pipe and returns the data.",
            example: "slsutil.renderer salt://path/to/file",
            args: Render::ROWS,
            code: Code::Reads(renderer),
        },
        Function {
            name: "boolstr",
            quick: true,
            doc: "One of two texts for a truth value.",
            example: "slsutil.boolstr value=True true=yes false=no",
            args: BoolStr::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = BoolStr::bind("slsutil.boolstr", arguments)?;
                Ok(if given.value.truthy() { given.true_ } else { given.false_ }.into())
            }),
        },
        Function {
            name: "file_exists",
            quick: true,
            doc: "True if the tree has such a file.",
            example: "slsutil.file_exists nginx/defaults.yaml",
            args: Exists::ROWS,
            code: Code::Reads(|facts, arguments| exists(facts, "slsutil.file_exists", arguments, true, false)),
        },
        Function {
            name: "dir_exists",
            quick: true,
            doc: "True if the tree has such a directory.",
            example: "slsutil.dir_exists nginx/files",
            args: Exists::ROWS,
            code: Code::Reads(|facts, arguments| exists(facts, "slsutil.dir_exists", arguments, false, true)),
        },
        Function {
            name: "path_exists",
            quick: true,
            doc: "True if the tree has such a file or directory.",
            example: "slsutil.path_exists nginx/files",
            args: Exists::ROWS,
            code: Code::Reads(|facts, arguments| exists(facts, "slsutil.path_exists", arguments, true, true)),
        },
    ],
};

args! {
    /// Arguments of `slsutil.merge`.
    pub struct Merge {
        /// The mapping that is merged into.
        obj_a: Map,
        /// The mapping that wins.
        obj_b: Map,
        /// How.
        strategy: String = "smart".to_owned(),
        /// What wrote the data (does not matter here).
        renderer: String = "yaml".to_owned(),
        /// Join lists.
        merge_lists: bool = false,
    }
}

args! {
    /// Arguments of `slsutil.merge_all`.
    pub struct MergeAll {
        /// Mappings.
        lst: Vec<Map>,
        /// How.
        strategy: String = "smart".to_owned(),
        /// What wrote the data (does not matter here).
        renderer: String = "yaml".to_owned(),
        /// Join lists.
        merge_lists: bool = false,
    }
}

args! {
    /// Arguments of `slsutil.update`.
    pub struct Update {
        /// The mapping that is merged into.
        dest: Map,
        /// The mapping that wins.
        upd: Map,
        /// At every depth.
        recursive_update: bool = true,
        /// Join lists.
        merge_lists: bool = false,
    }
}

args! {
    /// Arguments of `slsutil.serialize`.
    pub struct Serialize {
        /// The format.
        serializer: String,
        /// The data.
        obj: Value,
        /// Options of the format.
        **mod_kwargs: Map,
    }
}

args! {
    /// Arguments of `slsutil.deserialize`.
    pub struct Deserialize {
        /// The format.
        serializer: String,
        /// The text.
        stream_or_string: String,
        /// Options of the format.
        **mod_kwargs: Map,
    }
}

args! {
    /// Arguments of `slsutil.renderer`.
    pub struct Render {
        /// A file of the tree (`salt://...`).
        path: Option<String> = None,
        /// A text instead.
        string: Option<String> = None,
        /// The pipe of a text without a first line.
        default_renderer: String = "jinja|yaml".to_owned(),
        /// More names for templates.
        **kwargs: Map,
    }
}

args! {
    /// Arguments of `slsutil.boolstr`.
    pub struct BoolStr {
        /// The truth value.
        value: Value,
        /// Text for true.
        true_: String = "true".to_owned(),
        /// Text for false.
        false_: String = "false".to_owned(),
    }
}

args! {
    /// Arguments of `slsutil.file_exists` and its kin.
    pub struct Exists {
        /// Path in the tree.
        path: String,
        /// The environment.
        saltenv: Option<String> = None,
    }
}

fn strategy(name: &str) -> Strategy {
    // An unknown strategy merges as `recurse`, as in the reference.
    Strategy::named(name).unwrap_or(Strategy::Recurse)
}

fn merge_two(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Merge::bind("slsutil.merge", arguments)?;
    Ok(merge::merge(&given.obj_a, &given.obj_b, strategy(&given.strategy), given.merge_lists).into())
}

fn merge_all(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = MergeAll::bind("slsutil.merge_all", arguments)?;
    let mut merged = Map::new();
    for map in &given.lst {
        merged = merge::merge(&merged, map, strategy(&given.strategy), given.merge_lists);
    }
    Ok(merged.into())
}

fn update(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let Update { mut dest, upd, recursive_update, merge_lists } = Update::bind("slsutil.update", arguments)?;
    if recursive_update {
        merge::update(&mut dest, &upd, merge_lists);
    } else {
        dest.extend(upd);
    }
    Ok(dest.into())
}

fn serialize(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Serialize::bind("slsutil.serialize", arguments)?;
    let flag = |name: &str| given.mod_kwargs.get(name).map(Value::truthy);
    Ok(match given.serializer.as_str() {
        "json" => {
            let indent = given.mod_kwargs.get("indent").and_then(Value::as_int);
            let indent = indent.map(|columns| " ".repeat(columns.clamp(0, 100) as usize));
            let sort_keys = flag("sort_keys").unwrap_or(false);
            json_dump::dumps(&given.obj, &JsonOptions { indent, sort_keys, ..JsonOptions::default() }).into()
        }
        "yaml" => {
            let mut options = DumpOptions::default();
            match flag("default_flow_style") {
                Some(true) => options.flow = yaml::Flow::Always,
                Some(false) => options.flow = yaml::Flow::Never,
                None => {}
            }
            let text = yaml::dump(&given.obj, &options);
            let text = text.strip_suffix("\n...\n").unwrap_or_else(|| text.trim_end_matches('\n'));
            text.into()
        }
        "python" => python::repr(&given.obj).into(),
        other => return Err(CallError::Unsupported(format!("slsutil.serialize with {other}"))),
    })
}

fn deserialize(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Deserialize::bind("slsutil.deserialize", arguments)?;
    match given.serializer.as_str() {
        "json" => match json_load::parse(&given.stream_or_string) {
            Ok(value) => Ok(value.into()),
            Err(error) => Err(CallError::Failed(error.to_string())),
        },
        "yaml" => match yaml::load(&given.stream_or_string, "slsutil.deserialize") {
            Ok(document) => Ok(document.value.into()),
            Err(error) => Err(error.diagnostic.into()),
        },
        other => Err(CallError::Unsupported(format!("slsutil.deserialize with {other}"))),
    }
}

/// Facts as they are now, to outlive the call that borrowed them.
struct Snapshot {
    id: String,
    grains: Arc<Map>,
    pillar: Arc<Map>,
    opts: Arc<Map>,
    files: Option<Arc<dyn FileSource>>,
    caller: Arc<dyn Call>,
}

impl Facts for Snapshot {
    fn id(&self) -> &str {
        &self.id
    }
    fn grains(&self) -> Arc<Map> {
        self.grains.clone()
    }
    fn pillar(&self) -> Arc<Map> {
        self.pillar.clone()
    }
    fn opts(&self) -> Arc<Map> {
        self.opts.clone()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        self.files.clone()
    }
    fn caller(&self) -> Arc<dyn Call> {
        self.caller.clone()
    }
}

fn environment(facts: &dyn Facts) -> String {
    facts.opts().get("saltenv").and_then(Value::as_str).unwrap_or("base").to_owned()
}

fn renderer(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Render::bind("slsutil.renderer", arguments)?;
    let saltenv = environment(facts);
    let (path, text) = match (given.path, given.string) {
        (Some(path), _) => {
            let path = path.strip_prefix("salt://").unwrap_or(&path).to_owned();
            let missing = || CallError::Invocation(format!("there is no file '{path}' in environment '{saltenv}'"));
            let files = facts.files().ok_or_else(missing)?;
            let read = files.read(&saltenv, &path).map_err(|error| CallError::Failed(error.to_string()))?;
            let bytes = read.ok_or_else(missing)?;
            let text =
                String::from_utf8(bytes.to_vec()).map_err(|_| CallError::Failed(format!("{path} is no text")))?;
            (path, text)
        }
        (None, Some(text)) => ("<string>".to_owned(), text),
        (None, None) => return Err(CallError::Invocation("Must pass either path or string.".to_owned())),
    };
    let text = if text.starts_with("#!") { text } else { format!("#!{}\n{text}", given.default_renderer) };
    let snapshot = Snapshot {
        id: facts.id().to_owned(),
        grains: facts.grains(),
        pillar: facts.pillar(),
        opts: facts.opts(),
        files: facts.files(),
        caller: facts.caller(),
    };
    let scope = Scope { saltenv, facts: Arc::new(snapshot), context: given.kwargs };
    let template = Template { text: &text, path: &path, sls: None };
    match Renderer::new(Limits::default()).sls(&scope, &template) {
        Ok(sls) => Ok(sls.value.into()),
        Err(fault) => Err(CallError::Diagnostic(fault)),
    }
}

fn exists(facts: &dyn Facts, function: &str, arguments: Arguments, files: bool, folders: bool) -> CallResult {
    let Exists { path, saltenv } = Exists::bind(function, arguments)?;
    let saltenv = saltenv.unwrap_or_else(|| environment(facts));
    let path = path.strip_prefix("salt://").unwrap_or(&path).trim_matches('/');
    let Some(source) = facts.files() else { return Ok(false.into()) };
    let failed = |error: crate::files::FileError| CallError::Failed(error.to_string());
    if files && source.stat(&saltenv, path).map_err(failed)?.is_some() {
        return Ok(true.into());
    }
    let found = folders && source.directories(&saltenv, path).map_err(failed)?.iter().any(|known| known == path);
    Ok(found.into())
}
