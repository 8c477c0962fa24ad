//! Returns on their way to the master: sent until it says that it keeps them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::fault;
use fleet_common::ids::Jid;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::proto::ret::Return;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::journal::{Journal, Standing};
use crate::uplink::{AskError, PATIENCE, Uplink};

/// Returns that may wait to be taken up; then jobs wait with theirs.
const QUEUE: usize = 256;
/// Returns under way at once.
const UNDER_WAY: usize = 8;
/// Returns kept in memory while they wait; further ones are read from the journal when their turn comes.
const IN_MEMORY: usize = 64;
/// Pause after the master failed to store a return.
const RETRY: Duration = Duration::from_secs(1);

/// Takes returns to be sent; cheap to clone.
#[derive(Clone)]
pub struct Reporter(mpsc::Sender<Box<Return>>);

/// The other end, to be [`run`].
pub struct Queue(mpsc::Receiver<Box<Return>>);

/// A reporter and its queue.
pub fn reporter() -> (Reporter, Queue) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Reporter(sender), Queue(receiver))
}

impl Reporter {
    /// Takes a return over, which is in the journal unless its job was never begun.
    pub async fn send(&self, ret: Box<Return>) {
        // The queue ends with the minion; then the journal keeps it.
        drop(self.0.send(ret).await);
    }
}

enum Waiting {
    Here(Box<Return>),
    Journaled(Jid),
}

/// Sends what the journal holds from before, then whatever comes. Ends when all reporters are gone.
pub async fn run(mut queue: Queue, journal: Arc<Journal>, uplink: Uplink) {
    let old = journal.standing(Standing::Unacknowledged);
    let mut waiting: VecDeque<Waiting> = old.into_iter().map(Waiting::Journaled).collect();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < UNDER_WAY
            && let Some(next) = waiting.pop_front()
        {
            let ret = match next {
                Waiting::Here(ret) => Some(ret),
                Waiting::Journaled(jid) => journal.load(&jid).map(Box::new),
            };
            if let Some(ret) = ret {
                under_way.spawn(deliver(uplink.clone(), ret));
            }
        }
        tokio::select! {
            next = queue.0.recv() => match next {
                Some(ret) if waiting.len() >= IN_MEMORY && journal.load(&ret.jid).is_some() => {
                    waiting.push_back(Waiting::Journaled(ret.jid));
                }
                Some(ret) => waiting.push_back(Waiting::Here(ret)),
                None => return,
            },
            Some(done) = under_way.join_next() => {
                if let Ok(Some(jid)) = done && let Err(error) = journal.acked(&jid) {
                    tracing::error!(%jid, %error, "an acknowledgement could not be written");
                }
            }
        }
    }
}

/// Sends one return until the master has it or refuses it for good; `None` when the minion stops before.
async fn deliver(uplink: Uplink, ret: Box<Return>) -> Option<Jid> {
    let jid = ret.jid.clone();
    loop {
        match uplink.ask(Request::Return(ret.clone()), PATIENCE).await {
            Ok(Reply::Stored {}) => {
                fault::point("minion.stored");
                return Some(jid);
            }
            Ok(_) => tracing::warn!(%jid, "the master answered a return with something else"),
            Err(AskError::Stopping) => return None,
            Err(AskError::Refused { code, message }) if code == "denied" || code == "invalid" => {
                tracing::error!(%jid, %code, message, "the master does not take this return");
                return Some(jid);
            }
            Err(AskError::Unreachable(_)) => continue,
            Err(error) => tracing::warn!(%jid, %error, "a return is sent again"),
        }
        tokio::time::sleep(RETRY).await;
    }
}
