//! `ssh_known_hosts.*`: keys of servers.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::ssh::{Set, Wanted, forget, known, wanted};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "ssh_known_hosts",
    doc: "Keys of servers.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A server that a user knows, by a key that is given or that the server tells.",
            example: "example.org: {ssh_known_hosts.present: [{user: root}, {fingerprint: 'aa:bb'}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A server that a user does not know.",
            example: "example.org: {ssh_known_hosts.absent: [{user: root}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `ssh_known_hosts.present`.
    struct Present {
        /// The server.
        name: String,
        /// The user; none: the machine's file.
        user: Option<String> = None,
        /// The fingerprint that one of its keys must have.
        fingerprint: Option<String> = None,
        /// The key itself: nobody is asked.
        key: Option<String> = None,
        /// Its port.
        port: Option<i64> = None,
        /// Kind of the key.
        enc: Option<String> = None,
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Hash the name of a server that is asked.
        hash_known_hosts: bool = true,
        /// Seconds to wait.
        timeout: i64 = 5,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh_known_hosts.absent`.
    struct Absent {
        /// The server.
        name: String,
        /// The user; none: the machine's file.
        user: Option<String> = None,
        /// The file, relative to the user's home.
        config: Option<String> = None,
    }
}

/// The file as it is named in comments.
fn shown(user: Option<&str>, config: Option<&str>) -> String {
    let usual = if user.is_some() { ".ssh/known_hosts" } else { "/etc/ssh/ssh_known_hosts" };
    config.unwrap_or(usual).to_owned()
}

impl State for Present {
    type Todo = Wanted;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Wanted>, Failure> {
        let (name, file) = (&self.name, shown(self.user.as_deref(), self.config.as_deref()));
        let set = Set {
            user: self.user.clone(),
            hostname: Some(name.clone()),
            fingerprint: self.fingerprint.clone(),
            key: self.key.clone(),
            port: self.port,
            enc: self.enc.clone(),
            config: self.config.clone(),
            hash_known_hosts: self.hash_known_hosts,
            timeout: self.timeout,
            fingerprint_hash_type: self.fingerprint_hash_type.clone(),
        };
        let wanted = wanted(&set)?;
        let would = match wanted.status {
            "exists" => return Ok(Plan::Nothing(Report::new(format!("{name} already exists in {file}")))),
            "add" => format!("Key for {name} is set to be added to {file}"),
            _ => format!("Key for {name} is set to be updated in {file}"),
        };
        let what = match (&self.key, &self.fingerprint) {
            (Some(key), _) => format!(" (key: {key})"),
            (None, Some(print)) => format!(" (fingerprint: {print})"),
            (None, None) => String::new(),
        };
        let changes = Map::from_iter([("old", wanted.old.clone()), ("new", wanted.new.clone())]);
        let did = Report::new(format!("{name}'s key saved to {file}{what}")).changes(changes.clone());
        // A name that is hashed is hashed anew each time the server is asked; the keys are what is predicted.
        Ok(Plan::Change { todo: wanted, would: Report::new(would).changes(changes), did })
    }

    fn apply(&self, _act: &Act, wanted: Wanted) -> Result<Applied, Failure> {
        wanted.write()?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = Map;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Map>, Failure> {
        let (name, file) = (&self.name, shown(self.user.as_deref(), self.config.as_deref()));
        let known = known(name, self.user.as_deref(), self.config.as_deref())?;
        if known.is_null() {
            return Ok(Plan::Nothing(Report::new("Host is already absent")));
        }
        let changes = Map::from_iter([("old", known), ("new", Value::Null)]);
        let would = Report::new(format!("Key for {name} is set to be removed from {file}")).changes(changes.clone());
        Ok(Plan::Change { todo: changes, did: would.clone(), would })
    }

    fn apply(&self, _act: &Act, changes: Map) -> Result<Applied, Failure> {
        let said = forget(&self.name, self.user.as_deref(), self.config.as_deref())?;
        Ok(Applied::Really(Report::new(said).changes(changes)))
    }
}
