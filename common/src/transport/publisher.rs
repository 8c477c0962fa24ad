//! The master's own guarded endpoint, publish side: what a PUB is to SUB peers.
//!
//! A publication is encoded once; every subscriber's outbox holds the same bytes. A subscriber whose outbox would
//! grow over its limit is closed, never fed: it reconnects and asks its master what it missed.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::accept::{Endpoint, Meter, Served};
use super::connection::Ended;
use super::handshake::{Opened, Side};
use super::listener::ListenerOptions;
use super::reader::{Pongs, Reader};
use super::socket::Stream;
use super::stats::{Counters, Stats};
use super::subscriptions::{Refused, Subscriptions};
use super::writer::Batch;
use super::zmtp::{Command, Header, Item, SocketType};
use super::{Boxed, MAX_UNKNOWN_MESSAGE, Publisher, TransportError};

/// The publish endpoint. Dropping it closes every subscriber.
pub struct PublishListener {
    subscribers: Arc<Subscribers>,
    endpoint: Endpoint,
}

/// Binds the publish endpoint; a port of 0 picks a free one.
pub async fn bind_publisher(
    address: SocketAddr,
    options: ListenerOptions,
) -> Result<Arc<PublishListener>, TransportError> {
    let subscribers = Arc::new(Subscribers {
        all: Mutex::default(),
        next: AtomicU64::new(0),
        subscribed: AtomicUsize::new(0),
        outbox_bytes: options.outbox_bytes,
        stall: options.stall_timeout,
        max_subscriptions: options.max_subscriptions,
        max_subscription_bytes: options.max_subscription_bytes,
        side: Side { ours: SocketType::Pub, theirs: &[SocketType::Sub, SocketType::Xsub], identity: Bytes::new() },
    });
    let endpoint = Endpoint::bind(address, options, subscribers.clone())?;
    Ok(Arc::new(PublishListener { subscribers, endpoint }))
}

impl PublishListener {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// A handle on what it counts.
    pub fn meter(&self) -> Meter {
        self.endpoint.meter().clone()
    }

    /// What it counted.
    pub fn stats(&self) -> Stats {
        self.endpoint.meter().stats()
    }

    /// Connections now, those in their handshake included.
    pub fn open(&self) -> usize {
        self.endpoint.meter().open()
    }
}

impl Publisher for PublishListener {
    fn publish(&self, message: Bytes) {
        let frame = Header::message(message.len()).with_body(&message);
        for subscriber in lock(&self.subscribers.all).values() {
            subscriber.offer(&message, &frame, self.subscribers.outbox_bytes);
        }
    }

    fn subscribers(&self) -> usize {
        self.subscribers.subscribed.load(Ordering::Relaxed)
    }
}

impl Drop for PublishListener {
    fn drop(&mut self) {
        for subscriber in lock(&self.subscribers.all).values() {
            subscriber.close.notify_one();
        }
    }
}

struct Subscribers {
    all: Mutex<HashMap<u64, Arc<Subscriber>>>,
    next: AtomicU64,
    /// Those with a subscription.
    subscribed: AtomicUsize,
    outbox_bytes: usize,
    stall: Duration,
    max_subscriptions: usize,
    max_subscription_bytes: usize,
    side: Side,
}

/// One subscriber: what it wants and what waits for it.
struct Subscriber {
    state: Mutex<State>,
    /// Something waits in the outbox.
    wake: Notify,
    /// The connection is to be closed, whatever it is doing.
    close: Notify,
    /// Its outbox was full.
    slow: AtomicBool,
}

#[derive(Default)]
struct State {
    subscriptions: Subscriptions,
    outbox: VecDeque<Bytes>,
    /// Bytes queued or being written.
    waiting: usize,
}

impl Subscriber {
    fn offer(&self, message: &[u8], frame: &Bytes, limit: usize) {
        let mut state = lock(&self.state);
        if self.slow.load(Ordering::Relaxed) || !state.subscriptions.wants(message) {
            return;
        }
        if state.waiting > 0 && state.waiting + frame.len() > limit {
            self.slow.store(true, Ordering::Relaxed);
            state.outbox = VecDeque::new();
            return self.close.notify_one();
        }
        state.waiting += frame.len();
        state.outbox.push_back(frame.clone());
        drop(state);
        self.wake.notify_one();
    }

    /// Moves what fits to a batch; `None` when there is nothing.
    fn take(&self, pong: Option<Bytes>) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut state = lock(&self.state);
        if let Some(pong) = pong {
            state.waiting += pong.len();
            batch.frame(pong);
        }
        while batch.has_room()
            && let Some(frame) = state.outbox.pop_front()
        {
            batch.frame(frame);
        }
        if state.outbox.is_empty() {
            // An idle subscriber costs no queue.
            state.outbox = VecDeque::new();
        }
        (batch.bytes() > 0).then_some(batch)
    }

    async fn write(&self, stream: &Stream, pongs: &Pongs, stall: Duration) -> Ended {
        loop {
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = pongs.due() => {}
            }
            while let Some(mut batch) = self.take(pongs.take()) {
                if let Err(error) = batch.write(stream, stall).await {
                    return error.into();
                }
                lock(&self.state).waiting -= batch.bytes();
            }
        }
    }
}

impl Subscribers {
    async fn read(&self, subscriber: &Subscriber, reader: &mut Reader<'_>) -> Result<Refused, Ended> {
        let mut items = Vec::new();
        loop {
            let more = reader.read(&mut items, || MAX_UNKNOWN_MESSAGE).await;
            for item in items.drain(..) {
                let (wanted, prefix) = match &item {
                    Item::Command(Command::Subscribe(prefix)) => (true, prefix.clone()),
                    Item::Command(Command::Cancel(prefix)) => (false, prefix.clone()),
                    Item::Message(message) => match message.first() {
                        Some(1) => (true, message.slice(1..)),
                        Some(0) => (false, message.slice(1..)),
                        // libzmq's PUB ignores what a SUB says beside subscriptions, and so do we.
                        _ => continue,
                    },
                    Item::Command(_) => continue,
                };
                if let Err(refused) = self.subscribe(subscriber, wanted, &prefix) {
                    return Ok(refused);
                }
            }
            items.shrink_to(0);
            more?;
        }
    }

    fn subscribe(&self, subscriber: &Subscriber, wanted: bool, prefix: &[u8]) -> Result<(), Refused> {
        let subscriptions = &mut lock(&subscriber.state).subscriptions;
        let before = subscriptions.is_empty();
        if wanted {
            subscriptions.add(prefix, self.max_subscriptions, self.max_subscription_bytes)?;
        } else {
            subscriptions.remove(prefix);
        }
        match (before, subscriptions.is_empty()) {
            (true, false) => self.subscribed.fetch_add(1, Ordering::Relaxed),
            (false, true) => self.subscribed.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        Ok(())
    }
}

impl Served for Subscribers {
    fn side(&self) -> &Side {
        &self.side
    }

    fn first_limit(&self) -> usize {
        MAX_UNKNOWN_MESSAGE
    }

    fn serve<'a>(&'a self, opened: Opened, peer: SocketAddr, counters: &'a Counters) -> Boxed<'a, ()> {
        Box::pin(async move {
            counters.accepted.add();
            let subscriber = Arc::new(Subscriber {
                state: Mutex::default(),
                wake: Notify::new(),
                close: Notify::new(),
                slow: AtomicBool::new(false),
            });
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            lock(&self.all).insert(number, subscriber.clone());
            let pongs = Pongs::default();
            let Opened { stream, decoder, early } = opened;
            let mut reader = Reader::new(&stream, decoder, early, &pongs);
            let ended = tokio::select! {
                refused = self.read(&subscriber, &mut reader) => refused,
                ended = subscriber.write(&stream, &pongs, self.stall) => Err(ended),
                () = subscriber.close.notified() => Err(Ended::Closed),
            };
            lock(&self.all).remove(&number);
            if !lock(&subscriber.state).subscriptions.is_empty() {
                self.subscribed.fetch_sub(1, Ordering::Relaxed);
            }
            match ended {
                Ok(Refused) => counters.closed_subscriptions.add(),
                Err(_) if subscriber.slow.load(Ordering::Relaxed) => counters.closed_slow.add(),
                Err(ended) => counters.ended(&ended),
            }
            tracing::debug!(%peer, "subscriber ended");
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
