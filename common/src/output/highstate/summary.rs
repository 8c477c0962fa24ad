//! The counts at the end of a run.

use super::changes::Changes;
use super::host::Printer;
use super::state::{Outcome, State};
use crate::output::color::Color;
use crate::value::python;

/// What is counted while states are printed.
#[derive(Default)]
pub(super) struct Summary {
    succeeded: Option<usize>,
    failed: Option<usize>,
    not_run: Option<usize>,
    other: usize,
    pub changed: usize,
    /// States with warnings that were shown in full.
    pub warnings: usize,
    duration: f64,
    /// Of those that ran at the same time only the longest counts.
    longest_parallel: f64,
}

/// Length of the longest label.
const LABEL: usize = "Succeeded".len();

impl Summary {
    pub fn count(&mut self, state: &State<'_>, changes: &Changes) {
        match state.outcome {
            Outcome::Succeeded => *self.succeeded.get_or_insert(0) += state.count,
            Outcome::Failed => *self.failed.get_or_insert(0) += state.count,
            Outcome::NotRun => *self.not_run.get_or_insert(0) += state.count,
            Outcome::Other => self.other += state.count,
        }
        self.changed += changes.count;
        let duration = state.duration().unwrap_or(0.0);
        if state.info.contains("__parallel__") {
            self.longest_parallel = self.longest_parallel.max(duration);
        } else {
            self.duration += duration;
        }
    }

    /// Appends the summary.
    pub fn lines(&self, printer: &Printer<'_>, host: &str, lines: &mut Vec<String>) {
        let paint = printer.paint;
        let good = self.succeeded.unwrap_or(0) + self.not_run.unwrap_or(0);
        let failed = self.failed.unwrap_or(0);
        let total = good + failed + self.other;
        let width = LABEL + 2 + self.longest_count();
        let rule = "-".repeat(width);
        let counts =
            |label: &str, count: String| format!("{label}: {count:>0$}", width.saturating_sub(label.len() + 2));
        let failed_color = if failed > 0 { Color::Red } else { Color::Cyan };
        lines.push(paint.text(Color::Cyan, format_args!("\nSummary for {host}\n{rule}")));
        lines.push(paint.text(Color::Green, counts("Succeeded", good.to_string())) + &self.details(printer));
        lines.push(paint.text(failed_color, counts("Failed", failed.to_string())));
        if printer.options.state_output_pct && total > 0 {
            lines.push(paint.text(Color::Green, counts("Success %", percent(good, total))));
            lines.push(paint.text(failed_color, counts("Failure %", percent(failed, total))));
        }
        if self.warnings > 0 {
            lines.push(paint.text(Color::LightRed, counts("Warnings", self.warnings.to_string())));
        }
        lines.push(paint.text(Color::Cyan, format_args!("{rule}\nTotal states run: {total:>0$}", width - 7)));
        if printer.options.state_output_profile {
            let (time, unit) = match self.duration + self.longest_parallel {
                time if time > 999.0 => (time / 1000.0, "s"),
                time => (time, "ms"),
            };
            let time = format!("{time:.3}");
            lines.push(paint.text(Color::Cyan, format_args!("Total run time: {time:>0$} {unit}", width - 5)));
        }
    }

    /// How many would change and how many did, in brackets.
    fn details(&self, printer: &Printer<'_>) -> String {
        let mut parts = Vec::new();
        if let Some(count) = self.not_run.filter(|count| *count > 0) {
            parts.push(printer.paint.text(Color::LightYellow, format_args!("unchanged={count}")));
        }
        if self.changed > 0 {
            parts.push(printer.paint.text(Color::Green, format_args!("changed={}", self.changed)));
        }
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }

    /// Digits of the largest count; 0 when nothing was counted.
    fn longest_count(&self) -> usize {
        let others = [self.other, self.warnings].into_iter().filter(|count| *count > 0);
        let counts = [self.succeeded, self.failed, self.not_run].into_iter().flatten().chain(others);
        counts.map(|count| count.to_string().len()).max().unwrap_or(0)
    }
}

/// With two digits at most, as Python prints the rounded number.
fn percent(part: usize, total: usize) -> String {
    let percent = part as f64 / total as f64 * 100.0;
    let rounded = format!("{percent:.2}").parse().unwrap_or(percent);
    python::float(rounded)
}
