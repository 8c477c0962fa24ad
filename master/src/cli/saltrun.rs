//! `saltrun`: runs functions of the master itself.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use fleet_common::call::document;
use fleet_common::cli_args;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::exit::Exit;
use fleet_common::output;
use fleet_common::proto::api::{RunnerCall, RunnerReturn};
use fleet_common::terminal;
use fleet_common::value::Value;

use super::failure::Failure;
use super::printing::{PrintArgs, wants_color};
use crate::client::Client;
use crate::config::Config;
use crate::runners;

const EXAMPLES: &str = "Examples:
  saltrun manage.status                     who is connected and who is not
  saltrun manage.down --out json            accepted minions that are not connected
  saltrun cache.grains 'web*'               what minions reported of themselves
  saltrun pillar.show_pillar web1           the pillar the master compiles for a minion
  saltrun fileserver.file_list saltenv=base files that minions see
  saltrun -d manage                         what the runners of a module do and take

Values of arguments are YAML: 5, true, [a, b], '{a: 1}'. name=value gives an argument by name.";

/// Run a function of the master.
#[derive(Debug, Parser)]
#[command(name = "saltrun", version, override_usage = "saltrun [OPTIONS] FUNCTION [ARGUMENTS]...", after_help = EXAMPLES)]
pub struct Options {
    /// Directory of the configuration.
    #[arg(short, long, value_name = "DIR", default_value = "/etc/salt")]
    config_dir: PathBuf,
    /// Show what runners do and take: all, those of a module, or one.
    #[arg(short, long, visible_alias = "documentation")]
    doc: bool,
    #[command(flatten)]
    printing: PrintArgs,
    /// From which level is logged.
    #[arg(short, long, value_name = "LEVEL", default_value = "warning")]
    log_level: String,
    /// FUNCTION [ARGUMENTS]...
    #[arg(value_name = "FUNCTION [ARGUMENTS]")]
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
    run(&options).unwrap_or_else(|failure| {
        let _ = writeln!(terminal::err(), "saltrun: {failure}");
        failure.exit()
    })
}

fn run(options: &Options) -> Result<u8, Failure> {
    options.printing.begin()?;
    if options.doc {
        return documentation(options);
    }
    let Some((fun, words)) = options.words.split_first() else {
        return Err(Diagnostic::user("a function is expected")
            .help("saltrun -d shows all, saltrun --help examples")
            .into());
    };
    let (config, _) = Config::load(&options.config_dir)?;
    let arguments = cli_args::parse(words, &[]);
    let call = RunnerCall { fun: fun.clone(), arg: arguments.positional, kwarg: arguments.keyword };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let mut client = Client::connect(&config.api_socket()).await?;
        let asked = client.run(&call);
        tokio::select! {
            answer = asked => answer.map(Some),
            _ = tokio::signal::ctrl_c() => Ok(None),
        }
    })?;
    match answer {
        Some(answer) => show(options, &config, &answer),
        None => Ok(Exit::Interrupted as u8),
    }
}

fn show(options: &Options, config: &Config, answer: &RunnerReturn) -> Result<u8, Failure> {
    let mut errors = terminal::err();
    for note in &answer.notes {
        let _ = writeln!(errors, "{note}");
    }
    let (value, own) = unwrapped(&answer.value);
    let name = options.printing.out.as_deref().or(own).or(config.output.as_deref()).unwrap_or("nested");
    let mut settings = options.printing.options(&config.options, wants_color());
    settings.retcode = i64::from(answer.retcode);
    let text = output::render(name, value, &settings)?;
    if !text.is_empty() {
        options.printing.print(&mut terminal::out(), &format!("{text}\n"))?;
    }
    Ok(if answer.retcode == 0 { Exit::Success } else { Exit::Failed } as u8)
}

/// An answer that names its own outputter: `{outputter: …, data: …}`.
fn unwrapped(value: &Value) -> (&Value, Option<&str>) {
    let parts = value.as_map().filter(|map| map.len() == 2);
    let named = parts.and_then(|map| Some((map.get("data")?, map.get("outputter")?.as_str()?)));
    named.map_or((value, None), |(data, outputter)| (data, Some(outputter)))
}

/// The texts come from the program itself: no master is needed.
fn documentation(options: &Options) -> Result<u8, Failure> {
    let wanted = options.words.first().map(String::as_str);
    let text = document::matching(runners::functions(), wanted);
    if let (true, Some(wanted)) = (text.is_empty(), wanted) {
        let modules: Vec<&str> = runners::functions().modules().map(|(name, _)| name).collect();
        let names = runners::functions().names();
        let known = modules.into_iter().chain(names.iter().map(String::as_str));
        return Err(Diagnostic::new(Kind::User, format!("there is no runner '{wanted}'"))
            .did_you_mean(wanted, known)
            .into());
    }
    options.printing.print(&mut terminal::out(), &text)?;
    Ok(Exit::Success as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Options as clap::CommandFactory>::command().debug_assert();
        let options =
            Options::try_parse_from(["saltrun", "cache.grains", "web*", "--out", "json", "tgt_type=glob"]).unwrap();
        assert_eq!(options.words, ["cache.grains", "web*", "tgt_type=glob"]);
    }
}
