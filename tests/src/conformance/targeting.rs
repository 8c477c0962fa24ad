//! Target expressions, each against every minion of the fleet beside the cases.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fleet_common::diag::Diagnostic;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::target::{Matcher, Subject};
use fleet_common::value::{Map, Value, json_load};

use super::{Case, Verdict};

struct Minion<'f> {
    id: &'f str,
    grains: &'f Map,
    pillar: &'f Map,
}

impl Subject for Minion<'_> {
    fn id(&self) -> &str {
        self.id
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        Some(self.pillar)
    }
}

/// Runs one case: the set of minions, or that the expression is refused.
pub(super) fn run(case: &Case) -> Verdict {
    let Some(kind) = case.text("type") else { return Verdict::Fail("no type in the input".to_owned()) };
    let Ok(kind) = TargetKind::named(kind) else { return Verdict::Unsupported(format!("targets of kind {kind}")) };
    let fleet = match fleet(case) {
        Ok(fleet) => fleet,
        Err(why) => return Verdict::Fail(why),
    };
    let empty = Map::new();
    let groups = fleet.get("nodegroups").and_then(Value::as_map).unwrap_or(&empty);
    let mut target = Target::new(kind, expression(case, kind));
    if let Some(delimiter) = case.text("delimiter") {
        target.delimiter = delimiter.to_owned();
    }
    let matcher = Matcher::parse(&target, groups);
    Verdict::of(judge(case, &fleet, &matcher))
}

/// The expression as text; a list becomes what is typed for it.
fn expression(case: &Case, kind: TargetKind) -> String {
    match case.input.get("tgt") {
        Some(Value::List(items)) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            words.join(if kind == TargetKind::Compound { " " } else { "," })
        }
        Some(Value::Str(text)) => text.clone(),
        _ => String::new(),
    }
}

fn fleet(case: &Case) -> Result<Value, String> {
    let path = case.dir.join("fleet.fixture");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    json_load::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn judge(case: &Case, fleet: &Value, matcher: &Result<Matcher, Diagnostic>) -> Result<(), String> {
    let expected_error = case.expected.get("error").is_some();
    let matcher = match matcher {
        Ok(_) if expected_error => return Err("must be refused".to_owned()),
        Ok(matcher) => Some(matcher),
        // Where the reference logs and matches nobody, an expression may be refused as a whole.
        Err(_) if expected_error => return Ok(()),
        Err(_) => None,
    };
    let empty = Map::new();
    let wanted: BTreeSet<&str> = texts(case.expected.get("minions"));
    let minions = fleet.get("minions").and_then(Value::as_list).unwrap_or_default();
    let data = |minion: &'_ Value, key: &str| minion.get(key).and_then(Value::as_map).cloned();
    let mut came = BTreeSet::new();
    for minion in minions {
        let id = minion.get("id").and_then(Value::as_str).unwrap_or_default();
        let grains = data(minion, "grains").unwrap_or_else(|| empty.clone());
        let pillar = data(minion, "pillar").unwrap_or_else(|| empty.clone());
        if matcher.is_some_and(|matcher| matcher.matches(&Minion { id, grains: &grains, pillar: &pillar })) {
            came.insert(id);
        }
    }
    if came == wanted { Ok(()) } else { Err(format!("{wanted:?} expected, {came:?} came")) }
}

fn texts(value: Option<&Value>) -> BTreeSet<&str> {
    value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).collect()
}
