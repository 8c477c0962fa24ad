//! Running programs of the machine.

use std::process::{Command, Stdio};

use super::fault::Fault;

/// Runs a program to its end; its standard output, or a fault with what it wrote on standard error.
pub fn run(program: &str, args: &[&str]) -> Result<String, Fault> {
    let command = || format!("{program} {}", args.join(" "));
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Fault::Program { command: command(), why: error.to_string() })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Fault::Program { command: command(), why: format!("{}: {}", output.status, said.trim()) })
}

/// Runs a program whose failure means that there was nothing to do.
pub fn try_run(program: &str, args: &[&str]) {
    let _nothing_to_do = run(program, args);
}
