//! The line to the master as the rest of the minion sees it: one session after the other under one handle.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet_common::channel::ChannelError;
use fleet_common::channel::request::Client;
use fleet_common::proto::request::{Reply, Request};
use tokio::sync::watch;

/// How long a question waits for a session before it fails: a master may restart meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before a question that a busy master put off is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// Why the master gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// There was no session for too long.
    #[error("the master could not be reached for {} seconds", .0.as_secs())]
    Unreachable(Duration),
    /// The session could not carry the question.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The master would not serve it.
    #[error("{message}")]
    Refused {
        /// `denied`, `invalid`, `not_found`, `failed`.
        code: String,
        /// For a person.
        message: String,
    },
    /// The minion stops.
    #[error("the minion is stopping")]
    Stopping,
}

/// Asks whatever master there is; cheap to clone.
#[derive(Clone)]
pub struct Uplink {
    session: watch::Receiver<Option<Client>>,
    clock: Arc<MasterClock>,
}

/// Where `connect` puts the session that is open now.
pub struct Slot {
    session: watch::Sender<Option<Client>>,
    clock: Arc<MasterClock>,
}

/// A slot without a session, and the handle on it.
pub fn uplink() -> (Slot, Uplink) {
    let (sender, session) = watch::channel(None);
    let clock = Arc::new(MasterClock::default());
    (Slot { session: sender, clock: clock.clone() }, Uplink { session, clock })
}

impl Slot {
    /// Another session, or none.
    pub fn put(&self, client: Option<Client>) {
        self.session.send_replace(client);
    }

    /// Waits until the session that is open now has ended.
    pub async fn closed(&self) {
        let client = self.session.borrow().clone();
        if let Some(client) = client {
            client.closed().await;
        }
    }

    /// The master told its time.
    pub fn learn(&self, now: u64) {
        self.clock.learn(now);
    }
}

impl Uplink {
    /// Asks, waiting for a session at most `patience`; a session that ends meanwhile is followed by the next.
    pub async fn ask(&self, request: Request, patience: Duration) -> Result<Reply, AskError> {
        match tokio::time::timeout(patience, self.ask_on(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::Unreachable(patience)),
        }
    }

    async fn ask_on(&self, request: Request) -> Result<Reply, AskError> {
        let mut session = self.session.clone();
        loop {
            let client = session.wait_for(Option::is_some).await.map_err(|_| AskError::Stopping)?.clone();
            let Some(client) = client else { continue };
            match client.call(request.clone()).await {
                Ok(Reply::Error { code, .. }) if code == "busy" => tokio::time::sleep(BUSY_PAUSE).await,
                Ok(Reply::Error { code, message }) => return Err(AskError::Refused { code, message }),
                Ok(reply) => return Ok(reply),
                Err(ChannelError::Ended(_)) => {
                    drop(client);
                    session.changed().await.map_err(|_| AskError::Stopping)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until there is a session; for ever when the minion stops.
    pub async fn connected(&self) {
        if self.session.clone().wait_for(Option::is_some).await.is_err() {
            std::future::pending().await
        }
    }

    /// The master's time now, milliseconds since 1970; `None` before the first session.
    pub fn master_time(&self) -> Option<u64> {
        self.clock.now()
    }
}

/// The master's time as last told, moved on by the monotonic clock.
#[derive(Default)]
struct MasterClock(Mutex<Option<(u64, Instant)>>);

impl MasterClock {
    fn learn(&self, now: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }

    fn now(&self) -> Option<u64> {
        let (told, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(told + u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX / 2))
    }
}
