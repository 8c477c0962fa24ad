//! What is counted of attacks: attempts, what was granted, what broke, and what the master did not count though it must.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::harness::{Fleet, wait_until};

/// How long a refusal may take to be counted: longer than a handshake may take.
const COUNTED: Duration = Duration::from_secs(20);

/// What of some attempts the master's counters must tell.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Each of them, in one of these counters.
    Each(&'static [&'static str]),
    /// That there were some.
    Some(&'static [&'static str]),
    /// Nothing: they do not reach the master, or the answer is the asker's own and no refusal.
    Nothing,
}

/// What came of some attempts, as who made them saw it.
#[derive(Debug, Default)]
pub struct Tried {
    /// How many.
    pub attempts: u64,
    /// Those that got what they wanted, in words.
    pub granted: Vec<String>,
}

impl Tried {
    /// So many attempts, none of which got anything.
    pub fn in_vain(attempts: usize) -> Self {
        Self { attempts: attempts as u64, granted: Vec::new() }
    }

    /// One more attempt; `granted` says in words what it got.
    pub fn add(&mut self, granted: Option<String>) {
        self.attempts += 1;
        self.granted.extend(granted);
    }

    /// What was granted beside the attempts.
    #[must_use]
    pub fn but(mut self, granted: Option<String>) -> Self {
        self.granted.extend(granted);
        self
    }
}

/// What came of attempts of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who made them.
    pub part: &'static str,
    /// What they were.
    pub what: &'static str,
    /// How many.
    pub attempts: u64,
    /// Those that got what they wanted.
    pub granted: Vec<String>,
    /// Daemons that ended, panicked or did not answer afterwards.
    pub crashed: Vec<String>,
    /// By how much the counters rose.
    pub counted: u64,
    /// Attempts that had to be counted and were not.
    pub uncounted: u64,
}

/// All rows.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// One for each kind of attempt.
    pub rows: Vec<Row>,
    /// Parts that could not be played here, each with the reason.
    pub skipped: Vec<String>,
}

/// Sums over all rows.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Attempts.
    pub attempts: u64,
    /// Granted.
    pub granted: u64,
    /// Crashed.
    pub crashed: u64,
    /// Uncounted.
    pub uncounted: u64,
}

impl Outcome {
    /// The sums.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for row in &self.rows {
            sums.attempts += row.attempts;
            sums.granted += row.granted.len() as u64;
            sums.crashed += row.crashed.len() as u64;
            sums.uncounted += row.uncounted;
        }
        sums
    }

    /// True when nothing was granted, nothing broke, and everything was counted.
    pub fn is_good(&self) -> bool {
        let Sums { granted, crashed, uncounted, .. } = self.sums();
        granted + crashed + uncounted == 0
    }

    /// As a table for people, with what went wrong below.
    pub fn table(&self) -> String {
        let line = |part: &str, what: &str, figures: [String; 5]| {
            let [attempts, granted, crashed, counted, uncounted] = figures;
            format!("{part:<9} {what:<58} {attempts:>8} {granted:>8} {crashed:>8} {counted:>8} {uncounted:>9}\n")
        };
        let heads = ["attempts", "granted", "crashed", "counted", "uncounted"].map(str::to_owned);
        let mut text = line("part", "what", heads);
        for row in &self.rows {
            let figures =
                [row.attempts, row.granted.len() as u64, row.crashed.len() as u64, row.counted, row.uncounted];
            text.push_str(&line(row.part, row.what, figures.map(|figure| figure.to_string())));
        }
        let Sums { attempts, granted, crashed, uncounted } = self.sums();
        let counted = self.rows.iter().map(|row| row.counted).sum();
        text.push_str(&line("", "all", [attempts, granted, crashed, counted, uncounted].map(|sum| sum.to_string())));
        for row in &self.rows {
            for (word, list) in [("granted", &row.granted), ("crashed", &row.crashed)] {
                list.iter().for_each(|one| text.push_str(&format!("{word}: {}: {}: {one}\n", row.part, row.what)));
            }
        }
        self.skipped.iter().for_each(|why| text.push_str(&format!("skipped: {why}\n")));
        text
    }
}

/// Counts for one part.
pub struct Tally<'o> {
    /// Whose attempts are counted.
    pub part: &'static str,
    /// Where the rows go.
    pub outcome: &'o mut Outcome,
}

/// A fleet before it is attacked.
pub struct Before {
    count: Count,
    minions: Vec<String>,
    daemons: BTreeMap<String, (u32, usize)>,
    counted: u64,
}

impl Before {
    /// Of a fleet whose master, and these minions, must still run and answer afterwards.
    pub fn of(fleet: &Fleet, minions: &[&str], count: Count) -> Self {
        let all = minions.iter().chain(&["master"]);
        let daemons = all.map(|who| ((*who).to_owned(), (fleet.pid(who), panics(fleet, who)))).collect();
        let minions = minions.iter().map(|who| (*who).to_owned()).collect();
        Self { count, minions, daemons, counted: counted(fleet, count.names()) }
    }
}

impl Count {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Each(names) | Self::Some(names) => names,
            Self::Nothing => &[],
        }
    }

    fn needed(self, attempts: u64) -> u64 {
        match self {
            Self::Each(_) => attempts,
            Self::Some(_) => attempts.min(1),
            Self::Nothing => 0,
        }
    }
}

impl Tally<'_> {
    /// Makes attempts on a fleet and looks at it afterwards.
    pub fn row(
        &mut self,
        (fleet, minions): (&Fleet, &[&str]),
        what: &'static str,
        count: Count,
        attempt: impl FnOnce() -> Tried,
    ) {
        let before = Before::of(fleet, minions, count);
        let tried = attempt();
        self.after(fleet, &before, what, tried);
    }

    /// Looks at a fleet that was attacked.
    pub fn after(&mut self, fleet: &Fleet, before: &Before, what: &'static str, tried: Tried) {
        let Tried { attempts, granted } = tried;
        let needed = before.count.needed(attempts);
        let risen = || counted(fleet, before.count.names()).saturating_sub(before.counted);
        let _ = wait_until(COUNTED, || (risen() >= needed).then_some(()));
        let counted = risen();
        let mut crashed = Vec::new();
        for (who, (pid, panics_before)) in &before.daemons {
            if fleet.pid(who) != *pid || !fleet.runs(who) {
                crashed.push(format!("{who} ended"));
            } else if panics(fleet, who) > *panics_before {
                crashed.push(format!("{who} panicked"));
            }
        }
        let minions = before.minions.join(",");
        let pinged = || fleet.ctl(&["-L", &minions, "test.ping", "--out", "quiet", "-t", "5"]).status == 0;
        if !minions.is_empty() && wait_until(COUNTED, || pinged().then_some(())).is_none() {
            crashed.push(format!("{minions} do not answer"));
        }
        let uncounted = needed.saturating_sub(counted);
        self.outcome.rows.push(Row { part: self.part, what, attempts, granted, crashed, counted, uncounted });
    }
}

fn panics(fleet: &Fleet, who: &str) -> usize {
    fleet.log(who).matches("panicked").count()
}

/// The sum of some counters of `manage.health`, each named as `group.counter`.
pub fn counted(fleet: &Fleet, names: &[&str]) -> u64 {
    if names.is_empty() {
        return 0;
    }
    let health = fleet.run(&["manage.health", "--out", "json"]).json();
    let one = |name: &&str| {
        let (group, counter) = name.split_once('.').expect("a counter is named by its group and its own name");
        health[group][counter].as_u64().unwrap_or_else(|| panic!("there is no counter {name}: {health}"))
    };
    names.iter().map(one).sum()
}
