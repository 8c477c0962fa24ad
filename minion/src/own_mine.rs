//! The mine of a minion without a master: its own values, in its cache directory.

use std::collections::BTreeMap;

use fleet_common::call::{CallError, Facts};
use fleet_common::functions::matching;
use fleet_common::proto::mine::{Mine, MineEntry};
use fleet_common::value::{Map, Value};

use crate::cx::Look;
use crate::kept::Kept;

const MINE: Kept = Kept { file: "mine", remedy: "remove the file, mine.update makes it anew" };

type Entries = BTreeMap<String, MineEntry>;

fn change(look: &Look, change: impl FnOnce(&mut Entries)) -> Result<Value, CallError> {
    MINE.change(look, |entries| {
        change(entries);
        Ok(true.into())
    })
}

/// What the master would answer, for this minion alone.
pub fn answer(look: &Look, ask: Mine) -> Result<Value, CallError> {
    match ask {
        Mine::Send { entries: new, clear } => change(look, |entries| {
            if clear {
                entries.clear();
            }
            entries.extend(new);
        }),
        Mine::Delete { name } => change(look, |entries| match name {
            Some(name) => drop(entries.remove(&name)),
            None => entries.clear(),
        }),
        Mine::Get { target, names } => {
            if !matching::means(look, target) {
                return Ok(Map::new().into());
            }
            let mut entries: Entries = MINE.read(look)?;
            let found = names.into_iter().filter_map(|name| {
                let entry = entries.remove(&name)?;
                Some((name, Value::Map(Map::from_iter([(look.id(), entry.data)]))))
            });
            Ok(found.collect::<Map>().into())
        }
    }
}
