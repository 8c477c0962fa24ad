//! `apache.configfile`: a file of configuration made of data.

use std::path::Path;

use fleet_common::args;
use fleet_common::value::Value;

use crate::cx::{Act, Look};
use crate::modules::apache::config::rendered;
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::fs::{WriteOptions, read_bounded, write_atomic};

/// Largest file of configuration.
const MOST: u64 = 16 << 20;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "apache",
    doc: "Configuration of the web server Apache.",
    reacts: false,
    functions: &[StateFunction {
        name: "configfile",
        doc: "A file with configuration that is made of data.",
        example: "/etc/apache2/ports.conf: {apache.configfile: [{config: [{Listen: 8080}]}]}",
        args: ConfigFile::ROWS,
        make: |f, a| Ok(Box::new(PlannedState(ConfigFile::bind(f, a)?))),
    }],
};

args! {
    /// Arguments of `apache.configfile`.
    struct ConfigFile {
        /// The file.
        name: String,
        /// Directives: a list of mappings. A mapping with `this` is a section, a list is one directive for each entry.
        config: Value,
    }
}

impl State for ConfigFile {
    type Todo = String;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<String>, Failure> {
        let path = Path::new(&self.name);
        if !path.is_absolute() {
            return Err(Failure::new(format!("{} is no absolute path", self.name)));
        }
        let new = rendered(&self.config)?;
        let old = match read_bounded(path, MOST) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(fault) if fault.is_missing() => None,
            Err(fault) => return Err(Failure::new(fault.to_string())),
        };
        let todo = format!("{new}\n");
        if old.as_deref() == Some(todo.as_str()) {
            return Ok(Plan::Nothing(Report::new("Configuration is up to date.")));
        }
        let old = old.unwrap_or_default();
        let changed = |text: &str| Report::new(text).change("old", old.as_str()).change("new", new.as_str());
        let did = changed("Successfully created configuration.");
        Ok(Plan::Change { todo, would: changed("Configuration will update."), did })
    }

    fn apply(&self, _act: &Act, text: String) -> Result<Applied, Failure> {
        let written = write_atomic(Path::new(&self.name), text.as_bytes(), &WriteOptions::default());
        written.map_err(|fault| Failure::new(fault.to_string()))?;
        Ok(Applied::AsPlanned)
    }
}
