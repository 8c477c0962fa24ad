//! The master and the processes of the swarm around it.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fleet_common::ids::Jid;
use fleet_common::proto::api::{JobEvent, NewJob, Standing};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_master::api::{JobView, Presence};
use fleet_master::client::{Client, ClientError};
use rustix::process::Signal;

use super::figures::{Usage, disk};
use crate::harness::{Finished, Fleet, FleetOptions};

/// How large a swarm is.
#[derive(Debug, Clone)]
pub struct StageOptions {
    /// Members.
    pub minions: usize,
    /// Processes they live in.
    pub processes: usize,
    /// Of a hundred members, how many come and go.
    pub restless: usize,
    /// Where journals and pinned keys are kept: memory or disk decides what a journal costs.
    pub journals: PathBuf,
    /// Further lines of the master's configuration.
    pub master_config: String,
}

/// A running swarm; everything ends when dropped.
pub struct Stage {
    fleet: Fleet,
    children: Vec<Child>,
    journals: tempfile::TempDir,
    minions: usize,
}

/// What one job to all took.
#[derive(Debug, Clone)]
pub struct Ping {
    /// Its id.
    pub jid: Jid,
    /// Seconds from the publication to the last return.
    pub seconds: f64,
    /// Returns that came.
    pub returns: usize,
}

impl Stage {
    /// Starts the processes of the swarm; the master is not started yet.
    pub fn new(options: &StageOptions) -> Self {
        let config = format!("keep_jobs: 24\n{}", options.master_config);
        let fleet = Fleet::new(&FleetOptions { quiet: true, master_config: config, ..FleetOptions::default() });
        std::fs::create_dir_all(fleet.dir().join("master/etc/salt/pki/master/minions"))
            .expect("a directory can be made");
        let journals = tempfile::Builder::new().prefix("swarm-").tempdir_in(&options.journals);
        let journals = journals.expect("a temporary directory can be made");
        let mut stage = Self { fleet, children: Vec::new(), journals, minions: options.minions };
        let restless = options.restless.to_string();
        stage.spawn(0..options.minions, options.processes, &["--restless", &restless]);
        stage
    }

    /// Starts further members whose keys nobody accepted; they all ask at once.
    pub fn strangers(&mut self, count: usize, processes: usize) {
        self.spawn(self.minions..self.minions + count, processes, &["--unknown"]);
    }

    fn keys(&self) -> PathBuf {
        self.fleet.dir().join("master/etc/salt/pki/master")
    }

    /// How many keys wait to be accepted.
    pub fn pending(&self) -> usize {
        let waiting = std::fs::read_dir(self.keys().join("minions_pre"));
        waiting.map_or(0, |entries| entries.flatten().filter(|entry| !entry.file_name().is_empty()).count())
    }

    fn spawn(&mut self, members: Range<usize>, processes: usize, more: &[&str]) {
        let own = std::env::current_exe().expect("the running program has a path");
        let mut first = members.start;
        let started = self.children.len();
        for number in 0..processes {
            let count = (members.end - first) / (processes - number);
            let mut command = Command::new(&own);
            command.arg("--child").args(["--first", &first.to_string(), "--count", &count.to_string()]);
            let dir = self.journals.path().join(format!("{}", started + number));
            command.arg("--dir").arg(dir).arg("--keys").arg(self.keys().join("minions"));
            command.args(["--publish", &self.fleet.publish_port.to_string()]);
            command.args(["--request", &self.fleet.request_port.to_string()]).args(more);
            let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            self.children.push(child.expect("it is this program"));
            first += count;
        }
        for child in &mut self.children[started..] {
            let mut line = String::new();
            let out = child.stdout.as_mut().expect("it is piped");
            BufReader::new(out).read_line(&mut line).expect("a child speaks");
            assert_eq!(line, "ready\n", "a process of the swarm did not start");
        }
    }

    /// The fleet around the master.
    pub fn fleet(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    /// Starts the master and returns at once.
    pub fn spawn_master(&mut self) {
        self.fleet.spawn_master();
    }

    /// Kills the master without warning.
    pub fn kill_master(&mut self) {
        self.fleet.stop("master", Signal::KILL);
    }

    /// A connection to the master, as soon as it answers.
    pub async fn client(&self) -> Client {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match Client::connect(&self.fleet.api_socket()).await {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < end, "the master does not answer: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until all members are connected, at most `limit`; tells how many are.
    pub async fn wait_for_all(&self, limit: Duration) -> usize {
        let end = Instant::now() + limit;
        let mut client = self.client().await;
        loop {
            let presence: Result<Presence, ClientError> = client.get("/minions").await;
            let up = presence.map_or(0, |presence| presence.up.len());
            if up == self.minions || Instant::now() > end {
                return up;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks all members to answer, over the API.
    pub async fn ping(&self) -> Result<Ping, ClientError> {
        let mut client = self.client().await;
        let mut stream = client.start(&job(false)).await?;
        let (mut jid, mut returns, mut start) = (None, 0, Instant::now());
        let mut last = start;
        while let Some(event) = stream.next().await? {
            match event {
                JobEvent::Started { jid: given, .. } => {
                    jid = Some(given);
                    start = Instant::now();
                }
                JobEvent::Return(_) => {
                    returns += 1;
                    last = Instant::now();
                }
                _ => {}
            }
        }
        let jid = jid.ok_or(ClientError::Short)?;
        Ok(Ping { jid, seconds: last.saturating_duration_since(start).as_secs_f64(), returns })
    }

    /// Starts a job for all and does not wait for it.
    pub async fn detached(&self) -> Result<Jid, ClientError> {
        let mut client = self.client().await;
        let mut stream = client.start(&job(true)).await?;
        match stream.next().await? {
            Some(JobEvent::Started { jid, .. }) => Ok(jid),
            _ => Err(ClientError::Short),
        }
    }

    /// Targets of a job whose return is kept.
    pub async fn stored(&self, jid: &Jid) -> usize {
        let view: Result<JobView, ClientError> = self.client().await.get(&format!("/jobs/{jid}")).await;
        view.map_or(0, |view| view.targets.iter().filter(|target| target.state == Standing::Finished).count())
    }

    /// `saltctl '*' test.ping`, whole.
    pub fn command(&self) -> Finished {
        self.fleet.ctl(&["*", "test.ping", "--out", "txt", "-t", "30"])
    }

    /// What the master uses.
    pub fn master(&self) -> Usage {
        Usage::of(self.fleet.pid("master"))
    }

    /// What the processes of the swarm use together.
    pub fn swarm(&self) -> Usage {
        Usage::of_all(self.children.iter().map(Child::id))
    }

    /// Bytes of the master's store on disk.
    pub fn store_bytes(&self) -> u64 {
        disk(&self.fleet.dir().join("master/var/cache/salt/master/store"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.stdin.take());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn job(detach: bool) -> NewJob {
    NewJob { timeout: Some(30.0), detach, ..NewJob::new(Target::new(TargetKind::Glob, "*"), "test.ping") }
}
