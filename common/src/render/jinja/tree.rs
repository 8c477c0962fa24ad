//! A compiled template: what the parser's tree is lowered to. Owned, immutable, shared by threads and renders.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::filters::FilterCode;
use super::tests::TestCode;
use crate::diag::Place;

/// A position in the source. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::render) struct At {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

/// A compiled template.
pub(super) struct Compiled {
    /// Its path, as the user knows it.
    pub name: Arc<str>,
    /// The text it was made of.
    pub source: Arc<str>,
    /// What it does.
    pub body: Body,
    /// Its blocks by name.
    pub blocks: BTreeMap<Arc<str>, Arc<Block>>,
}

impl Compiled {
    /// A position in it.
    pub fn place(&self, at: At) -> Place {
        Place::new(&*self.name, at.line, at.column)
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiled({})", self.name)
    }
}

/// Statements in order.
pub(super) type Body = Vec<Node>;

/// A statement and where it begins.
pub(super) struct Node {
    /// Where.
    pub at: At,
    /// What.
    pub kind: Statement,
}

/// A statement.
pub(super) enum Statement {
    /// Text as it is.
    Text(Box<str>),
    /// `{{ ... }}`
    Emit(Expr),
    /// `{% for %}`
    For(Arc<For>),
    /// `{% if %}` with its `elif`s, and `else`.
    If(Vec<(Expr, Body)>, Body),
    /// `{% with %}`
    With(Vec<(Target, Expr)>, Body),
    /// `{% set %}`
    Set(Target, Expr),
    /// `{% set %}` as a block, with filters on what was printed.
    SetBlock(Target, Vec<Apply>, Body),
    /// `{% load_yaml as x %}` and its kin.
    Load(DataFormat, Target, Body),
    /// `{% import_yaml 'f' as x %}` and its kin.
    ImportData(DataFormat, Import),
    /// `{% autoescape %}`
    AutoEscape(Expr, Body),
    /// `{% filter %}`
    Filter(Vec<Apply>, Body),
    /// `{% block %}`
    Block(Arc<Block>),
    /// `{% import %}`
    Import(Import),
    /// `{% from ... import ... %}`
    FromImport {
        /// The template.
        template: Expr,
        /// Names and the names they get here.
        names: Vec<(Arc<str>, Arc<str>)>,
        /// With context.
        context: bool,
    },
    /// `{% extends %}`
    Extends(Expr),
    /// `{% include %}`
    Include {
        /// The template, or a list of candidates.
        template: Expr,
        /// Say nothing when there is none.
        ignore_missing: bool,
        /// With context.
        context: bool,
    },
    /// `{% macro %}`
    Macro(Arc<MacroRow>),
    /// `{% call %}`
    Call(Expr, Arc<MacroRow>),
    /// `{% do %}`
    Do(Expr),
    /// `{% break %}`
    Break,
    /// `{% continue %}`
    Continue,
}

/// What `import_yaml` and `load_yaml` read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// Text.
    Text,
}

/// `{% import x as y %}`
pub(super) struct Import {
    /// The template.
    pub template: Expr,
    /// The name it gets.
    pub name: Target,
    /// With context.
    pub context: bool,
}

/// A loop.
pub(super) struct For {
    /// What each item is assigned to.
    pub target: Target,
    /// What is iterated.
    pub items: Expr,
    /// Only items for which this is true.
    pub filter: Option<Expr>,
    /// Done for each item.
    pub body: Body,
    /// Done when there was no item.
    pub otherwise: Body,
    /// Where it begins.
    pub at: At,
}

/// A block.
pub(super) struct Block {
    /// Its name.
    pub name: Arc<str>,
    /// What it does.
    pub body: Body,
    /// Must be overridden.
    pub required: bool,
}

/// A macro or the body of a call block.
pub(super) struct MacroRow {
    /// Its name.
    pub name: Arc<str>,
    /// Its arguments; those at the end have defaults.
    pub arguments: Vec<(Arc<str>, Option<Expr>)>,
    /// What it does.
    pub body: Body,
    /// Takes more positional arguments (its body uses `varargs`).
    pub varargs: bool,
    /// Takes more named arguments (its body uses `kwargs`).
    pub kwargs: bool,
    /// Its body uses `caller`.
    pub caller: bool,
}

/// What an assignment writes to.
pub(super) enum Target {
    /// A name.
    Name(Arc<str>),
    /// An attribute of a namespace.
    Attribute(Arc<str>, Arc<str>),
    /// Several targets.
    Unpack(Vec<Target>),
}

/// An expression and where it begins.
pub(super) struct Expr {
    /// Where.
    pub at: At,
    /// What.
    pub kind: Box<Kind>,
}

/// A constant.
#[derive(Clone)]
pub(super) enum Const {
    /// `none`
    None,
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A larger integer.
    Big(num_bigint::BigInt),
    /// A float.
    Float(f64),
    /// Text.
    Str(Arc<str>),
}

/// An expression. Chains are flat, so that long ones need no stack.
pub(super) enum Kind {
    /// A literal.
    Const(Const),
    /// A name.
    Name(Arc<str>),
    /// `[...]`
    List(Vec<Expr>),
    /// `(...)`
    Tuple(Vec<Expr>),
    /// `{...}`
    Dict(Vec<(Expr, Expr)>),
    /// A value and what is done with it, one after the other: `.a`, `[b]`, `(c)`, `|d`, `is e`.
    Chain(Expr, Vec<Link>),
    /// `not x`
    Not(Expr),
    /// `-x`
    Negative(Expr),
    /// `a + b - c`, from the left.
    Arithmetic(Expr, Vec<(At, Operator, Expr)>),
    /// `a ~ b ~ c`
    Concat(Vec<Expr>),
    /// `a and b and c`
    And(Vec<Expr>),
    /// `a or b or c`
    Or(Vec<Expr>),
    /// `a < b < c`
    Compare(Expr, Vec<(Comparison, Expr)>),
    /// `yes if test else no`
    Choice(Expr, Expr, Option<Expr>),
}

/// One link of a chain.
pub(super) struct Link {
    /// Where.
    pub at: At,
    /// What.
    pub kind: LinkKind,
}

/// What a link does.
pub(super) enum LinkKind {
    /// `.name`
    Attribute(Arc<str>),
    /// `[key]`
    Item(Expr),
    /// `[start:stop:step]`
    Slice(Option<Expr>, Option<Expr>, Option<Expr>),
    /// `(arguments)`
    Call(Vec<Argument>),
    /// `|filter(arguments)`
    Filter(Apply),
    /// `is test(arguments)`
    Test(ApplyTest),
}

/// A filter with its arguments.
pub(super) struct Apply {
    /// Where.
    pub at: At,
    /// Its name.
    pub name: Arc<str>,
    /// Its code; `None` when there is no such filter (a fault once it is reached).
    pub code: Option<FilterCode>,
    /// Its arguments.
    pub arguments: Vec<Argument>,
}

/// A test with its arguments.
pub(super) struct ApplyTest {
    /// Its name.
    pub name: Arc<str>,
    /// Its code; `None` when there is no such test.
    pub code: Option<TestCode>,
    /// Its arguments.
    pub arguments: Vec<Argument>,
}

/// An argument of a call.
pub(super) enum Argument {
    /// By position.
    Positional(Expr),
    /// By name.
    Named(Arc<str>, Expr),
    /// `*items`
    Items(Expr),
    /// `**entries`
    Entries(Expr),
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    FloorDivide,
    /// `%`
    Remainder,
    /// `**`
    Power,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
}
