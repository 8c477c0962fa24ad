//! What minions give to each other, a row for each minion.

use std::collections::BTreeMap;

use fleet_common::proto::decode::encode;
use fleet_common::proto::mine::MineEntry;

use super::StoreError;

/// Most bytes of one minion's values: any accepted minion can fill its own.
pub const MOST_BYTES: usize = 1 << 20;

/// The values of one minion by name.
pub type MineRow = BTreeMap<String, MineEntry>;

/// What becomes of the values of one minion.
#[derive(Debug)]
pub enum Change {
    /// These are new or replaced.
    Put {
        /// The values.
        entries: MineRow,
        /// The others are forgotten.
        clear: bool,
    },
    /// One is forgotten, or all.
    Remove(Option<String>),
}

impl Change {
    pub(super) fn apply(self, mut row: MineRow) -> Result<MineRow, StoreError> {
        match self {
            Self::Put { entries, clear } => {
                if clear {
                    row.clear();
                }
                row.extend(entries);
                let bytes = encode(&row).len();
                if bytes > MOST_BYTES {
                    return Err(StoreError::TooLarge { what: "the values of a minion", bytes, most: MOST_BYTES });
                }
            }
            Self::Remove(Some(name)) => drop(row.remove(&name)),
            Self::Remove(None) => row.clear(),
        }
        Ok(row)
    }
}
