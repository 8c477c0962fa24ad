//! `ssh_auth.*`: keys that may log in.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::ssh::{Status, config_or_default, declared, put, status, take};
use crate::system::ssh::{AuthKey, KeyFile, SshError, is_key, is_kind};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "ssh_auth",
    doc: "Keys that may log in.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A key, or the keys of a file, that may log in as a user.",
            example: "AAAAB3NzaC1yc2EAAAADAQABAAAAgQC0: {ssh_auth.present: [{user: root}, {enc: ssh-rsa}]}",
            args: Key::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present(Key::bind(f, a)?)))),
        },
        StateFunction {
            name: "absent",
            doc: "A key, or the keys of a file, that may not log in as a user.",
            example: "AAAAB3NzaC1yc2EAAAADAQABAAAAgQC0: {ssh_auth.absent: [{user: root}]}",
            args: Key::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent(Key::bind(f, a)?)))),
        },
        StateFunction {
            name: "manage",
            doc: "These keys, and no others, may log in as a user.",
            example: "keys of root: {ssh_auth.manage: [{user: root}, {ssh_keys: ['ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC0 me']}]}",
            args: Manage::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Manage::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `ssh_auth.present` and `ssh_auth.absent`.
    struct Key {
        /// The key, or a whole line (`ssh-rsa AAAA… me`).
        name: String,
        /// The user.
        user: String,
        /// Kind of the key.
        enc: String = "ssh-rsa".to_owned(),
        /// Whose it is.
        comment: String = String::new(),
        /// A file of keys instead.
        source: String = String::new(),
        /// What the key may do.
        options: Vec<String> = Vec::new(),
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ssh_auth.manage`.
    struct Manage {
        /// A name for the state.
        name: String,
        /// The keys, or whole lines.
        ssh_keys: Vec<String>,
        /// The user.
        user: String,
        /// Kind of keys that do not say it.
        enc: String = "ssh-rsa".to_owned(),
        /// Whose keys are that do not say it.
        comment: String = String::new(),
        /// Taken for trees written for the reference.
        source: String = String::new(),
        /// What keys may do that do not say it.
        options: Vec<String> = Vec::new(),
        /// The file, relative to the user's home.
        config: Option<String> = None,
        /// Digest of the fingerprints.
        fingerprint_hash_type: Option<String> = None,
    }
}

/// A key as declared: a whole line says its kind, options and comment itself.
fn key(text: &str, enc: &str, comment: &str, options: &[String]) -> Result<AuthKey, Failure> {
    if let Some(mut key) = AuthKey::parse(text) {
        if key.comment.is_empty() {
            key.comment = comment.to_owned();
        }
        key.options.extend(options.iter().filter(|option| !key.options.contains(option)).cloned().collect::<Vec<_>>());
        return Ok(key);
    }
    let (key, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), comment));
    if !is_key(key) {
        return Err(Failure::new("Invalid public ssh key, most likely has spaces or invalid syntax"));
    }
    if !is_kind(enc) {
        return Err(Failure::new(format!(
            "'{enc}' is no kind of key (ssh-rsa, ssh-ed25519, ecdsa-sha2-nistp256, ...)"
        )));
    }
    let (enc, key, comment) = (enc.to_owned(), key.to_owned(), rest.to_owned());
    Ok(AuthKey { options: options.to_vec(), enc, key, comment })
}

impl Key {
    fn file(&self) -> Result<KeyFile, Failure> {
        file(&self.user, self.config.as_deref())
    }

    fn known(&self) -> Result<Vec<AuthKey>, Failure> {
        known(&self.user, self.config.as_deref())
    }

    fn keys(&self, look: &Look, run: &Run<'_>) -> Result<Vec<AuthKey>, Failure> {
        if !self.source.is_empty() {
            return Ok(declared(look, &self.source, run.saltenv)?);
        }
        Ok(vec![key(&self.name, &self.enc, &self.comment, &self.options)?])
    }
}

fn file(user: &str, config: Option<&str>) -> Result<KeyFile, Failure> {
    KeyFile::of(user, config_or_default(config)).map_err(failed)
}

/// The keys that may log in now. A user who is not there yet has none: a state before may be what makes the user, and
/// what writes the keys says if there is none then.
fn known(user: &str, config: Option<&str>) -> Result<Vec<AuthKey>, Failure> {
    match KeyFile::of(user, config_or_default(config)).and_then(|file| file.keys()) {
        Err(SshError::NoUser(_)) => Ok(Vec::new()),
        keys => keys.map_err(failed),
    }
}

fn failed(error: SshError) -> Failure {
    Failure::new(error.to_string())
}

/// What becomes of a key.
fn word(status: Status) -> Option<&'static str> {
    match status {
        Status::Add => Some("New"),
        Status::Update => Some("Updated"),
        Status::Exists => None,
    }
}

struct Present(Key);
struct Absent(Key);

impl State for Present {
    type Todo = Vec<AuthKey>;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Vec<AuthKey>>, Failure> {
        let (args, keys) = (&self.0, self.0.keys(look, run)?);
        let known = args.known()?;
        let states: Vec<Status> = keys.iter().map(|key| status(&known, key)).collect();
        // A file of keys is known by the state's name, a single key by itself.
        let shown = if args.source.is_empty() { &keys[0].key } else { &args.name };
        let of = format!("{shown} for user {}", args.user);
        let Some(state) = states
            .iter()
            .copied()
            .filter(|state| *state != Status::Exists)
            .max_by_key(|state| *state == Status::Update)
        else {
            let text = format!("The authorized host key {shown} is already present for user {}", args.user);
            return Ok(Plan::Nothing(Report::new(text)));
        };
        let (set, done) = if state == Status::Update { ("updated", "updated") } else { ("added", "added") };
        let would = if args.source.is_empty() {
            format!("Key {of} is set to be {set}")
        } else {
            let line = |(key, state): (&AuthKey, &Status)| match state {
                Status::Exists => None,
                Status::Add => Some(format!("Set to add: {}\n", key.key)),
                Status::Update => Some(format!("Set to update: {}\n", key.key)),
            };
            keys.iter().zip(&states).filter_map(line).collect()
        };
        let report = |text: String| Report::new(text).change(shown.as_str(), word(state).unwrap_or_default());
        let did = report(format!("The authorized host key {of} was {done}"));
        let would = report(would);
        let todo = keys.into_iter().zip(states).filter(|(_, state)| *state != Status::Exists).map(|(key, _)| key);
        Ok(Plan::Change { todo: todo.collect(), would, did })
    }

    fn apply(&self, _act: &Act, keys: Vec<AuthKey>) -> Result<Applied, Failure> {
        put(&self.0.file()?, &keys).map_err(failed)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = Vec<String>;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let (args, keys) = (&self.0, self.0.keys(look, run)?);
        let known = args.known()?;
        let there = |key: &&AuthKey| known.iter().any(|known| known.key == key.key);
        let found: Vec<String> = keys.iter().filter(there).map(|key| key.key.clone()).collect();
        if found.is_empty() {
            return Ok(Plan::Nothing(Report::new("Key not present")));
        }
        let shown = if args.source.is_empty() { &keys[0].key } else { &args.name };
        let report = |text: String| Report::new(text).change(shown.as_str(), "Removed");
        let would = report(format!("Key {shown} for user {} is set for removal", args.user));
        Ok(Plan::Change { todo: found, would, did: report("Key removed".to_owned()) })
    }

    fn apply(&self, _act: &Act, keys: Vec<String>) -> Result<Applied, Failure> {
        take(&self.0.file()?, &keys).map_err(failed)?;
        Ok(Applied::AsPlanned)
    }
}

/// Keys that come and keys that go.
struct Todo {
    put: Vec<AuthKey>,
    take: Vec<String>,
}

impl State for Manage {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let known = known(&self.user, self.config.as_deref())?;
        let wanted: Result<Vec<AuthKey>, Failure> =
            self.ssh_keys.iter().map(|text| key(text, &self.enc, &self.comment, &self.options)).collect();
        let wanted = wanted?;
        let (mut lines, mut told, mut changes) = (Vec::new(), Vec::new(), Map::new());
        let gone = |known: &&AuthKey| !wanted.iter().any(|key| key.key == known.key);
        let take: Vec<String> = known.iter().filter(gone).map(|key| key.key.clone()).collect();
        for key in &take {
            lines.push(format!("{key} Key set for removal"));
            changes.insert(key.as_str(), "Key removed");
        }
        let mut put = Vec::new();
        for key in wanted {
            let state = status(&known, &key);
            let Some(word) = word(state) else {
                told.push(format!("The authorized host key {} is already present for user {}", key.key, self.user));
                continue;
            };
            let verb = if state == Status::Add { "added" } else { "updated" };
            lines.push(format!("Key {} for user {} is set to be {verb}", key.key, self.user));
            changes.insert(key.key.as_str(), Value::from(word));
            put.push(key);
        }
        if changes.is_empty() {
            return Ok(Plan::Nothing(Report::new(told.join("\n"))));
        }
        let would = Report::new(lines.join("\n")).changes(changes.clone());
        Ok(Plan::Change { todo: Todo { put, take }, would, did: Report::default().changes(changes) })
    }

    fn apply(&self, _act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let file = file(&self.user, self.config.as_deref())?;
        if !todo.take.is_empty() {
            take(&file, &todo.take).map_err(failed)?;
        }
        if !todo.put.is_empty() {
            put(&file, &todo.put).map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }
}
