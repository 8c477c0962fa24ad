//! What can go wrong in a round, and drawing it.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::harness::proxy::Policy;

/// Points at which a master dies (see `fleet_common::fault`).
const MASTER_POINTS: &[&str] = &[
    "job.received",
    "job.resolved",
    "job.stored",
    "job.sealed",
    "job.published",
    "return.received",
    "return.queued",
    "return.streamed",
    "return.committed",
    "return.acknowledged",
];
/// Points at which a minion dies.
const MINION_POINTS: &[&str] = &["minion.begun", "minion.ran", "minion.done", "minion.stored"];
/// What may become of frames on their way.
const POLICIES: &[Policy] = &[Policy::Drop, Policy::Corrupt, Policy::Twice, Policy::Swap, Policy::Stall];
/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// Who is struck: the master, or the minion of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Master,
    Minion(usize),
}

/// One fault of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL, and started again a moment later.
    Kill(Side),
    /// Dies at a named point of its work.
    DieAt(Side, &'static str),
    /// Freezes at a named point of its work, and goes on a moment later.
    FreezeAt(Side, &'static str, Duration),
    /// SIGSTOP, and SIGCONT a moment later.
    Freeze(Side, Duration),
    /// Frames from the master to a minion are mistreated: of its sessions, or of its publications.
    Network { minion: usize, publications: bool, policy: Policy, lasting: Duration },
    /// A minion's connections are closed.
    Cut(usize),
    /// Publications of before are sent to a minion again.
    Replay(usize),
    /// A changed copy of a publication of before is sent to a minion.
    Forge(usize),
    /// Clocks are stepped.
    Clock(Side, i64),
    /// The disk under the master's store is full for a while.
    DiskFull(Duration),
    /// The master's store is gone.
    StoreDeleted,
    /// The master's store is kept aside, as a backup.
    Backup,
    /// The master's store is the one of the backup.
    Restored,
}

/// A round: what is asked, and what goes wrong meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Seconds; without it, those that are down do not run the job.
    pub(super) ttl: Option<u32>,
    /// How long the job takes where it runs.
    pub(super) takes: Duration,
    /// A function without effect instead of one with.
    pub(super) harmless: bool,
    /// Each with the time from the job's start to its own.
    pub(super) faults: Vec<(Duration, Fault)>,
}

impl Plan {
    /// Draws a round.
    pub(super) fn draw(random: &mut StdRng, minions: usize, disk: bool) -> Self {
        let mut faults: Vec<(Duration, Fault)> =
            (0..random.random_range(1..=3)).map(|_| (millis(random, 0..400), fault(random, minions, disk))).collect();
        faults.sort_by_key(|(at, _)| *at);
        Self {
            ttl: random.random_bool(0.3).then(|| random.random_range(20..90)),
            takes: millis(random, 0..600),
            harmless: random.random_bool(0.2),
            faults,
        }
    }
}

fn millis(random: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.random_range(range))
}

fn pick<T: Copy>(random: &mut StdRng, among: &[T]) -> T {
    among[random.random_range(0..among.len())]
}

fn point(random: &mut StdRng, side: Side) -> &'static str {
    pick(random, if side == Side::Master { MASTER_POINTS } else { MINION_POINTS })
}

fn fault(random: &mut StdRng, minions: usize, disk: bool) -> Fault {
    let minion = random.random_range(0..minions);
    let side = if random.random_bool(0.4) { Side::Master } else { Side::Minion(minion) };
    match random.random_range(0..100) {
        0..20 => Fault::Kill(side),
        20..32 => Fault::DieAt(side, point(random, side)),
        32..38 => Fault::FreezeAt(side, point(random, side), millis(random, 100..1500)),
        38..46 => Fault::Freeze(side, millis(random, 100..1500)),
        46..70 => Fault::Network {
            minion,
            publications: random.random_bool(0.5),
            policy: pick(random, POLICIES),
            lasting: millis(random, 100..1500),
        },
        70..76 => Fault::Cut(minion),
        76..82 => Fault::Replay(minion),
        82..86 => Fault::Forge(minion),
        86..90 => Fault::Clock(side, pick(random, &[HOUR, -HOUR, 0])),
        90..93 if disk => Fault::DiskFull(millis(random, 200..1000)),
        93..96 => Fault::Backup,
        96..98 => Fault::Restored,
        98..99 => Fault::StoreDeleted,
        _ => Fault::Kill(Side::Minion(minion)),
    }
}
