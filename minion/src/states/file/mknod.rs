//! `file.mknod`.

use std::os::unix::fs::FileTypeExt;

use fleet_common::args;
use fleet_common::call::Arguments;

use super::owner::{Mode, Resolved, Wanted};
use super::text::named;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `file.mknod`.
    pub struct Mknod {
        /// The special file.
        name: String,
        /// `p` (pipe), `c` (character device) or `b` (block device).
        ntype: String,
        /// Major number of a device.
        major: i64 = 0,
        /// Minor number of a device.
        minor: i64 = 0,
        /// Owner.
        user: Option<String> = None,
        /// Group.
        group: Option<String> = None,
        /// Mode.
        mode: Mode = Mode::Bits(0o600),
    }
}

/// The file is made, or only its owner and mode are set.
#[derive(Debug, Clone)]
pub struct Todo {
    make: bool,
    owner: Resolved,
}

impl State for Mknod {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let path = named(name, "mknod")?;
        let kind = match self.ntype.as_str() {
            "p" => "fifo pipe",
            "c" => "character device",
            "b" => "block device",
            other => {
                return Err(Failure::new(format!(
                    "Node type unavailable: '{other}'. Available node types are character ('c'), block ('b'), and pipe ('p')"
                )));
            }
        };
        let titled = kind[..1].to_uppercase() + &kind[1..];
        let wanted = Wanted { user: self.user.clone(), group: self.group.clone(), mode: self.mode.bits()? };
        let owner = wanted.resolve()?;
        let Ok(now) = path.symlink_metadata() else {
            return Ok(Plan::Change {
                todo: Todo { make: true, owner },
                would: Report::new(format!("{titled} {name} is set to be created")),
                did: Report::default().change("new", format!("{titled} {name} created.")),
            });
        };
        let file = now.file_type();
        let right = match self.ntype.as_str() {
            "p" => file.is_fifo(),
            "c" => file.is_char_device(),
            _ => file.is_block_device(),
        };
        if !right {
            return Err(Failure::new(format!("File {name} exists and is not a {kind}. Refusing to continue")));
        }
        let changes = wanted.changes(&owner, &now);
        let same = Report::new(format!("{titled} {name} is in the correct state"));
        if changes.is_empty() {
            return Ok(Plan::Nothing(same));
        }
        let would = Report::new(format!("{titled} {name} is set to be changed")).changes(changes.clone());
        Ok(Plan::Change { todo: Todo { make: false, owner }, would, did: same.changes(changes) })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        if todo.make {
            let mut arguments = Arguments::positional([self.name.as_str(), self.ntype.as_str()]);
            arguments.keyword.insert("major", self.major);
            arguments.keyword.insert("minor", self.minor);
            arguments.keyword.insert("mode", format!("{:04o}", todo.owner.mode.unwrap_or(0o600)));
            act.run("file.mknod", arguments)?;
        }
        todo.owner.apply(self.name.as_ref(), false)?;
        Ok(Applied::AsPlanned)
    }
}
