//! `saltctl`: runs a function on minions and shows what they answer.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use fleet_common::cli_args;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::exit::Exit;
use fleet_common::ids::Jid;
use fleet_common::output::{self, OutputOptions};
use fleet_common::proto::api::{JobEvent, NewJob, NewPreview, Standing};
use fleet_common::proto::ret::Return;
use fleet_common::terminal;
use fleet_common::value::{Map, Value};

use super::failure::Failure;
use super::live::Live;
use super::preview;
use super::printing::{PrintArgs, wants_color};
use super::progress;
use super::target_args::{NarrowArgs, TargetArgs};
use crate::client::Client;
use crate::config::Config;

/// How long a job's id is waited for that is not known when somebody interrupts.
const LAST_WORD: std::time::Duration = std::time::Duration::from_secs(2);

/// Run a function on minions.
#[derive(Debug, Parser)]
#[command(
    name = "saltctl",
    version,
    override_usage = "saltctl [OPTIONS] TARGET FUNCTION [ARGUMENTS]...",
    after_help = "Examples:\n  saltctl '*' test.ping\n  saltctl -G 'os:Debian' cmd.run 'uname -a'\n  \
        saltctl -C 'G@os:Debian and web*' state.apply nginx test=True\n  saltctl -L web1,web2 test.ping --out json --static\n  \
        saltctl --preview -C 'web[01:20] and G@kernelrelease>=6.1' --exclude 'L@web07,web09'\n  \
        saltctl '*' --state-of 20261120120000123000 failed state.apply\n  saltctl -d test.ping\n  saltctl --job 20261120120000123000 --follow"
)]
pub struct Options {
    /// Directory of the configuration.
    #[arg(short, long, value_name = "DIR", default_value = "/etc/salt")]
    config_dir: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    narrow: NarrowArgs,
    /// Show whom TARGET means, and why, and send nothing.
    #[arg(long, conflicts_with_all = ["job", "doc", "detach"])]
    preview: bool,
    /// Separates nested keys in grain and pillar targets.
    #[arg(long, value_name = "TEXT", default_value = ":")]
    delimiter: String,
    /// Seconds to wait for a connected minion's first sign. It never ends a function.
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Seconds (or 30m, 24h, 7d) in which minions that come online still run the job.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    ttl: Option<u64>,
    /// Show what became of a job instead of making one.
    #[arg(long, value_name = "JID", conflicts_with_all = ["ttl", "detach", "doc"])]
    job: Option<Jid>,
    /// With --job: stay until every target has its final state.
    #[arg(long, requires = "job")]
    follow: bool,
    /// Print the job's id and do not wait.
    #[arg(long = "async")]
    detach: bool,
    /// Also tell the job's id and the counts.
    #[arg(short, long)]
    verbose: bool,
    /// Tell how far running minions are, a line each time; on a terminal state runs show it in one line unasked.
    #[arg(short, long)]
    progress: bool,
    /// Print all answers at once, at the end.
    #[arg(short, long = "static")]
    at_once: bool,
    #[command(flatten)]
    printing: PrintArgs,
    /// Show the documentation of functions instead of running anything.
    #[arg(short, long, visible_alias = "documentation")]
    doc: bool,
    /// From which level is logged.
    #[arg(short, long, value_name = "LEVEL", default_value = "warning")]
    log_level: String,
    /// TARGET FUNCTION [ARGUMENTS]...
    #[arg(value_name = "TARGET FUNCTION [ARGUMENTS]", required_unless_present = "job", conflicts_with = "job")]
    words: Vec<String>,
}

/// Reads the command line and does it.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> u8 {
    let options = match Options::try_parse_from(argv) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage as u8 } else { 0 };
        }
    };
    // One thread is enough to wait for one stream, and starts at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(&options)),
        Err(error) => Err(Failure::Diagnostic(Diagnostic::new(Kind::Internal, error.to_string()))),
    };
    done.unwrap_or_else(|failure| {
        let _ = writeln!(terminal::err(), "saltctl: {failure}");
        failure.exit()
    })
}

async fn run(options: &Options) -> Result<u8, Failure> {
    let (config, _) = Config::load(&options.config_dir)?;
    if options.preview {
        return show_preview(options, &config).await;
    }
    let live = if options.shows_live() { Live::on_terminal() } else { None };
    let job = if options.job.is_none() { Some(options.job(live.is_some())?) } else { None };
    let mut client = Client::connect(&config.api_socket()).await?;
    let mut screen = Screen { live, ..Screen::new(options, &config)? };
    // From here on the job may exist: whoever interrupts is told its id.
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let mut stream = match (&options.job, &job) {
        (Some(jid), _) => client.attach(jid, options.follow, options.progress || screen.live.is_some()).await?,
        (None, Some(job)) => client.start(job).await?,
        (None, None) => return Ok(Exit::Usage as u8),
    };
    loop {
        let event = tokio::select! {
            biased;
            event = stream.next() => event?,
            _ = &mut interrupt => {
                if screen.jid.is_none()
                    && let Ok(Ok(Some(event))) = tokio::time::timeout(LAST_WORD, stream.next()).await
                {
                    screen.take(event)?;
                }
                screen.interrupted();
                return Ok(Exit::Interrupted as u8);
            }
        };
        let Some(event) = event else { return screen.end() };
        if let Some(exit) = screen.take(event)? {
            return Ok(exit);
        }
    }
}

async fn show_preview(options: &Options, config: &Config) -> Result<u8, Failure> {
    let expr = options.words.first().map_or("", String::as_str);
    let target = options.target.target(expr, &options.delimiter)?;
    let wanted = NewPreview { target, narrow: options.narrow.narrow()? };
    let answer = Client::connect(&config.api_socket()).await?.preview(&wanted).await?;
    let mut screen = Screen::new(options, config)?;
    match &screen.outputter {
        Some(_) => screen.show(&preview::data(&answer), None, 0)?,
        None => {
            let text = preview::text(&answer);
            if !text.is_empty() {
                screen.print(text.trim_end())?;
            }
        }
    }
    for note in preview::notes(&answer) {
        let _ = writeln!(terminal::err(), "{note}");
    }
    Ok(preview::exit(&answer) as u8)
}

impl Options {
    /// True when whoever waits would like to see how far the minions are.
    fn shows_live(&self) -> bool {
        let runs_states = self.words.get(1).is_some_and(|fun| fun.starts_with("state."));
        !self.detach && !self.doc && !self.progress && (runs_states || self.follow)
    }

    fn job(&self, live: bool) -> Result<NewJob, Diagnostic> {
        let (target, fun, words) = self.call()?;
        let arguments = cli_args::parse(words, &[]);
        Ok(NewJob {
            target: self.target.target(target, &self.delimiter)?,
            narrow: self.narrow.narrow()?,
            fun: fun.to_owned(),
            arg: arguments.positional,
            kwarg: arguments.keyword,
            timeout: self.timeout,
            ttl: self.ttl,
            detach: self.detach,
            follow: self.progress || live,
        })
    }

    /// Target, function and the words after it.
    fn call(&self) -> Result<(&str, &str, &[String]), Diagnostic> {
        match (self.doc, self.words.as_slice()) {
            // `saltctl -d test.ping` asks everybody; one answer is enough.
            (true, [only]) => Ok(("*", "sys.doc", std::slice::from_ref(only))),
            (true, [target, names @ ..]) => Ok((target, "sys.doc", names)),
            (false, [target, fun, words @ ..]) => Ok((target, fun, words)),
            _ => Err(Diagnostic::user("a target and a function are expected").help("saltctl '*' test.ping")),
        }
    }
}

/// What has been answered and how it is shown.
struct Screen<'a> {
    options: &'a Options,
    outputter: Option<String>,
    output: OutputOptions,
    jid: Option<Jid>,
    live: Option<Live>,
    all: Map,
    /// What those of `all` say how they are shown.
    outs: BTreeSet<Option<String>>,
    /// Names of a list that no accepted minion has.
    unknown: Vec<String>,
    exit: u8,
}

impl<'a> Screen<'a> {
    fn new(options: &'a Options, config: &Config) -> Result<Self, Failure> {
        options.printing.begin()?;
        let output = options.printing.options(&config.options, wants_color());
        let outputter = options.printing.out.clone().or_else(|| config.output.clone());
        // Until the summary says otherwise, nobody has answered.
        let exit = Exit::Missing as u8;
        let live = None;
        Ok(Self {
            options,
            outputter,
            output,
            jid: None,
            live,
            all: Map::new(),
            outs: BTreeSet::new(),
            unknown: Vec::new(),
            exit,
        })
    }

    /// Takes an event; gives the exit status when there is nothing to wait for any more.
    fn take(&mut self, event: JobEvent) -> Result<Option<u8>, Failure> {
        let errors = &mut terminal::err();
        if let Some(live) = &mut self.live {
            // It draws: only what it is given is harmless.
            let errors = &mut std::io::stderr();
            match event {
                JobEvent::Progress { id, progress } => {
                    live.progress(errors, id, progress);
                    return Ok(None);
                }
                JobEvent::Started { ref expected, .. } => live.started(expected.len()),
                JobEvent::Return(ref ret) => live.over(&ret.id),
                JobEvent::Lost { ref id, .. } => live.over(id),
                _ => {}
            }
            live.clear(errors);
        }
        match event {
            JobEvent::Started { jid, expected, down, waits, notes, .. } => {
                if self.options.detach {
                    self.print(&format!("Executed command with job ID: {jid}"))?;
                    return Ok(Some(Exit::Success as u8));
                }
                if self.options.verbose {
                    let _ = writeln!(errors, "job {jid} for {} minions", expected.len());
                }
                for note in notes {
                    let _ = writeln!(errors, "{note}");
                }
                // Who was left out on purpose is not missing.
                if !self.options.narrow.is_given() {
                    self.unknown = self.options.target.unknown(&self.options.words, &expected);
                }
                for name in &self.unknown {
                    let _ = writeln!(errors, "{name}: unknown: the master has no accepted key of this name");
                }
                // Of an older job the ledger says who is lost.
                let standing = if waits { Standing::Expected } else { Standing::Offline };
                for id in down.iter().filter(|_| self.options.job.is_none()) {
                    progress::lost(errors, id, standing);
                }
                self.jid = Some(jid);
            }
            JobEvent::Return(ret) if self.options.doc && ret.ret.as_map().is_some() => {
                return self.documentation(&ret);
            }
            JobEvent::Return(ret) => self.returned(*ret)?,
            JobEvent::Progress { id, progress } => {
                let failed = progress.last_failure.map(|chunk| format!(", failed: {chunk}")).unwrap_or_default();
                let _ = writeln!(errors, "{id}: {} of {}{failed}", progress.done, progress.total);
            }
            JobEvent::Lost { id, state } => progress::lost(errors, &id, state),
            JobEvent::Summary(summary) => {
                self.flush()?;
                progress::summary(errors, &summary, self.options.verbose);
                let exit = progress::exit(&summary);
                self.exit = if self.unknown.is_empty() { exit } else { Exit::Missing } as u8;
            }
            JobEvent::Error { exit, message } => {
                let _ = writeln!(errors, "saltctl: {message}");
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    fn returned(&mut self, ret: Return) -> Result<(), Failure> {
        for diagnostic in &ret.diagnostics {
            let _ = writeln!(terminal::err(), "{}: {diagnostic}", ret.id);
        }
        if self.options.at_once {
            self.outs.insert(ret.out);
            self.all.insert(ret.id.as_str(), ret.ret);
            return Ok(());
        }
        let data = Value::Map([(ret.id.as_str(), ret.ret)].into_iter().collect());
        self.show(&data, ret.out.as_deref(), i64::from(ret.retcode))
    }

    fn documentation(&mut self, ret: &Return) -> Result<Option<u8>, Failure> {
        let mut text = String::new();
        for (name, doc) in ret.ret.as_map().into_iter().flatten() {
            let (Some(name), Some(doc)) = (name.as_str(), doc.as_str()) else { continue };
            text.push_str(&format!("{name}:\n\n"));
            for line in doc.lines() {
                text.push_str(&format!("    {line}\n"));
            }
            text.push('\n');
        }
        if text.is_empty() {
            return Ok(None);
        }
        self.print(text.trim_end())?;
        Ok(Some(Exit::Success as u8))
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if !self.options.at_once || self.all.is_empty() {
            return Ok(());
        }
        let (all, outs) = (std::mem::take(&mut self.all), std::mem::take(&mut self.outs));
        self.show(&Value::Map(all), agreed(outs).as_deref(), 0)
    }

    fn show(&mut self, data: &Value, out: Option<&str>, retcode: i64) -> Result<(), Failure> {
        let name = self.outputter.as_deref().or(out).unwrap_or("nested");
        self.output.retcode = retcode;
        let text = match output::render(name, data, &self.output) {
            Ok(text) => text,
            // The answers are there: they are shown all the same.
            Err(fault) => {
                eprintln!("saltctl: {fault}");
                if self.outputter.is_some() {
                    self.outputter = Some("nested".to_owned());
                }
                output::render("nested", data, &self.output)?
            }
        };
        if text.is_empty() { Ok(()) } else { self.print(&text) }
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.options.printing.print(&mut terminal::out(), &format!("{text}\n"))?)
    }

    fn interrupted(&mut self) {
        if let Some(live) = &mut self.live {
            live.clear(&mut std::io::stderr());
        }
        match &self.jid {
            Some(jid) => eprintln!("\ninterrupted; the job goes on: {jid}\nfollow it:  saltctl --job {jid} --follow"),
            None => eprintln!("\ninterrupted before the job was known"),
        }
    }

    fn end(&mut self) -> Result<u8, Failure> {
        self.flush()?;
        Ok(self.exit)
    }
}

/// How several answers are shown at once: as all of them say. One minion alone does not hide those of the others.
fn agreed(mut outs: BTreeSet<Option<String>>) -> Option<String> {
    if outs.len() == 1 { outs.pop_first().flatten() } else { None }
}

/// `90`, `30m`, `24h`, `7d` in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        Some(b'd') => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| "a number of seconds, or 30m, 24h, 7d".to_owned())?;
    number.checked_mul(unit).filter(|all| *all > 0).ok_or_else(|| "between a second and very long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(words: &[&str]) -> NewJob {
        let argv = std::iter::once("saltctl").chain(words.iter().copied());
        Options::try_parse_from(argv).unwrap().job(false).unwrap()
    }

    #[test]
    fn one_minion_does_not_say_how_others_are_shown() {
        let said = |names: &[Option<&str>]| agreed(names.iter().map(|name| name.map(str::to_owned)).collect());
        assert_eq!(said(&[Some("highstate"), Some("highstate")]).as_deref(), Some("highstate"));
        assert_eq!(said(&[Some("quiet"), None]), None);
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn options_may_stand_anywhere() {
        let job =
            job(&["-G", "os:Debian", "cmd.run", "echo hi", "--out", "json", "timeout=3", "-t", "2", "--ttl", "2m"]);
        assert_eq!(job.target.kind, fleet_common::proto::job::TargetKind::Grain);
        assert_eq!((job.target.expr.as_str(), job.fun.as_str()), ("os:Debian", "cmd.run"));
        assert_eq!(job.arg, [Value::from("echo hi")]);
        assert_eq!(job.kwarg.get("timeout"), Some(&Value::Int(3)));
        assert_eq!((job.timeout, job.ttl), (Some(2.0), Some(120)));
    }

    #[test]
    fn one_kind_of_target_only() {
        assert!(Options::try_parse_from(["saltctl", "-G", "-L", "x", "test.ping"]).is_err());
        assert!(Options::try_parse_from(["saltctl", "x"]).unwrap().job(false).is_err());
    }
}
