//! From a text to a [`Compiled`] template: line ends, pre-pass, parser, lowering.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::{ast, parse};
use minijinja::syntax::SyntaxConfig;

use super::fault::{Fault, Res};
use super::lower::Lowering;
use super::prepass;
use super::tree::{At, Compiled};

/// What bounds the compilation of one template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Largest source, in bytes.
    pub source: usize,
    /// Longest chain of operators.
    pub chain: usize,
}

/// Compiles a template.
pub(super) fn compile(name: &str, text: &str, syntax: &SyntaxConfig, bounds: Bounds) -> Res<Compiled> {
    if text.len() > bounds.source {
        return Err(Fault::limit(format!("the template is larger than {} bytes", bounds.source)).in_text(
            name,
            "",
            At::default(),
        ));
    }
    let source = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() };
    let compiled = Source { name, text: &source }.compile(syntax, bounds);
    compiled.map_err(|fault| fault.named(name, &source))
}

struct Source<'s> {
    name: &'s str,
    text: &'s str,
}

impl Source<'_> {
    fn compile(&self, syntax: &SyntaxConfig, bounds: Bounds) -> Res<Compiled> {
        let edits = prepass::rewrite(self.text, syntax, bounds.chain)?;
        let tree = parse(&edits.text, "template", syntax.clone()).map_err(|error| self.parser_fault(&edits, &error))?;
        let ast::Stmt::Template(template) = tree else {
            return Err(Fault::syntax("the text is no template"));
        };
        let mut lowering = Lowering::new(&edits, self.text);
        let body = lowering.body(&template.children)?;
        let blocks: BTreeMap<_, _> = lowering.blocks.into_iter().map(|block| (block.name.clone(), block)).collect();
        Ok(Compiled { name: Arc::from(self.name), source: Arc::from(self.text), body, blocks })
    }

    fn parser_fault(&self, edits: &prepass::Edits, error: &minijinja::Error) -> Fault {
        let at = match error.range() {
            Some(range) => edits.at(self.text, u32::try_from(range.start).unwrap_or(0)),
            None => At { line: error.line().unwrap_or(1) as u32, column: 0 },
        };
        let message = worded(error.detail().unwrap_or("the template cannot be parsed"));
        Fault::syntax(message).in_text(self.name, self.text, at)
    }
}

/// The parser's message in the words that users of Jinja2 know.
fn worded(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unexpected ") else {
        return message.to_owned();
    };
    match rest.split_once(", expected ") {
        Some((got, wanted)) => {
            let wanted = if wanted == "end of block" { "end of statement block" } else { wanted };
            let wanted = if wanted == "end of variable block" { "end of print statement" } else { wanted };
            format!("expected token '{}', got '{}'", wanted.trim_matches('`'), got.trim_matches('`'))
        }
        None => format!("Expected an expression, got '{}'", rest.trim_matches('`')),
    }
}
