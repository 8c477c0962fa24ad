//! One render of the Jinja stage: delimiters from the configuration, then the template.

use minijinja::syntax::SyntaxConfig;

use super::interpret::{Engine, Run, Syntax};
use super::variables::Variables;
use crate::diag::Diagnostic;
use crate::render::{Origins, Scope, Template};
use crate::value::{Map, Value};

/// Renders a template to text; says where each part of it came from.
pub(in crate::render) fn render(
    engine: &Engine,
    scope: &Scope,
    template: &Template<'_>,
) -> Result<(String, Origins), Box<Diagnostic>> {
    let syntax = syntax(&scope.facts.opts(), template.sls.is_some())?;
    let main = engine.main(template.path, template.text, &syntax);
    let main = main.map_err(|fault| Box::new(fault.into_diagnostic()))?;
    let variables = Variables::new(scope, template);
    let mut out = String::new();
    let mut run = Run::new(engine, scope, variables, syntax, main);
    run.main(&mut out).map_err(|fault| Box::new(fault.into_diagnostic()))?;
    // The parser drops one last line break; the reference puts it back.
    if template.text.ends_with('\n') {
        out.push('\n');
    }
    Ok((out, run.origins))
}

/// Delimiters and white space handling: `jinja_sls_env` for SLS, `jinja_env` for other files.
fn syntax(opts: &Map, sls: bool) -> Result<Syntax, Box<Diagnostic>> {
    let mut builder = SyntaxConfig::builder();
    let mut key = String::new();
    let options = opts.get(if sls { "jinja_sls_env" } else { "jinja_env" }).and_then(Value::as_map);
    let option = |name: &str| options.and_then(|options| options.get(name));
    let text = |name: &str| option(name).and_then(Value::as_str);
    for name in ["trim_blocks", "lstrip_blocks"] {
        let general = opts.get(&format!("jinja_{name}")).is_some_and(Value::truthy);
        let on = option(name).map_or(general, Value::truthy);
        if on {
            key.push_str(name);
        }
        match name {
            "trim_blocks" => builder.trim_blocks(on),
            _ => builder.lstrip_blocks(on),
        };
    }
    let mut pair = |name: &str, start: &'static str, end: &'static str| {
        let open = text(&format!("{name}_start_string")).unwrap_or(start).to_owned();
        let close = text(&format!("{name}_end_string")).unwrap_or(end).to_owned();
        if open != start || close != end {
            key.push_str(&format!("{name}{open}{close}"));
        }
        (open, close)
    };
    let (block, variable, comment) =
        (pair("block", "{%", "%}"), pair("variable", "{{", "}}"), pair("comment", "{#", "#}"));
    if !key.is_empty() {
        builder.block_delimiters(block.0, block.1);
        builder.variable_delimiters(variable.0, variable.1);
        builder.comment_delimiters(comment.0, comment.1);
    }
    if let Some(prefix) = text("line_statement_prefix") {
        builder.line_statement_prefix(prefix.to_owned());
        key.push_str(&format!("line{prefix}"));
    }
    if let Some(prefix) = text("line_comment_prefix") {
        builder.line_comment_prefix(prefix.to_owned());
        key.push_str(&format!("comment{prefix}"));
    }
    let config = builder.build().map_err(|error| {
        Box::new(Diagnostic::config(format!("the delimiters of templates cannot be used: {error}")))
    })?;
    Ok(Syntax { config, key })
}
