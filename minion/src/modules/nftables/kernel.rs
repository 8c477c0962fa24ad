//! What the kernel filters: asking and changing it through `nft`.

use fleet_common::call::CallError;
use fleet_common::value::{Map, Value, json_load};

use crate::cx::Act;
use crate::modules::tool;

/// Where rules are kept unless a file is named.
pub const SAVED: &str = "/etc/nftables";

/// Kind of packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// As it was asked for (`ipv4`).
    pub asked: String,
    word: &'static str,
}

impl Family {
    /// By its name, the reference's or the program's.
    pub fn named(name: &str) -> Result<Self, CallError> {
        let word = match name {
            "ipv4" | "ip" | "ip4" => "ip",
            "ipv6" | "ip6" => "ip6",
            "inet" => "inet",
            "arp" => "arp",
            "bridge" => "bridge",
            "netdev" => "netdev",
            _ => {
                let text = format!("family is ipv4, ipv6, inet, arp, bridge or netdev, not '{name}'");
                return Err(CallError::Invocation(text));
            }
        };
        Ok(Self { asked: name.to_owned(), word })
    }

    /// The program's word for addresses of this family.
    pub fn addresses(&self) -> &'static str {
        if self.word == "ip6" { "ip6" } else { "ip" }
    }

    /// The program's word for it.
    pub fn word(&self) -> &'static str {
        self.word
    }

    /// Names of its tables.
    pub fn tables(&self) -> Result<Vec<String>, CallError> {
        let listed = listed(&["list", "tables", self.word])?;
        Ok(listed.iter().filter_map(|item| text(item.get("table")?, "name")).collect())
    }

    /// All its rules in the program's words, without counters.
    pub fn ruleset(&self) -> Result<String, CallError> {
        tool::output(&["nft", "--stateless", "list", "ruleset", self.word])
    }

    /// All that it has, as the program describes it.
    pub fn described(&self) -> Result<Vec<Value>, CallError> {
        listed(&["list", "ruleset", self.word])
    }
}

/// All rules of a family as a file for `nft -f`.
pub fn saved(family: &Family) -> Result<String, CallError> {
    Ok(format!("#! nft -f\n\n{}\n", family.ruleset()?))
}

/// A table of a family.
#[derive(Debug, Clone)]
pub struct Table {
    /// Kind of packets.
    pub family: Family,
    /// Its name.
    pub name: String,
}

/// A chain of a table.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The table.
    pub table: Table,
    /// Its name.
    pub name: String,
}

/// What makes a chain the first that packets come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// `input`, `forward`, ...
    pub hook: String,
    /// A number, or a name.
    pub priority: String,
}

impl Base {
    /// All three parts, or none.
    pub fn of(kind: Option<String>, hook: Option<String>, priority: Option<String>) -> Result<Option<Self>, CallError> {
        match (kind, hook, priority) {
            (None, None, None) => Ok(None),
            (Some(kind), Some(hook), Some(priority)) => Ok(Some(Self { kind, hook, priority })),
            _ => Err(CallError::Invocation("Table_type, hook, and priority required.".to_owned())),
        }
    }
}

/// A chain as the kernel has it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What becomes of packets that no rule decides on; only chains at a hook have it.
    pub policy: Option<String>,
    /// Rules with their handles.
    pub rules: Vec<(i64, Shape)>,
}

/// What a rule does, by which rules are compared: counters are no difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    parts: Value,
    comment: Option<String>,
}

impl Shape {
    fn of(rule: &Value) -> Self {
        let part = |part: &Value| match part.get("counter") {
            Some(_) => Value::from("counter"),
            None => part.clone(),
        };
        let parts = rule.get("expr").and_then(Value::as_list).unwrap_or_default().iter().map(part).collect();
        Self { parts, comment: text(rule, "comment") }
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn parsed(said: &str) -> Result<Vec<Value>, CallError> {
    let value = json_load::parse(said).map_err(|error| CallError::Failed(format!("nft: its answer: {error}")))?;
    Ok(value.get("nftables").and_then(Value::as_list).unwrap_or_default().to_vec())
}

fn listed(order: &[&str]) -> Result<Vec<Value>, CallError> {
    parsed(&tool::output(&[&["nft", "--json"], order].concat())?)
}

/// A name that is one word of the program's language.
fn checked(what: &str, name: &str) -> Result<String, CallError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(fits) {
        return Err(CallError::Invocation(format!("{name:?} cannot be the name of a {what}")));
    }
    Ok(name.to_owned())
}

impl Table {
    /// A table by its names; it need not be there.
    pub fn named(family: &str, name: &str) -> Result<Self, CallError> {
        Ok(Self { family: Family::named(family)?, name: checked("table", name)? })
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        format!("{} in family {}", self.name, self.family.asked)
    }

    fn words(&self) -> String {
        format!("{} {}", self.family.word, self.name)
    }

    /// True if it is there.
    pub fn is_there(&self) -> Result<bool, CallError> {
        Ok(self.family.tables()?.contains(&self.name))
    }

    /// Its chains by name; `None` when it is not there.
    pub fn chains(&self) -> Result<Option<Vec<(String, Known)>>, CallError> {
        if !self.is_there()? {
            return Ok(None);
        }
        let mut chains: Vec<(String, Known)> = Vec::new();
        for item in listed(&["list", "table", self.family.word, &self.name])? {
            if let Some(chain) = item.get("chain") {
                let known = Known { policy: text(chain, "policy"), rules: Vec::new() };
                chains.extend(text(chain, "name").map(|name| (name, known)));
            } else if let Some(rule) = item.get("rule") {
                let name = text(rule, "chain").unwrap_or_default();
                let handle = rule.get("handle").and_then(Value::as_int);
                let chain = chains.iter_mut().find(|(known, _)| *known == name);
                if let (Some((_, known)), Some(handle)) = (chain, handle) {
                    known.rules.push((handle, Shape::of(rule)));
                }
            }
        }
        Ok(Some(chains))
    }

    /// Runs an order of the program on the table: `add table`, `flush table`.
    pub fn order(&self, _act: &Act, order: &str) -> Result<(), CallError> {
        tool::output(&["nft", &format!("{order} {}", self.words())]).map(drop)
    }

    /// The table in the program's words.
    pub fn text(&self) -> Result<String, CallError> {
        tool::output(&["nft", "list", "table", self.family.word, &self.name])
    }
}

impl Chain {
    /// A chain by its names; it need not be there.
    pub fn named(family: &str, table: &str, name: &str) -> Result<Self, CallError> {
        Ok(Self { table: Table::named(family, table)?, name: checked("chain", name)? })
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        format!("{} in table {}", self.name, self.table.shown())
    }

    fn words(&self) -> String {
        format!("{} {}", self.table.words(), self.name)
    }

    /// The chain as the kernel has it; `None` when it is not there.
    pub fn known(&self) -> Result<Option<Known>, CallError> {
        let found = self.table.chains()?.into_iter().flatten().find(|(name, _)| *name == self.name);
        Ok(found.map(|(_, known)| known))
    }

    /// The chain, or why it is not there.
    pub fn must_be(&self) -> Result<Known, CallError> {
        if !self.table.is_there()? {
            return Err(CallError::Failed(format!("Table {} does not exist", self.table.shown())));
        }
        self.known()?.ok_or_else(|| CallError::Failed(format!("Chain {} does not exist", self.shown())))
    }

    /// How the kernel reads a rule: it is added to a copy of the table in a network namespace that ends with the
    /// program, so the answer is the program's own and nothing here changes.
    fn shape(&self, rule: &str) -> Result<Shape, CallError> {
        let table = tool::output(&["nft", "--stateless", "list", "table", self.table.family.word, &self.table.name])?;
        let script = format!("{table}\nadd rule {} {rule}\n", self.words());
        // The rule comes in as input and never passes the shell, which only runs two programs in one namespace.
        let both = "nft --file - && exec nft --json list chain \"$1\" \"$2\" \"$3\"";
        let names = [self.table.family.word, &self.table.name, &self.name];
        let words = [&["unshare", "--net", "sh", "-c", both, "sh"], &names[..]].concat();
        let said = tool::succeeded("nft", &tool::finish(&tool::command(&words)?.stdin(script))?)?;
        let last = parsed(&said)?.iter().rev().find_map(|item| item.get("rule").map(Shape::of));
        last.ok_or_else(|| CallError::Failed(format!("nft does not tell how it reads '{rule}'")))
    }

    /// The handle of a rule like this one. A chain that is not there has no rules.
    pub fn find(&self, rule: &str) -> Result<Option<i64>, CallError> {
        let Some(known) = self.known()? else { return Ok(None) };
        let shape = self.shape(rule)?;
        Ok(known.rules.iter().find(|(_, own)| *own == shape).map(|(handle, _)| *handle))
    }

    /// Adds the chain.
    pub fn add(&self, _act: &Act, base: Option<&Base>) -> Result<(), CallError> {
        let at = match base {
            None => String::new(),
            Some(Base { kind, hook, priority }) => {
                let (kind, hook) = (checked("kind of chains", kind)?, checked("hook", hook)?);
                let fits = |c: char| c.is_ascii_alphanumeric() || " +-".contains(c);
                if priority.is_empty() || !priority.chars().all(fits) {
                    return Err(CallError::Invocation(format!("{priority:?} cannot be a priority")));
                }
                format!(" {{ type {kind} hook {hook} priority {priority} ; }}")
            }
        };
        tool::output(&["nft", &format!("add chain {}{at}", self.words())]).map(drop)
    }

    /// Sets what becomes of packets that no rule decides on.
    pub fn set_policy(&self, _act: &Act, policy: &str) -> Result<(), CallError> {
        tool::output(&["nft", &format!("chain {} {{ policy {} ; }}", self.words(), checked("policy", policy)?)])
            .map(drop)
    }

    /// Runs an order of the program on the chain: `flush chain`, `delete chain`.
    pub fn order(&self, _act: &Act, order: &str) -> Result<(), CallError> {
        tool::output(&["nft", &format!("{order} {}", self.words())]).map(drop)
    }

    /// Adds a rule at the end.
    pub fn append(&self, _act: &Act, rule: &str) -> Result<(), CallError> {
        tool::output(&["nft", &format!("add rule {} {rule}", self.words())]).map(drop)
    }

    /// Adds a rule before the rule with a handle, or before all.
    pub fn insert(&self, _act: &Act, before: Option<i64>, rule: &str) -> Result<(), CallError> {
        let place = before.map(|handle| format!(" position {handle}")).unwrap_or_default();
        tool::output(&["nft", &format!("insert rule {}{place} {rule}", self.words())]).map(drop)
    }

    /// Removes the rule with a handle.
    pub fn delete(&self, _act: &Act, handle: i64) -> Result<(), CallError> {
        tool::output(&["nft", &format!("delete rule {} handle {handle}", self.words())]).map(drop)
    }
}

/// An answer of the module: whether, and why.
pub fn answer(result: bool, comment: impl Into<String>) -> Map {
    Map::from_iter([("result", Value::from(result)), ("comment", Value::from(comment.into()))])
}
