//! `user.absent`.

use fleet_common::args;

use crate::cx::{Act, Look};
use crate::modules::accounts::delete;
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::user::Accounts;

args! {
    /// Arguments of `user.absent`.
    pub struct Absent {
        /// The login name.
        name: String,
        /// Its home directory and mail go as well.
        purge: bool = false,
        /// Even if it is logged in.
        force: bool = false,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        if self.local {
            return Err(Failure::new("the argument 'local' of user.absent (libuser) is not implemented"));
        }
        if Accounts::system().account(&self.name).is_none() {
            return Ok(Plan::Nothing(Report::new(format!("User {} is not present", self.name))));
        }
        let would = Report::new(format!("User {} set for removal", self.name));
        Ok(Plan::Change { todo: (), would, did: Report::new(format!("Removed user {}", self.name)) })
    }

    fn apply(&self, _: &Act, (): ()) -> Result<Applied, Failure> {
        let groups = || Accounts::system().groups().unwrap_or_default();
        let before = groups();
        delete(&self.name, self.purge, self.force, None)
            .map_err(|fault| Failure::new(format!("Failed to remove user {}\n{fault}", self.name)))?;
        let after = groups();
        let gone = before.iter().filter(|group| after.iter().all(|left| left.name != group.name));
        let mut report = Report::new(format!("Removed user {}", self.name));
        for group in gone {
            report = report.change(format!("{} group", group.name), "removed");
        }
        Ok(Applied::Really(report.change(self.name.as_str(), "removed")))
    }
}
