//! A master's two ports in memory, with faults on demand: for tests of everything above.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, watch};

use super::connection::end_of;
use super::link::{Closing, Inbox, Link, LinkEnd, Queued};
use super::{Boxed, Connector, Listener, Peer, Publisher, TransportError};

const OUTBOX_BYTES: usize = 1024 * 1024;
/// Connections that may wait to be accepted.
const WAITING: usize = 1024;

/// What happens to messages; chances between 0 and 1, for each message by itself.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// It is lost.
    pub drop: f64,
    /// It comes twice.
    pub duplicate: f64,
    /// One of its bytes is changed.
    pub corrupt: f64,
    /// The connection is cut instead of carrying it.
    pub cut: f64,
    /// It waits up to so long (and everything behind it with it).
    pub delay: Duration,
    /// New connections fail.
    pub refuse: bool,
}

/// The faults of one in-memory transport; may be changed at any time.
pub struct Faults {
    plan: Mutex<(Plan, SmallRng)>,
    /// Raised to cut every connection there is.
    cuts: watch::Sender<u64>,
}

enum Fate {
    Carry { copies: usize, delay: Duration, message: Bytes },
    Cut,
}

impl Faults {
    /// No faults; those asked for later are drawn from the seed.
    pub fn new(seed: u64) -> Arc<Self> {
        let plan = Mutex::new((Plan::default(), SmallRng::seed_from_u64(seed)));
        Arc::new(Self { plan, cuts: watch::Sender::new(0) })
    }

    /// From now on.
    pub fn set(&self, plan: Plan) {
        lock(&self.plan).0 = plan;
    }

    /// Cuts every connection; what is on its way is lost.
    pub fn cut_all(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn refuses(&self) -> bool {
        lock(&self.plan).0.refuse
    }

    fn fate(&self, message: Bytes) -> Fate {
        let (plan, rng) = &mut *lock(&self.plan);
        if rng.random_bool(plan.cut) {
            return Fate::Cut;
        }
        let copies = if rng.random_bool(plan.drop) { 0 } else { 1 + usize::from(rng.random_bool(plan.duplicate)) };
        let delay = plan.delay.mul_f64(rng.random_range(0.0..=1.0));
        let message = if rng.random_bool(plan.corrupt) && !message.is_empty() {
            let mut changed = message.to_vec();
            let at = rng.random_range(0..changed.len());
            changed[at] ^= rng.random_range(1..=255u8);
            changed.into()
        } else {
            message
        };
        Fate::Carry { copies, delay, message }
    }
}

/// A master's ports and the way to them.
pub struct Memory {
    /// Accepts requests.
    pub listener: MemoryListener,
    /// Publishes.
    pub publisher: Arc<MemoryPublisher>,
    /// Connects to both; cheap to clone.
    pub connector: MemoryConnector,
}

/// The request port.
pub struct MemoryListener {
    links: mpsc::Receiver<Link>,
}

/// The publish port.
#[derive(Default)]
pub struct MemoryPublisher {
    subscribers: Mutex<Vec<Link>>,
}

/// Connects to the ports of a [`Memory`].
#[derive(Clone)]
pub struct MemoryConnector {
    links: mpsc::Sender<Link>,
    publisher: Arc<MemoryPublisher>,
    faults: Arc<Faults>,
    next: Arc<AtomicU64>,
}

impl Memory {
    /// A pair of ports whose connections suffer `faults`.
    pub fn new(faults: Arc<Faults>) -> Self {
        let (sender, links) = mpsc::channel(WAITING);
        let publisher = Arc::new(MemoryPublisher::default());
        let connector = MemoryConnector { links: sender, publisher: publisher.clone(), faults, next: Arc::default() };
        Self { listener: MemoryListener { links }, publisher, connector }
    }
}

impl Listener for MemoryListener {
    fn accept(&mut self) -> Boxed<'_, Option<Link>> {
        Box::pin(self.links.recv())
    }
}

impl Publisher for MemoryPublisher {
    fn publish(&self, message: Bytes) {
        lock(&self.subscribers).retain(|link| match link.tx.try_send(message.clone()) {
            Ok(true) => true,
            Ok(false) => {
                link.tx.close();
                false
            }
            Err(_) => false,
        });
    }

    fn subscribers(&self) -> usize {
        let mut subscribers = lock(&self.subscribers);
        subscribers.retain(|link| !link.tx.is_closed());
        subscribers.len()
    }
}

impl MemoryConnector {
    fn connect(&self) -> Result<(Link, Link), TransportError> {
        if self.faults.refuses() {
            return Err(unreachable("refused by plan"));
        }
        let name: Arc<str> = format!("peer-{}", self.next.fetch_add(1, Ordering::Relaxed)).into();
        let (minion, near) = Link::new(Peer::Memory("master".into()), OUTBOX_BYTES);
        let (master, far) = Link::new(Peer::Memory(name), OUTBOX_BYTES);
        // The connection exists from here on: a cut must find it even before its task runs.
        tokio::spawn(wire(near, far, self.faults.clone(), self.faults.cuts.subscribe()));
        Ok((minion, master))
    }
}

impl Connector for MemoryConnector {
    fn request(&self) -> Boxed<'_, Result<Link, TransportError>> {
        Box::pin(async {
            let (minion, master) = self.connect()?;
            self.links.send(master).await.map_err(|_| unreachable("the listener is gone"))?;
            Ok(minion)
        })
    }

    fn subscribe(&self) -> Boxed<'_, Result<Link, TransportError>> {
        Box::pin(async {
            let (minion, master) = self.connect()?;
            lock(&self.publisher.subscribers).push(master);
            Ok(minion)
        })
    }
}

fn unreachable(why: &str) -> TransportError {
    TransportError::Unreachable { address: "memory".into(), why: why.into() }
}

async fn wire(near: LinkEnd, far: LinkEnd, faults: Arc<Faults>, mut cuts: watch::Receiver<u64>) {
    let LinkEnd { outgoing: near_out, incoming: near_in, closing: near_closing, limit: near_limit } = near;
    let LinkEnd { outgoing: far_out, incoming: far_in, closing: far_closing, limit: far_limit } = far;
    let too_long = |limit: &std::sync::atomic::AtomicUsize, length: usize| length > limit.load(Ordering::Relaxed);
    tokio::select! {
        biased;
        _ = cuts.changed() => {}
        () = carry(near_out, near_closing.clone(), &far_in, |length| too_long(&far_limit, length), &faults) => {}
        () = carry(far_out, far_closing.clone(), &near_in, |length| too_long(&near_limit, length), &faults) => {}
        () = end_of(near_closing) => {}
        () = end_of(far_closing) => {}
    }
}

/// Carries one direction to its end.
async fn carry(
    mut outgoing: mpsc::UnboundedReceiver<Queued>,
    mut closing: watch::Receiver<Closing>,
    incoming: &Inbox,
    too_long: impl Fn(usize) -> bool,
    faults: &Faults,
) {
    loop {
        let queued = tokio::select! {
            biased;
            queued = outgoing.recv() => queued,
            _ = closing.wait_for(|closing| *closing != Closing::No) => outgoing.try_recv().ok(),
        };
        let Some(queued) = queued else { return };
        let Fate::Carry { copies, delay, message } = faults.fate(queued.message.clone()) else { return };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if too_long(message.len()) {
            return;
        }
        for _ in 0..copies {
            if incoming.deliver(message.clone()).await.is_err() {
                // Nobody listens at the other end; that end's own sending goes on until it is dropped too.
                return std::future::pending().await;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair(memory: &mut Memory) -> (Link, Link) {
        let minion = memory.connector.request().await.expect("connected");
        (minion, memory.listener.accept().await.expect("a link"))
    }

    #[tokio::test]
    async fn carries_in_order_and_ends_together() {
        let faults = Faults::new(1);
        let mut memory = Memory::new(faults.clone());
        let (mut minion, mut master) = pair(&mut memory).await;
        for number in 0..100u8 {
            minion.tx.send(Bytes::from(vec![number])).await.expect("open");
        }
        for number in 0..100u8 {
            assert_eq!(master.rx.recv().await.as_deref(), Some(&[number][..]));
        }
        minion.tx.send(Bytes::from(vec![0; 5000])).await.expect("open");
        assert_eq!(master.rx.recv().await, None, "too long for a stranger");

        let (_minion, mut master) = pair(&mut memory).await;
        faults.cut_all();
        assert_eq!(master.rx.recv().await, None);
        assert_eq!(minion.rx.recv().await, None);
        faults.set(Plan { refuse: true, ..Plan::default() });
        assert!(memory.connector.request().await.is_err());
    }

    #[tokio::test]
    async fn faults_happen_as_often_as_asked() {
        let faults = Faults::new(2);
        faults.set(Plan { drop: 0.1, duplicate: 0.2, corrupt: 0.3, ..Plan::default() });
        let mut memory = Memory::new(faults);
        let (minion, mut master) = pair(&mut memory).await;
        tokio::spawn(async move {
            for number in 0..10_000u32 {
                minion.tx.send(Bytes::copy_from_slice(&number.to_be_bytes())).await.expect("open");
            }
        });
        let (mut came, mut good) = (0, 0);
        let mut last = None;
        while let Some(message) = master.rx.recv().await {
            let number = u32::from_be_bytes(message[..].try_into().expect("four bytes"));
            came += 1;
            good += usize::from(last.is_none_or(|last| number == last || number == last + 1));
            last = Some(number);
        }
        assert!((10_300..11_300).contains(&came), "0.9 * 1.2: {came}");
        assert!(good < 9_000, "corrupted and lost ones break the row: {good}");
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_closed() {
        let memory = Memory::new(Faults::new(3));
        let mut slow = memory.connector.subscribe().await.expect("connected");
        assert_eq!(memory.publisher.subscribers(), 1);
        for _ in 0..2000 {
            memory.publisher.publish(Bytes::from(vec![0; 4000]));
        }
        assert_eq!(memory.publisher.subscribers(), 0);
        while slow.rx.recv().await.is_some() {}
    }
}
