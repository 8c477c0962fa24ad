//! The options that say how a target is read.

use clap::Args;
use fleet_common::diag::Diagnostic;
use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::{Narrow, Outcome};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::target::{Matcher, no_range};
use fleet_common::value::Map;

/// How the target is read; a glob on ids without any of these.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct TargetArgs {
    /// The target is a regular expression on ids.
    #[arg(short = 'E', long)]
    pcre: bool,
    /// The target is a list of ids, separated by commas.
    #[arg(short = 'L', long)]
    list: bool,
    /// The target is a grain and a glob: `os:Debian`.
    #[arg(short = 'G', long)]
    grain: bool,
    /// The target is a grain and a regular expression.
    #[arg(short = 'P', long)]
    grain_pcre: bool,
    /// The target is a pillar key and a glob: `role:web*`.
    #[arg(short = 'I', long)]
    pillar: bool,
    /// The target is a pillar key and a regular expression.
    #[arg(short = 'J', long)]
    pillar_pcre: bool,
    /// The target is the name of a group from the master's configuration.
    #[arg(short = 'N', long)]
    nodegroup: bool,
    /// The target is an address or a subnet: `10.0.0.0/8`.
    #[arg(short = 'S', long)]
    ipcidr: bool,
    /// The target is an expression: `G@os:Debian and web* and not L@web1,web2`.
    #[arg(short = 'C', long)]
    compound: bool,
    /// The target is a pillar key and its exact value.
    #[arg(long)]
    pillar_exact: bool,
    /// Not supported: there is no range server.
    #[arg(short = 'R', long, hide = true)]
    range: bool,
}

/// What narrows the target, whatever its kind.
#[derive(Debug, Clone, Args)]
pub struct NarrowArgs {
    /// Leave out whom this compound expression means: `db*`, `'G@os:CentOS or L@web1,web2'`.
    #[arg(long, value_name = "EXPR")]
    exclude: Option<String>,
    /// At most N of them, chosen at random, connected ones first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    subset: Option<u64>,
    /// Only minions that failed in an earlier job, or did not answer it.
    #[arg(long, num_args = 2, value_names = ["JID", "failed|missing"])]
    state_of: Vec<String>,
}

impl NarrowArgs {
    /// What was typed.
    pub fn narrow(&self) -> Result<Narrow, Diagnostic> {
        let state_of = match self.state_of.as_slice() {
            [jid, outcome] => {
                let jid: Jid = jid.parse().map_err(|error| Diagnostic::user(format!("--state-of: {error}")))?;
                let outcome = match outcome.as_str() {
                    "failed" => Outcome::Failed,
                    "missing" => Outcome::Missing,
                    other => {
                        let fault = Diagnostic::user(format!("--state-of takes 'failed' or 'missing', not '{other}'"));
                        return Err(fault.did_you_mean(other, ["failed", "missing"]));
                    }
                };
                Some((jid, outcome))
            }
            _ => None,
        };
        Ok(Narrow { exclude: self.exclude.clone(), subset: self.subset, state_of })
    }

    /// True when some of those whom the target means may be left out.
    pub fn is_given(&self) -> bool {
        self.exclude.is_some() || self.subset.is_some() || !self.state_of.is_empty()
    }
}

impl TargetArgs {
    /// The target that was typed.
    pub fn target(&self, expr: &str, delimiter: &str) -> Result<Target, Diagnostic> {
        if self.range {
            return Err(no_range().about("-R"));
        }
        let kinds = [
            (self.pcre, TargetKind::Pcre),
            (self.list, TargetKind::List),
            (self.grain, TargetKind::Grain),
            (self.grain_pcre, TargetKind::GrainPcre),
            (self.pillar, TargetKind::Pillar),
            (self.pillar_pcre, TargetKind::PillarPcre),
            (self.nodegroup, TargetKind::Nodegroup),
            (self.ipcidr, TargetKind::Ipcidr),
            (self.compound, TargetKind::Compound),
            (self.pillar_exact, TargetKind::PillarExact),
        ];
        let kind = kinds.iter().find(|(chosen, _)| *chosen).map_or(TargetKind::Glob, |(_, kind)| *kind);
        Ok(Target { kind, expr: expr.to_owned(), delimiter: delimiter.to_owned() })
    }

    /// Names typed in a list that are not among the minions it means.
    pub fn unknown(&self, words: &[String], expected: &[MinionId]) -> Vec<String> {
        let Some(list) = words.first().filter(|_| self.list) else { return Vec::new() };
        let Ok(matcher) = Matcher::parse(&Target::new(TargetKind::List, list.as_str()), &Map::new()) else {
            return Vec::new();
        };
        let unknown = matcher.listed().into_iter().filter(|name| !expected.iter().any(|id| id.as_str() == *name));
        unknown.map(str::to_owned).collect()
    }
}
