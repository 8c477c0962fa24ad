//! Accounts and groups: from `/etc/passwd` and `/etc/group`, else from `getent`.
//!
//! A static binary has no NSS, so directories (LDAP, SSSD, systemd-homed) are asked through the `getent` program,
//! and only for accounts that the local files do not have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::command::Command;
use super::fs::{self, FileFault};

/// The largest account database that is read.
const DATABASE_LIMIT: u64 = 64 << 20;

/// One line of `passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// The password field as stored (`x` with shadow passwords).
    pub passwd: String,
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// The comment field, commas included.
    pub gecos: String,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell; empty stands for `/bin/sh`.
    pub shell: String,
}

/// One line of `group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Group name.
    pub name: String,
    /// The password field as stored.
    pub passwd: String,
    /// Group id.
    pub gid: u32,
    /// Login names listed as members (accounts with this primary group are not listed).
    pub members: Vec<String>,
}

/// The account databases of a system.
#[derive(Debug, Clone)]
pub struct Accounts {
    etc: PathBuf,
    ask_getent: bool,
}

impl Accounts {
    /// Those of the running system.
    pub fn system() -> Self {
        Self { etc: PathBuf::from("/etc"), ask_getent: true }
    }

    /// Those below another `/etc` (an image, a chroot): files only.
    pub fn below(etc: impl Into<PathBuf>) -> Self {
        Self { etc: etc.into(), ask_getent: false }
    }

    /// All accounts of the local file, in its order.
    pub fn accounts(&self) -> Result<Vec<Account>, FileFault> {
        Ok(parse_accounts(&self.database("passwd")?))
    }

    /// All groups of the local file, in its order.
    pub fn groups(&self) -> Result<Vec<Group>, FileFault> {
        Ok(parse_groups(&self.database("group")?))
    }

    /// The account with this login name.
    pub fn account(&self, name: &str) -> Option<Account> {
        let local = self.accounts().unwrap_or_default().into_iter().find(|account| account.name == name);
        local.or_else(|| parse_accounts(&self.getent("passwd", name)?).into_iter().find(|found| found.name == name))
    }

    /// The account with this user id.
    pub fn account_by_uid(&self, uid: u32) -> Option<Account> {
        let local = self.accounts().unwrap_or_default().into_iter().find(|account| account.uid == uid);
        local.or_else(|| {
            parse_accounts(&self.getent("passwd", &uid.to_string())?).into_iter().find(|found| found.uid == uid)
        })
    }

    /// The group with this name.
    pub fn group(&self, name: &str) -> Option<Group> {
        let local = self.groups().unwrap_or_default().into_iter().find(|group| group.name == name);
        local.or_else(|| parse_groups(&self.getent("group", name)?).into_iter().find(|found| found.name == name))
    }

    /// The group with this id.
    pub fn group_by_gid(&self, gid: u32) -> Option<Group> {
        let local = self.groups().unwrap_or_default().into_iter().find(|group| group.gid == gid);
        local.or_else(|| {
            parse_groups(&self.getent("group", &gid.to_string())?).into_iter().find(|found| found.gid == gid)
        })
    }

    /// The ids of all groups an account is in: its primary group first, then the others ascending.
    pub fn group_ids(&self, account: &Account) -> Vec<u32> {
        let mut others: BTreeSet<u32> = self
            .groups()
            .unwrap_or_default()
            .into_iter()
            .filter(|group| group.members.contains(&account.name))
            .map(|group| group.gid)
            .collect();
        // `getent initgroups NAME` prints "NAME 4 27 1000": what directories add to the local file.
        let is_local = self.accounts().unwrap_or_default().iter().any(|local| local.name == account.name);
        if let Some(answer) = (!is_local).then(|| self.getent("initgroups", &account.name)).flatten() {
            others.extend(answer.split_whitespace().skip(1).filter_map(|gid| gid.parse::<u32>().ok()));
        }
        others.remove(&account.gid);
        std::iter::once(account.gid).chain(others).collect()
    }

    fn database(&self, name: &str) -> Result<String, FileFault> {
        let bytes = fs::read_bounded(&self.etc.join(name), DATABASE_LIMIT)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What `getent` answers, if it may be asked and knows the key.
    fn getent(&self, database: &str, key: &str) -> Option<String> {
        // A key that looks like an option or is empty names no account.
        if !self.ask_getent || key.is_empty() || key.starts_with('-') || !Path::new("/etc/nsswitch.conf").exists() {
            return None;
        }
        let finished = Command::argv(["getent", database, key]).timeout_seconds(30.0).run().ok()?;
        (finished.status == 0).then(|| String::from_utf8_lossy(&finished.stdout).into_owned())
    }
}

/// The accounts of a `passwd` text; lines that are none (comments, NIS `+` lines, bad ids) are skipped.
pub fn parse_accounts(text: &str) -> Vec<Account> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?;
        let passwd = fields.next()?;
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let (gecos, home) = (fields.next()?, fields.next()?);
        Some(Account {
            name: name.to_owned(),
            passwd: passwd.to_owned(),
            uid,
            gid,
            gecos: gecos.to_owned(),
            home: PathBuf::from(home),
            shell: fields.next().unwrap_or_default().trim().to_owned(),
        })
    };
    text.lines().filter_map(account).collect()
}

/// The groups of a `group` text; lines that are none are skipped.
pub fn parse_groups(text: &str) -> Vec<Group> {
    let group = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?;
        let passwd = fields.next()?;
        let gid = fields.next()?.parse().ok()?;
        let members = fields.next().unwrap_or_default().split(',').map(str::trim).filter(|member| !member.is_empty());
        Some(Group {
            name: name.to_owned(),
            passwd: passwd.to_owned(),
            gid,
            members: members.map(str::to_owned).collect(),
        })
    };
    text.lines().filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_local_files_and_skips_what_is_no_account() {
        let etc = tempfile::tempdir().unwrap();
        std::fs::write(
            etc.path().join("passwd"),
            "root:x:0:0:root:/root:/bin/bash\n+::::::\nbroken:x:a:0::/:/\nweb:x:33:33:W,1:/var/www:/bin/sh\n",
        )
        .unwrap();
        std::fs::write(etc.path().join("group"), "root:x:0:\nweb:x:33:\nlog:x:40:web,root\nadm:x:4:web\n").unwrap();
        let accounts = Accounts::below(etc.path());
        assert_eq!(accounts.accounts().unwrap().len(), 2);
        let web = accounts.account("web").unwrap();
        assert_eq!((web.uid, web.home.as_path(), web.gecos.as_str()), (33, Path::new("/var/www"), "W,1"));
        assert_eq!(accounts.group_ids(&web), [33, 4, 40]);
        assert_eq!(accounts.group_by_gid(40).unwrap().members, ["web", "root"]);
        assert_eq!(accounts.account("nobody-here"), None);
    }

    #[test]
    fn an_option_is_never_handed_to_getent() {
        assert_eq!(Accounts::system().account("--service=files"), None);
    }
}
