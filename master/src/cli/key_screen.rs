//! How keys are shown: the reference's lists by state, or any outputter.

use fleet_common::diag::Diagnostic;
use fleet_common::output::{self, OutputOptions};
use fleet_common::value::{Map, Value};

use crate::keys::Folder;

/// What is shown of the keys in one folder: `None` beside a name when only names are shown.
pub(super) type Group = (Folder, Vec<(String, Option<String>)>);

/// The text of these groups, without the newline at its end; empty when there is nothing to print.
pub(super) fn text(groups: &[Group], out: Option<&str>, options: &OutputOptions) -> Result<String, Diagnostic> {
    // Those of job returns mean nothing here.
    let name = out.filter(|name| !matches!(*name, "highstate" | "compact")).unwrap_or("key");
    output::render(name, &data(groups), options)
}

/// The groups as data: folder name to a list of names, or to a mapping from name to detail.
fn data(groups: &[Group]) -> Value {
    let mut out = Map::new();
    for folder in Folder::ALL {
        let Some((_, keys)) = groups.iter().find(|(shown, _)| *shown == folder) else { continue };
        let detailed = keys.iter().any(|(_, detail)| detail.is_some());
        let value = if detailed {
            Value::Map(keys.iter().map(|(name, detail)| (name, detail.clone())).collect())
        } else {
            keys.iter().map(|(name, _)| name).collect()
        };
        out.insert(folder.name(), value);
    }
    Value::Map(out)
}
