//! `saltcall`: the minion's functions in the foreground.

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use fleet_common::call::document;
use fleet_common::call::{ArgError, CallError, Facts, Outcome};
use fleet_common::cli_args;
use fleet_common::config::Settings;
use fleet_common::diag::Diagnostic;
use fleet_common::exit::Exit;
use fleet_common::log::{self, LogOptions};
use fleet_common::output::{self, Indent, OutputOptions};
use fleet_common::value::{Map, Value};

use crate::config::Config;
use crate::cx::Act;
use crate::masterless::Masterless;
use crate::{attach, registry};

const LEVELS: [&str; 10] =
    ["all", "garbage", "trace", "debug", "profile", "info", "warning", "error", "critical", "quiet"];

const EXAMPLES: &str = "Examples:
  saltcall --local test.ping                       is the program there and does it run functions
  saltcall --local grains.get os --out json        one grain, as JSON
  saltcall --local cmd.run 'df -h | head -3'       a line for the shell
  saltcall --local -c ./etc state.apply web        apply a state tree of one's own
  saltcall --local -d cmd.run                      what a function does and takes

Values of arguments are YAML: 5, true, [a, b], '{a: 1}'. name=value gives an argument by name.
Exit statuses: 0 success, 1 the call failed, 64 wrong options, 78 wrong configuration, 255 no such function.";

/// Options of `saltcall`.
#[derive(Debug, Parser)]
#[command(name = "saltcall", version, about = "Runs the minion's functions in the foreground.", after_help = EXAMPLES, infer_long_args = true)]
pub struct Options {
    /// Directory of the configuration.
    #[arg(short = 'c', long, default_value = "/etc/salt", value_name = "DIR")]
    pub config_dir: PathBuf,
    /// Call without a master: files and pillar come from this machine.
    #[arg(long)]
    pub local: bool,
    /// From which level on to log to stderr.
    #[arg(short = 'l', long, default_value = "warning", value_name = "LEVEL", value_parser = PossibleValuesParser::new(LEVELS))]
    pub log_level: String,
    /// Log to this file instead.
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// How to print the return.
    #[arg(long, visible_alias = "output", value_name = "OUTPUTTER")]
    pub out: Option<String>,
    /// Blanks a level is indented by; -1 for one line.
    #[arg(long, visible_alias = "output-indent", value_name = "N", allow_hyphen_values = true)]
    pub out_indent: Option<i64>,
    /// Print to this file instead.
    #[arg(long, visible_alias = "output-file", value_name = "FILE")]
    pub out_file: Option<PathBuf>,
    /// Append to that file.
    #[arg(long, visible_alias = "output-file-append")]
    pub out_file_append: bool,
    /// Never print colours.
    #[arg(long, visible_alias = "no-colour")]
    pub no_color: bool,
    /// Print colours even to a file or pipe.
    #[arg(long, visible_alias = "force-colour")]
    pub force_color: bool,
    /// How state runs are printed: full, terse, mixed, changes, filter.
    #[arg(long, value_name = "MODE")]
    pub state_output: Option<String>,
    /// Whether unchanged states are printed.
    #[arg(long, value_name = "BOOL")]
    pub state_verbose: Option<String>,
    /// The one directory of state files.
    #[arg(long, value_name = "DIR")]
    pub file_root: Option<PathBuf>,
    /// The one directory of pillar files.
    #[arg(long, value_name = "DIR")]
    pub pillar_root: Option<PathBuf>,
    /// The minion's id.
    #[arg(long)]
    pub id: Option<String>,
    /// Print the grains.
    #[arg(short = 'g', long = "grains")]
    pub print_grains: bool,
    /// Print what the named functions (or modules, or all) do and take.
    #[arg(short = 'd', long = "doc", visible_alias = "documentation")]
    pub print_doc: bool,
    /// Exit with the function's own status.
    #[arg(long)]
    pub retcode_passthrough: bool,
    /// Print the whole return, not only its value.
    #[arg(long)]
    pub metadata: bool,
    /// Names of arguments that stay text (comma separated).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub no_parse: Vec<String>,
    /// The function and its arguments.
    #[arg(value_name = "FUNCTION [ARGUMENT]...")]
    pub words: Vec<String>,
}

/// Where a program writes: its own streams, or a test's.
pub struct Streams<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
    /// True if a person reads the standard output on a terminal.
    pub terminal: bool,
}

/// Runs the program; the result is its exit status.
pub fn main(argv: impl IntoIterator<Item = std::ffi::OsString>, streams: &mut Streams<'_>) -> u8 {
    let options = match Options::try_parse_from(argv) {
        Ok(options) => options,
        Err(error) => {
            let is_fault = error.use_stderr();
            let stream = if is_fault { &mut *streams.err } else { &mut *streams.out };
            let _closed = write!(stream, "{}", error.render());
            return if is_fault { Exit::Usage as u8 } else { Exit::Success as u8 };
        }
    };
    run(&options, streams).unwrap_or_else(|diagnostic| {
        let _closed = writeln!(streams.err, "saltcall: {diagnostic}");
        Exit::from(diagnostic.kind) as u8
    })
}

fn run(options: &Options, streams: &mut Streams<'_>) -> Result<u8, Diagnostic> {
    log::start(&LogOptions { level: options.log_level.clone(), file: options.log_file.clone(), json: false })?;
    let act = if options.local { open(options)? } else { attach(options)? };
    let success = |()| Exit::Success as u8;
    if options.print_grains {
        let grains = Value::Map(act.grains().as_ref().clone());
        return print(options, streams, &act, "nested", &grains.into()).map(success);
    }
    if options.print_doc {
        let prefix = options.words.first().map(String::as_str);
        return emit(options, streams, &document::matching(act.functions(), prefix)).map(success);
    }
    let Some((function, words)) = options.words.split_first() else {
        return Err(Diagnostic::user("no function was given").help("saltcall --help shows examples"));
    };
    match act.run_typed(function, cli_args::parse(words, &options.no_parse)) {
        Ok(outcome) => answer(options, streams, &act, function, outcome),
        Err(error) => fault(options, streams, &act, function, &error),
    }
}

/// With a master: through the daemon of this minion when it runs, else on a session of its own.
fn attach(options: &Options) -> Result<Act, Diagnostic> {
    for (given, name) in [
        (options.id.is_some(), "--id"),
        (options.file_root.is_some(), "--file-root"),
        (options.pillar_root.is_some(), "--pillar-root"),
    ] {
        if given {
            return Err(Diagnostic::user(format!("{name} needs --local")));
        }
    }
    let (config, warnings) = Config::load(&options.config_dir)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if let Some(act) = attach::through_daemon(&config, registry::functions())? {
        return Ok(act);
    }
    attach::through_session(&config, registry::functions())
}

fn open(options: &Options) -> Result<Act, Diagnostic> {
    let mut settings = Settings::load(&options.config_dir.join("minion"), "minion.d/*.conf")?;
    let base = |path: &PathBuf| Value::Map(Map::from_iter([("base", vec![path.to_string_lossy().into_owned()])]));
    if let Some(id) = &options.id {
        settings.set("id", id.as_str());
    }
    if let Some(root) = &options.file_root {
        settings.set("file_roots", base(root));
    }
    if let Some(root) = &options.pillar_root {
        settings.set("pillar_roots", base(root));
    }
    let (act, faults) = Masterless::load(&mut settings, &options.config_dir)?.open();
    for fault in faults {
        tracing::error!(fault = %fault, "grains or pillar are incomplete");
    }
    Ok(act)
}

fn answer(
    options: &Options,
    streams: &mut Streams<'_>,
    act: &Act,
    function: &str,
    outcome: Outcome,
) -> Result<u8, Diagnostic> {
    for diagnostic in &outcome.diagnostics {
        let _closed = writeln!(streams.err, "{diagnostic}");
    }
    let (retcode, usual) = (outcome.retcode, usual_outputter(function));
    if options.metadata {
        let whole = Map::from_iter([("return", outcome.value), ("retcode", Value::from(retcode))]);
        print(options, streams, act, usual, &whole.into())?;
    } else {
        print(options, streams, act, usual, &outcome)?;
    }
    Ok(match retcode {
        0 => Exit::Success as u8,
        // Statuses wrap at 256 as the shell's do; a failure never looks like success.
        own if options.retcode_passthrough => u8::try_from(own & 0xff).ok().filter(|own| *own != 0).unwrap_or(1),
        _ => Exit::Failed as u8,
    })
}

/// A call without a value: told on stderr; wrong arguments also show how the function is called.
fn fault(
    options: &Options,
    streams: &mut Streams<'_>,
    act: &Act,
    function: &str,
    error: &CallError,
) -> Result<u8, Diagnostic> {
    let (exit, text) = match error {
        CallError::Unknown { .. } => (Exit::UnknownFunction, error.to_string()),
        CallError::Arguments(ArgError::UnknownName { .. }) => (Exit::Failed, error.to_string()),
        CallError::Arguments(wrong) => {
            if let Some(row) = act.functions().row(function) {
                emit(options, streams, &document::function(&row))?;
            }
            (Exit::Failed, format!("Passed invalid arguments: {wrong}."))
        }
        other => (Exit::Failed, format!("Error running '{function}': {other}")),
    };
    let _closed = writeln!(streams.err, "{text}");
    Ok(exit as u8)
}

/// Functions whose returns are printed as state runs.
const STATE_RUNS: &[&str] = &["apply", "highstate", "single", "sls", "sls_id", "template", "template_str", "top"];

/// The outputter of a function's returns unless another is asked for.
fn usual_outputter(function: &str) -> &'static str {
    match function.strip_prefix("state.") {
        Some(name) if STATE_RUNS.contains(&name) => "highstate",
        _ => "nested",
    }
}

/// Prints a return under the name `local`; nothing at all when the outputter prints nothing.
fn print(
    options: &Options,
    streams: &mut Streams<'_>,
    act: &Act,
    usual: &str,
    outcome: &Outcome,
) -> Result<(), Diagnostic> {
    let data = Value::Map(Map::from_iter([("local", outcome.value.clone())]));
    let mut settings = OutputOptions::from_config(&act.opts());
    settings.color = options.force_color || (streams.terminal && options.out_file.is_none() && !options.no_color);
    settings.retcode = i64::from(outcome.retcode);
    if let Some(indent) = options.out_indent {
        settings.output_indent = usize::try_from(indent).map_or(Indent::OneLine, Indent::Spaces);
    }
    if let Some(mode) = &options.state_output {
        settings.state_output = Some(mode.clone());
    }
    if let Some(verbose) = &options.state_verbose {
        settings.state_verbose = cli_args::parse_value(verbose).truthy();
    }
    let text = output::render(options.out.as_deref().unwrap_or(usual), &data, &settings)?;
    if text.is_empty() { Ok(()) } else { emit(options, streams, &text) }
}

fn emit(options: &Options, streams: &mut Streams<'_>, text: &str) -> Result<(), Diagnostic> {
    let to_stdout = |error: std::io::Error| Diagnostic::user(format!("writing to stdout: {error}"));
    let Some(path) = &options.out_file else {
        return match writeln!(streams.out, "{text}").and_then(|()| streams.out.flush()) {
            // A reader that has seen enough (`| head`) is no fault.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(to_stdout),
        };
    };
    let append = options.out_file_append;
    let opened = std::fs::OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path);
    let written = opened.and_then(|mut file| writeln!(file, "{text}"));
    written.map_err(|error| Diagnostic::user(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once(&"saltcall").chain(words))
    }

    #[test]
    fn options_may_follow_the_function() {
        let options = parse(&["--local", "state.show_sls", "x", "--out", "json", "--", "-5"]).unwrap();
        assert_eq!(options.words, ["state.show_sls", "x", "-5"]);
        assert_eq!(options.out.as_deref(), Some("json"));
        assert_eq!(parse(&["--out-indent", "-1", "test.ping"]).unwrap().out_indent, Some(-1));
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for words in [&["test.arg", "-a"][..], &["test.arg", "-0"], &["-l", "bogus", "test.ping"], &["--no-such", "x"]]
        {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn the_help_is_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
