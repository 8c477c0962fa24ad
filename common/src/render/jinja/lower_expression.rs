//! Expressions: chains and operators are made flat here, walking down their left side without recursion.

use std::sync::Arc;

use minijinja::machinery::ast::{self, BinOpKind, CallArg, CompareOpKind};

use super::fault::{Fault, Res};
use super::filters;
use super::lower::Lowering;
use super::tests;
use super::tree::{Apply, ApplyTest, Argument, Comparison, Const, Expr, Kind, Link, LinkKind, Operator};

/// The text of a name.
pub(super) fn text_name(expr: &ast::Expr<'_>) -> Res<Arc<str>> {
    match expr {
        ast::Expr::Var(name) => Ok(name.id.into()),
        _ => Err(Fault::syntax("expected token 'name'")),
    }
}

impl Lowering<'_> {
    /// Lowers an expression.
    pub(super) fn expression(&mut self, expr: &ast::Expr<'_>) -> Res<Expr> {
        let at = self.at(expr.span());
        let kind = match expr {
            ast::Expr::Var(name) => {
                self.note(name.id);
                Kind::Name(name.id.into())
            }
            ast::Expr::Const(constant) => Kind::Const(constant_of(&constant.value)?),
            ast::Expr::List(list) => Kind::List(self.expressions(&list.items)?),
            ast::Expr::Tuple(tuple) => Kind::Tuple(self.expressions(&tuple.items)?),
            ast::Expr::Map(map) => {
                let mut entries = Vec::with_capacity(map.keys.len());
                for (key, value) in map.keys.iter().zip(&map.values) {
                    entries.push((self.expression(key)?, self.expression(value)?));
                }
                Kind::Dict(entries)
            }
            // `a not in b` comes as `not (a in b)`; both mean the same.
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Neg => Kind::Negative(self.expression(&unary.expr)?),
                ast::UnaryOpKind::Not => Kind::Not(self.expression(&unary.expr)?),
            },
            ast::Expr::BinOp(_) => return self.binary(expr),
            ast::Expr::Compare(compare) => {
                let first = self.expression(&compare.expr)?;
                let mut rest = Vec::with_capacity(compare.ops.len());
                for op in &compare.ops {
                    rest.push((comparison(op.op), self.expression(&op.expr)?));
                }
                return Ok(Expr { at: first.at, kind: Box::new(Kind::Compare(first, rest)) });
            }
            ast::Expr::IfExpr(choice) => {
                let yes = self.expression(&choice.true_expr)?;
                let test = self.expression(&choice.test_expr)?;
                let no = choice.false_expr.as_ref().map(|no| self.expression(no)).transpose()?;
                return Ok(Expr { at: yes.at, kind: Box::new(Kind::Choice(yes, test, no)) });
            }
            ast::Expr::Slice(_)
            | ast::Expr::Filter(_)
            | ast::Expr::Test(_)
            | ast::Expr::GetAttr(_)
            | ast::Expr::GetItem(_)
            | ast::Expr::Call(_) => return self.chain(expr),
        };
        Ok(Expr { at, kind: Box::new(kind) })
    }

    fn expressions(&mut self, items: &[ast::Expr<'_>]) -> Res<Vec<Expr>> {
        items.iter().map(|item| self.expression(item)).collect()
    }

    /// Remembers the names that make a macro take more than it declares.
    fn note(&mut self, name: &str) {
        if let Some(seen) = self.macros.last_mut()
            && let Some(index) = ["varargs", "kwargs", "caller"].iter().position(|special| *special == name)
        {
            seen[index] = true;
        }
    }

    fn chain(&mut self, expr: &ast::Expr<'_>) -> Res<Expr> {
        let mut links = Vec::new();
        let mut base = expr;
        loop {
            let at = self.at(base.span());
            let (inner, kind) = match base {
                ast::Expr::GetAttr(link) => (&link.expr, LinkKind::Attribute(link.name.into())),
                ast::Expr::GetItem(link) => (&link.expr, LinkKind::Item(self.expression(&link.subscript_expr)?)),
                ast::Expr::Call(link) => (&link.expr, LinkKind::Call(self.arguments(&link.args)?)),
                ast::Expr::Slice(link) => {
                    let mut part = |part: &Option<ast::Expr<'_>>| match part {
                        Some(part) => self.expression(part).map(Some),
                        None => Ok(None),
                    };
                    (&link.expr, LinkKind::Slice(part(&link.start)?, part(&link.stop)?, part(&link.step)?))
                }
                ast::Expr::Filter(link) => {
                    let apply = self.apply(link)?;
                    match &link.expr {
                        Some(inner) => (inner, LinkKind::Filter(apply)),
                        None => return Err(Fault::syntax("a filter has nothing to work on")),
                    }
                }
                ast::Expr::Test(link) => {
                    let name: Arc<str> = link.name.into();
                    let code = tests::find(&name);
                    let arguments = self.arguments(&link.args)?;
                    (&link.expr, LinkKind::Test(ApplyTest { name, code, arguments }))
                }
                _ => break,
            };
            links.push(Link { at, kind });
            base = inner;
        }
        links.reverse();
        let first = self.expression(base)?;
        Ok(Expr { at: first.at, kind: Box::new(Kind::Chain(first, links)) })
    }

    /// A filter and its arguments, without what it is applied to.
    pub(super) fn apply(&mut self, filter: &ast::Spanned<ast::Filter<'_>>) -> Res<Apply> {
        let name: Arc<str> = filter.name.into();
        let code = filters::find(&name);
        Ok(Apply { at: self.at(filter.span()), name, code, arguments: self.arguments(&filter.args)? })
    }

    /// The arguments of a call.
    pub(super) fn arguments(&mut self, arguments: &[CallArg<'_>]) -> Res<Vec<Argument>> {
        arguments
            .iter()
            .map(|argument| {
                Ok(match argument {
                    CallArg::Pos(value) => Argument::Positional(self.expression(value)?),
                    CallArg::Kwarg(name, value) => Argument::Named((*name).into(), self.expression(value)?),
                    CallArg::PosSplat(value) => Argument::Items(self.expression(value)?),
                    CallArg::KwargSplat(value) => Argument::Entries(self.expression(value)?),
                })
            })
            .collect()
    }

    fn binary(&mut self, expr: &ast::Expr<'_>) -> Res<Expr> {
        let ast::Expr::BinOp(top) = expr else { return self.expression(expr) };
        if let Some(comparison) = comparison_of(top.op) {
            let first = self.expression(&top.left)?;
            let rest = vec![(comparison, self.expression(&top.right)?)];
            return Ok(Expr { at: first.at, kind: Box::new(Kind::Compare(first, rest)) });
        }
        // Walks down the left side as long as the operators are of the same sort.
        let sort = sort(top.op);
        let mut rest = Vec::new();
        let mut left = expr;
        while let ast::Expr::BinOp(node) = left {
            if self::sort(node.op) != sort {
                break;
            }
            let right = self.expression(&node.right)?;
            rest.push((right.at, node.op, right));
            left = &node.left;
        }
        rest.reverse();
        let first = self.expression(left)?;
        let at = first.at;
        let flat = |first, rest: Vec<(_, _, Expr)>| {
            std::iter::once(first).chain(rest.into_iter().map(|(_, _, right)| right)).collect()
        };
        let kind = match sort {
            Sort::And => Kind::And(flat(first, rest)),
            Sort::Or => Kind::Or(flat(first, rest)),
            Sort::Concat => Kind::Concat(flat(first, rest)),
            Sort::Arithmetic | Sort::Compare => {
                let rest = rest.into_iter().map(|(at, op, right)| (at, operator(op), right)).collect();
                Kind::Arithmetic(first, rest)
            }
        };
        Ok(Expr { at, kind: Box::new(kind) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    And,
    Or,
    Concat,
    Arithmetic,
    Compare,
}

fn sort(op: BinOpKind) -> Sort {
    match op {
        BinOpKind::ScAnd => Sort::And,
        BinOpKind::ScOr => Sort::Or,
        BinOpKind::Concat => Sort::Concat,
        op if comparison_of(op).is_some() => Sort::Compare,
        _ => Sort::Arithmetic,
    }
}

fn operator(op: BinOpKind) -> Operator {
    match op {
        BinOpKind::Sub => Operator::Subtract,
        BinOpKind::Mul => Operator::Multiply,
        BinOpKind::Div => Operator::Divide,
        BinOpKind::FloorDiv => Operator::FloorDivide,
        BinOpKind::Rem => Operator::Remainder,
        BinOpKind::Pow => Operator::Power,
        _ => Operator::Add,
    }
}

fn comparison_of(op: BinOpKind) -> Option<Comparison> {
    Some(match op {
        BinOpKind::Eq => Comparison::Equal,
        BinOpKind::Ne => Comparison::Unequal,
        BinOpKind::Lt => Comparison::Less,
        BinOpKind::Lte => Comparison::LessOrEqual,
        BinOpKind::Gt => Comparison::Greater,
        BinOpKind::Gte => Comparison::GreaterOrEqual,
        BinOpKind::In => Comparison::In,
        _ => return None,
    })
}

fn comparison(op: CompareOpKind) -> Comparison {
    match op {
        CompareOpKind::Eq => Comparison::Equal,
        CompareOpKind::Ne => Comparison::Unequal,
        CompareOpKind::Lt => Comparison::Less,
        CompareOpKind::Lte => Comparison::LessOrEqual,
        CompareOpKind::Gt => Comparison::Greater,
        CompareOpKind::Gte => Comparison::GreaterOrEqual,
        CompareOpKind::In => Comparison::In,
        CompareOpKind::NotIn => Comparison::NotIn,
    }
}

fn constant_of(value: &minijinja::Value) -> Res<Const> {
    use minijinja::value::ValueKind;
    Ok(match value.kind() {
        ValueKind::None | ValueKind::Undefined => Const::None,
        ValueKind::Bool => Const::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => match i64::try_from(value.clone()) {
            Ok(number) => Const::Int(number),
            Err(_) => match u128::try_from(value.clone()) {
                Ok(number) => Const::Big(number.into()),
                Err(_) => return Err(Fault::syntax("an integer is too large")),
            },
        },
        ValueKind::Number => Const::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        ValueKind::String => Const::Str(value.as_str().unwrap_or_default().into()),
        _ => return Err(Fault::syntax("a constant of an unknown kind")),
    })
}
