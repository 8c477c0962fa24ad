//! The processes of a campaign and what is done to them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};

use super::check::{Asked, Outcome, check, harvest};
use super::faults::{Fault, Plan, Side};
use crate::harness::proxy::{Policy, Proxy};
use crate::harness::{Disk, Fleet, FleetOptions, wait_until};

/// How a campaign runs.
#[derive(Debug, Clone)]
pub struct CampaignOptions {
    /// What all that is drawn comes from.
    pub seed: u64,
    /// How many rounds.
    pub rounds: usize,
    /// How many minions.
    pub minions: usize,
    /// Tell every round.
    pub verbose: bool,
}

/// A minion and what stands between it and its master.
struct Place {
    id: String,
    request: Proxy,
    publish: Proxy,
}

/// A running campaign.
pub struct Campaign {
    options: CampaignOptions,
    random: StdRng,
    fleet: Fleet,
    places: Vec<Place>,
    asked: Vec<Asked>,
    /// The store lies on a small file system of its own, which can be filled; only root can have one.
    disk: Option<Disk>,
    outcome: Outcome,
    /// The store was deleted or replaced in this round: its own job may be forgotten, too.
    forgetting: bool,
    /// How many rounds were asked when the backup was made.
    backup: Option<usize>,
}

/// How long the master may take to serve again after a round.
const BACK: Duration = Duration::from_secs(30);
/// How long is waited for minions to come back before the next round.
const GATHERED: Duration = Duration::from_secs(5);
/// A command that hangs longer than this is ended.
const COMMAND: &str = "20";
/// Rounds between two counts.
const HARVEST: usize = 5;

impl Campaign {
    /// Starts the processes.
    pub fn new(options: CampaignOptions) -> Self {
        let mut fleet = Fleet::new(&FleetOptions { quiet: true, ..FleetOptions::default() });
        let disk = Disk::mount(&fleet.dir().join("master/var/cache"), 96).ok();
        fleet.start_master();
        let ids: Vec<String> = (1..=options.minions).map(|number| format!("web{number}")).collect();
        let mut places = Vec::new();
        for id in &ids {
            let (request, publish) = (Proxy::to(fleet.request_port), Proxy::to(fleet.publish_port));
            fleet.configure_minion(id, request.port, publish.port, "");
            fleet.restart_minion(id);
            places.push(Place { id: id.clone(), request, publish });
        }
        let names: Vec<&str> = ids.iter().map(String::as_str).collect();
        fleet.accept(&names);
        fleet.wait_for(&names);
        let random = StdRng::seed_from_u64(options.seed);
        let outcome = Outcome { seed: options.seed, rounds: options.rounds, ..Outcome::default() };
        Self { options, random, fleet, places, asked: Vec::new(), disk, outcome, forgetting: false, backup: None }
    }

    /// Runs all rounds and counts.
    pub fn run(mut self) -> Outcome {
        let start = Instant::now();
        for number in 0..self.options.rounds {
            let plan = Plan::draw(&mut self.random, self.places.len(), self.disk.is_some());
            if self.options.verbose {
                eprintln!("round {number} at {:.0} s: {plan:?}", start.elapsed().as_secs_f64());
            }
            self.round(number, &plan);
            if number % HARVEST == HARVEST - 1 {
                self.harvest();
            }
        }
        for who in self.everybody() {
            let _ = fs::remove_file(self.fleet.clock_path(&who));
        }
        check(&self.fleet, &mut self.asked, &mut self.outcome);
        self.outcome.clone()
    }

    /// What is over by now is counted now: a store that is deleted later can not be asked.
    fn harvest(&mut self) {
        if self.fleet.lives("master") {
            harvest(&self.fleet, &mut self.asked, &mut self.outcome);
        }
    }

    fn everybody(&self) -> Vec<String> {
        std::iter::once("master".to_owned()).chain(self.places.iter().map(|place| place.id.clone())).collect()
    }

    fn name(&self, side: Side) -> String {
        match side {
            Side::Master => "master".to_owned(),
            Side::Minion(number) => self.places[number].id.clone(),
        }
    }

    fn round(&mut self, number: usize, plan: &Plan) {
        for (_, fault) in &plan.faults {
            match fault {
                Fault::DieAt(side, point) => self.arm(*side, |fleet| fleet.die_at(point)),
                Fault::FreezeAt(side, point, lasting) => {
                    self.arm(*side, |fleet| fleet.stop_at(point));
                    thaw_again_and_again(self.fleet.pid(&self.name(*side)), *lasting);
                }
                _ => {}
            }
        }
        let mut command = self.command(number, plan);
        let asked = thread::spawn(move || command.output());
        let start = Instant::now();
        let mut healings: Vec<(Instant, Healing)> = Vec::new();
        for (at, fault) in &plan.faults {
            thread::sleep(at.saturating_sub(start.elapsed()));
            if let Some((lasting, healing)) = self.strike(fault) {
                healings.push((Instant::now() + lasting, healing));
            }
        }
        healings.sort_by_key(|(at, _)| *at);
        for (at, healing) in healings {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            self.heal(&healing);
        }
        // Frozen ones were thawed, dead ones answer at once: it ends soon.
        let output = asked.join().ok().and_then(Result::ok);
        self.revive();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let jid = text.split_whitespace().find(|word| word.len() == 20 && word.bytes().all(|b| b.is_ascii_digit()));
        self.asked.push(Asked {
            round: number,
            jid: jid.map(str::to_owned),
            harmless: plan.harmless,
            forgotten: std::mem::take(&mut self.forgetting),
            counted: false,
        });
    }

    /// The command of a round: `--async`, so that it tells the jid and leaves.
    fn command(&self, number: usize, plan: &Plan) -> Command {
        let ttl = plan.ttl.map(|ttl| ttl.to_string());
        let starts = self.fleet.dir().join("starts");
        let line = format!(
            "echo {number} {{{{ grains['id'] }}}} >> {} && sleep {}",
            starts.display(),
            plan.takes.as_secs_f64()
        );
        let mut args = vec!["*", "--async"];
        if let Some(ttl) = &ttl {
            args.extend(["--ttl", ttl]);
        }
        if plan.harmless {
            args.push("test.ping");
        } else {
            args.extend(["cmd.run", &line, "template=jinja"]);
        }
        let inner = self.fleet.ctl_command(&args);
        let mut command = Command::new("timeout");
        command.args(["-k", "1", COMMAND]).arg(inner.get_program()).args(inner.get_args());
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Lets a side run so that it dies or freezes at a point of its work.
    fn arm(&mut self, side: Side, at: impl FnOnce(&mut Fleet)) {
        let name = self.name(side);
        self.fleet.kill(&name);
        at(&mut self.fleet);
        self.start(&name);
        self.fleet.die_nowhere();
        if let Side::Minion(_) = side {
            // It must be there to be struck.
            thread::sleep(Duration::from_millis(400));
        }
    }

    fn start(&mut self, name: &str) {
        if name == "master" {
            self.fleet.spawn_master();
            let socket = self.fleet.api_socket();
            // One that dies early never answers.
            wait_until(Duration::from_secs(5), || {
                std::os::unix::net::UnixStream::connect(&socket).is_ok().then_some(())
            });
        } else {
            self.fleet.restart_minion(name);
        }
    }

    fn strike(&mut self, fault: &Fault) -> Option<(Duration, Healing)> {
        match fault {
            Fault::Kill(side) => {
                let name = self.name(*side);
                self.fleet.kill(&name);
                None
            }
            Fault::DieAt(..) | Fault::FreezeAt(..) => None,
            Fault::Freeze(side, lasting) => {
                let name = self.name(*side);
                if !self.fleet.lives(&name) {
                    return None;
                }
                self.fleet.signal(&name, Signal::STOP);
                Some((*lasting, Healing::Thaw(name)))
            }
            Fault::Network { minion, publications, policy, lasting } => {
                let place = &self.places[*minion];
                if *publications { &place.publish } else { &place.request }.set(*policy);
                Some((*lasting, Healing::Network(*minion)))
            }
            Fault::Cut(minion) => {
                self.places[*minion].request.cut();
                self.places[*minion].publish.cut();
                None
            }
            Fault::Replay(minion) | Fault::Forge(minion) => {
                let place = &self.places[*minion];
                for mut frame in place.publish.recorded().into_iter().rev().take(50) {
                    if let Fault::Forge(_) = fault {
                        let at = frame.len() / 2;
                        frame[at] ^= 1;
                    }
                    place.publish.inject(&frame);
                }
                None
            }
            Fault::Clock(side, step) => {
                let path = self.fleet.clock_path(&self.name(*side));
                fs::write(path, step.to_string()).expect("a file can be written");
                None
            }
            Fault::DiskFull(lasting) => {
                self.disk.as_ref()?.fill();
                Some((*lasting, Healing::Disk))
            }
            Fault::StoreDeleted | Fault::Backup | Fault::Restored => {
                self.change_store(fault);
                None
            }
        }
    }

    fn store(&self) -> PathBuf {
        self.fleet.dir().join("master/var/cache/salt/master/store")
    }

    fn change_store(&mut self, fault: &Fault) {
        let (store, aside) = (self.store(), self.fleet.dir().join("backup"));
        if !matches!(fault, Fault::Backup) {
            // A frozen one would be asked for ever.
            self.heal(&Healing::Thaw("master".to_owned()));
            self.harvest();
        }
        self.fleet.kill("master");
        if !store.exists() && !matches!(fault, Fault::Restored) {
            // Deleted before, and the master was killed before it made another.
            return;
        }
        let copy = |from: &PathBuf, to: &PathBuf| {
            let _ = fs::remove_dir_all(to);
            let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
            assert!(copied.is_ok_and(|status| status.success()), "the store can be copied");
        };
        match fault {
            Fault::StoreDeleted => {
                fs::remove_dir_all(&store).expect("the store can be deleted");
                self.forget(0);
            }
            Fault::Backup => {
                copy(&store, &aside);
                self.backup = Some(self.asked.len());
            }
            _ => {
                let Some(known) = self.backup else { return };
                copy(&aside, &store);
                self.forget(known);
            }
        }
    }

    /// The master does not know the jobs of these rounds any more, nor that they were answered.
    fn forget(&mut self, first: usize) {
        for asked in self.asked.iter_mut().skip(first) {
            asked.forgotten = true;
        }
        self.forgetting = true;
        self.backup = self.backup.filter(|known| *known <= first);
    }

    fn heal(&mut self, healing: &Healing) {
        match healing {
            Healing::Thaw(name) => {
                if self.fleet.lives(name) {
                    self.fleet.signal(name, Signal::CONT);
                }
            }
            Healing::Network(minion) => {
                let place = &self.places[*minion];
                place.request.set(Policy::Pass);
                place.publish.set(Policy::Pass);
            }
            Healing::Disk => {
                if let Some(disk) = &self.disk {
                    disk.free();
                }
            }
        }
    }

    /// Starts again whatever is dead and waits until the master serves, and mostly until everybody is back.
    fn revive(&mut self) {
        // Most rounds begin with everybody there; some with whoever is back already.
        let wanted = if self.random.random_bool(0.8) { self.places.len() } else { 0 };
        let end = Instant::now() + BACK;
        let gathered = Instant::now() + GATHERED;
        loop {
            // Whoever was to die at a point may have passed it late.
            for name in self.everybody() {
                if !self.fleet.lives(&name) {
                    self.fleet.kill(&name);
                    self.start(&name);
                }
            }
            let up = self.fleet.run(&["manage.up", "--out", "json"]);
            let count = serde_json::from_str::<Vec<String>>(&up.stdout).map(|ids| ids.len());
            if up.status == 0 && count.is_ok_and(|count| count >= wanted || Instant::now() > gathered) {
                return;
            }
            assert!(Instant::now() < end, "the master does not serve: {up:?}\n{}", self.fleet.tail("master"));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Wherever and whenever it freezes, it goes on soon; ends with the process.
fn thaw_again_and_again(pid: u32, every: Duration) {
    let Some(pid) = Pid::from_raw(pid as i32) else { return };
    thread::spawn(move || {
        while kill_process(pid, Signal::CONT).is_ok() {
            thread::sleep(every);
        }
    });
}

/// What ends a fault.
enum Healing {
    Thaw(String),
    Network(usize),
    Disk,
}
