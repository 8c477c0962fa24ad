//! `sys.*`: what functions there are, what they do and what they take.

use fleet_common::args;
use fleet_common::call::document::default_value;
use fleet_common::call::{ArgRow, Arguments, CallResult, Function, Rest, Row};
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};

use crate::cx::{Look, Module};
use crate::providers::{Provider, provider};

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

/// True for a function that a name, a module's name or a pattern stands for; no names stand for all.
fn wanted(row: &Row, names: &[String]) -> bool {
    let full = name(row);
    names.is_empty()
        || names.iter().any(|wanted| {
            if glob::is_pattern(wanted) {
                glob::matches(wanted, &full)
            } else {
                *wanted == full || *wanted == row.module
            }
        })
}

fn doc(look: &Look, arguments: Arguments) -> CallResult {
    let names = Names::bind("sys.doc", arguments)?.args;
    let text = |row: Row| {
        let mut text = format!("{}\n\nCLI Example:\n\n    salt '*' {}\n", row.doc, row.example);
        for argument in row.args {
            let doc = argument.doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
            text.push_str(&format!("\n{}\n    {}\n", argument.name, doc.trim()));
        }
        (Value::from(name(&row)), Value::from(text))
    };
    let texts: Map = look.functions().rows().filter(|row| wanted(row, &names)).map(text).collect();
    Ok(texts.into())
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
