//! The options that say how answers are printed, and where.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use fleet_common::output::{Indent, OutputOptions};
use fleet_common::value::Map;

/// How to print, as the reference's commands are told.
#[derive(Debug, Clone, Args)]
pub struct PrintArgs {
    /// How to print: nested, json, yaml, txt, raw, highstate, quiet …
    #[arg(long, visible_alias = "output", value_name = "NAME")]
    pub out: Option<String>,
    /// Spaces a level; negative: on one line.
    #[arg(long, visible_alias = "output-indent", value_name = "N", allow_hyphen_values = true)]
    pub out_indent: Option<i32>,
    /// Print into a file.
    #[arg(long, visible_alias = "output-file", value_name = "FILE")]
    pub out_file: Option<PathBuf>,
    /// Append to that file.
    #[arg(long, visible_alias = "output-file-append")]
    pub out_file_append: bool,
    /// Without colours.
    #[arg(long, visible_alias = "no-colour")]
    pub no_color: bool,
    /// With colours even when not on a terminal.
    #[arg(long, visible_alias = "force-colour")]
    pub force_color: bool,
    /// How states are printed: full, terse, mixed, changes, filter.
    #[arg(long, value_name = "LAYOUT")]
    pub state_output: Option<String>,
    /// Print states that changed nothing too: true or false.
    #[arg(long, value_name = "BOOL")]
    pub state_verbose: Option<String>,
}

impl PrintArgs {
    /// Joins what was typed over what is configured.
    pub fn options(&self, config: &Map, is_terminal: bool) -> OutputOptions {
        let mut options = OutputOptions::from_config(config);
        options.color = self.force_color || (is_terminal && options.color && !self.no_color && self.out_file.is_none());
        if let Some(indent) = self.out_indent {
            options.output_indent = usize::try_from(indent).map_or(Indent::OneLine, Indent::Spaces);
        }
        if let Some(layout) = &self.state_output {
            options.state_output = Some(layout.to_lowercase());
        }
        if let Some(verbose) = &self.state_verbose {
            options.state_verbose = verbose.eq_ignore_ascii_case("true");
        }
        options
    }

    /// Writes into the file that was named, or else to `output`.
    pub fn print(&self, output: &mut dyn Write, text: &str) -> std::io::Result<()> {
        let Some(path) = &self.out_file else { return say(output, text) };
        let mut open = std::fs::OpenOptions::new();
        open.create(true).append(true).open(path)?.write_all(text.as_bytes())
    }

    /// Makes the named file empty, unless it is to be appended to.
    pub fn begin(&self) -> std::io::Result<()> {
        match &self.out_file {
            Some(path) if !self.out_file_append => std::fs::File::create(path).map(|_| ()),
            _ => Ok(()),
        }
    }
}

/// True when people see the output and want colours.
pub fn wants_color() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes text at once, wherever answers go.
pub fn say(output: &mut dyn Write, text: &str) -> std::io::Result<()> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
