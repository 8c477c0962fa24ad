//! `group.*`: groups that are there, with these members, or not there.

use fleet_common::args;
use fleet_common::value::python::repr;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::accounts::group as tool;
use crate::system::account_tools::AccountFault;
use crate::system::user::{Accounts, Group};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "group",
    doc: "Groups that are there, with these members, or not there.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A group that is there, with this number and these members if they are given.",
            example: "web: {group.present: [{gid: 900}, {addusers: [root]}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A group that is not there.",
            example: "web: {group.absent: []}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `group.present`.
    pub struct Present {
        /// The group.
        name: String,
        /// Its number.
        gid: Option<i64> = None,
        /// A group of the system, not of people; matters when it is made.
        system: bool = false,
        /// Accounts that are members, whoever else is.
        addusers: Option<Vec<String>> = None,
        /// Accounts that are no members.
        delusers: Option<Vec<String>> = None,
        /// All the members.
        members: Option<Vec<String>> = None,
        /// Whether the number may be another group's as well.
        non_unique: bool = false,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

args! {
    /// Arguments of `group.absent`.
    pub struct Absent {
        /// The group.
        name: String,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

/// One thing that differs.
#[derive(Debug, Clone)]
enum Step {
    Gid(i64),
    Members(Vec<String>),
    Add(Vec<String>),
    Remove(Vec<String>),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Todo {
    make: bool,
    steps: Vec<Step>,
    comment: String,
}

impl Step {
    fn key(&self) -> &'static str {
        match self {
            Self::Gid(_) => "gid",
            Self::Members(_) => "members",
            Self::Add(_) => "addusers",
            Self::Remove(_) => "delusers",
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Gid(gid) => (*gid).into(),
            Self::Members(names) | Self::Add(names) | Self::Remove(names) => names.clone().into(),
        }
    }

    fn take(&self, name: &str, any: bool) -> Result<(), AccountFault> {
        match self {
            Self::Gid(gid) => tool::set_gid(name, *gid, any, None),
            Self::Members(members) => tool::set_members(name, members, None),
            Self::Add(names) => names.iter().try_for_each(|account| tool::set_member(name, account, true, None)),
            Self::Remove(names) => names.iter().try_for_each(|account| tool::set_member(name, account, false, None)),
        }
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    names
}

fn no_libuser(state: &str, local: bool) -> Result<(), Failure> {
    if local {
        Err(Failure::new(format!("the argument 'local' of {state} (libuser) is not implemented")))
    } else {
        Ok(())
    }
}

impl Present {
    fn refuse_contradictions(&self) -> Result<(), Failure> {
        no_libuser("group.present", self.local)?;
        if self.members.is_some() && (self.addusers.is_some() || self.delusers.is_some()) {
            return Err(Failure::new(
                "Error: Conflicting options \"members\" with \"addusers\" and/or \"delusers\" can not be used together. ",
            ));
        }
        let (add, remove) = (self.addusers.iter().flatten(), self.delusers.as_deref().unwrap_or_default());
        if add.clone().any(|name| remove.contains(name)) {
            return Err(Failure::new("Error. Same user(s) can not be added and deleted simultaneously"));
        }
        Ok(())
    }

    /// What differs from the group as it is (or from an empty one).
    fn steps(&self, now: Option<&Group>) -> Vec<Step> {
        let members = now.map(|group| group.members.as_slice()).unwrap_or_default();
        let gid = self.gid.filter(|gid| now.is_some_and(|group| i64::from(group.gid) != *gid));
        let all = self.members.as_ref().filter(|all| sorted(all) != sorted(members));
        let some = |names: &Option<Vec<String>>, member: bool| {
            let names = names.iter().flatten().filter(|name| members.contains(name) != member).cloned();
            Some(names.collect::<Vec<_>>()).filter(|names| !names.is_empty())
        };
        let steps = [
            gid.map(Step::Gid),
            all.cloned().map(Step::Members),
            some(&self.addusers, true).map(Step::Add),
            some(&self.delusers, false).map(Step::Remove),
        ];
        steps.into_iter().flatten().collect()
    }

    fn make(&self) -> Result<(), Failure> {
        let taken = self.gid.filter(|_| !self.non_unique).and_then(|gid| u32::try_from(gid).ok());
        if let Some(other) = taken.and_then(|gid| Accounts::system().group_by_gid(gid)) {
            return Err(Failure::new(format!(
                "Group {} is not present but gid {} is already taken by group {}",
                self.name, other.gid, other.name
            )));
        }
        tool::add(&self.name, self.gid, self.system, self.non_unique, None)
            .map_err(|fault| Failure::new(format!("Failed to create new group {}\n{fault}", self.name)))
    }

    /// Takes the steps; those that failed, by name, and why.
    fn take(&self, steps: &[Step]) -> (Map, Vec<String>) {
        let (mut failed, mut why) = (Map::new(), Vec::new());
        for step in steps {
            if let Err(fault) = step.take(&self.name, self.non_unique) {
                failed.insert(step.key(), step.value());
                why.push(format!("{}: {fault}", step.key()));
            }
        }
        (failed, why)
    }
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.refuse_contradictions()?;
        let Some(now) = Accounts::system().group(&self.name) else {
            let steps = self.steps(None);
            let would = Report::new(format!("Group {} set to be added", self.name));
            let comment = format!("New group {} created", self.name);
            return Ok(Plan::Change { todo: Todo { make: true, steps, comment }, would, did: Report::default() });
        };
        let steps = self.steps(Some(&now));
        if steps.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Group {} is present and up to date", self.name))));
        }
        let mut comment = "The following group attributes are set to be changed:\n".to_owned();
        for step in &steps {
            comment.push_str(&format!("{}: {}\n", step.key(), repr(&step.value())));
        }
        let would = Report::new(comment.as_str());
        Ok(Plan::Change { todo: Todo { make: false, steps, comment }, would, did: Report::default() })
    }

    fn apply(&self, _: &Act, todo: Todo) -> Result<Applied, Failure> {
        if todo.make {
            self.make()?;
        }
        let (failed, why) = self.take(&todo.steps);
        let now = || Accounts::system().group(&self.name).map(tool::described).unwrap_or_default();
        if failed.is_empty() {
            let changes =
                if todo.make { now() } else { Map::from_iter([("Final", "All changes applied successfully")]) };
            return Ok(Applied::Really(Report::new(todo.comment).changes(changes)));
        }
        let mut changes = if todo.make { now() } else { Map::new() };
        changes.insert("Failed", failed);
        let comment = if todo.make {
            format!("Group {} has been created but, some changes could not be applied", self.name)
        } else {
            format!("{}Some changes could not be applied", todo.comment)
        };
        Err(Failure(Report::new(format!("{comment}\n{}", why.join("\n"))).changes(changes)))
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        no_libuser("group.absent", self.local)?;
        if Accounts::system().group(&self.name).is_none() {
            return Ok(Plan::Nothing(Report::new("Group not present")));
        }
        let would = Report::new(format!("Group {} is set for removal", self.name));
        let did = Report::new(format!("Removed group {}", self.name)).change(self.name.as_str(), "");
        Ok(Plan::Change { todo: (), would, did })
    }

    fn apply(&self, _: &Act, (): ()) -> Result<Applied, Failure> {
        tool::delete(&self.name, None)
            .map_err(|fault| Failure::new(format!("Failed to remove group {}\n{fault}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}
