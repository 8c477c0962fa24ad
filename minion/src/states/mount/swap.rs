//! `mount.swap`.

use std::path::Path;

use fleet_common::args;

use super::super::{Applied, Failure, Plan, Report, Run, State};
use crate::cx::{Act, Look};
use crate::modules::mount::{Change, compare, failed, is_meant, is_swap, swap_on};
use crate::system::mount::{self as system, Entry};

args! {
    /// Arguments of `mount.swap`.
    pub struct Swap {
        /// The device or file.
        name: String,
        /// Also in the table.
        persist: bool = true,
        /// The table.
        config: String = "/etc/fstab".to_owned(),
    }
}

/// What to do.
pub struct Todo {
    activate: bool,
    entry: Option<Entry>,
}

impl State for Swap {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let activate = !is_swap(name)?;
        let entry = Entry {
            device: name.clone(),
            point: "none".to_owned(),
            fstype: "swap".to_owned(),
            opts: "defaults".to_owned(),
            dump: "0".to_owned(),
            pass: "0".to_owned(),
        };
        // Whatever the table says of this swap space is left as it is: priorities stand there.
        let known = compare(Path::new(&self.config), &entry, &["auto".to_owned()], true)? == Change::Present;
        let add = self.persist && !known;
        let (would, did) = match activate {
            true => (format!("Swap {name} is set to be activated"), format!("Swap {name} activated")),
            false => (format!("Swap {name} already active"), format!("Swap {name} already active")),
        };
        if !activate && !add {
            return Ok(Plan::Nothing(Report::new(did)));
        }
        let report = |text: String, added: &str| {
            let text = if add { format!("{text}. {added}") } else { text };
            let report = Report::new(text);
            let report = if activate { report.change("swap", true) } else { report };
            if add { report.change("persist", "new") } else { report }
        };
        Ok(Plan::Change {
            todo: Todo { activate, entry: add.then_some(entry) },
            would: report(would, "An entry would be added to the fstab."),
            did: report(did, "Added new entry to the fstab."),
        })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        if todo.activate
            && let Some(why) = swap_on(&self.name, None)?
        {
            return Err(Failure::new(format!("Swap {} failed to activate: {why}", self.name)));
        }
        if let Some(entry) = &todo.entry {
            let auto = ["auto".to_owned()];
            system::put(Path::new(&self.config), |known| is_meant(known, entry, &auto), Some(entry)).map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }
}
