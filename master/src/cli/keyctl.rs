//! `keyctl` (also `saltctl-key`): lists, accepts, rejects, deletes and prints keys, with the reference's options and texts.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::Parser;
use fleet_common::diag::Diagnostic;
use fleet_common::exit::Exit;
use fleet_common::proto::api::{KeyAction, KeyChange, KeyList, NewToken, OwnKey, Replaced, Token};
use fleet_common::target::glob;
use fleet_common::terminal;
use fleet_common::value::Map;

use super::key_backend;
use super::key_own::{self, OwnArgs};
use super::key_screen::{self, Group};
use super::printing::{PrintArgs, say, wants_color};
use crate::config::Config;
use crate::keys::Folder;

/// Manage the keys of minions.
#[derive(Debug, Parser)]
#[command(
    name = "keyctl",
    version,
    infer_long_args = true,
    args_override_self = true,
    after_help = "Examples:\n  keyctl -L\n  keyctl -a 'web*' -y\n  keyctl -A -y\n  keyctl -d old.example.com\n  keyctl -F --out json"
)]
pub struct Options {
    /// Directory of the configuration.
    #[arg(short, long, value_name = "DIR", default_value = "/etc/salt")]
    config_dir: PathBuf,
    /// List keys: pre, un, unaccepted, acc, accepted, rej, rejected, den, denied or all.
    #[arg(short, long, value_name = "STATE")]
    list: Option<String>,
    /// List all keys.
    #[arg(short = 'L', long)]
    list_all: bool,
    /// Accept the pending keys that match a glob or a comma-separated list of them.
    #[arg(short, long, value_name = "GLOB")]
    accept: Option<String>,
    /// Accept all pending keys.
    #[arg(short = 'A', long)]
    accept_all: bool,
    /// Reject the pending keys that match.
    #[arg(short, long, value_name = "GLOB")]
    reject: Option<String>,
    /// Reject all pending keys.
    #[arg(short = 'R', long)]
    reject_all: bool,
    /// Also accept rejected keys, also reject accepted ones.
    #[arg(long)]
    include_all: bool,
    /// Also reject accepted keys.
    #[arg(long)]
    include_accepted: bool,
    /// Also accept rejected keys.
    #[arg(long)]
    include_rejected: bool,
    /// Also accept or reject denied keys.
    #[arg(long)]
    include_denied: bool,
    /// Print the keys that match.
    #[arg(short, long, value_name = "GLOB")]
    print: Option<String>,
    /// Print all keys.
    #[arg(short = 'P', long)]
    print_all: bool,
    /// Delete the keys that match.
    #[arg(short, long, value_name = "GLOB")]
    delete: Option<String>,
    /// Delete all keys.
    #[arg(short = 'D', long)]
    delete_all: bool,
    /// Print the fingerprints of the keys that match.
    #[arg(short, long, value_name = "GLOB")]
    finger: Option<String>,
    /// Print all fingerprints.
    #[arg(short = 'F', long)]
    finger_all: bool,
    /// Answer yes to all questions.
    #[arg(short, long)]
    yes: bool,
    /// Print nothing that was not asked for (there is nothing such).
    #[arg(short, long)]
    quiet: bool,
    /// Keep what the master knows of a minion whose key is deleted.
    #[arg(long, value_name = "BOOL", allow_hyphen_values = true)]
    preserve_minions: Option<String>,
    /// Whether deleting an accepted key changes the group key; it always does here.
    #[arg(long, value_name = "BOOL", allow_hyphen_values = true)]
    rotate_aes_key: Option<String>,
    #[command(flatten)]
    own: OwnArgs,
    #[command(flatten)]
    print_args: PrintArgs,
    /// From which level is logged.
    #[arg(long, value_name = "LEVEL", default_value = "warning")]
    log_level: String,
    #[arg(hide = true)]
    ignored: Vec<String>,
}

/// Where the keys are: behind the running master, or files.
pub trait KeyBackend {
    /// Names by folder.
    fn list(&mut self) -> Result<KeyList, Diagnostic>;
    /// The text of one key; `None` when it is gone.
    fn read(&mut self, folder: Folder, name: &str) -> Result<Option<String>, Diagnostic>;
    /// Moves or deletes keys.
    fn change(&mut self, change: &KeyChange) -> Result<(), Diagnostic>;
    /// Replaces a key of the master. True beside it: a running master did it.
    fn replace_own(&mut self, which: OwnKey) -> Result<(Replaced, bool), Diagnostic>;
    /// Makes a one-time token.
    fn make_token(&mut self, wanted: &NewToken) -> Result<Token, Diagnostic>;
}

/// The terminal, or what stands for it.
pub struct Terminal<'a> {
    /// Answers to questions.
    pub input: &'a mut dyn BufRead,
    /// What was asked for.
    pub output: &'a mut dyn Write,
    /// What went wrong.
    pub errors: &'a mut dyn Write,
    /// True when the output is seen by a person.
    pub is_terminal: bool,
}

/// The whole command, on the real terminal.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> Exit {
    let terminal = &mut Terminal {
        input: &mut std::io::stdin().lock(),
        output: &mut terminal::out(),
        errors: &mut terminal::err(),
        is_terminal: wants_color(),
    };
    execute(argv, terminal)
}

/// The whole command: options, configuration, keys.
pub fn execute(argv: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> Exit {
    let options = match parse(argv, terminal) {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    let opened = Config::load(&options.config_dir).and_then(|(config, _)| Ok((key_backend::open(&config)?, config)));
    match opened {
        Ok((mut keys, config)) => run(&options, &config, &mut *keys, terminal),
        Err(fault) => {
            let _ = writeln!(terminal.errors, "keyctl: {fault}");
            fault.kind.into()
        }
    }
}

/// Reads the command line; what cannot be used is answered here already.
fn parse(argv: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> Result<Options, Exit> {
    Options::try_parse_from(argv).map_err(|error| {
        let wanted = !error.use_stderr();
        let target = if wanted { &mut *terminal.output } else { &mut *terminal.errors };
        let _ = write!(target, "{error}");
        if wanted { Exit::Success } else { Exit::Usage }
    })
}

/// Does what the options ask for.
fn run(options: &Options, config: &Config, keys: &mut dyn KeyBackend, terminal: &mut Terminal<'_>) -> Exit {
    match (Run { options, config, keys, terminal }).act() {
        Ok(exit) => exit,
        Err(diagnostic) => {
            let _ = writeln!(terminal.errors, "keyctl: {diagnostic}");
            diagnostic.kind.into()
        }
    }
}

/// What is to be done.
enum Verb {
    List(Vec<Folder>),
    Print(String),
    Finger(String),
    Change(KeyAction, String),
    Rotate(OwnKey),
    Generate(String),
    /// For ids that match, when a token is wanted too.
    Join(Option<String>),
}

struct Run<'a, 'b> {
    options: &'a Options,
    config: &'a Config,
    keys: &'a mut dyn KeyBackend,
    terminal: &'a mut Terminal<'b>,
}

impl Run<'_, '_> {
    fn act(&mut self) -> Result<Exit, Diagnostic> {
        self.options.print_args.begin().map_err(unwritten)?;
        match self.options.verb()? {
            Verb::List(folders) => {
                let groups = self.matching("*", &folders)?;
                let groups: Vec<Group> = folders.iter().map(|folder| group_of(&groups, *folder)).collect();
                self.show(&groups)?;
                Ok(Exit::Success)
            }
            Verb::Print(pattern) => self.details(&pattern, |text| text.to_owned()),
            Verb::Finger(pattern) => self.details(&pattern, fingerprint),
            Verb::Change(action, pattern) => self.change(action, &pattern),
            Verb::Rotate(which) => self.rotate(which),
            Verb::Join(pattern) => self.join(pattern),
            Verb::Generate(name) => {
                let made = key_own::generate(&name, &self.options.own.gen_keys_dir)?;
                self.print(&made)?;
                Ok(Exit::Success)
            }
        }
    }

    fn change(&mut self, action: KeyAction, pattern: &str) -> Result<Exit, Diagnostic> {
        let folders = self.options.folders(action);
        let groups = self.matching(pattern, &folders)?;
        if groups.is_empty() {
            let states = if action == KeyAction::Delete { &[Folder::Pending][..] } else { &folders };
            let states: Vec<&str> = states.iter().map(|folder| adjective(*folder)).collect();
            let states = states.join(" or ");
            self.say(&format!("The key glob '{pattern}' does not match any {states} keys.\n"))?;
            return Ok(Exit::Success);
        }
        let done = match action {
            KeyAction::Accept => "accepted",
            KeyAction::Reject => "rejected",
            KeyAction::Delete => "deleted",
        };
        self.say(&format!("The following keys are going to be {done}:\n"))?;
        self.show(&groups)?;
        if !self.options.yes && !self.confirmed(action != KeyAction::Delete)? {
            return Ok(Exit::Success);
        }
        let named = |(folder, keys): &Group| {
            let folder = folder.name().to_owned();
            keys.iter().map(|(name, _)| (folder.clone(), name.clone())).collect::<Vec<_>>()
        };
        let keys: Vec<_> = groups.iter().flat_map(named).collect();
        self.keys.change(&KeyChange { action, keys: keys.clone() })?;
        // One write: a thousand keys are a thousand lines.
        let lines: String = keys.iter().map(|(_, name)| format!("Key for minion {name} {done}.\n")).collect();
        self.say(&lines)?;
        Ok(Exit::Success)
    }

    fn rotate(&mut self, which: OwnKey) -> Result<Exit, Diagnostic> {
        self.say(key_own::warning(which))?;
        if !self.options.yes && !self.confirmed(false)? {
            return Ok(Exit::Success);
        }
        let (done, running) = self.keys.replace_own(which)?;
        self.say(&key_own::replaced(which, &done, running))?;
        Ok(Exit::Success)
    }

    fn join(&mut self, pattern: Option<String>) -> Result<Exit, Diagnostic> {
        let own = &self.options.own;
        let join = match pattern {
            Some(pattern) => {
                key_own::check_address(own, self.config)?;
                // Whoever may make tokens need not be able to read the master's files.
                let made = self.keys.make_token(&NewToken { pattern, seconds: own.token_life })?;
                key_own::join(own, self.config, &made.root, Some(made.token))?
            }
            None => key_own::join(own, self.config, &key_own::root(&self.config.pki_dir)?, None)?,
        };
        self.print(&format!("{join}\n"))?;
        Ok(Exit::Success)
    }

    /// Asks; an empty answer means `otherwise`.
    fn confirmed(&mut self, otherwise: bool) -> Result<bool, Diagnostic> {
        self.say(if otherwise { "Proceed? [n/Y] " } else { "Proceed? [N/y] " })?;
        let mut answer = String::new();
        match self.terminal.input.read_line(&mut answer) {
            Ok(0) | Err(_) => {
                let _ = writeln!(self.terminal.errors, "keyctl: no answer: nothing was changed");
                Ok(false)
            }
            Ok(_) if answer.trim_end_matches('\n').is_empty() => Ok(otherwise),
            Ok(_) => Ok(answer.starts_with(['y', 'Y'])),
        }
    }

    fn details(&mut self, pattern: &str, detail: impl Fn(&str) -> String) -> Result<Exit, Diagnostic> {
        let mut groups = self.matching(pattern, &Folder::ALL)?;
        for (folder, keys) in &mut groups {
            for (name, shown) in keys {
                *shown = Some(detail(&self.keys.read(*folder, name)?.unwrap_or_default()));
            }
        }
        self.show(&groups)?;
        Ok(Exit::Success)
    }

    /// Keys of these folders that match a pattern; folders without any are left out.
    fn matching(&mut self, pattern: &str, folders: &[Folder]) -> Result<Vec<Group>, Diagnostic> {
        let globs: Vec<&str> = pattern.split(',').map(str::trim).collect();
        let list = self.keys.list()?;
        let groups = folders.iter().map(|folder| {
            let names = names_in(&list, *folder);
            let wanted = names.iter().filter(|name| globs.iter().any(|pattern| glob::matches(pattern, name)));
            (*folder, wanted.map(|name| (name.clone(), None)).collect())
        });
        Ok(groups.filter(|(_, keys): &Group| !keys.is_empty()).collect())
    }

    fn show(&mut self, groups: &[Group]) -> Result<(), Diagnostic> {
        let printing = &self.options.print_args;
        let options = printing.options(&Map::new(), self.terminal.is_terminal);
        let text = match key_screen::text(groups, printing.out.as_deref(), &options) {
            Ok(text) => text,
            Err(fault) => {
                let _ = writeln!(self.terminal.errors, "keyctl: {fault}");
                key_screen::text(groups, Some("nested"), &options)?
            }
        };
        if text.is_empty() { Ok(()) } else { self.print(&format!("{text}\n")) }
    }

    /// What is said to whoever sits there, wherever the listing goes.
    fn say(&mut self, text: &str) -> Result<(), Diagnostic> {
        say(self.terminal.output, text).map_err(unwritten)
    }

    fn print(&mut self, text: &str) -> Result<(), Diagnostic> {
        let printed = self.options.print_args.print(self.terminal.output, text);
        printed.map_err(unwritten)
    }
}

impl Options {
    fn verb(&self) -> Result<Verb, Diagnostic> {
        let all = || "*".to_owned();
        let verb = if let Some(name) = &self.own.rotate {
            Verb::Rotate(key_own::own_key(name)?)
        } else if self.own.gen_token.is_some() || self.own.join_string {
            Verb::Join(self.own.gen_token.clone())
        } else if let Some(name) = &self.own.gen_keys {
            Verb::Generate(name.clone())
        } else if let Some(state) = &self.list {
            Verb::List(folders_of(state)?)
        } else if self.list_all {
            Verb::List(Folder::ALL.to_vec())
        } else if let Some(pattern) = self.accept.clone().or_else(|| self.accept_all.then(all)) {
            Verb::Change(KeyAction::Accept, pattern)
        } else if let Some(pattern) = self.reject.clone().or_else(|| self.reject_all.then(all)) {
            Verb::Change(KeyAction::Reject, pattern)
        } else if let Some(pattern) = self.print.clone().or_else(|| self.print_all.then(all)) {
            Verb::Print(pattern)
        } else if let Some(pattern) = self.delete.clone().or_else(|| self.delete_all.then(all)) {
            Verb::Change(KeyAction::Delete, pattern)
        } else if let Some(pattern) = self.finger.clone().or_else(|| self.finger_all.then(all)) {
            Verb::Finger(pattern)
        } else {
            Verb::List(Folder::ALL.to_vec())
        };
        Ok(verb)
    }

    /// The folders that an action takes keys from.
    fn folders(&self, action: KeyAction) -> Vec<Folder> {
        let mut folders = vec![Folder::Pending];
        match action {
            KeyAction::Delete => return Folder::ALL.to_vec(),
            KeyAction::Accept if self.include_rejected || self.include_all => folders.push(Folder::Rejected),
            KeyAction::Reject if self.include_accepted || self.include_all => folders.push(Folder::Accepted),
            KeyAction::Accept | KeyAction::Reject => {}
        }
        if self.include_denied {
            folders.push(Folder::Denied);
        }
        folders
    }
}

fn unwritten(error: std::io::Error) -> Diagnostic {
    Diagnostic::user(format!("the output cannot be written: {error}"))
}

fn folders_of(state: &str) -> Result<Vec<Folder>, Diagnostic> {
    const STATES: [(&str, &[Folder]); 5] = [
        ("acc", &[Folder::Accepted]),
        ("pre", &[Folder::Pending]),
        ("un", &[Folder::Pending]),
        ("rej", &[Folder::Rejected]),
        ("den", &[Folder::Denied]),
    ];
    let found = STATES.iter().find(|(start, _)| state.starts_with(start)).map(|(_, folders)| folders.to_vec());
    let found = found.or_else(|| state.starts_with("all").then(|| Folder::ALL.to_vec()));
    found.ok_or_else(|| {
        Diagnostic::user(format!("'{state}' is not a valid argument to '--list'"))
            .help("accepted, unaccepted (pre), rejected, denied or all")
    })
}

fn names_in(list: &KeyList, folder: Folder) -> &[String] {
    match folder {
        Folder::Accepted => &list.minions,
        Folder::Pending => &list.minions_pre,
        Folder::Rejected => &list.minions_rejected,
        Folder::Denied => &list.minions_denied,
    }
}

fn group_of(groups: &[Group], folder: Folder) -> Group {
    groups.iter().find(|(found, _)| *found == folder).cloned().unwrap_or((folder, Vec::new()))
}

fn adjective(folder: Folder) -> &'static str {
    match folder {
        Folder::Accepted => "accepted",
        Folder::Pending => "unaccepted",
        Folder::Rejected => "rejected",
        Folder::Denied => "denied",
    }
}

/// What people compare. Keys that are not ours (RSA of the reference) get the reference's: over the lines between the marks.
fn fingerprint(text: &str) -> String {
    if let Ok(key) = fleet_common::crypto::keys::PublicKey::from_pem(text) {
        return key.fingerprint().to_string();
    }
    let lines: Vec<&str> = text.split_inclusive('\n').filter(|line| !line.trim().is_empty()).collect();
    let body = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default().concat();
    let digits = fleet_common::digest::hex_of_bytes("sha256", body.as_bytes()).unwrap_or_default();
    let pairs: Vec<&str> = digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
    pairs.join(":")
}
