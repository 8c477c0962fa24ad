//! `slsutil.*`: what templates and states do with data: merging, serializing, rendering.

use super::banner::{Banner, banner};
use super::snapshot::{environment, scope};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::render::Template;
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
            doc: "Renders a file of the tree or of the machine, or a text, through a pipe and returns the data.",
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
            name: "banner",
            quick: true,
            doc: "A framed comment that says the file is managed.",
            example: "slsutil.banner width=60 title='Managed'",
            args: Banner::ROWS,
            code: Code::Reads(|_, arguments| banner(&Banner::bind("slsutil.banner", arguments)?)),
        },
        Function {
            name: "findup",
            quick: true,
            doc: "The first of the named files in a directory of the tree or the directories above it.",
            example: "slsutil.findup foo/bar/baz '[map.jinja, settings.jinja]'",
            args: FindUp::ROWS,
            code: Code::Reads(findup),
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
        /// Return what each stage of the pipe made instead of the data at its end.
        show_stages: bool = false,
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
    /// Arguments of `slsutil.findup`.
    pub struct FindUp {
        /// The directory to start in.
        startpath: String,
        /// A file name or several; without one the directory itself is looked for.
        filenames: Value = Value::Null,
        /// The environment.
        saltenv: Option<String> = None,
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
        other => return Err(absent("serialize", other)),
    })
}

/// A format that is not there: the reference's words for those that it does not have either.
fn absent(function: &str, serializer: &str) -> CallError {
    let known = ["configparser", "keyvalue", "msgpack", "plist", "toml", "tomlmod", "yamlex"];
    if known.contains(&serializer) {
        return CallError::Unsupported(format!("slsutil.{function} with {serializer}"));
    }
    CallError::Invocation(format!("Serializer '{serializer}' not found."))
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
        other => Err(absent("deserialize", other)),
    }
}

fn renderer(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = Render::bind("slsutil.renderer", arguments)?;
    let saltenv = environment(facts);
    let (path, text) = match (given.path, given.string) {
        (Some(path), _) => (path.clone(), source(facts, &saltenv, &path)?),
        (None, Some(text)) => ("<string>".to_owned(), text),
        (None, None) => return Err(CallError::Invocation("Must pass either path or string.".to_owned())),
    };
    let path = path.strip_prefix("salt://").unwrap_or(&path);
    let text = if text.starts_with("#!") { text } else { format!("#!{}\n{text}", given.default_renderer) };
    let scope = scope(facts, saltenv, given.kwargs);
    let (renderer, template) = (facts.renderer(), Template { text: &text, path, sls: None });
    let answer = if given.show_stages {
        renderer.stages(&scope, &template).map(Value::Map)
    } else {
        renderer.sls(&scope, &template).map(|sls| sls.value)
    };
    answer.map(Into::into).map_err(CallError::Diagnostic)
}

/// The text of a file of the tree, or of the machine when the path says so.
fn source(facts: &dyn Facts, saltenv: &str, path: &str) -> Result<String, CallError> {
    if path.starts_with('/') {
        // Read by the function that may: there is none where pillar is compiled.
        let read = facts.caller().call("file.read", Arguments::positional([path]))?;
        return Ok(read.value.as_str().unwrap_or_default().to_owned());
    }
    let path = path.strip_prefix("salt://").unwrap_or(path);
    let missing = || CallError::Invocation(format!("there is no file '{path}' in environment '{saltenv}'"));
    let files = facts.files().ok_or_else(missing)?;
    let read = files.read(saltenv, path).map_err(|error| CallError::Failed(error.to_string()))?;
    let bytes = read.ok_or_else(missing)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| CallError::Failed(format!("{path} is no text")))
}

fn findup(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let given = FindUp::bind("slsutil.findup", arguments)?;
    let saltenv = given.saltenv.unwrap_or_else(|| environment(facts));
    let names: Vec<String> = match &given.filenames {
        Value::List(items) => items.iter().map(python::str_).collect(),
        Value::Null => vec![String::new()],
        name => vec![python::str_(name)],
    };
    let start = given.startpath.trim_matches('/');
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    loop {
        for name in &names {
            let path = parts.iter().copied().chain([name.as_str()]).filter(|part| !part.is_empty());
            let path = path.collect::<Vec<_>>().join("/");
            let there = Arguments::positional([path.as_str()]).with("saltenv", saltenv.as_str());
            if exists(facts, "slsutil.path_exists", there, true, true)?.value.truthy() {
                return Ok(path.into());
            }
        }
        if parts.pop().is_none() {
            return Err(CallError::Invocation("File pattern(s) not found in path ancestry".to_owned()));
        }
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
