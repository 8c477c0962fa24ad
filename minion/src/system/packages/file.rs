//! Package files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fleet_common::value::{Map, Value};

/// What is told of a fetched package file.
pub(in crate::system) fn file_facts(path: &Path) -> Option<Map> {
    let meta = std::fs::metadata(path).ok()?;
    let when = jiff::Timestamp::from_second(meta.ctime()).unwrap_or_default();
    Some(Map::from_iter([
        ("path", Value::from(path.to_string_lossy().into_owned())),
        ("size", Value::Int(i64::try_from(meta.size()).unwrap_or(i64::MAX))),
        ("creation_date_time_t", meta.ctime().into()),
        ("creation_date_time", when.strftime("%Y-%m-%dT%H:%M:%S").to_string().into()),
    ]))
}
