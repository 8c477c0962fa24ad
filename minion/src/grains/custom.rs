//! Grains that people set: the file `grains` beside the configuration, which `grains.setval` writes.

use std::path::Path;

use fleet_common::diag::{Diagnostic, Place};
use fleet_common::value::{Map, Value};
use fleet_common::yaml;

use crate::system::fs::{self, FileFault};

/// Name of the file in the configuration directory.
pub const GRAINS_FILE: &str = "grains";

/// The largest such file that is read.
const LIMIT: u64 = 8 << 20;

/// Reads a file of grains; empty when it is not there.
pub fn load_file(path: &Path) -> Result<Map, Box<Diagnostic>> {
    let name = path.display().to_string();
    let at = |message: String| Box::new(Diagnostic::config(message).at(Place::new(name.as_str(), 0, 0)));
    let bytes = match fs::read_bounded(path, LIMIT) {
        Ok(bytes) => bytes,
        Err(fault) if fault.is_missing() => return Ok(Map::new()),
        Err(FileFault::Io { source, .. }) => return Err(at(fs::plain(&source))),
        Err(FileFault::TooLarge { limit, .. }) => return Err(at(format!("larger than {limit} bytes"))),
    };
    let text = String::from_utf8(bytes).map_err(|_| at("is not UTF-8 text".to_owned()))?;
    match yaml::load(&text, &name).map_err(|error| Box::new(Diagnostic::from(error)))?.value {
        Value::Null => Ok(Map::new()),
        Value::Map(grains) => Ok(grains),
        other => Err(at(format!("must be a mapping of grains, not {}", other.kind()))),
    }
}
