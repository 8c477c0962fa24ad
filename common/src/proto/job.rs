//! A job: what to run, where, until when.

use serde::{Deserialize, Serialize};

use crate::diag::Diagnostic;
use crate::ids::{FunctionName, Jid, MinionId};
use crate::value::{Map, Value};

/// How a target expression is read. The wire names are the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Shell-style glob on the id.
    Glob,
    /// Regular expression on the id.
    Pcre,
    /// Comma-separated ids or a list.
    List,
    /// `grain:value` with globs.
    Grain,
    /// `grain:regex`.
    GrainPcre,
    /// `key:value` in pillar with globs.
    Pillar,
    /// `key:regex` in pillar.
    PillarPcre,
    /// `key:value` in pillar, exact.
    PillarExact,
    /// IPv4/IPv6 address or subnet.
    Ipcidr,
    /// A named group of the master's configuration.
    Nodegroup,
    /// Data kept on the minion, which no master knows: it means nobody.
    Data,
    /// A boolean expression of the others.
    Compound,
}

/// The kinds by the words that `tgt_type`, `match` and the wire know them by.
const KINDS: &[(&str, TargetKind)] = &[
    ("glob", TargetKind::Glob),
    ("pcre", TargetKind::Pcre),
    ("list", TargetKind::List),
    ("grain", TargetKind::Grain),
    ("grain_pcre", TargetKind::GrainPcre),
    ("pillar", TargetKind::Pillar),
    ("pillar_pcre", TargetKind::PillarPcre),
    ("pillar_exact", TargetKind::PillarExact),
    ("nodegroup", TargetKind::Nodegroup),
    ("compound", TargetKind::Compound),
    ("ipcidr", TargetKind::Ipcidr),
    ("data", TargetKind::Data),
];

impl TargetKind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(_, kind)| *kind)
    }

    /// The kind of that name.
    pub fn named(word: &str) -> Result<Self, Diagnostic> {
        if word == "range" {
            return Err(crate::target::no_range());
        }
        let found = KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            Diagnostic::user(format!("there is no kind of target '{word}'"))
                .did_you_mean(word, KINDS.iter().map(|(name, _)| *name))
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("glob", |(name, _)| name)
    }
}

/// A target as typed: its kind, its text, and the delimiter of nested keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// How to read `expr`.
    pub kind: TargetKind,
    /// The expression; a list is joined with commas.
    pub expr: String,
    /// Separates nested keys in grain and pillar matches.
    #[serde(default = "colon")]
    pub delimiter: String,
}

fn colon() -> String {
    ":".to_owned()
}

impl Target {
    /// A target with the usual delimiter.
    pub fn new(kind: TargetKind, expr: impl Into<String>) -> Self {
        Self { kind, expr: expr.into(), delimiter: colon() }
    }
}

/// A published job. Minions match the target themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The job's id.
    pub jid: Jid,
    /// Who is meant. Nodegroups are expanded by the master before publishing.
    pub target: Target,
    /// When set, only these minions run it, and only if `target` matches too (restricted users).
    #[serde(default)]
    pub ids: Option<Vec<MinionId>>,
    /// The function.
    pub fun: FunctionName,
    /// Arguments by position.
    #[serde(default)]
    pub arg: Vec<Value>,
    /// Arguments by name.
    #[serde(default)]
    pub kwarg: Map,
    /// True when the arguments are not in the publication (secret, or over 64 KiB): fetch them in the session.
    #[serde(default)]
    pub by_reference: bool,
    /// Who asked, for logs and `saltutil.running`.
    #[serde(default)]
    pub user: String,
    /// Milliseconds since 1970 in the master's clock after which the job must not start.
    pub expires: u64,
    /// True when the job may change machines (decides journal durability).
    #[serde(default)]
    pub changes: bool,
    /// True while somebody follows: running minions report progress.
    #[serde(default)]
    pub follow: bool,
}

/// What a publication carries after opening.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publication {
    /// A job for those whom the target matches.
    Job(Job),
    /// A sign of life every ten seconds; the newest counter stands in the header.
    Beat {
        /// Milliseconds since 1970 in the master's clock.
        now: u64,
    },
}
