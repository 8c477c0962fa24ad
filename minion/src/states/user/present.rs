//! `user.present`.

use std::collections::BTreeSet;
use std::path::Path;

use fleet_common::args;
use fleet_common::crypto::password;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::difference::{Now, REDACTED, Step, changes};
use crate::cx::{Act, Look};
use crate::modules::accounts::{Add, Comment, add, default_hash, random_hash};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::user::Accounts;

args! {
    /// Arguments of `user.present`.
    pub struct Present {
        /// The login name.
        name: String,
        /// The user id.
        uid: Option<i64> = None,
        /// The primary group, a number or a name.
        gid: Value = Value::Null,
        /// Whether a group of the same name is made with the account; as the system is set up without it.
        usergroup: Option<bool> = None,
        /// Further groups; they must be there.
        groups: Option<Vec<String>> = None,
        /// Further groups, those of them that are there.
        optional_groups: Option<Vec<String>> = None,
        /// Take the account out of all other groups.
        remove_groups: bool = true,
        /// The home directory.
        home: Option<String> = None,
        /// Make the home directory.
        createhome: bool = true,
        /// Move the content of the old home directory to the new one.
        persist_home: bool = false,
        /// The hash of the password.
        password: Option<String> = None,
        /// The password is given itself, not its hash.
        hash_password: bool = false,
        /// Set the password also when the account has another one.
        enforce_password: bool = true,
        /// No password is asked for.
        empty_password: bool = false,
        /// The login shell.
        shell: Option<String> = None,
        /// Whether the user id must be free when the account is made.
        unique: bool = true,
        /// An account of the system, not of a person; matters when it is made.
        system: bool = false,
        /// The comment: the full name.
        fullname: Value = Value::Null,
        /// The comment: the room.
        roomnumber: Value = Value::Null,
        /// The comment: the telephone at work.
        workphone: Value = Value::Null,
        /// The comment: the telephone at home.
        homephone: Value = Value::Null,
        /// The comment: anything else.
        other: Value = Value::Null,
        /// Only other systems have login classes.
        loginclass: Option<String> = None,
        /// Day of the password's last change, since 1970.
        date: Option<i64> = None,
        /// Days before the password may be changed again.
        mindays: Option<i64> = None,
        /// Days after which the password must be changed.
        maxdays: Option<i64> = None,
        /// Days after that until the account is closed.
        inactdays: Option<i64> = None,
        /// Days of warning before the password must be changed.
        warndays: Option<i64> = None,
        /// Day on which the account is closed, since 1970; -1 for never.
        expire: Option<i64> = None,
        /// Keep the account out of the list of last logins.
        nologinit: bool = false,
        /// Whether another user id is set; files keep their owner.
        allow_uid_change: bool = false,
        /// Whether another primary group is set; files keep their group.
        allow_gid_change: bool = false,
        /// Whether the password is locked.
        password_lock: Option<bool> = None,
        /// Only with libuser, which is not used here.
        local: bool = false,
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Todo {
    /// Make the account.
    Make,
    /// Mend what differs.
    Mend(Vec<Step>),
}

impl Present {
    fn gid(&self) -> Option<u32> {
        let text = Some(str_(&self.gid)).filter(|_| !self.gid.is_null())?;
        text.parse().ok().or_else(|| Accounts::system().group(&text).map(|group| group.gid))
    }

    fn refuse(&self) -> Result<(), Failure> {
        if self.local {
            return Err(Failure::new("the argument 'local' of user.present (libuser) is not implemented"));
        }
        let accounts = Accounts::system();
        let missing: Vec<&str> =
            (self.groups.iter().flatten().map(String::as_str)).filter(|name| accounts.group(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(Failure::new(format!("The following group(s) are not present: {}", missing.join(" "))));
        }
        Ok(())
    }

    /// Further groups that are asked for and there.
    fn further(&self) -> BTreeSet<String> {
        let accounts = Accounts::system();
        let optional = self.optional_groups.iter().flatten().filter(|name| accounts.group(name).is_some());
        self.groups.iter().flatten().chain(optional).cloned().collect()
    }

    /// The groups besides the primary one, if they differ from what they will be otherwise.
    fn groups(&self, now: &Now) -> Option<Vec<String>> {
        let accounts = Accounts::system();
        let name = |gid: u32| accounts.group_by_gid(gid).map(|group| group.name).unwrap_or_default();
        let (old, new) = (name(now.account.gid), name(self.gid().unwrap_or(now.account.gid)));
        let mut wanted = self.further();
        let asked = self.groups.is_some() || self.optional_groups.is_some();
        if !self.remove_groups || !asked {
            wanted.extend(now.groups.iter().cloned());
        }
        wanted.remove(&new);
        // Leaving a primary group is leaving the group; its own group is nobody's business.
        let is_further = |group: &&String| **group != old && **group != new;
        let own = |group: &&String| **group == self.name && !wanted.contains(*group);
        let have: BTreeSet<String> =
            now.groups.iter().filter(is_further).filter(|group| !own(group)).cloned().collect();
        (have != wanted).then(|| wanted.into_iter().collect())
    }

    fn home(&self, now: &Now) -> Vec<Step> {
        let Some(home) = self.home.as_deref().map(Path::new) else { return Vec::new() };
        let mut steps = Vec::new();
        if now.account.home != home {
            steps.push(Step::Home(home.to_owned(), self.persist_home));
        }
        if self.createhome && !home.is_dir() {
            steps.push(Step::MakeHome(home.to_owned()));
        }
        steps
    }

    fn comment(&self, now: &Now) -> Vec<Step> {
        let mut parts = now.account.gecos.splitn(5, ',');
        let wanted = [
            (Comment::FullName, "fullname", &self.fullname),
            (Comment::Room, "roomnumber", &self.roomnumber),
            (Comment::WorkPhone, "workphone", &self.workphone),
            (Comment::HomePhone, "homephone", &self.homephone),
            (Comment::Other, "other", &self.other),
        ];
        let differs =
            wanted.into_iter().map(|(part, name, value)| (part, name, value, parts.next().unwrap_or_default()));
        differs
            .filter(|(_, _, value, old)| !value.is_null() && str_(value) != *old)
            .map(|(part, name, value, _)| Step::Comment(part, name, str_(value)))
            .collect()
    }

    fn password(&self, now: &Now) -> Result<Vec<Step>, Failure> {
        let Some(line) = &now.shadow else { return Ok(Vec::new()) };
        let mut steps = Vec::new();
        let bare = if self.password_lock.is_some() { line.passwd.trim_start_matches('!') } else { &line.passwd };
        let same = |given: &str| if self.hash_password { password::fits(given, bare) } else { bare == given };
        let may = self.enforce_password || bare.is_empty() || bare == default_hash();
        match &self.password {
            _ if self.empty_password => steps.extend((!line.passwd.is_empty()).then_some(Step::NoPassword)),
            Some(password) if may && !same(password) => steps.push(Step::Hash(self.hash(password)?)),
            _ => {}
        }
        // Setting or taking away a password opens it.
        let locked = line.is_locked() && steps.is_empty();
        if let Some(lock) = self.password_lock.filter(|lock| *lock != locked) {
            steps.push(Step::Lock(lock));
        }
        let ages = [
            ("date", "-d", self.date, line.changed),
            ("mindays", "-m", self.mindays, line.min),
            ("maxdays", "-M", self.maxdays, line.max),
            ("inactdays", "-I", self.inactdays, line.inactive),
            ("warndays", "-W", self.warndays, line.warn),
            ("expire", "-E", self.expire, line.expire),
        ];
        for (name, option, wanted, old) in ages {
            steps.extend(wanted.filter(|days| *days != old).map(|days| Step::Age(name, option, days)));
        }
        Ok(steps)
    }

    fn hash(&self, password: &str) -> Result<String, Failure> {
        if !self.hash_password {
            return Ok(password.to_owned());
        }
        random_hash(password).ok_or_else(|| Failure::new("the password could not be hashed"))
    }

    /// All that differs, or what must not be changed.
    fn steps(&self, now: &Now) -> Result<Vec<Step>, Failure> {
        let (uid, gid) = (now.account.uid, now.account.gid);
        let wanted = self.uid.map(u32::try_from).transpose();
        let wanted = wanted.map_err(|_| Failure::new(format!("{} is no user id", self.uid.unwrap_or_default())))?;
        let mut forbidden = Vec::new();
        let mut steps = Vec::new();
        let mut number = |name: &str, old: u32, new: Option<u32>, allowed: bool, step: fn(u32) -> Step| match new {
            Some(new) if new != old && !allowed => forbidden.push(format!(
                "- Changing {name} ({old} -> {new}) not permitted, set allow_{name}_change to True to force this \
                 change. Note that this will not change file ownership."
            )),
            Some(new) if new != old => steps.push(step(new)),
            _ => {}
        };
        number("uid", uid, wanted, self.allow_uid_change, Step::Uid);
        number("gid", gid, self.gid(), self.allow_gid_change, Step::Gid);
        if !forbidden.is_empty() {
            let text = forbidden.join("\n");
            return Err(Failure::new(format!(
                "Encountered error checking for needed changes. Additional info follows:\n\n{text}"
            )));
        }
        steps.extend(self.groups(now).map(Step::Groups));
        steps.extend(self.home(now));
        steps.extend(self.shell.clone().filter(|shell| *shell != now.account.shell).map(Step::Shell));
        steps.extend(self.comment(now));
        steps.extend(self.password(now)?);
        Ok(steps)
    }

    fn make(&self) -> Result<Report, Failure> {
        let text = |value: &Value| if value.is_null() { String::new() } else { str_(value) };
        let new = Add {
            name: self.name.clone(),
            uid: self.uid,
            gid: Some(text(&self.gid)).filter(|gid| !gid.is_empty()),
            groups: self.further().into_iter().collect(),
            home: self.home.clone(),
            shell: self.shell.clone(),
            unique: self.unique,
            system: self.system,
            fullname: text(&self.fullname),
            roomnumber: text(&self.roomnumber),
            workphone: text(&self.workphone),
            homephone: text(&self.homephone),
            other: text(&self.other),
            createhome: self.createhome,
            loginclass: None,
            nologinit: self.nologinit,
            root: None,
            usergroup: self.usergroup,
            local: false,
        };
        add(&new).map_err(|fault| Failure::new(format!("Failed to create new user {}\n{fault}", self.name)))?;
        let made = self.now()?;
        let mut changes = made.facts();
        changes.retain(|key, _| !["lstchg", "min", "max", "warn", "inact", "expire"].map(Value::from).contains(key));
        changes.insert("passwd", made.account.passwd.as_str());
        let mut failed = Vec::new();
        for step in self.password(&made)? {
            match step.take(&self.name) {
                Ok(()) => report_password(&mut changes, &step),
                Err(fault) => failed.push(format!("{}: {fault}", step.shown())),
            }
        }
        if !failed.is_empty() {
            let text = format!("User {} created but these could not be set:\n{}", self.name, failed.join("\n"));
            return Err(Failure(Report::new(text).changes(changes)));
        }
        Ok(Report::new(format!("New user {} created", self.name)).changes(changes))
    }

    fn now(&self) -> Result<Now, Failure> {
        Now::of(&self.name)?.ok_or_else(|| Failure::new(format!("User {} is not present any more", self.name)))
    }

    fn mend(&self, steps: &[Step]) -> Result<Report, Failure> {
        let before = self.now()?.facts();
        let mut failed = Vec::new();
        for step in steps {
            if let Err(fault) = step.take(&self.name) {
                failed.push(format!("{}: {fault}", step.shown()));
            }
        }
        let changes = changes(&before, self.now()?.facts());
        if failed.is_empty() {
            return Ok(Report::new(format!("Updated user {}", self.name)).changes(changes));
        }
        Err(Failure(Report::new(format!("These values could not be changed:\n{}", failed.join("\n"))).changes(changes)))
    }
}

/// Adds what was set of a new account's password to its changes.
fn report_password(changes: &mut Map, step: &Step) {
    match step {
        Step::Hash(_) => changes.insert("password", REDACTED),
        Step::NoPassword => changes.insert("password", ""),
        Step::Lock(lock) => changes.insert("password_lock", *lock),
        Step::Age(name, _, days) => changes.insert(*name, *days),
        _ => None,
    };
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, _: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        self.refuse()?;
        let Some(now) = Now::of(&self.name)? else {
            let would = Report::new(format!("User {} set to be added", self.name));
            return Ok(Plan::Change { todo: Todo::Make, would, did: Report::default() });
        };
        let steps = self.steps(&now)?;
        if steps.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("User {} is present and up to date", self.name))));
        }
        let listed: String = steps.iter().map(|step| step.shown() + "\n").collect();
        let would = Report::new(format!("The following user attributes are set to be changed:\n{listed}"));
        Ok(Plan::Change { todo: Todo::Mend(steps), would, did: Report::default() })
    }

    fn apply(&self, _: &Act, todo: Todo) -> Result<Applied, Failure> {
        let report = match todo {
            Todo::Make => self.make()?,
            Todo::Mend(steps) => self.mend(&steps)?,
        };
        Ok(Applied::Really(report))
    }
}
