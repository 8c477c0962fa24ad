//! What the kernel filters: asking and changing it through the programs.

use std::ffi::OsString;
use std::path::PathBuf;

use fleet_common::call::CallError;

use super::Rule;
use crate::cx::Act;
use crate::modules::tool;
use crate::system::command::{Command, Finished, which};

/// Kind of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `ipv4`.
    Four,
    /// `ipv6`.
    Six,
}

impl Family {
    /// By its name.
    pub fn named(name: &str) -> Result<Self, CallError> {
        match name {
            "ipv4" => Ok(Self::Four),
            "ipv6" => Ok(Self::Six),
            _ => Err(CallError::Invocation(format!("family is ipv4 or ipv6, not '{name}'"))),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        if self == Self::Four { "ipv4" } else { "ipv6" }
    }

    fn program(self) -> &'static str {
        if self == Self::Four { "iptables" } else { "ip6tables" }
    }
}

/// One table of one family.
pub struct Firewall {
    /// Kind of addresses.
    pub family: Family,
    /// The table (`filter`).
    pub table: String,
    program: PathBuf,
}

/// Where a rule goes or is, in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its end.
    End,
    /// At this number, from 1.
    At(i64),
    /// Wherever a rule like it is.
    Alike,
}

impl Place {
    fn letter(self) -> &'static str {
        match self {
            Self::End => "-A",
            Self::At(_) => "-I",
            Self::Alike => "-D",
        }
    }
}

impl Firewall {
    /// A table, through the programs of this machine.
    pub fn new(family: &str, table: &str) -> Result<Self, CallError> {
        let family = Family::named(family)?;
        let missing = || {
            let program = family.program();
            CallError::Failed(format!("Command '{program}' cannot be found: install the package that has it"))
        };
        let program = which(family.program(), std::env::var_os("PATH").as_deref()).ok_or_else(missing)?;
        Ok(Self { family, table: table.to_owned(), program })
    }

    /// Runs an order on the table; waits for others that change it now.
    pub fn order<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Result<Finished, CallError> {
        let mut argv = vec![self.program.clone().into_os_string()];
        argv.extend(["--wait", "-t", &self.table].map(OsString::from));
        argv.extend(words.into_iter().map(OsString::from));
        tool::finish(&Command::argv(argv).c_locale())
    }

    /// Runs an order that must succeed, with its words in the error.
    pub fn must<'w>(&self, _act: &Act, words: impl IntoIterator<Item = &'w str>) -> Result<(), CallError> {
        let finished = self.order(words)?;
        if finished.status == 0 { Ok(()) } else { Err(CallError::Failed(finished.said())) }
    }

    /// An order as people read it.
    pub fn shown(&self, letter: &str, chain: &str, place: &str, rule: &str) -> String {
        let order = format!("{} --wait -t {} {letter} {chain} {place} {rule}", self.program.display(), self.table);
        order.trim_end().to_owned()
    }

    /// The order that puts a rule somewhere, as people read it.
    pub fn shown_rule(&self, chain: &str, place: Place, rule: &Rule) -> String {
        let number = if let Place::At(number) = place { number.to_string() } else { String::new() };
        self.shown(place.letter(), chain, &number, &rule.shown())
    }

    /// True if a rule is in a chain. A chain that is not there yet, as chain or as target, has no rules.
    pub fn has(&self, chain: &str, rule: &Rule) -> Result<bool, CallError> {
        let finished = self.order(["-C", chain].into_iter().chain(rule.words()))?;
        match finished.status {
            0 => Ok(true),
            1 => Ok(false),
            _ if finished.err().contains("does not exist") && finished.err().contains("Chain") => Ok(false),
            _ => Err(CallError::Failed(finished.said())),
        }
    }

    /// Puts a rule somewhere, or takes it away.
    pub fn put(&self, act: &Act, chain: &str, place: Place, rule: &Rule) -> Result<(), CallError> {
        let number = if let Place::At(number) = place { Some(self.counted(chain, number)?.to_string()) } else { None };
        self.must(act, [place.letter(), chain].into_iter().chain(number.as_deref()).chain(rule.words()))
    }

    /// Removes the rule of this number.
    pub fn delete_at(&self, act: &Act, chain: &str, number: i64) -> Result<(), CallError> {
        self.must(act, ["-D", chain, &number.to_string()])
    }

    /// A number from the start of a chain; negative ones count from its end.
    fn counted(&self, chain: &str, number: i64) -> Result<i64, CallError> {
        if number > 0 {
            return Ok(number);
        }
        Ok((self.rules(chain)?.unwrap_or_default() as i64 + number + 1).max(1))
    }

    /// How many rules a chain has; `None` when there is none of that name.
    pub fn rules(&self, chain: &str) -> Result<Option<usize>, CallError> {
        Ok(self.lines()?.has(chain).map(|chain| chain.rules))
    }

    /// The policy of a chain, `-` for one that has none; `None` when there is no such chain.
    pub fn policy(&self, chain: &str) -> Result<Option<String>, CallError> {
        Ok(self.lines()?.has(chain).map(|chain| chain.policy.clone()))
    }

    /// All chains of the table with their rules.
    pub fn lines(&self) -> Result<Chains, CallError> {
        let finished = self.order(["-S"])?;
        if finished.status != 0 {
            return Err(CallError::Failed(finished.said()));
        }
        Ok(Chains::parse(&finished.out()))
    }

    /// The rules of all tables as `iptables-save` writes them.
    pub fn save(family: Family) -> Result<String, CallError> {
        let program = format!("{}-save", family.program());
        tool::output(&[&program]).map(|text| text + "\n")
    }
}

/// A chain of a table.
pub struct Chain {
    name: String,
    policy: String,
    rules: usize,
}

/// The chains of a table.
pub struct Chains(Vec<Chain>);

impl Chains {
    fn parse(text: &str) -> Self {
        let mut chains: Vec<Chain> = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(kind), Some(name)) = (words.next(), words.next()) else { continue };
            let policy = match kind {
                "-P" => words.next().unwrap_or("-"),
                "-N" => "-",
                _ => {
                    if let Some(chain) = chains.iter_mut().find(|chain| chain.name == name) {
                        chain.rules += 1;
                    }
                    continue;
                }
            };
            chains.push(Chain { name: name.to_owned(), policy: policy.to_owned(), rules: 0 });
        }
        Self(chains)
    }

    fn has(&self, name: &str) -> Option<&Chain> {
        self.0.iter().find(|chain| chain.name == name)
    }

    /// How many rules there are in all chains.
    pub fn rules(&self) -> usize {
        self.0.iter().map(|chain| chain.rules).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_read_with_policy_and_number_of_rules() {
        let chains = Chains::parse("-P INPUT DROP\n-P OUTPUT ACCEPT\n-N X\n-A INPUT -j X\n-A INPUT -j ACCEPT\n");
        let input = chains.has("INPUT").unwrap();
        assert_eq!((input.policy.as_str(), input.rules, chains.rules()), ("DROP", 2, 2));
        assert_eq!(chains.has("X").unwrap().policy, "-");
        assert!(chains.has("NOPE").is_none());
    }
}
