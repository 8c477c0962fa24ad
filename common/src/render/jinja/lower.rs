//! From the parser's tree to ours: names owned, chains flat, filters and tests looked up, marks of the pre-pass undone.

use std::sync::Arc;

use minijinja::machinery::ast::{self, Stmt};

use super::fault::{Fault, Res};
use super::lower_expression::text_name;
use super::prepass::{Edits, marks};
use super::tree::{At, Block, Body, DataFormat, Expr, For, Import, Kind, LinkKind, MacroRow, Node, Statement, Target};

/// The lowering of one template.
pub(super) struct Lowering<'s> {
    edits: &'s Edits,
    source: &'s str,
    /// The blocks found so far.
    pub blocks: Vec<Arc<Block>>,
    /// For each macro around: whether `varargs`, `kwargs`, `caller` were seen.
    pub(super) macros: Vec<[bool; 3]>,
}

impl<'s> Lowering<'s> {
    /// Starts with nothing found.
    pub fn new(edits: &'s Edits, source: &'s str) -> Self {
        Self { edits, source, blocks: Vec::new(), macros: Vec::new() }
    }

    /// Lowers statements.
    pub fn body(&mut self, statements: &[Stmt<'_>]) -> Res<Body> {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    /// The position of a span in the source.
    pub(super) fn at(&self, span: minijinja::machinery::Span) -> At {
        self.edits.at(self.source, span.start_offset)
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Res<Node> {
        let span = match statement {
            Stmt::Template(s) => s.span(),
            Stmt::EmitExpr(s) => s.expr.span(),
            Stmt::EmitRaw(s) => s.span(),
            Stmt::ForLoop(s) => s.span(),
            Stmt::IfCond(s) => s.span(),
            Stmt::WithBlock(s) => s.span(),
            Stmt::Set(s) => s.span(),
            Stmt::SetBlock(s) => s.span(),
            Stmt::AutoEscape(s) => s.span(),
            Stmt::FilterBlock(s) => s.span(),
            Stmt::Block(s) => s.span(),
            Stmt::Import(s) => s.span(),
            Stmt::FromImport(s) => s.span(),
            Stmt::Extends(s) => s.span(),
            Stmt::Include(s) => s.span(),
            Stmt::Macro(s) => s.span(),
            Stmt::CallBlock(s) => s.span(),
            Stmt::Continue(s) => s.span(),
            Stmt::Break(s) => s.span(),
            Stmt::Do(s) => s.span(),
        };
        let at = self.at(span);
        let kind = match statement {
            Stmt::Template(s) => Statement::If(Vec::new(), self.body(&s.children)?),
            Stmt::EmitExpr(s) => Statement::Emit(self.expression(&s.expr)?),
            Stmt::EmitRaw(s) => Statement::Text(s.raw.into()),
            Stmt::ForLoop(s) => Statement::For(self.for_loop(s, at)?),
            Stmt::IfCond(s) => self.condition(s)?,
            Stmt::WithBlock(s) => {
                let mut assignments = Vec::new();
                for (target, value) in &s.assignments {
                    assignments.push((target_of(target)?, self.expression(value)?));
                }
                Statement::With(assignments, self.body(&s.body)?)
            }
            Stmt::Set(s) => self.set(s)?,
            Stmt::SetBlock(s) => self.set_block(s)?,
            Stmt::AutoEscape(s) => Statement::AutoEscape(self.expression(&s.enabled)?, self.body(&s.body)?),
            Stmt::FilterBlock(s) => Statement::Filter(self.filters(&s.filter)?, self.body(&s.body)?),
            Stmt::Block(s) => {
                let block = Arc::new(Block { name: s.name.into(), body: self.body(&s.body)?, required: s.required });
                self.blocks.push(block.clone());
                Statement::Block(block)
            }
            Stmt::Import(s) => {
                let (template, context) = self.template(&s.expr)?;
                Statement::Import(Import { template, name: target_of(&s.name)?, context })
            }
            Stmt::FromImport(s) => self.names_import(s)?,
            Stmt::Extends(s) => Statement::Extends(self.expression(&s.name)?),
            Stmt::Include(s) => {
                let (template, without) = self.template(&s.name)?;
                Statement::Include { template, ignore_missing: s.ignore_missing, context: !without }
            }
            Stmt::Macro(s) => Statement::Macro(self.macro_row(s)?),
            Stmt::CallBlock(s) => {
                let call = self.call_of(&s.call)?;
                Statement::Call(call, self.macro_row(&s.macro_decl)?)
            }
            Stmt::Continue(_) => Statement::Continue,
            Stmt::Break(_) => Statement::Break,
            Stmt::Do(s) => Statement::Do(self.call_of(&s.call)?),
        };
        Ok(Node { at, kind })
    }

    fn for_loop(&mut self, row: &ast::ForLoop<'_>, at: At) -> Res<Arc<For>> {
        Ok(Arc::new(For {
            target: target_of(&row.target)?,
            items: self.expression(&row.iter)?,
            filter: row.filter_expr.as_ref().map(|filter| self.expression(filter)).transpose()?,
            body: self.body(&row.body)?,
            otherwise: self.body(&row.else_body)?,
            at,
        }))
    }

    fn condition(&mut self, first: &ast::IfCond<'_>) -> Res<Statement> {
        let mut branches = vec![(self.expression(&first.expr)?, self.body(&first.true_body)?)];
        let mut rest = &first.false_body;
        // An `elif` is an `if` alone in the other branch; flat, it needs no stack.
        while let [Stmt::IfCond(next)] = rest.as_slice() {
            branches.push((self.expression(&next.expr)?, self.body(&next.true_body)?));
            rest = &next.false_body;
        }
        Ok(Statement::If(branches, self.body(rest)?))
    }

    fn set(&mut self, row: &ast::Set<'_>) -> Res<Statement> {
        if let ast::Expr::Var(name) = &row.target {
            match name.id {
                marks::DO => return Ok(Statement::Do(self.expression(&row.expr)?)),
                marks::PRINT => return Ok(Statement::Emit(self.expression(&row.expr)?)),
                _ => {}
            }
        }
        let target = target_of(&row.target)?;
        if let ast::Expr::Call(call) = &row.expr
            && let ast::Expr::Var(function) = &call.expr
            && let Some(index) = marks::IMPORT.iter().position(|(_, mark)| *mark == function.id)
        {
            let (Some(ast::CallArg::Pos(file)), Some(ast::CallArg::Pos(flag))) = (call.args.first(), call.args.get(1))
            else {
                return Err(Fault::syntax("expected a template name"));
            };
            let context = flag.as_const().is_some_and(|flag| flag.is_true());
            let import = Import { template: self.expression(file)?, name: target, context };
            return Ok(Statement::ImportData(format_of(index), import));
        }
        Ok(Statement::Set(target, self.expression(&row.expr)?))
    }

    fn set_block(&mut self, row: &ast::SetBlock<'_>) -> Res<Statement> {
        let target = target_of(&row.target)?;
        if let Some(ast::Expr::Filter(filter)) = &row.filter
            && let Some(index) = marks::LOAD.iter().position(|(_, mark)| *mark == filter.name)
        {
            return Ok(Statement::Load(format_of(index), target, self.body(&row.body)?));
        }
        let filters = row.filter.as_ref().map(|filter| self.filters(filter)).transpose()?.unwrap_or_default();
        Ok(Statement::SetBlock(target, filters, self.body(&row.body)?))
    }

    fn names_import(&mut self, row: &ast::FromImport<'_>) -> Res<Statement> {
        let (template, context) = self.template(&row.expr)?;
        let mut names = Vec::new();
        for (name, alias) in &row.names {
            let name = text_name(name)?;
            let alias = alias.as_ref().map(text_name).transpose()?.unwrap_or_else(|| name.clone());
            names.push((name, alias));
        }
        Ok(Statement::FromImport { template, names, context })
    }

    /// A template expression, and whether the pre-pass marked it.
    fn template(&mut self, expr: &ast::Expr<'_>) -> Res<(Expr, bool)> {
        if let ast::Expr::Call(call) = expr
            && let (ast::Expr::Var(name), [ast::CallArg::Pos(inner)]) = (&call.expr, call.args.as_slice())
            && name.id == marks::CONTEXT
        {
            return Ok((self.expression(inner)?, true));
        }
        Ok((self.expression(expr)?, false))
    }

    fn macro_row(&mut self, row: &ast::Macro<'_>) -> Res<Arc<MacroRow>> {
        self.macros.push([false; 3]);
        let mut arguments: Vec<(Arc<str>, Option<Expr>)> = Vec::new();
        let without = row.args.len().saturating_sub(row.defaults.len());
        for (index, argument) in row.args.iter().enumerate() {
            let default = index.checked_sub(without).and_then(|index| row.defaults.get(index));
            arguments.push((text_name(argument)?, default.map(|value| self.expression(value)).transpose()?));
        }
        let body = self.body(&row.body)?;
        let [varargs, kwargs, caller] = self.macros.pop().unwrap_or_default();
        // What an inner macro uses, an outer one must take as well.
        if let Some(outer) = self.macros.last_mut() {
            *outer = [outer[0] | varargs, outer[1] | kwargs, outer[2] | caller];
        }
        Ok(Arc::new(MacroRow { name: row.name.into(), arguments, body, varargs, kwargs, caller }))
    }

    fn filters(&mut self, chain: &ast::Expr<'_>) -> Res<Vec<super::tree::Apply>> {
        let mut filters = Vec::new();
        let mut next = Some(chain);
        while let Some(ast::Expr::Filter(filter)) = next {
            filters.push(self.apply(filter)?);
            next = filter.expr.as_ref();
        }
        filters.reverse();
        Ok(filters)
    }

    fn call_of(&mut self, call: &ast::Spanned<ast::Call<'_>>) -> Res<Expr> {
        let at = self.at(call.span());
        let callee = self.expression(&call.expr)?;
        let link = super::tree::Link { at, kind: LinkKind::Call(self.arguments(&call.args)?) };
        Ok(match *callee.kind {
            Kind::Chain(base, mut links) => {
                links.push(link);
                Expr { at: callee.at, kind: Box::new(Kind::Chain(base, links)) }
            }
            kind => {
                let at = callee.at;
                Expr { at, kind: Box::new(Kind::Chain(Expr { at, kind: Box::new(kind) }, vec![link])) }
            }
        })
    }
}

fn format_of(index: usize) -> DataFormat {
    [DataFormat::Yaml, DataFormat::Json, DataFormat::Text][index.min(2)]
}

/// What an assignment writes to.
fn target_of(expr: &ast::Expr<'_>) -> Res<Target> {
    match expr {
        ast::Expr::Var(name) => Ok(Target::Name(name.id.into())),
        ast::Expr::GetAttr(attribute) => match &attribute.expr {
            ast::Expr::Var(name) => Ok(Target::Attribute(name.id.into(), attribute.name.into())),
            _ => Err(Fault::syntax("only one attribute can be assigned to a namespace")),
        },
        ast::Expr::List(list) => list.items.iter().map(target_of).collect::<Res<_>>().map(Target::Unpack),
        ast::Expr::Tuple(tuple) => tuple.items.iter().map(target_of).collect::<Res<_>>().map(Target::Unpack),
        _ => Err(Fault::syntax("can't assign to this")),
    }
}
