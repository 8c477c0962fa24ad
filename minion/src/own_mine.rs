//! The mine of a minion without a master: its own values, in its cache directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fleet_common::call::{CallError, Facts};
use fleet_common::functions::matching;
use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::proto::mine::{Mine, MineEntry};
use fleet_common::value::{Map, Value};

use crate::cx::Look;
use crate::system::fs::{WriteOptions, read_bounded, write_atomic};

/// Most bytes of the file.
const MOST_BYTES: u64 = 16 << 20;

type Entries = BTreeMap<String, MineEntry>;

fn file(look: &Look) -> PathBuf {
    look.cache_dir().join("mine")
}

fn read(look: &Look) -> Result<Entries, CallError> {
    match read_bounded(&file(look), MOST_BYTES) {
        Ok(bytes) => decode(&bytes, Limits::SESSION).map_err(|error| {
            CallError::Failed(format!("{}: {error}; remove the file, mine.update makes it anew", file(look).display()))
        }),
        Err(fault) if fault.is_missing() => Ok(Entries::new()),
        Err(fault) => Err(CallError::Failed(fault.to_string())),
    }
}

fn write(look: &Look, entries: &Entries) -> Result<Value, CallError> {
    let failed = |why: String| CallError::Failed(why);
    std::fs::create_dir_all(look.cache_dir()).map_err(|error| failed(error.to_string()))?;
    let options = WriteOptions { mode: Some(0o600), ..WriteOptions::default() };
    write_atomic(&file(look), &encode(entries), &options).map_err(|fault| failed(fault.to_string()))?;
    Ok(Value::Bool(true))
}

/// What the master would answer, for this minion alone.
pub fn answer(look: &Look, ask: Mine) -> Result<Value, CallError> {
    let mut entries = read(look)?;
    match ask {
        Mine::Send { entries: new, clear } => {
            if clear {
                entries.clear();
            }
            entries.extend(new);
            write(look, &entries)
        }
        Mine::Delete { name } => {
            match name {
                Some(name) => drop(entries.remove(&name)),
                None => entries.clear(),
            }
            write(look, &entries)
        }
        Mine::Get { target, names } => {
            if !matching::means(look, target) {
                return Ok(Map::new().into());
            }
            let found = names.into_iter().filter_map(|name| {
                let entry = entries.remove(&name)?;
                Some((name, Value::Map(Map::from_iter([(look.id(), entry.data)]))))
            });
            Ok(found.collect::<Map>().into())
        }
    }
}
