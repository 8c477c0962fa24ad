//! `webutil.*`: who is in the password files of web servers.

use fleet_common::args;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::webutil::{Entry, hashing};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "webutil",
    doc: "Who is in the password files of web servers.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "user_exists",
            doc: "Somebody who is in a password file.\n\nThe password of somebody who is there stays, unless `update` or `force` \
                  says otherwise.",
            example: "larry: {webutil.user_exists: [{password: secret}, {htpasswd_file: /etc/nginx/htpasswd}, {options: B}, {update: true}]}",
            args: Exists::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Exists::bind(f, a)?))),
        },
        StateFunction {
            name: "user_absent",
            doc: "Somebody who is not in a password file.",
            example: "larry: {webutil.user_absent: [{htpasswd_file: /etc/nginx/htpasswd}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `webutil.user_exists`.
    struct Exists {
        /// Who.
        name: String,
        /// The password, for who is not there yet, or with `update` or `force`.
        password: Option<String> = None,
        /// The file.
        htpasswd_file: String,
        /// How the hash is made: `opts` of `webutil.useradd`.
        options: String = String::new(),
        /// Makes the hash anew at each run.
        force: bool = false,
        /// The account that does it.
        runas: Option<String> = None,
        /// Changes the password when it is another.
        update: bool = false,
    }
}

args! {
    /// Arguments of `webutil.user_absent`.
    struct Absent {
        /// Who.
        name: String,
        /// The file.
        htpasswd_file: String,
        /// The account that does it.
        runas: Option<String> = None,
    }
}

impl Exists {
    fn entry(&self) -> Result<Entry<'_>, Failure> {
        Ok(Entry::new(&self.htpasswd_file, &self.name, self.runas.as_deref())?)
    }

    fn password(&self) -> Result<&str, Failure> {
        let missing = || {
            let Self { name, htpasswd_file, .. } = self;
            Failure::new(format!("User '{name}' in {htpasswd_file}: give argument 'password', there is none to set"))
        };
        self.password.as_deref().ok_or_else(missing)
    }
}

impl State for Exists {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (entry, name) = (self.entry()?, self.name.as_str());
        let is_there = entry.is_there()?;
        if is_there && !self.force && (!self.update || entry.verify(self.password()?)?) {
            return Ok(Plan::Nothing(Report::new("User already known")));
        }
        self.password()?;
        hashing(&self.options)?;
        let changed = |text: String| Report::new(text).change(name, true);
        let mut would = format!("User '{name}' is set to be added to htpasswd file");
        // A state before this one may be what makes it.
        if let Some(directory) = entry.missing_directory() {
            would.push_str(&format!("; directory {} is not there yet, and must be by then", directory.display()));
        }
        Ok(Plan::Change {
            todo: (),
            would: changed(would),
            did: changed(format!("{} password for user {name}", if is_there { "Updating" } else { "Adding" })),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        self.entry()?.set(act, self.password()?, &self.options)?;
        Ok(Applied::AsPlanned)
    }
}

impl Absent {
    fn entry(&self) -> Result<Entry<'_>, Failure> {
        Ok(Entry::new(&self.htpasswd_file, &self.name, self.runas.as_deref())?)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.name.as_str();
        if !self.entry()?.is_there()? {
            return Ok(Plan::Nothing(Report::new("User already not in file")));
        }
        let changed = |text: String| Report::new(text).change(name, true);
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("User '{name}' is set to be removed from htpasswd file")),
            did: changed(format!("Deleting password for user {name}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        self.entry()?.remove(act)?;
        Ok(Applied::AsPlanned)
    }
}
