//! `match.*`: whether a target expression means this minion.

use std::borrow::Cow;

use super::filter::{self, Around};
use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::proto::job::{Target, TargetKind};
use crate::target::{Matcher, Subject};
use crate::value::{Map, Value, python};

/// The module.
pub const MODULE: PureModule = Module {
    name: "match",
    doc: "Whether a target expression means this minion.",
    functions: &[
        row("compound", "A boolean expression.", "match.compound 'G@os:Debian and web*'", |facts, arguments| {
            by(facts, "match.compound", TargetKind::Compound, arguments)
        }),
        row("glob", "A shell pattern on the id.", "match.glob 'web*'", |facts, arguments| {
            by(facts, "match.glob", TargetKind::Glob, arguments)
        }),
        row("pcre", "A regular expression on the id.", "match.pcre '.*'", |facts, arguments| {
            by(facts, "match.pcre", TargetKind::Pcre, arguments)
        }),
        row("list", "A list of ids.", "match.list 'web1,web2'", |facts, arguments| {
            by(facts, "match.list", TargetKind::List, arguments)
        }),
        row("ipcidr", "An address or subnet.", "match.ipcidr '192.168.44.0/24'", |facts, arguments| {
            by(facts, "match.ipcidr", TargetKind::Ipcidr, arguments)
        }),
        keyed("grain", "A grain and a shell pattern on its value.", "match.grain 'os:Ubuntu'", |facts, arguments| {
            by_key(facts, "match.grain", TargetKind::Grain, arguments)
        }),
        keyed(
            "grain_pcre",
            "A grain and a regular expression on its value.",
            "match.grain_pcre 'os:Fedo.*'",
            |facts, arguments| by_key(facts, "match.grain_pcre", TargetKind::GrainPcre, arguments),
        ),
        keyed("pillar", "A pillar key and a shell pattern.", "match.pillar 'cheese:foo'", |facts, arguments| {
            by_key(facts, "match.pillar", TargetKind::Pillar, arguments)
        }),
        keyed(
            "pillar_pcre",
            "A pillar key and a regular expression.",
            "match.pillar_pcre 'cheese:(swiss|american)'",
            |facts, arguments| by_key(facts, "match.pillar_pcre", TargetKind::PillarPcre, arguments),
        ),
        Function {
            name: "filter_by",
            quick: true,
            doc: "The entry of a mapping whose key is a target that means this minion.",
            example: "match.filter_by '{web*: [caching], db*: [db]}'",
            args: FilterBy::ROWS,
            code: Code::Reads(filter_by),
        },
        Function {
            name: "ifelse",
            quick: true,
            doc: "The value behind the first target that means this minion; the last argument when none does.",
            example: "match.ifelse 'web*' caching 'db*' query nothing",
            args: IfElse::ROWS,
            code: Code::Reads(ifelse),
        },
        Function {
            name: "search_by",
            quick: true,
            doc: "The keys of a mapping of which at least one target means this minion.",
            example: "match.search_by '{web: [web*], db: [db*]}'",
            args: SearchBy::ROWS,
            code: Code::Reads(search_by),
        },
    ],
};

type Code1 = fn(&dyn Facts, Arguments) -> CallResult;

const fn row(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    code: Code1,
) -> Function<dyn Facts, std::convert::Infallible> {
    Function { name, quick: true, doc, example, args: Plain::ROWS, code: Code::Reads(code) }
}

const fn keyed(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    code: Code1,
) -> Function<dyn Facts, std::convert::Infallible> {
    Function { name, quick: true, doc, example, args: Keyed::ROWS, code: Code::Reads(code) }
}

args! {
    /// Arguments of matches on the id.
    pub struct Plain {
        /// The expression.
        tgt: Value,
        /// Match as another minion.
        minion_id: Option<String> = None,
    }
}

args! {
    /// Arguments of matches on keys.
    pub struct Keyed {
        /// The expression.
        tgt: Value,
        /// What separates the parts of a path.
        delimiter: String = ":".to_owned(),
        /// Match as another minion.
        minion_id: Option<String> = None,
    }
}

args! {
    /// Arguments of `match.filter_by`.
    pub struct FilterBy {
        /// Entries by target.
        lookup: Map,
        /// How the keys are read.
        tgt_type: String = "compound".to_owned(),
        /// Match as another minion.
        minion_id: Option<String> = None,
        /// A mapping that is merged over the entry.
        merge: Option<Value> = None,
        /// Join lists while merging.
        merge_lists: bool = false,
        /// Key of the entry taken when none fits.
        default: String = "default".to_owned(),
    }
}

args! {
    /// Arguments of `match.search_by`.
    pub struct SearchBy {
        /// Targets by name.
        lookup: Map,
        /// How the targets are read.
        tgt_type: String = "compound".to_owned(),
        /// Match as another minion.
        minion_id: Option<String> = None,
    }
}

args! {
    /// Arguments of `match.ifelse`.
    pub struct IfElse {
        /// Targets, each with a value behind it, and the value for all others.
        *args: Vec<Value>,
        /// `minion_id`: match as another minion.
        **kwargs: Map,
    }
}

/// The minion of the facts, under its own or another id.
struct Minion {
    id: String,
    grains: std::sync::Arc<Map>,
    pillar: std::sync::Arc<Map>,
}

impl Subject for Minion {
    fn id(&self) -> &str {
        &self.id
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        Some(&self.pillar)
    }
}

fn minion(facts: &dyn Facts, id: Option<String>) -> Minion {
    Minion { id: id.unwrap_or_else(|| facts.id().to_owned()), grains: facts.grains(), pillar: facts.pillar() }
}

/// True if a target means this minion; one that cannot be read means nobody.
pub fn means(facts: &dyn Facts, target: Target) -> bool {
    meant(facts, &minion(facts, None), target)
}

/// A target that cannot be read matches nobody, as in the reference; what is not supported is said.
fn meant(facts: &dyn Facts, subject: &dyn Subject, target: Target) -> bool {
    let opts = facts.opts();
    let none = Map::new();
    let groups = opts.get("nodegroups").and_then(Value::as_map).unwrap_or(&none);
    Matcher::parse(&target, groups).is_ok_and(|matcher| matcher.matches(subject))
}

fn expression(tgt: &Value) -> String {
    match tgt {
        Value::List(items) => items.iter().map(python::str_).collect::<Vec<_>>().join(","),
        other => python::str_(other),
    }
}

fn by(facts: &dyn Facts, function: &str, kind: TargetKind, arguments: Arguments) -> CallResult {
    let Plain { tgt, minion_id } = Plain::bind(function, arguments)?;
    Ok(meant(facts, &minion(facts, minion_id), Target::new(kind, expression(&tgt))).into())
}

fn by_key(facts: &dyn Facts, function: &str, kind: TargetKind, arguments: Arguments) -> CallResult {
    let Keyed { tgt, delimiter, minion_id } = Keyed::bind(function, arguments)?;
    let target = Target { delimiter, ..Target::new(kind, expression(&tgt)) };
    Ok(meant(facts, &minion(facts, minion_id), target).into())
}

fn filter_by(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = FilterBy::bind("match.filter_by", arguments)?;
    let kind = TargetKind::named(&wanted.tgt_type)?;
    let minion = minion(facts, wanted.minion_id);
    let found = wanted.lookup.iter().find(|(key, _)| meant(facts, &minion, Target::new(kind, expression(key))));
    let around =
        Around { default: &wanted.default, base: None, merge: wanted.merge.as_ref(), merge_lists: wanted.merge_lists };
    Ok(filter::finish(&wanted.lookup, found.map(|(_, value)| value.clone()), &around)?.into())
}

fn ifelse(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let IfElse { args, mut kwargs } = IfElse::bind("match.ifelse", arguments)?;
    let id = kwargs.remove("minion_id").filter(|id| !id.is_null()).map(|id| python::str_(&id));
    if let Some((name, _)) = kwargs.iter().next() {
        let name = python::str_(name);
        return Err(CallError::Invocation(format!("match.ifelse has no argument '{name}', only 'minion_id'")));
    }
    let (pairs, [default]) = args.as_chunks::<2>() else {
        return Err(CallError::Failed("The ifelse function must have an odd number of arguments!".to_owned()));
    };
    let minion = minion(facts, id);
    let is_meant = |target: &Value| meant(facts, &minion, Target::new(TargetKind::Compound, expression(target)));
    let found = pairs.iter().find(|[target, _]| is_meant(target)).map_or(default, |[_, value]| value);
    Ok(found.clone().into())
}

fn search_by(facts: &dyn Facts, arguments: Arguments) -> CallResult {
    let wanted = SearchBy::bind("match.search_by", arguments)?;
    let kind = TargetKind::named(&wanted.tgt_type)?;
    let minion = minion(facts, wanted.minion_id);
    let mut names = Vec::new();
    for (name, targets) in &wanted.lookup {
        let single = std::slice::from_ref(targets);
        let targets = targets.as_list().unwrap_or(single);
        if targets.iter().any(|target| meant(facts, &minion, Target::new(kind, expression(target)))) {
            names.push(name.clone());
        }
    }
    Ok(if names.is_empty() { Value::Null } else { Value::List(names) }.into())
}
