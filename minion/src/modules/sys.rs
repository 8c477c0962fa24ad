//! `sys.*`: what functions there are, what they do and what they take.

use std::collections::BTreeSet;

use fleet_common::args;
use fleet_common::call::document::{Described, argument_text, default_value};
use fleet_common::call::{ArgRow, Arguments, CallResult, Function, Rest, Row, unbuilt};
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};

use crate::cx::{Look, Module};
use crate::providers::{Provider, provider};
use crate::states::STATES;

/// The module.
pub const MODULE: Module = Module {
    name: "sys",
    doc: "What functions there are, what they do and what they take.",
    functions: &[
        Function::reads(
            "doc",
            "Texts of functions, of whole modules, or of all.",
            "sys.doc test.ping",
            Names::ROWS,
            doc,
        )
        .quick(),
        Function::reads(
            "argspec",
            "Arguments and defaults of functions.",
            "sys.argspec test.echo",
            Names::ROWS,
            argspec,
        )
        .quick(),
        Function::reads(
            "list_functions",
            "Names of functions: all, of modules, or matching a pattern.",
            "sys.list_functions test 'sys.list*'",
            Names::ROWS,
            list_functions,
        )
        .quick(),
        Function::reads(
            "list_modules",
            "Names of modules: all, or matching a pattern.",
            "sys.list_modules 's*'",
            Names::ROWS,
            list_modules,
        )
        .quick(),
        Function::reads(
            "state_doc",
            "Texts of state functions, of whole modules, or of all.",
            "sys.state_doc file.managed",
            Names::ROWS,
            state_doc,
        )
        .quick(),
        Function::reads(
            "state_argspec",
            "Arguments and defaults of state functions.",
            "sys.state_argspec file.managed",
            Names::ROWS,
            state_argspec,
        )
        .quick(),
        Function::reads(
            "list_state_functions",
            "Names of state functions: all, of modules, or matching a pattern.",
            "sys.list_state_functions file",
            Names::ROWS,
            list_state_functions,
        )
        .quick(),
        Function::reads(
            "list_state_modules",
            "Names of state modules: all, or matching a pattern.",
            "sys.list_state_modules 's*'",
            Names::ROWS,
            list_state_modules,
        )
        .quick(),
        Function::reads(
            "providers",
            "Which implementation stands behind each module that systems do differently; null where there is none.",
            "sys.providers",
            Nothing::ROWS,
            |look, arguments| {
                Nothing::bind("sys.providers", arguments)?;
                let picked = |of: Provider| provider(look, of, "sys.providers").map_or(Value::Null, Value::from);
                Ok(Provider::ALL.iter().map(|of| (of.module(), picked(*of))).collect::<Map>().into())
            },
        ),
    ],
};

/// The part of the module `test` that needs this minion's tables.
pub const TEST: Module = Module {
    name: "test",
    doc: "Functions that try things out.",
    functions: &[
        Function::reads(
            "provider",
            "Which implementation stands behind a module.",
            "test.provider pkg",
            Named::ROWS,
            |look, arguments| {
                let module = Named::bind("test.provider", arguments)?.module;
                Ok(behind(look, &module).into())
            },
        ),
        Function::reads(
            "module_report",
            "The functions there are, and the modules.",
            "test.module_report",
            Nothing::ROWS,
            |look, arguments| {
                Nothing::bind("test.module_report", arguments)?;
                let functions: Value = look.functions().rows().map(|row| Value::from(name(&row))).collect();
                let modules: Value = look.functions().modules().map(|(module, _)| Value::from(module)).collect();
                Ok(Map::from_iter([("functions", functions), ("modules", modules)]).into())
            },
        ),
        Function::reads(
            "not_loaded",
            "Modules of the reference that are not there at all, and those without an implementation on this machine.",
            "test.not_loaded",
            Nothing::ROWS,
            |look, arguments| {
                Nothing::bind("test.not_loaded", arguments)?;
                let known: BTreeSet<&str> = look.functions().modules().map(|(module, _)| module).collect();
                let unbuilt = unbuilt::functions().map(|(module, _)| module).filter(|module| !known.contains(module));
                let idle = known.iter().copied().filter(|module| behind(look, module).is_null());
                Ok(unbuilt.chain(idle).collect::<BTreeSet<_>>().into_iter().map(Value::from).collect::<Value>().into())
            },
        ),
        Function::reads(
            "providers",
            "Which implementation stands behind each module.",
            "test.providers",
            Nothing::ROWS,
            |look, arguments| {
                Nothing::bind("test.providers", arguments)?;
                Ok(look.functions().modules().map(|(module, _)| (module, behind(look, module))).collect::<Map>().into())
            },
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A module.
    pub struct Named {
        /// The module.
        module: String,
    }
}

/// The implementation of a module: its own name where there is but one, null where there is none.
fn behind(look: &Look, module: &str) -> Value {
    if let Some(of) = Provider::ALL.into_iter().find(|of| of.module() == module) {
        return provider(look, of, "test.provider").map_or(Value::Null, Value::from);
    }
    look.functions().modules().find(|(name, _)| *name == module).map_or(Value::Null, |(name, _)| name.into())
}

args! {
    /// Names or patterns.
    pub struct Names {
        /// Modules, functions, or shell patterns of them.
        *args: Vec<String>,
    }
}

fn name(row: &Row) -> String {
    format!("{}.{}", row.module, row.name)
}

fn wanted(row: &Row, names: &[String]) -> bool {
    is_wanted(&name(row), row.module, names)
}

/// True for a function that a name, a module's name or a pattern stands for; no names stand for all.
fn is_wanted(full: &str, module: &str, names: &[String]) -> bool {
    names.is_empty()
        || names.iter().any(|wanted| {
            if glob::is_pattern(wanted) { glob::matches(wanted, full) } else { wanted == full || wanted == module }
        })
}

fn doc(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.doc", arguments)?.args;
    let text = |row: Row| {
        let text = format!("{}\n\nCLI Example:\n\n    salt '*' {}\n", row.doc, row.example);
        (Value::from(name(&row)), Value::from(text + &told(row.args)))
    };
    let texts: Map = look.functions().rows().filter(|row| wanted(row, &names)).map(text).collect();
    Ok(texts.into())
}

/// The arguments, each with its kind and default.
fn told(rows: &[ArgRow]) -> String {
    let text = |argument: &ArgRow| {
        let Described { name, takes, doc } = argument_text(argument);
        format!("\n{name} ({takes})\n    {doc}\n")
    };
    rows.iter().map(text).collect()
}

fn state_doc(_: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.state_doc", arguments)?.args;
    let mut texts = Map::new();
    for module in STATES {
        let of_module = |full: &str| is_wanted(full, module.name, &names);
        for function in module.functions.iter().filter(|f| of_module(&format!("{}.{}", module.name, f.name))) {
            // The module's own text comes before those of its functions, as in the reference.
            texts.entry_or_insert_with(module.name, || Value::from(module.doc));
            let text = format!("{}\n\nExample:\n\n    {}\n", function.doc, function.example);
            texts.insert(format!("{}.{}", module.name, function.name), text + &told(function.args));
        }
    }
    Ok(texts.into())
}

fn state_argspec(_: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.state_argspec", arguments)?.args;
    let all = state_names().filter(|(full, module, _)| is_wanted(full, module, &names));
    Ok(all.map(|(full, _, args)| (Value::from(full), Value::Map(spec(args)))).collect::<Map>().into())
}

fn list_state_functions(_: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.list_state_functions", arguments)?.args;
    let mut listed: Vec<String> =
        state_names().filter(|(full, module, _)| is_wanted(full, module, &names)).map(|(full, ..)| full).collect();
    listed.sort_unstable();
    Ok(Value::from(listed).into())
}

fn list_state_modules(_: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.list_state_modules", arguments)?.args;
    let fits = |module: &str| names.is_empty() || names.iter().any(|wanted| glob::matches(wanted, module));
    let mut listed: Vec<&str> = STATES.iter().map(|module| module.name).filter(|name| fits(name)).collect();
    listed.sort_unstable();
    Ok(listed.into_iter().map(Value::from).collect::<Value>().into())
}

/// All state functions: full name, module, arguments.
fn state_names() -> impl Iterator<Item = (String, &'static str, &'static [ArgRow])> {
    STATES.iter().flat_map(|module| {
        module.functions.iter().map(|f| (format!("{}.{}", module.name, f.name), module.name, f.args))
    })
}

fn argspec(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.argspec", arguments)?.args;
    let rows = look.functions().rows().filter(|row| wanted(row, &names));
    let specs: Map = rows.map(|row| (Value::from(name(&row)), Value::Map(spec(row.args)))).collect();
    Ok(specs.into())
}

/// Names, the defaults of the last ones, and whether more are taken.
fn spec(rows: &[ArgRow]) -> Map {
    let plain: Vec<&ArgRow> = rows.iter().filter(|row| row.rest == Rest::No).collect();
    let or_null = |list: Value| if list.truthy() { list } else { Value::Null };
    // Arguments are given by position, so defaults count from the first optional one on.
    let defaults =
        plain.iter().skip_while(|row| row.default.is_none()).map(|row| default_value(row.default.unwrap_or("None")));
    let takes = |rest: Rest| if rows.iter().any(|row| row.rest == rest) { Value::Bool(true) } else { Value::Null };
    Map::from_iter([
        ("args", or_null(plain.iter().map(|row| Value::from(row.name)).collect())),
        ("defaults", or_null(defaults.collect())),
        ("varargs", takes(Rest::Positional)),
        ("kwargs", takes(Rest::Keyword)),
    ])
}

fn list_functions(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.list_functions", arguments)?.args;
    let listed = look.functions().rows().filter(|row| wanted(row, &names)).map(|row| Value::from(name(&row)));
    Ok(listed.collect::<Value>().into())
}

fn list_modules(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.list_modules", arguments)?.args;
    let fits = |module: &str| names.is_empty() || names.iter().any(|wanted| glob::matches(wanted, module));
    let listed = look.functions().modules().map(|(module, _)| module).filter(|module| fits(module)).map(Value::from);
    Ok(listed.collect::<Value>().into())
}
