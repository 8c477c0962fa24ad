//! How keys are shown: the reference's lists by state, or any outputter.

use fleet_common::diag::Diagnostic;

use fleet_common::value::{Map, Value};

use super::show::{self, OutputOptions};
use crate::keys::Folder;

/// Groups in the order of the list shown to people: heading, bright and plain colour.
const GROUPS: [(Folder, &str, &str, &str); 4] = [
    (Folder::Accepted, "Accepted Keys:", "\x1b[0;1;32m", "\x1b[0;32m"),
    (Folder::Denied, "Denied Keys:", "\x1b[0;1;35m", "\x1b[0;35m"),
    (Folder::Pending, "Unaccepted Keys:", "\x1b[0;1;31m", "\x1b[0;31m"),
    (Folder::Rejected, "Rejected Keys:", "\x1b[0;1;34m", "\x1b[0;34m"),
];
const END: &str = "\x1b[0;0m";

/// What is shown of the keys in one folder: `None` beside a name when only names are shown.
pub(super) type Group = (Folder, Vec<(String, Option<String>)>);

/// How to show it.
pub(super) struct Screen {
    /// The outputter; `None` and those that mean nothing for keys give the list for people.
    pub(super) out: Option<String>,
    /// Its options.
    pub(super) options: OutputOptions,
}

impl Screen {
    /// The text of these groups, without the newline at its end; empty when there is nothing to print.
    pub(super) fn text(&self, groups: &[Group]) -> Result<String, Diagnostic> {
        match self.out.as_deref() {
            None | Some("key" | "highstate" | "compact") => Ok(self.list(groups)),
            Some(name) => show::render(name, &data(groups), &self.options),
        }
    }

    fn list(&self, groups: &[Group]) -> String {
        let mut lines = Vec::new();
        for (folder, heading, bright, plain) in GROUPS {
            let Some((_, keys)) = groups.iter().find(|(shown, _)| *shown == folder) else { continue };
            lines.push(self.colored(bright, heading));
            for (name, detail) in keys {
                let line = detail.as_ref().map_or_else(|| name.clone(), |detail| format!("{name}:  {detail}"));
                lines.push(self.colored(plain, &line));
            }
        }
        lines.join("\n").trim_end().to_owned()
    }

    fn colored(&self, color: &str, text: &str) -> String {
        if self.options.color { format!("{color}{text}{END}") } else { text.to_owned() }
    }
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
