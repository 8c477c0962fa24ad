//! The table of an account's timed commands, as the program `crontab` reads and writes it.
//!
//! What stands above our line is never touched. Below it each command has a line of comment before it that names it,
//! so that it is found again when it changed.

use super::command::{Command, CommandError};

/// The line that begins what is managed. It is the reference's, so tables it wrote go on being managed.
const MARK: &str = "# Lines below here are managed by Salt, do not edit";
/// What names an entry.
const NAMED: &str = "SALT_CRON_IDENTIFIER:";
/// What stands before an entry that is switched off.
const OFF: &str = "#DISABLED#";

/// Why a table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CrontabFault {
    /// The program refused; its words.
    #[error("{0}")]
    Refused(String),
    /// An entry would be several lines.
    #[error("{0} is one line of text")]
    Lines(&'static str),
    /// The program could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// When a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Minute, hour, day of the month, month, day of the week.
    At([String; 5]),
    /// `@daily` and the like.
    Special(String),
}

/// A timed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it runs.
    pub when: When,
    /// The command.
    pub command: String,
    /// What it is found by, whatever its command is.
    pub identifier: Option<String>,
    /// Lines above it.
    pub comment: Option<String>,
    /// Switched off.
    pub off: bool,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crontab {
    /// Lines that are not ours.
    pub before: Vec<String>,
    /// Variables, in the order of the table.
    pub env: Vec<(String, String)>,
    /// Commands, in the order of the table.
    pub entries: Vec<Entry>,
}

/// The text of an account's table; empty when it has none.
pub fn read_text(user: &str) -> Result<String, CrontabFault> {
    let finished = Command::argv(["crontab", "-u", user, "-l"]).c_locale().run()?;
    let said = finished.err();
    match finished.status {
        0 => Ok(String::from_utf8_lossy(&finished.stdout).into_owned()),
        _ if said.contains("no crontab for") => Ok(String::new()),
        _ => Err(CrontabFault::Refused(said)),
    }
}

/// Makes a text an account's table.
pub fn write_text(user: &str, text: &str) -> Result<(), CrontabFault> {
    let finished = Command::argv(["crontab", "-u", user, "-"]).stdin(text).c_locale().run()?;
    if finished.status == 0 { Ok(()) } else { Err(CrontabFault::Refused(finished.said())) }
}

impl Entry {
    /// True if this is the entry that is meant: by its identifier if it has one, else by its command.
    pub fn is(&self, command: &str, identifier: Option<&str>) -> bool {
        match (&self.identifier, identifier) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => self.command == command,
        }
    }

    fn check(&self) -> Result<(), CrontabFault> {
        let many = |text: &str| text.contains(['\n', '\r']);
        let fields: Vec<&String> = match &self.when {
            When::At(fields) => fields.iter().collect(),
            When::Special(word) => vec![word],
        };
        if many(&self.command) {
            return Err(CrontabFault::Lines("a command"));
        }
        if fields.iter().any(|field| field.is_empty() || field.contains(char::is_whitespace)) {
            return Err(CrontabFault::Lines("a time without blanks"));
        }
        if self.identifier.as_deref().is_some_and(many) {
            return Err(CrontabFault::Lines("an identifier"));
        }
        Ok(())
    }

    fn write(&self, out: &mut String) {
        let name = self.identifier.as_ref().map(|name| format!("{NAMED}{name}"));
        let above = match (self.comment.as_deref().map(str::trim_end), name) {
            (Some(comment), Some(name)) if !comment.is_empty() => Some(format!("{comment} {name}")),
            (Some(comment), None) if !comment.is_empty() => Some(comment.to_owned()),
            (_, name) => name,
        };
        for line in above.iter().flat_map(|above| above.lines()) {
            out.push_str(&format!("# {line}\n"));
        }
        let off = if self.off { OFF } else { "" };
        let when = match &self.when {
            When::At(fields) => fields.join(" "),
            When::Special(word) => word.clone(),
        };
        out.push_str(&format!("{off}{when} {}\n", self.command));
    }
}

/// The entry of a line; what names and explains it stands above.
fn entry(line: &str, above: &mut Vec<String>) -> Option<Entry> {
    let (off, line) = line.strip_prefix(OFF).map_or((false, line), |rest| (true, rest));
    let count = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line.trim_start();
    let mut fields = Vec::new();
    for _ in 0..count {
        let (field, more) = rest.split_once(char::is_whitespace)?;
        fields.push(field.to_owned());
        rest = more.trim_start();
    }
    let when = match <[String; 5]>::try_from(fields) {
        Ok(fields) => When::At(fields),
        Err(mut fields) => When::Special(fields.pop()?),
    };
    let text = std::mem::take(above).join("\n");
    let (comment, identifier) = match text.split_once(NAMED) {
        Some((comment, name)) => (comment.trim_end().to_owned(), Some(name.to_owned())),
        None => (text, None),
    };
    let comment = Some(comment).filter(|comment| !comment.is_empty());
    Some(Entry { when, command: rest.to_owned(), identifier, comment, off })
}

impl Crontab {
    /// The table of an account.
    pub fn read(user: &str) -> Result<Self, CrontabFault> {
        Ok(Self::parse(&read_text(user)?))
    }

    /// Makes this the table of an account.
    pub fn write(&self, user: &str) -> Result<(), CrontabFault> {
        self.entries.iter().try_for_each(Entry::check)?;
        if self.env.iter().any(|(name, value)| name.contains(['\n', '=']) || value.contains('\n')) {
            return Err(CrontabFault::Lines("a variable"));
        }
        write_text(user, &self.text())
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Self {
        let mut table = Self::default();
        let (mut ours, mut above) = (false, Vec::new());
        for line in text.lines() {
            if !ours {
                ours = line == MARK;
                if !ours {
                    table.before.push(line.to_owned());
                }
            } else if let Some(remark) = line.strip_prefix('#').filter(|_| !line.starts_with(OFF)) {
                above.push(remark.strip_prefix(' ').unwrap_or(remark).to_owned());
            } else if let Some(found) = variable(line) {
                table.env.push(found);
            } else if let Some(found) = entry(line, &mut above) {
                table.entries.push(found);
            }
        }
        table
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let mut out: String = self.before.iter().map(|line| format!("{line}\n")).collect();
        out.push_str(&format!("{MARK}\n"));
        for (name, value) in &self.env {
            out.push_str(&format!("{name}={value}\n"));
        }
        let special = |entry: &&Entry| matches!(entry.when, When::Special(_));
        for entry in self.entries.iter().filter(|entry| !special(entry)).chain(self.entries.iter().filter(special)) {
            entry.write(&mut out);
        }
        out
    }

    /// Puts an entry into the table in the place of the one it stands for; false when there was none.
    pub fn set(&mut self, entry: Entry) -> bool {
        let wanted = (entry.command.clone(), entry.identifier.clone());
        match self.entries.iter_mut().find(|old| old.is(&wanted.0, wanted.1.as_deref())) {
            Some(old) => {
                *old = entry;
                true
            }
            None => {
                self.entries.push(entry);
                false
            }
        }
    }
}

/// `NAME=value`; a command has blanks before its first `=`.
fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let plain = !name.is_empty() && !name.contains(char::is_whitespace) && !name.starts_with(['@', '*']);
    plain.then(|| (name.to_owned(), value.trim_start().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# mine\nMAILTO=x\n1 2 3 4 5 /bin/old arg\n\
        # Lines below here are managed by Salt, do not edit\nA=b\n# the b SALT_CRON_IDENTIFIER:B\n6 */2 * * * /bin/b X=y\n\
        # SALT_CRON_IDENTIFIER:D\n#DISABLED#* * * * * /bin/d\n# one\n# two SALT_CRON_IDENTIFIER:M\n0 0 * * 1 /bin/m\n\
        # SALT_CRON_IDENTIFIER:C\n@hourly /bin/c\n";

    #[test]
    fn a_table_is_written_as_it_was_read() {
        let table = Crontab::parse(TABLE);
        assert_eq!(table.text(), TABLE);
        assert_eq!((table.before.len(), table.env.len(), table.entries.len()), (3, 1, 4));
        assert_eq!(table.entries[0].comment.as_deref(), Some("the b"));
        assert!(table.entries[1].off);
        assert_eq!(table.entries[2].comment.as_deref(), Some("one\ntwo"));
    }

    #[test]
    fn an_entry_is_found_by_its_name_or_its_command() {
        let mut table = Crontab::parse(TABLE);
        let new = Entry { command: "/bin/z".to_owned(), off: false, ..table.entries[1].clone() };
        assert!(table.set(new.clone()));
        assert!(!table.set(Entry { identifier: Some("Z".to_owned()), ..new.clone() }));
        assert!(Entry { command: "a\nb".to_owned(), ..new }.check().is_err());
    }
}
