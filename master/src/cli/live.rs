//! How far running minions are, as one line at the bottom of a terminal that is drawn over and over.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use fleet_common::ids::MinionId;
use fleet_common::proto::ret::Progress;

/// Width when the terminal does not tell its own.
const WIDTH: usize = 80;
/// Back to the start of the line and clear it.
const CLEAR: &str = "\r\x1b[K";

/// The line. Whatever else is written to the terminal goes above it: [`Live::clear`] first.
pub(super) struct Live {
    width: usize,
    targeted: usize,
    answered: usize,
    running: BTreeMap<MinionId, Progress>,
    is_drawn: bool,
}

impl Live {
    /// A line on stderr, if that is a terminal.
    pub fn on_terminal() -> Option<Self> {
        let errors = std::io::stderr();
        let width = || rustix::termios::tcgetwinsize(&errors).ok().map(|size| usize::from(size.ws_col));
        errors.is_terminal().then(|| Self::new(width().filter(|width| *width > 0).unwrap_or(WIDTH)))
    }

    fn new(width: usize) -> Self {
        Self { width, targeted: 0, answered: 0, running: BTreeMap::new(), is_drawn: false }
    }

    /// How many are targeted.
    pub fn started(&mut self, targeted: usize) {
        self.targeted = targeted;
    }

    /// A minion tells how far it is.
    pub fn progress(&mut self, errors: &mut dyn Write, id: MinionId, progress: Progress) {
        self.running.insert(id, progress);
        let _ = write!(errors, "{CLEAR}{}", self.text());
        let _ = errors.flush();
        self.is_drawn = true;
    }

    /// A minion is not waited for any more.
    pub fn over(&mut self, id: &MinionId) {
        self.running.remove(id);
        self.answered += 1;
    }

    /// Takes the line away, for others to write.
    pub fn clear(&mut self, errors: &mut dyn Write) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(errors, "{CLEAR}");
            let _ = errors.flush();
        }
    }

    /// The line; those that failed come first, then who has most to do.
    fn text(&self) -> String {
        let mut parts = Vec::new();
        if self.targeted > 1 {
            parts.push(format!("{} of {} done", self.answered, self.targeted));
        }
        let mut running: Vec<_> = self.running.iter().collect();
        running.sort_by_key(|(_, at)| (at.last_failure.is_none(), Reverse(at.total.saturating_sub(at.done))));
        for (id, at) in running {
            let failed = at.last_failure.as_deref().map(|chunk| format!(" (failed: {})", plain(chunk)));
            parts.push(format!("{id}: {} of {}{}", at.done, at.total, failed.unwrap_or_default()));
        }
        let text = parts.join(", ");
        // The last column stays free: some terminals begin a new line there.
        let most = self.width.saturating_sub(1).max(4);
        if text.chars().count() <= most {
            return text;
        }
        text.chars().take(most - 1).chain(['…']).collect()
    }
}

/// What a minion wrote, without anything that steers a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done: u32, failure: Option<&str>) -> Progress {
        let jid = "20261120120000123000".parse().unwrap();
        Progress { jid, done, total: 100, last_failure: failure.map(str::to_owned) }
    }

    #[test]
    fn the_line_fits_names_failures_first_and_cannot_be_steered() {
        let mut live = Live::new(60);
        let mut out = Vec::new();
        live.started(3);
        live.clear(&mut out);
        assert!(out.is_empty(), "nothing was drawn");
        live.progress(&mut out, "web1".parse().unwrap(), at(10, None));
        live.progress(&mut out, "web2".parse().unwrap(), at(20, Some("a\x1b[2J\n: x")));
        assert!(!out[CLEAR.len()..].windows(4).any(|part| part == b"\x1b[2J"), "{out:?}");
        assert_eq!(live.text(), "0 of 3 done, web2: 20 of 100 (failed: a?[2J?: x), web1: 10…");
        live.over(&"web2".parse().unwrap());
        assert_eq!(live.text(), "1 of 3 done, web1: 10 of 100");
        out.clear();
        live.clear(&mut out);
        live.clear(&mut out);
        assert_eq!(out, CLEAR.as_bytes(), "once");
    }
}
