//! Finding the master and staying with it: request socket, session, publications, beats, and again from the start.

use std::sync::Arc;
use std::time::Duration;

use fleet_common::channel::publish::Opener;
use fleet_common::channel::request::{Client, ClientConfig, open};
use fleet_common::channel::{ChannelError, SessionEnd};
use fleet_common::crypto::trust::Trust;
use fleet_common::diag::Diagnostic;
use fleet_common::proto::request::{Enrolment, KeyState, Push, Reply, Request, Role, Welcome};
use fleet_common::secret::Secret;
use fleet_common::transport::backoff::Backoff;
use fleet_common::transport::{Connector, Link, TransportError};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::job::{Jobs, Origin};
use crate::journal::Journal;
use crate::known::Known;
use crate::listen::{Heard, Listener};
use crate::own_key::OwnKey;
use crate::running::Directory;
use crate::uplink::Slot;

/// After an open session: how long until publications that others say exist must have come.
const CATCH_UP: Duration = Duration::from_millis(500);
/// For so long after a loss the waits stay short.
const SOON: Duration = Duration::from_secs(30);
/// Bound of the waits in that time.
const SOON_WAIT: Duration = Duration::from_millis(500);
/// Time between two looks at what the journal may forget.
const SWEEP: Duration = Duration::from_secs(60);
/// Beats that may go missing.
const MISSED_BEATS: u32 = 3;

/// How the minion connects.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its key.
    pub own: Arc<OwnKey>,
    /// What speaks for its key until the master knows it: a token, and the names of grains.
    pub enrolment: (Option<Secret<String>>, Vec<String>),
    /// Which master it believes.
    pub trust: Trust,
    /// Bound of the first wait between attempts.
    pub first_wait: Duration,
    /// Bound of the longest wait between attempts.
    pub most_wait: Duration,
    /// Time between beats.
    pub beat: Duration,
}

/// What a connection needs of the rest of the minion.
pub struct Surroundings {
    /// Makes connections.
    pub connector: Arc<dyn Connector>,
    /// The minion itself.
    pub known: Arc<Known>,
    /// Takes jobs.
    pub jobs: Arc<Jobs>,
    /// Knows what was begun.
    pub journal: Arc<Journal>,
    /// Knows what runs.
    pub running: Arc<Directory>,
    /// Where the open session is put.
    pub slot: Slot,
}

/// Why there is no session (any more).
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Ended(#[from] SessionEnd),
    #[error("{0}")]
    Keys(#[from] Box<Diagnostic>),
    #[error("the publish socket was closed")]
    Publications,
    #[error("three beats of the master are missing")]
    Silent,
    #[error("this minion's key was replaced")]
    Replaced,
    #[error("the key is not accepted")]
    NotAccepted(Box<Welcome>),
    #[error("the master told no keys of its publications")]
    NoStream,
}

/// Connects and serves for ever; ends when dropped.
pub async fn run(settings: Settings, around: Surroundings) {
    let soon = settings.most_wait.min(SOON_WAIT);
    // A master that restarts is found again at once; one that stays away is asked less and less.
    let mut backoff = Backoff::new(settings.first_wait, soon, seed());
    let mut patient = Backoff::new(soon, settings.most_wait, seed());
    // One that is there and does not get as far as a session has too much to do.
    let mut modest = Backoff::new(settings.first_wait, settings.most_wait, seed());
    let mut since = Instant::now();
    // What was said last, so that a long wait is told once.
    let mut said = String::new();
    loop {
        let lost = match connect(&settings, &around).await {
            Ok((client, welcome, publications)) => {
                said.clear();
                tracing::info!("connected to the master");
                let session = Session::new(&around, &client, *welcome, publications);
                let lost = tokio::select! {
                    lost = session.run(settings.beat) => lost,
                    () = settings.own.replaced() => Lost::Replaced,
                };
                around.slot.put(None);
                client.close();
                backoff.reset();
                patient.reset();
                modest.reset();
                since = Instant::now();
                lost
            }
            Err(lost) => lost,
        };
        let mut wait = match &lost {
            Lost::Channel(error) if !matches!(error, ChannelError::Handshake(_)) => modest.next_wait(),
            _ if since.elapsed() < SOON => backoff.next_wait(),
            _ => patient.next_wait(),
        };
        if let Lost::NotAccepted(welcome) = &lost {
            let bound = Duration::from_secs(u64::from(welcome.retry_after.clamp(1, 3600)));
            // A master that waits for its operator is asked again at the pace it names.
            backoff.reset();
            wait = bound.mul_f64(0.5) + jitter(bound.mul_f64(0.5));
        }
        if matches!(lost, Lost::Replaced) {
            tracing::info!(finger = %settings.own.finger(), "this minion's key was replaced: the new one is shown");
            continue;
        }
        tell(&settings, &lost, &mut said);
        tokio::select! {
            () = sleep(wait) => {}
            // Somebody mended something: there is no need to wait.
            () = settings.own.asked() => {}
        }
    }
}

fn tell(settings: &Settings, lost: &Lost, said: &mut String) {
    let text = match lost {
        Lost::NotAccepted(welcome) => format!("{:?} {:?}", welcome.state, welcome.reason),
        other => other.to_string(),
    };
    if *said == text {
        return;
    }
    let finger = settings.own.finger();
    match lost {
        Lost::NotAccepted(welcome) => match (&welcome.reason, welcome.state) {
            (Some(reason), _) => tracing::error!(reason, "the master does not serve this minion"),
            (None, KeyState::Pending) => {
                tracing::warn!(%finger, "the key waits to be accepted on the master: 'keyctl -a' with this minion's id");
            }
            (None, state) => tracing::error!(?state, %finger, "the master does not take this minion's key"),
        },
        Lost::Channel(ChannelError::Handshake(error)) => {
            tracing::error!(%error, "the master is not believed or not understood");
        }
        other => tracing::warn!(reason = %other, "no session with the master; trying again"),
    }
    *said = text;
}

/// A session of an accepted key with its publications.
async fn connect(settings: &Settings, around: &Surroundings) -> Result<(Client, Box<Welcome>, Link), Lost> {
    let link = around.connector.request().await?;
    let config = ClientConfig {
        // Read anew: it may have been replaced.
        identity: settings.own.read().map_err(Box::new)?,
        id: around.known.id().clone(),
        role: Role::Minion,
        trust: settings.trust.clone(),
        enrolment: enrolment(settings, &around.known),
        grains_hash: around.known.grains_hash(),
    };
    let (welcome, client) = open(link, &config).await?;
    around.slot.learn(welcome.now);
    if welcome.state != KeyState::Accepted {
        return Err(Lost::NotAccepted(Box::new(welcome)));
    }
    let publications = around.connector.subscribe().await?;
    // The master is known by its session; what comes here is verified frame by frame.
    publications.tx.trust();
    Ok((client, Box::new(welcome), publications))
}

/// What speaks for the minion's key.
pub(crate) fn enrolment(settings: &Settings, known: &Known) -> Enrolment {
    let (token, names) = &settings.enrolment;
    let grains = known.grains();
    let told = names.iter().filter_map(|name| Some((name.as_str(), grains.get(name.as_str())?.clone()))).collect();
    Enrolment { token: token.as_ref().map(|token| token.expose().clone()), grains: told }
}

/// One session while it lasts.
struct Session<'a> {
    around: &'a Surroundings,
    client: &'a Client,
    welcome: Welcome,
    publications: Link,
    /// Answers of questions that this loop asked itself.
    asked: JoinSet<Result<Reply, ChannelError>>,
    unanswered: u32,
    syncing: bool,
    swept: Option<Instant>,
}

impl<'a> Session<'a> {
    fn new(around: &'a Surroundings, client: &'a Client, welcome: Welcome, publications: Link) -> Self {
        Self {
            around,
            client,
            welcome,
            publications,
            asked: JoinSet::new(),
            unanswered: 0,
            syncing: false,
            swept: None,
        }
    }

    async fn run(mut self, beat: Duration) -> Lost {
        let Some(keys) = self.welcome.stream.take() else { return Lost::NoStream };
        let stream = keys.stream;
        let opener = Opener::new(self.client.publication_key(), keys);
        let mut listener = Listener::new(opener, self.around.known.clone());
        let Some(mut pushes) = self.client.pushes() else { return Lost::Ended(SessionEnd::Closed) };
        self.around.slot.put(Some(self.client.clone()));
        self.sync();
        if !self.welcome.grains_known {
            self.tell_grains();
        }
        let mut beats = interval_at(Instant::now() + CATCH_UP, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        let mut behind_since: Option<Instant> = None;
        let client = self.client.clone();
        let mut ended = std::pin::pin!(client.closed());
        loop {
            tokio::select! {
                frame = self.publications.rx.recv() => {
                    let Some(frame) = frame else { return Lost::Publications };
                    let heard = listener.frame(&frame);
                    if !matches!(heard, Heard::Dropped(_)) {
                        heard_at = Instant::now();
                    }
                    self.heard(heard, stream);
                    if listener.take_missed() {
                        tracing::info!("publications went missing; asking for what is owed");
                        self.sync();
                    }
                }
                push = pushes.recv() => match self.pushed(push, &mut listener).await {
                    Some(lost) => return lost,
                    None => continue,
                },
                end = &mut ended => return Lost::Ended(end),
                _ = beats.tick() => {
                    if self.unanswered >= MISSED_BEATS || heard_at.elapsed() > beat * (MISSED_BEATS + 1) {
                        return Lost::Silent;
                    }
                    self.beat();
                }
                Some(answer) = self.asked.join_next() => {
                    let Some(newest) = self.answered(answer.ok(), stream) else { continue };
                    behind_since = (newest > listener.counter()).then(Instant::now);
                }
                () = later(behind_since), if behind_since.is_some() => {
                    behind_since = None;
                    self.sync();
                }
            }
        }
    }

    fn heard(&self, heard: Heard, stream: u64) {
        match heard {
            Heard::Job { job, serial } => self.around.jobs.take(*job, Origin { stream, serial }),
            Heard::Unclear { job, serial } => self.around.jobs.take_if_meant(*job, Origin { stream, serial }),
            Heard::Beat { now } => self.around.slot.learn(now),
            Heard::Others | Heard::Dropped(_) => {}
        }
    }

    async fn pushed(&mut self, push: Option<Push>, listener: &mut Listener) -> Option<Lost> {
        match push {
            Some(Push::Keys(keys)) => listener.add_keys(keys),
            Some(Push::Probe {}) => self.beat(),
            Some(Push::Renewed { proof }) => match self.client.renewed(&proof) {
                Ok(signer) => listener.expect_signer(signer),
                Err(error) => tracing::error!(%error, "the master's new keys are not believed"),
            },
            Some(Push::Goodbye { reason }) => return Some(Lost::Ended(SessionEnd::Goodbye { reason })),
            None => return Some(Lost::Ended(self.client.closed().await)),
        }
        None
    }

    /// Asks for what is owed, naming what was begun.
    fn sync(&mut self) {
        if !std::mem::replace(&mut self.syncing, true) {
            self.ask(Request::Sync { begun: self.around.journal.begun() });
        }
    }

    fn beat(&mut self) {
        self.unanswered += 1;
        let (running, queued) = self.around.running.ids();
        self.ask(Request::Beat { running, queued });
    }

    fn ask(&mut self, request: Request) {
        let client = self.client.clone();
        self.asked.spawn(async move { client.call(request).await });
    }

    /// Lets the journal forget what expired, now and then.
    fn sweep(&mut self, now: u64) {
        if self.swept.is_some_and(|at| at.elapsed() < SWEEP) {
            return;
        }
        self.swept = Some(Instant::now());
        let journal = self.around.journal.clone();
        // It may write the file anew.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = journal.sweep(now) {
                tracing::error!(%error, "the journal could not be rewritten");
            }
        });
    }

    fn tell_grains(&mut self) {
        let grains = (*self.around.known.grains()).clone();
        self.ask(Request::Grains { grains });
    }

    /// Takes an answer; a beat's tells the newest counter.
    fn answered(&mut self, answer: Option<Result<Reply, ChannelError>>, stream: u64) -> Option<u64> {
        match answer? {
            Ok(Reply::Beat { now, counter, watched }) => {
                self.unanswered = 0;
                for progress in self.around.running.watch(&watched) {
                    self.ask(Request::Progress(progress));
                }
                self.around.slot.learn(now);
                self.sweep(now);
                return Some(counter);
            }
            Ok(Reply::Owed { jobs }) => {
                self.syncing = false;
                for job in jobs {
                    self.around.jobs.take(job, Origin { stream, serial: 0 });
                }
            }
            Ok(Reply::Error { code, message }) => {
                self.syncing = false;
                tracing::warn!(code, message, "the master did not serve a request");
            }
            Ok(_) => {}
            Err(error) => {
                self.syncing = false;
                tracing::debug!(%error, "a request of the session itself failed");
            }
        }
        None
    }
}

/// Sleeps until what is behind should have come.
async fn later(since: Option<Instant>) {
    if let Some(since) = since {
        tokio::time::sleep_until(since + CATCH_UP).await;
    }
}

fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn jitter(most: Duration) -> Duration {
    most.mul_f64((seed() % 1000) as f64 / 1000.0)
}
