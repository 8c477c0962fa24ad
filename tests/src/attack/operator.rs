//! A restricted operator who wants more than the rules give.

use std::path::PathBuf;

use super::tally::Tried;
use crate::harness::account::{as_nobody, open_commands};
use crate::harness::{Finished, Fleet};

/// What the account of `harness::account` may do: one command on `web1`, a few functions everywhere.
pub const RULES: &str = "nodegroups:\n  front: 'web*'\npublisher_acl:\n  nobody:\n    - test.ping\n    - 'L@web1':\n        \
    - cmd.run: {args: ['echo [a-z]+']}\n        - test.arg\n  '%nogroup':\n    - test.version\n\
    publisher_acl_blacklist:\n  modules: [test.fib]\n";

/// Command lines of `saltctl` that want other minions, other functions or other arguments.
pub const WIDENED: &[&[&str]] = &[
    &["*", "cmd.run", "echo yes"],
    &["web2", "cmd.run", "echo yes"],
    &["web*", "cmd.run", "echo yes"],
    &["web2;web1", "cmd.run", "echo yes"],
    &["web[1:2]", "cmd.run", "echo yes"],
    &["-G", "roles:web", "cmd.run", "echo yes"],
    &["-P", "roles:(web|cache)", "cmd.run", "echo yes"],
    &["-N", "front", "cmd.run", "echo yes"],
    &["-C", "N@front", "cmd.run", "echo yes"],
    &["-C", "web1 or web2", "cmd.run", "echo yes"],
    &["-C", "not db1", "cmd.run", "echo yes"],
    &["-L", "web1,web2", "cmd.run", "echo yes"],
    &["-E", "web.", "cmd.run", "echo yes"],
    &["-S", "127.0.0.0/8", "cmd.run", "echo yes"],
    &["-I", "secret:a*", "test.ping"],
    &["-J", "secret:a.*", "test.ping"],
    &["--pillar-exact", "secret:a", "test.ping"],
    &["-C", "web1 and I@secret:a*", "test.ping"],
    &["*", "--exclude", "I@secret:a*", "test.ping"],
    &["*", "--exclude", "nobody", "cmd.run", "echo yes"],
    &["*", "--state-of", "20200101000000000000", "failed", "test.ping"],
    &["--preview", "*"],
    &["web1", "cmd.run", "echo a; touch MARK"],
    &["web1", "cmd.run", "echo yes\nid"],
    &["web1", "cmd.run", "echo $(id)"],
    &["web1", "cmd.run", "echo yes", "cwd=/"],
    &["web1", "cmd.run", "echo yes", "/root"],
    &["web1", "cmd.run", "cmd=echo yes"],
    &["web1", "cmd.run", "echo yes", "test=True"],
    &["web1", "cmd.run", "echo yes", "test=False"],
    &["web1", "cmd.run", "echo yes", "pillar={a: b}"],
    &["web1", "cmd.run"],
    &["web1", "cmd.run_all", "echo yes"],
    &["web1", "cmd.shell", "echo yes"],
    &["web1", "state.apply"],
    &["web1", "state.apply", "test=True"],
    &["web1", "module.run", "cmd.run"],
    &["web1", "test.fib", "3"],
    &["web1", "test.arg.x", "3"],
    &["web2", "--ttl", "60", "cmd.run", "echo yes"],
    &["web2", "--async", "cmd.run", "echo yes"],
];

/// Command lines of `keyctl`, and what each is refused as.
pub const WHEEL: &[(&[&str], &str)] = &[
    (&["--rotate", "root", "-y"], "key.rotate"),
    (&["--rotate", "online", "-y"], "key.rotate"),
    (&["--gen-token", "*"], "key.gen_token"),
    (&["-L"], "key.list_all"),
    (&["-l", "pre"], "key.list_all"),
    (&["-a", "web1", "-y"], "key.list_all"),
    (&["-A", "-y"], "key.list_all"),
    (&["-r", "web1", "-y"], "key.list_all"),
    (&["-d", "web1", "-y"], "key.list_all"),
    (&["-D", "-y"], "key.list_all"),
    (&["-p", "web1"], "key.list_all"),
    (&["-P"], "key.list_all"),
    (&["-f", "web1"], "key.list_all"),
    (&["-F"], "key.list_all"),
];

/// An account of the machine that is no operator, with our commands.
pub struct Account {
    bin: PathBuf,
    config: String,
}

impl Account {
    /// On the machine of a fleet's master.
    pub fn new(fleet: &Fleet) -> Self {
        Self { bin: open_commands(fleet), config: fleet.master_config_dir().display().to_string() }
    }

    /// Runs one of our commands with the master's configuration.
    pub fn ask(&self, program: &str, args: &[&str]) -> Finished {
        as_nobody(&self.bin.join(program), &[&["-c", &self.config], args].concat())
    }

    /// Runs `saltctl` with answers as JSON.
    pub fn ctl(&self, args: &[&str]) -> Finished {
        self.ask("saltctl", &[&["--out", "json", "--static"], args].concat())
    }
}

/// What is wrong with a refusal that says `why` and nothing else, if anything is.
pub fn not_refused(finished: &Finished, why: &str) -> Option<String> {
    let refused = finished.status != 0 && finished.stdout.trim().is_empty() && finished.stderr.contains(why);
    (!refused).then(|| format!("{finished:?}"))
}

/// All of [`WIDENED`]; `mark` is a file that one of them would make.
pub fn widened(account: &Account, mark: &std::path::Path) -> Tried {
    let mut tried = Tried::default();
    let path = mark.display().to_string();
    for line in WIDENED {
        let words: Vec<String> = line.iter().map(|word| word.replace("MARK", &path)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        tried.add(not_refused(&account.ctl(&words), "may not").map(|what| format!("{words:?}: {what}")));
    }
    tried.but(mark.exists().then(|| "a command was run".to_owned()))
}

/// What others asked of minions, by every command that tells of jobs.
pub fn jobs_of_others(account: &Account, jids: &[String]) -> Tried {
    let mut tried = Tried::default();
    for jid in jids {
        let runners =
            ["lookup_jid", "print_job", "list_job", "exit_success", "cancel"].map(|name| format!("jobs.{name}"));
        let asked = runners.iter().map(|name| ("saltrun", vec![name.as_str(), jid], "may not run"));
        for (program, args, why) in asked.chain([
            ("saltrun", vec!["jobs.active"], "may not run"),
            ("saltrun", vec!["jobs.list_jobs"], "may not run"),
            // Whether there is such a job is nobody else's business either.
            ("saltctl", vec!["--job", jid], "there is no job"),
            ("saltctl", vec!["--job", jid, "--follow"], "there is no job"),
        ]) {
            let told = account.ask(program, &args);
            tried.add(not_refused(&told, why).map(|what| format!("{program} {args:?}: {what}")));
        }
    }
    tried
}

/// Every function of the master itself.
pub fn runners(account: &Account, names: &[String]) -> Tried {
    let mut tried = Tried::default();
    for name in names {
        tried.add(not_refused(&account.ask("saltrun", &[name]), "may not run").map(|what| format!("{name}: {what}")));
    }
    tried
}

/// All of [`WHEEL`].
pub fn wheel(account: &Account) -> Tried {
    let mut tried = Tried::default();
    for (args, right) in WHEEL {
        let refused = account.ask("keyctl", args);
        // It may have said before what it is about to do.
        let told = refused.status == 0 || refused.stdout.contains("web1") || !refused.stderr.contains("may not use");
        let wrong = told || !refused.stderr.contains(right);
        tried.add(wrong.then(|| format!("{args:?}: {refused:?}")));
    }
    tried
}

/// The names of all functions of the master.
pub fn names_of_runners(fleet: &Fleet) -> Vec<String> {
    let all = fleet.run(&["doc.runner", "--out", "json"]).json();
    all.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default()
}
