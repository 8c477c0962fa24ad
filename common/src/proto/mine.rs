//! What a minion asks of its master for itself beside its jobs: the mine, and functions of the master.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::job::Target;
use crate::value::{Map, Value};

/// What a minion does with the mine: values that minions give to each other. Answered by `Data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mine {
    /// Values of this minion; the answer is true.
    Send {
        /// By name.
        entries: BTreeMap<String, MineEntry>,
        /// Forget all other values of this minion.
        #[serde(default)]
        clear: bool,
    },
    /// Values of the minions that a target means; the answer is `{name: {minion: value}}`.
    Get {
        /// The minions. Pillar decides only by exact match, and not within a compound.
        target: Target,
        /// The names.
        names: Vec<String>,
    },
    /// Forgets one value of this minion, or all; the answer is true.
    Delete {
        /// The name; `None` for all.
        name: Option<String>,
    },
}

/// A value and who may read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MineEntry {
    /// The value.
    pub data: Value,
    /// The minions that may read it; `None` for all.
    #[serde(default)]
    pub allowed: Option<Target>,
}

/// A runner that a minion asks for; answered by `Data`. Nothing is allowed that `peer_run` does not name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunnerAsk {
    /// `module.function`.
    pub fun: String,
    /// Arguments by position.
    pub arg: Vec<Value>,
    /// Arguments by name.
    pub kwarg: Map,
}
