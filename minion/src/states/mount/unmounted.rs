//! `mount.unmounted`.

use std::path::Path;

use fleet_common::args;

use super::super::{Applied, Failure, Plan, Report, Run, State};
use crate::cx::{Act, Look};
use crate::modules::mount::{self as tool, failed};
use crate::system::mount::{self as system, Entry};

args! {
    /// Arguments of `mount.unmounted`.
    pub struct Unmounted {
        /// Where.
        name: String,
        /// Only this is unmounted there, and its entry removed.
        device: Option<String> = None,
        /// The table.
        config: String = "/etc/fstab".to_owned(),
        /// Also no entry in the table.
        persist: bool = false,
        /// User to run as.
        user: Option<String> = None,
    }
}

/// What to do.
pub struct Todo {
    unmount: bool,
    forget: bool,
}

impl Unmounted {
    fn is_meant(&self, entry: &Entry) -> bool {
        entry.point == self.name && self.device.as_ref().is_none_or(|device| *device == entry.device)
    }
}

impl State for Unmounted {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let now = system::mounted(name).map_err(failed)?;
        let is_it = |mount: &system::Mounted| self.device.as_ref().is_none_or(|device| mount.is_of(device, false));
        let unmount = now.as_ref().is_some_and(is_it);
        let table = system::table(Path::new(&self.config)).map_err(failed)?;
        let forget = self.persist && table.iter().any(|entry| self.is_meant(entry));
        let (mut would, mut did) = (Vec::new(), Vec::new());
        let mut report = Report::default();
        if unmount {
            would.push(format!("Mount point {name} is mounted but should not be"));
            did.push("Target was successfully unmounted".to_owned());
            report = report.change("umount", true);
        } else {
            would.push("Target was already unmounted".to_owned());
            did = would.clone();
        }
        if forget {
            would.push(format!("Mount point {name} is in the fstab but should not be"));
            did.push("Removed target from fstab".to_owned());
            report = report.change("persist", "purged");
        } else if self.persist {
            let of = self.device.as_ref().map(|device| format!(" for device {device}")).unwrap_or_default();
            would.push(format!("fstab entry{of} not found"));
            did.push(format!("fstab entry{of} not found"));
        }
        let did = Report::new(did.join(". ")).changes(report.changes.clone());
        if !unmount && !forget {
            return Ok(Plan::Nothing(did));
        }
        let would = Report::new(would.join(". ")).changes(report.changes);
        Ok(Plan::Change { todo: Todo { unmount, forget }, would, did })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        if todo.unmount
            && let Some(why) = tool::unmount(&self.name, self.user.as_deref(), false)?
        {
            return Err(Failure::new(why));
        }
        if todo.forget {
            system::put(Path::new(&self.config), |entry| self.is_meant(entry), None).map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }
}
