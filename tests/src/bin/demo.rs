//! `cargo demo`: the main job for real, on this machine, without root: a master, three minions, keys, ping, commands, a
//! minion that dies, and a highstate in test mode, for real, and again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use fleet_tests::harness::{Finished, Fleet, FleetOptions};
use rustix::process::Signal;

/// Build everything, then run a master and three minions in a temporary directory and show what they do.
#[derive(Parser)]
#[command(name = "demo", after_help = "Examples:\n  cargo demo\n  cargo demo -- --keep")]
struct Options {
    /// Leave master and minions running at the end and say how to use them.
    #[arg(long)]
    keep: bool,
}

const MINIONS: &[(&str, &str)] = &[
    ("web1", "grains:\n  roles: [web, cache]\n"),
    ("web2", "grains:\n  os: CentOS\n  os_family: RedHat\n  roles: [web]\n"),
    ("db1", "grains:\n  roles: [db]\n"),
];

fn main() -> ExitCode {
    let options = Options::parse_from(fleet_tests::arguments());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default();
    if !build(&workspace) {
        return ExitCode::FAILURE;
    }
    let mut stage = Stage::new(&workspace);
    stage.enrol();
    stage.ask();
    stage.highstate();
    stage.drift();
    stage.fail();
    stage.lose_one();
    stage.finish(options.keep)
}

fn build(workspace: &Path) -> bool {
    say("building master and minion (the first time takes a few minutes)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "-q", "-p", "fleet-master", "-p", "fleet-minion", "--bins"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .status();
    matches!(status, Ok(status) if status.success())
}

fn say(text: &str) {
    println!("\n== {text}");
    let _ = std::io::stdout().flush();
}

/// The running fleet and what went wrong so far.
struct Stage {
    fleet: Fleet,
    hosts: PathBuf,
    failures: Vec<String>,
}

impl Stage {
    fn new(workspace: &Path) -> Self {
        let fleet = Fleet::new(&FleetOptions {
            states: Some(workspace.join("srv/salt")),
            pillar: Some(workspace.join("srv/pillar")),
            master_config: std::fs::read_to_string(workspace.join("srv/nodegroups.conf")).unwrap_or_default(),
            ..FleetOptions::default()
        });
        let hosts = fleet.dir().join("hosts");
        Self { fleet, hosts, failures: Vec::new() }
    }

    fn enrol(&mut self) {
        say("starting a master and three minions; a minion's key waits until it is accepted");
        self.fleet.start_master();
        for (id, config) in MINIONS {
            let site = self.hosts.join(id);
            self.fleet.start_minion(id, &format!("{config}  demo_dir: {}\n", site.display()));
        }
        let ids: Vec<&str> = MINIONS.iter().map(|(id, _)| *id).collect();
        self.fleet.wait_for_keys(&ids);
        self.key(&["-L"]);
        self.key(&["-A", "-y"]);
        self.fleet.wait_for(&ids);
    }

    fn ask(&mut self) {
        say("asking");
        self.ctl(&["*", "test.ping"], 0);
        self.ctl(&["-G", "os:CentOS", "test.ping"], 0);
        self.ctl(&["-C", "web* and not G@os:CentOS", "grains.item", "id", "roles"], 0);
        self.ctl(&["web*", "cmd.run", "echo $((6 * 7)) on $(uname -s)"], 0);
    }

    fn highstate(&mut self) {
        say("the highstate of srv/salt: what it would do, then doing it, then nothing left to do");
        self.ctl(&["web2", "state.highstate", "test=True"], 0);
        self.check(!self.hosts.exists(), "test mode changes nothing");
        self.ctl(&["*", "state.highstate"], 0);
        let motd = std::fs::read_to_string(self.hosts.join("web2/motd")).unwrap_or_default();
        println!("$ cat {}\n{motd}", self.hosts.join("web2/motd").display());
        self.check(motd.contains("serve /data"), "the template has web2's pillar");
        let again = self.ctl(&["*", "state.highstate", "--out", "json", "--static"], 0);
        let changed = again.stdout.contains("\"diff\"");
        self.check(!changed, "a second highstate changes nothing");
    }

    fn drift(&mut self) {
        say("somebody edits a file by hand: the prediction shows the lines, the highstate puts them right");
        let motd = self.hosts.join("web2/motd");
        let text = std::fs::read_to_string(&motd).unwrap_or_default();
        let written = std::fs::write(&motd, text.replace("serve /data", "serve /tmp"));
        self.check(written.is_ok(), "the demo can edit web2's motd");
        let predicted = self.ctl(&["web2", "state.highstate", "test=True", "--state-verbose=false"], 0);
        let shown = |finished: &Finished, line: &str| finished.stdout.lines().any(|shown| shown.trim() == line);
        let workers = text.lines().last().and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned();
        let line = format!("+{workers} workers serve /data");
        self.check(shown(&predicted, &line), "the predicted difference shows the line");
        let repaired = self.ctl(&["web2", "state.highstate", "--state-verbose=false"], 0);
        self.check(shown(&repaired, &line), "the repair is what was predicted");
        self.check(std::fs::read_to_string(&motd).is_ok_and(|now| now == text), "the file is as it was");
    }

    fn fail(&mut self) {
        say("a state that fails: what required it is held back, what waits for failures runs, a typo is explained");
        let failed = self.ctl(&["web1", "state.apply", "demo.faulty"], 1);
        let told = format!("{}{}", failed.stdout, failed.stderr);
        self.check(told.contains("One or more requisite failed: demo.faulty.licence"), "the failed requisite is named");
        self.check(told.contains("did you mean 'cmd: licence'?"), "the typo is explained");
    }

    fn lose_one(&mut self) {
        say("a minion that was killed is named at once");
        self.fleet.stop("db1", Signal::KILL);
        self.ctl(&["*", "test.ping"], 3);
    }

    fn finish(mut self, keep: bool) -> ExitCode {
        for failure in &self.failures {
            println!("\nFAILED: {failure}");
        }
        let code = if self.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if keep {
            self.fleet.keep();
            let config = self.fleet.master_config_dir();
            say("everything goes on running");
            println!("use:   target/debug/saltctl -c {} '*' test.ping", config.display());
            println!("stop:  kill {} {}", self.fleet.pid("master"), self.fleet.pid("web1"));
            println!("       kill {}; rm -r {}", self.fleet.pid("web2"), self.fleet.dir().display());
        } else {
            say("stopping everything");
        }
        code
    }

    fn ctl(&mut self, args: &[&str], status: i32) -> Finished {
        show("saltctl", args);
        let finished = self.fleet.ctl(args);
        self.printed(&format!("saltctl {}", args.join(" ")), finished, status)
    }

    fn key(&mut self, args: &[&str]) -> Finished {
        show("keyctl", args);
        let finished = self.fleet.key(args);
        self.printed(&format!("keyctl {}", args.join(" ")), finished, 0)
    }

    fn printed(&mut self, command: &str, finished: Finished, status: i32) -> Finished {
        print!("{}{}", finished.stdout, finished.stderr);
        println!("[exit status {}, {:.0} ms]", finished.status, finished.took.as_secs_f64() * 1000.0);
        self.check(finished.status == status, &format!("{command}: exit status {status} is expected"));
        finished
    }

    fn check(&mut self, holds: bool, what: &str) {
        if !holds {
            self.failures.push(what.to_owned());
        }
    }
}

/// Prints a command line as a person would type it.
fn show(name: &str, args: &[&str]) {
    let quoted = args.iter().map(|arg| {
        let plain = arg.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=:,/".contains(&b));
        if plain { (*arg).to_owned() } else { format!("'{arg}'") }
    });
    println!("\n$ {name} {}", quoted.collect::<Vec<_>>().join(" "));
    let _ = std::io::stdout().flush();
}
