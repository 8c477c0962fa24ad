//! Who is at the other end of the API's socket, by what the kernel says of the peer.

use fleet_common::ids::MinionId;
use rustix::process::geteuid;

/// Who is at the other end of the API's socket, by its peer credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// The account's name, or the number when it has none.
    pub name: String,
    /// Names of the account's groups in the local group file, and of the group the peer runs with.
    pub groups: Vec<String>,
    /// The peer's process, for the audit log; 0 when the kernel does not say.
    pub pid: i32,
}

impl Caller {
    /// A minion that has the master run something. No account has its number.
    pub fn minion(id: &MinionId) -> Self {
        Self { uid: u32::MAX, name: format!("minion {id}"), groups: Vec::new(), pid: 0 }
    }

    /// True for what [`Caller::minion`] gives.
    pub fn is_minion(&self) -> bool {
        self.uid == u32::MAX
    }

    /// The user with these ids. Names are read from the local files; who is not in them has its number only.
    pub fn of(uid: u32, gid: u32, pid: i32) -> Self {
        let name = account(uid).unwrap_or_else(|| uid.to_string());
        let file = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let groups = groups(&file, &name, gid);
        Self { uid, name, groups, pid }
    }

    /// True for root and the daemon's own user: they could read its keys and change its files anyway.
    pub fn is_operator(&self) -> bool {
        self.uid == 0 || self.uid == geteuid().as_raw()
    }
}

/// The name in the local accounts file; others have only their number.
fn account(uid: u32) -> Option<String> {
    if uid == 0 {
        return Some("root".to_owned());
    }
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Groups that list the account, and the one with the peer's own number.
fn groups(file: &str, name: &str, gid: u32) -> Vec<String> {
    let found = file.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (group, number, members) = (fields.next()?, fields.nth(1)?, fields.next().unwrap_or_default());
        (number.parse() == Ok(gid) || members.split(',').any(|member| member.trim() == name)).then(|| group.to_owned())
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_those_that_list_the_account_and_its_own() {
        let file = "root:x:0:\nadm:x:4:syslog,larry\nlarry:x:1000:\nops:x:30:larryx, larry\nbroken\n";
        assert_eq!(groups(file, "larry", 1000), ["adm", "larry", "ops"]);
        assert!(groups(file, "mallory", 1001).is_empty());
    }
}
