//! Who may ask what on the API. Default deny.

use rustix::process::geteuid;

/// Who is at the other end of the API's socket, by its peer credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// The account's name, or the number when it has none.
    pub name: String,
}

impl Caller {
    /// The user with this id. The name is for people; rights go by the id.
    pub fn of(uid: u32) -> Self {
        Self { uid, name: account(uid).unwrap_or_else(|| uid.to_string()) }
    }

    /// True for root and the daemon's own user.
    pub fn is_operator(&self) -> bool {
        self.uid == 0 || self.uid == geteuid().as_raw()
    }

    /// May do anything at all.
    pub fn has_rights(&self) -> bool {
        self.may_publish() || self.may_change_keys() || self.may_read()
    }

    /// May start jobs.
    pub fn may_publish(&self) -> bool {
        self.is_operator()
    }

    /// May see and change keys.
    pub fn may_change_keys(&self) -> bool {
        self.is_operator()
    }

    /// May read jobs and their returns.
    pub fn may_read(&self) -> bool {
        self.is_operator()
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
