//! Whom a target means, among the accepted minions, by what the master knows: the one place that says so.
//!
//! Never more than that: a minion whose grains or pillar would decide and are not known is not meant, and counted.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use fleet_common::diag::Diagnostic;
use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::api::{Narrow, Outcome};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::target::{Matcher, Subject};
use fleet_common::value::{Map, Value};
use rand::seq::SliceRandom;
use tokio::task::JoinSet;

use crate::grains::Grains;
use crate::jobs::targets;
use crate::keys::{Accepted, Keys};
use crate::minions::Minions;
use crate::pillar::Pillars;
use crate::store::{Store, StoreError};

/// Pillars that are asked for at the same time; how many are compiled at once the compiler decides.
const PILLARS: usize = 64;

/// Why it can't be said whom a target means.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The target can't be read.
    #[error("{0}")]
    Target(Box<Diagnostic>),
    /// The earlier job is not known.
    #[error("there is no job {0} whose targets could be taken")]
    NoJob(Jid),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The minions a target means, sorted.
#[derive(Debug, Default)]
pub struct Meant {
    /// Who.
    pub ids: Vec<MinionId>,
    /// By which parts of the expression, when that was asked for: one entry for each id.
    pub reasons: Vec<Vec<String>>,
    /// Accepted minions that are not meant because their grains are not known, sorted.
    pub unknown: Vec<MinionId>,
    /// Parts of the expression that mean nobody, and the like.
    pub warnings: Vec<String>,
    /// The target as minions can read it: they do not know the master's groups.
    pub published: Option<Target>,
    /// The expression as it was read, without the way it is narrowed.
    pub read_as: String,
}

impl Meant {
    /// What is to be told to whoever typed the target.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.warnings.clone();
        match self.unknown.as_slice() {
            [] => {}
            [one] => notes.push(format!("the grains of {one} are not known yet: it was not matched")),
            many => notes.push(format!(
                "the grains of {} accepted minions are not known yet: they were not matched",
                many.len()
            )),
        }
        notes
    }
}

/// Resolves targets.
pub struct Resolver {
    /// Who is accepted.
    pub keys: Arc<Keys>,
    /// What is known of them.
    pub minions: Arc<Minions>,
    /// Compiles pillar, for targets that ask it.
    pub pillars: Arc<Pillars>,
    /// Earlier jobs.
    pub store: Store,
    /// Named groups.
    pub nodegroups: Map,
}

impl Resolver {
    /// Whom a target means; `explain` asks for the reasons, too.
    pub async fn resolve(&self, target: &Target, narrow: &Narrow, explain: bool) -> Result<Meant, ResolveError> {
        let (matcher, published) = self.matcher(target, narrow)?;
        let warnings = matcher.warnings().iter().map(ToString::to_string).collect();
        let mut meant = Meant { warnings, published, read_as: matcher.to_string(), ..Meant::default() };
        let matcher = Arc::new(matcher);
        let known =
            if matcher.needs_grains() || matcher.needs_pillar() { self.minions.all_grains() } else { Arc::default() };
        let accepted = self.keys.accepted();
        let first = Pass { matcher: matcher.clone(), explain };
        // Tens of milliseconds for a large fleet: not on a thread that serves others.
        let decided = tokio::task::spawn_blocking(move || first.decide(&accepted, &known)).await;
        let Decided { found, open, unknown } = decided.unwrap_or_default();
        meant.unknown = unknown;
        let mut found = found;
        found.extend(self.by_pillar(&Pass { matcher, explain }, open).await);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        (meant.ids, meant.reasons) = found.into_iter().unzip();
        self.narrow(&mut meant, narrow).await?;
        Ok(meant)
    }

    /// True if it depends on their pillar whom the target means.
    pub fn needs_pillar(&self, target: &Target, narrow: &Narrow) -> Result<bool, ResolveError> {
        Ok(self.matcher(target, narrow)?.0.needs_pillar())
    }

    /// Reads the target and what is to be left out of it.
    fn matcher(&self, target: &Target, narrow: &Narrow) -> Result<(Matcher, Option<Target>), ResolveError> {
        let read = |target: &Target| {
            if target.expr.trim().is_empty() {
                return Err(Diagnostic::user("the target is empty").help("all minions: '*'"));
            }
            Matcher::parse(target, &self.nodegroups)
        };
        let fault = |fault| ResolveError::Target(Box::new(fault));
        let matcher = read(target).map_err(fault)?;
        let has_groups = match target.kind {
            TargetKind::Nodegroup => true,
            TargetKind::Compound => target.expr.contains("N@"),
            _ => false,
        };
        let published = has_groups.then(|| Target::new(TargetKind::Compound, matcher.to_string()));
        let Some(exclude) = &narrow.exclude else { return Ok((matcher, published)) };
        let excluded = read(&Target::new(TargetKind::Compound, exclude.as_str()));
        let excluded = excluded.map_err(|wrong| fault(wrong.about("--exclude")))?;
        Ok((matcher.except(excluded), published))
    }

    /// Compiles the pillars that decide, and asks again.
    async fn by_pillar(&self, pass: &Pass, open: Vec<(MinionId, Arc<Grains>)>) -> Vec<(MinionId, Vec<String>)> {
        let mut found = Vec::new();
        let mut waiting = open.into_iter();
        let mut compiling = JoinSet::new();
        loop {
            while compiling.len() < PILLARS
                && let Some((id, grains)) = waiting.next()
            {
                let pillars = self.pillars.clone();
                compiling.spawn(async move {
                    let all = grains.all();
                    let pillar = pillars.data(id.clone(), all.clone()).await;
                    (id, all, pillar)
                });
            }
            let Some(compiled) = compiling.join_next().await else { return found };
            let Ok((id, grains, pillar)) = compiled else { continue };
            let subject = Whole { id: &id, grains: &grains, pillar: pillar.as_ref() };
            if let Some((true, reasons)) = pass.ask(&subject) {
                found.push((id, reasons));
            }
        }
    }

    /// Leaves those in that an earlier job is concerned with, and as many as are wanted: connected ones first.
    async fn narrow(&self, meant: &mut Meant, narrow: &Narrow) -> Result<(), ResolveError> {
        if let Some((jid, outcome)) = &narrow.state_of {
            let of_job = self.of_job(jid, *outcome).await?;
            keep(meant, |id| of_job.contains(id));
        }
        if let Some(most) = narrow.subset {
            let mut order = meant.ids.clone();
            order.shuffle(&mut rand::rng());
            order.sort_by_key(|id| !self.minions.is_up(id));
            let chosen: BTreeSet<MinionId> =
                order.into_iter().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
            keep(meant, |id| chosen.contains(id));
        }
        Ok(())
    }

    /// The targets of an earlier job that ended so.
    async fn of_job(&self, jid: &Jid, outcome: Outcome) -> Result<BTreeSet<MinionId>, ResolveError> {
        let Some(row) = self.store.job(jid.clone()).await? else { return Err(ResolveError::NoJob(jid.clone())) };
        let noted = self.store.noted(jid.clone()).await?;
        let returns = self.store.returns(jid.clone()).await?;
        let all = targets(&row, noted, &returns).into_iter();
        Ok(all.filter(|target| outcome.is(target.state)).map(|target| target.id).collect())
    }
}

fn keep(meant: &mut Meant, wanted: impl Fn(&MinionId) -> bool) {
    let pairs = std::mem::take(&mut meant.ids).into_iter().zip(std::mem::take(&mut meant.reasons));
    (meant.ids, meant.reasons) = pairs.filter(|(id, _)| wanted(id)).unzip();
}

/// What can be said without pillar.
#[derive(Default)]
struct Decided {
    found: Vec<(MinionId, Vec<String>)>,
    /// Minions that their pillar decides on.
    open: Vec<(MinionId, Arc<Grains>)>,
    /// Minions that their grains decide on, which are not known.
    unknown: Vec<MinionId>,
}

struct Pass {
    matcher: Arc<Matcher>,
    explain: bool,
}

impl Pass {
    fn decide(&self, accepted: &Accepted, known: &crate::minions::AllGrains) -> Decided {
        let mut decided = Decided::default();
        for id in accepted.keys() {
            let grains = known.get(id);
            match (self.ask(&Packed { id, grains }), grains) {
                (Some((true, reasons)), _) => decided.found.push((id.clone(), reasons)),
                (Some((false, _)), _) => {}
                (None, Some(grains)) => decided.open.push((id.clone(), grains.clone())),
                (None, None) => decided.unknown.push(id.clone()),
            }
        }
        decided
    }

    fn ask(&self, subject: &dyn Subject) -> Option<(bool, Vec<String>)> {
        let meant = self.matcher.decide(subject)?;
        let reasons = if meant && self.explain { self.matcher.reasons(subject) } else { Vec::new() };
        Some((meant, reasons))
    }
}

/// A minion whose pillar is not known yet.
pub struct Packed<'a> {
    /// Who.
    pub id: &'a MinionId,
    /// What it told of itself.
    pub grains: Option<&'a Arc<Grains>>,
}

impl Subject for Packed<'_> {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self, wanted: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        let grains = self.grains?;
        Some(Cow::Owned(match wanted {
            None => grains.all(),
            Some(keys) if !grains.has_any(keys) => Map::new(),
            Some(keys) => grains.some(keys),
        }))
    }
    fn pillar(&self) -> Option<&Map> {
        None
    }
}

/// A minion with all that is known of it.
struct Whole<'a> {
    id: &'a MinionId,
    grains: &'a Map,
    pillar: Option<&'a Map>,
}

impl Subject for Whole<'_> {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        self.pillar
    }
}
