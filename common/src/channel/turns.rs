//! Handshakes at the same time: a storm of thousands waits in a queue instead of being begun all at once, where none
//! would end in its time.
//!
//! A place is held from the answer to a peer's first message until its second has come, or for a while that adapts to how
//! fast honest peers answer: silent ones keep nobody out for long. Who gets the next place: of all networks that wait,
//! the one that holds fewest, so that a flood from one place delays nobody elsewhere.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, interval_at};

use crate::crypto::handshake::Responder;
use crate::transport::Link;

/// Handshakes under way.
const PLACES: usize = 64;
/// Peers that may wait; more are closed and come again later.
const WAITING: usize = 16_384;
/// How often a waiting peer is told that it waits: shorter than its own patience.
const TELL: Duration = Duration::from_secs(3);
/// A place is held this many times as long as honest peers take to answer,
const PATIENCE: u32 = 4;
/// within these bounds.
const HOLD: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// What is counted of handshakes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnStats {
    /// Under way now.
    pub under_way: u64,
    /// Waiting now.
    pub waiting: u64,
    /// Closed because too many waited.
    pub refused: u64,
    /// Peers that did not answer while they held a place.
    pub slow: u64,
}

/// The places and who waits for one.
#[derive(Debug)]
pub struct Turns {
    state: Mutex<State>,
    /// Threads that reckon for handshakes: beside the runtime's own, so that a storm of them is one task more for the
    /// processors, and not a queue in front of everything that accepted peers do.
    threads: Arc<Semaphore>,
    waiting: usize,
    refused: AtomicU64,
    slow: AtomicU64,
}

#[derive(Debug)]
struct State {
    free: usize,
    places: usize,
    held: HashMap<IpAddr, usize>,
    queues: HashMap<IpAddr, VecDeque<(u64, oneshot::Sender<Turn>)>>,
    /// For each queue: how many places its network holds, its first ticket, the network.
    order: BTreeSet<(usize, u64, IpAddr)>,
    waiting: usize,
    tickets: u64,
    /// How long peers took to answer lately; rises at once and falls slowly.
    answer: Duration,
}

/// One place; given back on drop.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    network: IpAddr,
    since: Instant,
}

/// A peer in its queue; leaves it on drop.
struct Waiting {
    turns: Arc<Turns>,
    network: IpAddr,
    ticket: u64,
    turn: oneshot::Receiver<Turn>,
}

impl Turns {
    /// The usual bounds.
    pub fn new() -> Arc<Self> {
        Self::with(PLACES, WAITING)
    }

    fn with(places: usize, waiting: usize) -> Arc<Self> {
        let state = State {
            free: places,
            places,
            held: HashMap::new(),
            queues: HashMap::new(),
            order: BTreeSet::new(),
            waiting: 0,
            tickets: 0,
            answer: Duration::ZERO,
        };
        let threads = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
        Arc::new(Self {
            state: Mutex::new(state),
            threads,
            waiting,
            refused: AtomicU64::new(0),
            slow: AtomicU64::new(0),
        })
    }

    /// What is counted.
    pub fn stats(&self) -> TurnStats {
        let state = self.lock();
        TurnStats {
            under_way: (state.places - state.free) as u64,
            waiting: state.waiting as u64,
            refused: self.refused.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        }
    }

    /// Waits for a place, telling the peer now and then that it waits; `None` when the peer is gone or too many wait.
    pub(super) async fn take(self: &Arc<Self>, link: &Link) -> Option<Turn> {
        let mut waiting = self.queue(link.peer.network().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))?;
        let mut told = interval_at(Instant::now() + TELL, TELL);
        loop {
            tokio::select! {
                biased;
                () = link.tx.closed() => return None,
                turn = &mut waiting.turn => return turn.ok(),
                // One that does not read what it is told is closed in its turn.
                _ = told.tick() => { let _ = link.tx.try_send(Bytes::from(Responder::wait())); }
            }
        }
    }

    /// Reckons on a thread for that; `None` when the runtime ends.
    pub(super) async fn reckon<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let thread = self.threads.clone().acquire_owned().await.ok()?;
        let held = move || {
            let _until_done = thread;
            work()
        };
        tokio::task::spawn_blocking(held).await.ok()
    }

    fn queue(self: &Arc<Self>, network: IpAddr) -> Option<Waiting> {
        let (give, turn) = oneshot::channel();
        let ticket = {
            let mut state = self.lock();
            if state.waiting >= self.waiting {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            state.waiting += 1;
            state.tickets += 1;
            let ticket = state.tickets;
            let held = state.held_by(network);
            let queue = state.queues.entry(network).or_default();
            queue.push_back((ticket, give));
            if queue.len() == 1 {
                state.order.insert((held, ticket, network));
            }
            ticket
        };
        self.grant();
        Some(Waiting { turns: self.clone(), network, ticket, turn })
    }

    /// Gives free places away.
    fn grant(self: &Arc<Self>) {
        loop {
            let (give, network) = {
                let mut state = self.lock();
                let Some((give, network)) = state.next() else { return };
                (give, network)
            };
            // Whoever left meanwhile gives it back here.
            drop(give.send(Turn { turns: self.clone(), network, since: Instant::now() }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held_by(&self, network: IpAddr) -> usize {
        self.held.get(&network).copied().unwrap_or(0)
    }

    /// The first of the network that holds fewest places, entered as holding one more.
    fn next(&mut self) -> Option<(oneshot::Sender<Turn>, IpAddr)> {
        if self.free == 0 {
            return None;
        }
        let (held, _, network) = self.order.pop_first()?;
        let queue = self.queues.get_mut(&network)?;
        let (_, give) = queue.pop_front()?;
        match queue.front() {
            Some((ticket, _)) => drop(self.order.insert((held + 1, *ticket, network))),
            None => drop(self.queues.remove(&network)),
        }
        self.waiting -= 1;
        self.free -= 1;
        self.held.insert(network, held + 1);
        Some((give, network))
    }

    fn give_back(&mut self, network: IpAddr) {
        let held = self.held_by(network);
        self.free += 1;
        match held {
            0 | 1 => drop(self.held.remove(&network)),
            more => drop(self.held.insert(network, more - 1)),
        }
        if let Some((ticket, _)) = self.queues.get(&network).and_then(VecDeque::front) {
            let ticket = *ticket;
            self.order.remove(&(held, ticket, network));
            self.order.insert((held.saturating_sub(1), ticket, network));
        }
    }

    /// A peer took so long to answer.
    fn note(&mut self, took: Duration) {
        self.answer = took.max((self.answer * 15 + took) / 16);
    }

    /// How long a place may be held.
    fn patience(&self) -> Duration {
        (self.answer * PATIENCE).clamp(HOLD.0, HOLD.1)
    }

    fn leave(&mut self, network: IpAddr, ticket: u64) {
        let held = self.held_by(network);
        let Some(queue) = self.queues.get_mut(&network) else { return };
        let Ok(at) = queue.binary_search_by_key(&ticket, |(ticket, _)| *ticket) else { return };
        queue.remove(at);
        self.waiting -= 1;
        if at > 0 {
            return;
        }
        self.order.remove(&(held, ticket, network));
        match queue.front() {
            Some((next, _)) => drop(self.order.insert((held, *next, network))),
            None => drop(self.queues.remove(&network)),
        }
    }
}

impl Turn {
    /// How long the place may be held before it is given to somebody else.
    pub(super) fn patience(&self) -> Duration {
        self.turns.lock().patience()
    }

    /// The peer answered.
    pub(super) fn answered(&self) {
        self.turns.lock().note(self.since.elapsed());
    }

    /// The peer did not.
    pub(super) fn gave_up(self) {
        self.turns.slow.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().give_back(self.network);
        self.turns.grant();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.turns.lock().leave(self.network, self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn now(waiting: &mut Waiting) -> Option<Turn> {
        waiting.turn.try_recv().ok()
    }

    #[test]
    fn places_are_bounded_and_given_on_in_order() {
        let turns = Turns::with(2, 3);
        let mut queued: Vec<_> = (0..5).filter_map(|_| turns.queue(at(1))).collect();
        let first = now(&mut queued[0]).unwrap();
        let _second = now(&mut queued[1]).unwrap();
        assert!(now(&mut queued[2]).is_none());
        assert!(turns.queue(at(2)).is_none(), "three wait already");
        assert_eq!(turns.stats(), TurnStats { under_way: 2, waiting: 3, refused: 1, slow: 0 });
        // One that left is passed over, in its queue and on its way out of it.
        drop(queued.remove(2));
        first.gave_up();
        let third = now(&mut queued[2]).unwrap();
        drop(queued);
        drop(third);
        assert_eq!(turns.stats(), TurnStats { under_way: 1, waiting: 0, refused: 1, slow: 1 });
        assert!(turns.lock().order.is_empty() && turns.lock().queues.is_empty());
    }

    #[test]
    fn a_flood_from_one_network_delays_nobody_elsewhere() {
        let turns = Turns::with(4, 1000);
        let mut flood: Vec<_> = (0..100).filter_map(|_| turns.queue(at(1))).collect();
        let mut silent: Vec<_> = flood.iter_mut().filter_map(now).collect();
        assert_eq!(silent.len(), 4);
        let mut honest: Vec<_> = (2..5).filter_map(|last| turns.queue(at(last))).collect();
        assert!(honest.iter_mut().all(|one| now(one).is_none()));
        // One place comes free: one after the other of the honest gets it, and none of the 96 that came before.
        silent.pop().unwrap().gave_up();
        for one in &mut honest {
            drop(now(one).expect("before the flood"));
        }
        let next: Vec<_> = flood.iter_mut().filter_map(now).collect();
        assert_eq!(next.len(), 1);
        drop(flood);
        drop((next, silent, honest));
        assert_eq!(turns.stats(), TurnStats { slow: 1, ..TurnStats::default() });
        assert!(turns.lock().held.is_empty());
    }

    #[test]
    fn patience_follows_honest_peers() {
        let turns = Turns::with(1, 10);
        let turn = now(&mut turns.queue(at(1)).unwrap()).unwrap();
        let patience_after = |millis: u64| {
            turns.lock().note(Duration::from_millis(millis));
            turn.patience()
        };
        assert_eq!(patience_after(1), HOLD.0);
        assert_eq!(patience_after(300), Duration::from_millis(1200));
        assert!(patience_after(1) > Duration::from_millis(1000));
        assert_eq!(patience_after(60_000), HOLD.1);
    }

    #[tokio::test]
    async fn whoever_waits_is_told_and_whoever_left_is_forgotten() {
        let turns = Turns::with(1, 10);
        let held = now(&mut turns.queue(at(1)).unwrap()).unwrap();
        let (link, mut end) = Link::new(crate::transport::Peer::Network(at(1), 1), 1000);
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&link).await.is_some() }
        });
        let told = end.outgoing.recv().await.expect("it is told");
        assert!(crate::crypto::handshake::Initiator::is_wait(&told.message));
        drop(end);
        assert!(!waits.await.unwrap());
        assert_eq!(turns.stats(), TurnStats { under_way: 1, ..TurnStats::default() });
        drop(held);
        assert_eq!(turns.stats(), TurnStats::default());
    }
}
