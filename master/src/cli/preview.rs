//! `saltctl --preview`: whom a target means, and why.

use fleet_common::exit::Exit;
use fleet_common::proto::api::{Preview, Previewed};
use fleet_common::value::{Map, Value};

/// As lines for people: id, presence, and the parts of the target that mean it.
pub(super) fn text(preview: &Preview) -> String {
    let width = preview.minions.iter().map(|minion| minion.id.as_str().len()).max().unwrap_or(0);
    let line = |minion: &Previewed| {
        let up = if minion.up { "up  " } else { "down" };
        format!("{:width$}  {up}  {}\n", minion.id.as_str(), minion.why.join(", "))
    };
    preview.minions.iter().map(line).collect()
}

/// What is said beside: the counts, and what was not understood.
pub(super) fn notes(preview: &Preview) -> Vec<String> {
    let mut notes = preview.warnings.clone();
    if !preview.unknown_grains.is_empty() {
        let ids: Vec<&str> = preview.unknown_grains.iter().map(|id| id.as_str()).collect();
        let shown = if ids.len() > 10 { format!("{} ...", ids[..10].join(", ")) } else { ids.join(", ") };
        notes.push(format!("{} not matched because their grains are not known yet: {shown}", ids.len()));
    }
    let down = preview.minions.iter().filter(|minion| !minion.up).count();
    let down = if down > 0 { format!(", {down} of them down") } else { String::new() };
    notes.push(match preview.minions.len() {
        0 => "No minions matched the target.".to_owned(),
        1 => format!("1 minion{down}; nothing was sent"),
        many => format!("{many} minions{down}; nothing was sent"),
    });
    notes
}

/// As data, for other programs: `{target, minions: {id: {up, why}}, unknown_grains, warnings}`.
pub(super) fn data(preview: &Preview) -> Value {
    let list = |texts: &[String]| texts.iter().map(|text| Value::from(text.as_str())).collect::<Value>();
    let one = |minion: &Previewed| {
        let shown = Map::from_iter([("up", Value::from(minion.up)), ("why", list(&minion.why))]);
        (minion.id.as_str().to_owned(), shown)
    };
    let unknown: Value = preview.unknown_grains.iter().map(|id| Value::from(id.as_str())).collect();
    Value::Map(Map::from_iter([
        ("target", Value::from(preview.target.as_str())),
        ("minions", Value::Map(preview.minions.iter().map(one).collect())),
        ("unknown_grains", unknown),
        ("warnings", list(&preview.warnings)),
    ]))
}

/// Nobody is as much an answer as for a job: status 2.
pub(super) fn exit(preview: &Preview) -> Exit {
    if preview.minions.is_empty() { Exit::NoTarget } else { Exit::Success }
}
