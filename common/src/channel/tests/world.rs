//! A master and minions without machines: keys, links in memory, and somebody between who can do harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_bytes::ByteBuf;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::super::request::{Client, ClientConfig, Incoming, ServerReceiver, ServerSender, accept, open};
use super::super::{ChannelError, Turns};
use crate::crypto::keys::{Identity, MasterKeys, PublicKey};
use crate::crypto::trust::Trust;
use crate::proto::request::{KeyState, Reply, Request, Role, Welcome};
use crate::transport::link::{Closing, Inbox, LinkEnd, Queued};
use crate::transport::{Link, Peer};

/// What somebody between does with the `n`th message of one direction: what is passed on instead.
pub(super) type Tamper = Box<dyn FnMut(usize, Bytes) -> Vec<Bytes> + Send>;

pub(super) fn honest() -> Tamper {
    Box::new(|_, message| vec![message])
}

/// One direction of a connection, until either side lets go.
pub(super) async fn carry(mut from: End, to: Inbox, limit: Arc<AtomicUsize>, mut tamper: Tamper) {
    let mut number = 0;
    loop {
        let queued = tokio::select! {
            _ = from.closing.wait_for(|closing| *closing != Closing::No) => return,
            queued = from.outgoing.recv() => queued,
        };
        let Some(queued) = queued else { return };
        for message in tamper(number, queued.message) {
            if message.len() > limit.load(Ordering::Relaxed) || to.deliver(message).await.is_err() {
                return;
            }
        }
        number += 1;
    }
}

pub(super) struct End {
    pub(super) outgoing: mpsc::UnboundedReceiver<Queued>,
    pub(super) closing: watch::Receiver<Closing>,
}

pub(super) fn end(end: LinkEnd) -> (End, Inbox, Arc<AtomicUsize>) {
    (End { outgoing: end.outgoing, closing: end.closing }, end.incoming, end.limit)
}

/// Two ends of one connection: the minion's and the master's. The connection ends when either side closes it.
pub(super) fn pair_with(outbox: usize, to_master: Tamper, to_minion: Tamper) -> (Link, Link) {
    let (minion, minion_end) = Link::new(Peer::Memory("master".into()), outbox);
    let (master, master_end) = Link::new(Peer::Memory("minion".into()), outbox);
    let (minion_end, minion_inbox, minion_limit) = end(minion_end);
    let (master_end, master_inbox, master_limit) = end(master_end);
    tokio::spawn(async move {
        tokio::select! {
            () = carry(minion_end, master_inbox, master_limit, to_master) => {}
            () = carry(master_end, minion_inbox, minion_limit, to_minion) => {}
        }
    });
    (minion, master)
}

pub(super) fn pair() -> (Link, Link) {
    pair_with(256 * 1024, honest(), honest())
}

pub(super) struct World {
    pub(super) dir: TempDir,
    pub(super) keys: Arc<MasterKeys>,
    pub(super) config: ClientConfig,
}

impl World {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ClientConfig {
            identity: Arc::new(Identity::generate()),
            id: "web1".parse().unwrap(),
            role: Role::Minion,
            trust: Trust::new(dir.path().join("pki/minion_master.pub"), None),
            enrolment: Default::default(),
            grains_hash: [3; 32],
        };
        Self { dir, keys: Arc::new(MasterKeys::generate()), config }
    }

    pub(super) fn pinned(&self) -> Option<PublicKey> {
        PublicKey::load(self.config.trust.file()).unwrap()
    }

    /// Both sides' outcome of a connection; the master says accepted.
    pub(super) async fn connect(
        &self,
        links: (Link, Link),
    ) -> (Result<(), ChannelError>, Result<Incoming, ChannelError>) {
        let (done, finished) = tokio::sync::oneshot::channel::<()>();
        let minion = async {
            let outcome = open(links.0, &self.config).await.map(|_| ());
            let _ = done.send(());
            outcome
        };
        let master = async {
            let incoming = accept(links.1, &self.keys, &Turns::new()).await;
            // Nobody welcomes: the minion's side ends by what it finds in the handshake, or is given up.
            let _ = tokio::time::timeout(Duration::from_millis(200), finished).await;
            incoming
        };
        let (minion, master) = tokio::join!(tokio::time::timeout(Duration::from_secs(1), minion), master);
        (minion.unwrap_or(Err(ChannelError::Timeout { seconds: 1.0 })), master)
    }

    pub(super) async fn session(
        &self,
        links: (Link, Link),
        state: KeyState,
    ) -> (Welcome, Client, ServerSender, ServerReceiver) {
        let keys = self.keys.clone();
        let master = tokio::spawn(async move {
            let incoming = accept(links.1, &keys, &Turns::new()).await.unwrap();
            incoming.welcome(welcome(state))
        });
        let (welcome, client) = open(links.0, &self.config).await.unwrap();
        let (sender, receiver) = master.await.unwrap();
        (welcome, client, sender, receiver)
    }

    pub(super) async fn accepted(&self) -> (Client, ServerSender, ServerReceiver) {
        let (_, client, sender, receiver) = self.session(pair(), KeyState::Accepted).await;
        (client, sender, receiver)
    }
}

pub(super) fn welcome(state: KeyState) -> Welcome {
    Welcome { state, stream: None, now: 5, retry_after: 7, grains_known: false, reason: None }
}

pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it happens soon")
}

pub(super) fn read(length: u32) -> Request {
    Request::Read { env: "base".into(), path: "a".into(), offset: 0, length, sha256: ByteBuf::new() }
}

/// Answers every request at once: a read with as many bytes as asked, all else with `Done`.
pub(super) async fn serve(sender: ServerSender, mut receiver: ServerReceiver) {
    while let Some((id, request)) = receiver.recv().await {
        let reply = match request {
            Request::Read { length, .. } => {
                Reply::Part { bytes: Some(ByteBuf::from(vec![7; length as usize])), size: length.into() }
            }
            _ => Reply::Done {},
        };
        let _ = sender.reply(id, reply).await;
    }
}
