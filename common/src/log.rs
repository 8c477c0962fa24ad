//! Set-up of `tracing` for all programs: where lines go, from which level, as text or JSON.
//!
//! Secrets cannot get here: `Secret` has no printed form.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::diag::Diagnostic;
use crate::terminal::harmless;

/// Where a program's log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Level name of the reference: quiet, critical, error, warning, info, debug, trace, garbage, all.
    pub level: String,
    /// A file (created 0640, appended to) instead of stderr.
    pub file: Option<PathBuf>,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { level: "warning".to_owned(), file: None, json: false }
    }
}

const LEVELS: &[(&str, LevelFilter)] = &[
    ("quiet", LevelFilter::OFF),
    ("critical", LevelFilter::ERROR),
    ("error", LevelFilter::ERROR),
    ("warning", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("profile", LevelFilter::DEBUG),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
    ("garbage", LevelFilter::TRACE),
    ("all", LevelFilter::TRACE),
];

/// The filter of a level name.
pub fn level(name: &str) -> Result<LevelFilter, Diagnostic> {
    let wanted = name.to_ascii_lowercase();
    LEVELS.iter().find(|(known, _)| *known == wanted).map(|(_, filter)| *filter).ok_or_else(|| {
        let known: Vec<&str> = LEVELS.iter().map(|(known, _)| *known).collect();
        Diagnostic::user(format!("'{name}' is not a log level"))
            .did_you_mean(&wanted, known.iter().copied())
            .help(format!("levels: {}", known.join(", ")))
    })
}

/// Starts logging for this process. Called once, by a program's `main`; a second call changes nothing.
pub fn start(options: &LogOptions) -> Result<(), Diagnostic> {
    let filter = level(&options.level)?;
    if filter == LevelFilter::OFF {
        return Ok(());
    }
    let (writer, terminal) = match &options.file {
        None => (BoxMakeWriter::new(|| Lines(std::io::stderr())), std::io::stderr().is_terminal()),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path);
            let file = file.map_err(|error| {
                Diagnostic::config(format!("the log file {} cannot be opened: {error}", path.display()))
            })?;
            let file = Arc::new(file);
            (BoxMakeWriter::new(move || Lines(file.clone())), false)
        }
    };
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // The database narrates its pages at these levels: nothing for operators.
    let filter = EnvFilter::new(format!("{filter},sled=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(color);
    // A second start in one process (tests) keeps the first subscriber.
    let _ = if options.json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    Ok(())
}

/// Writes events, each in one piece. What peers say may be part of one: it steers no terminal, and a line of it cannot be
/// taken for an event of its own, because it is indented.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = harmless(&text);
        let (body, end) = text.strip_suffix('\n').map_or((&*text, ""), |body| (body, "\n"));
        self.0.write_all((body.replace('\n', "\n    ") + end).as_bytes()).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_an_event_of_his_own_into_the_log() {
        let mut lines = Lines(Vec::new());
        lines.write_all(b"WARN pillar: said a\n2026-01-01 INFO forged\x1b[2J\n").unwrap();
        lines.write_all(b"INFO next\n").unwrap();
        assert_eq!(lines.0, b"WARN pillar: said a\n    2026-01-01 INFO forged?[2J\nINFO next\n");
    }

    #[test]
    fn level_names_are_the_references() {
        assert_eq!(level("Warning").unwrap(), LevelFilter::WARN);
        assert!(level("wraning").unwrap_err().to_string().contains("did you mean 'warning'?"));
    }
}
