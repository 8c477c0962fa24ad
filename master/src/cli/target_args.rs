//! The options that say how a target is read.

use clap::Args;
use fleet_common::ids::MinionId;
use fleet_common::proto::job::{Target, TargetKind};

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
}

impl TargetArgs {
    /// The target that was typed.
    pub fn target(&self, expr: &str, delimiter: &str) -> Target {
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
        ];
        let kind = kinds.iter().find(|(chosen, _)| *chosen).map_or(TargetKind::Glob, |(_, kind)| *kind);
        Target { kind, expr: expr.to_owned(), delimiter: delimiter.to_owned() }
    }

    /// Names typed in a list that are not among the minions it means.
    pub fn unknown(&self, words: &[String], expected: &[MinionId]) -> Vec<String> {
        let Some(list) = words.first().filter(|_| self.list) else { return Vec::new() };
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let unknown = names.filter(|name| !expected.iter().any(|id| id.as_str() == *name));
        unknown.map(str::to_owned).collect()
    }
}
