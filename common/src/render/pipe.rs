//! Render pipes: what the first line of a file (`#!jinja|yaml`) says is done with it, stage by stage.

use super::stages::{Around, Flow, STAGES, Stage};
use super::{Origins, Sls};
use crate::diag::{Diagnostic, Place};

/// What is done without a first line.
const DEFAULT: &str = "jinja|yaml";

/// Stages of the reference that do not exist here yet: refused by name, never skipped.
const ABSENT: &[&str] = &[
    "aws_kms",
    "cheetah",
    "dson",
    "genshi",
    "gpg",
    "hjson",
    "json5",
    "jinja_msgpack",
    "mako",
    "msgpack",
    "nacl",
    "pass",
    "py",
    "pydsl",
    "pyobjects",
    "stateconf",
    "tomlmod",
    "wempy",
    "yamlex",
    "yaml_mako",
];

/// Sends a file through the pipe that its first line names.
pub(super) fn run(around: &Around<'_>, mut made: impl FnMut(&str, &Flow)) -> Result<Sls, Box<Diagnostic>> {
    let template = around.template;
    let stages = stages(template.text).map_err(|fault| Box::new(fault.at(Place::new(template.path, 1, 1))))?;
    let mut flow = Flow { text: template.text.to_owned(), origins: Origins::verbatim(template.path), data: None };
    for stage in stages {
        flow = (stage.run)(around, flow)?;
        made(stage.name, &flow);
    }
    Ok(flow.data.unwrap_or_else(|| Sls {
        value: flow.text.as_str().into(),
        rendered: flow.text,
        origins: flow.origins,
        ..Sls::default()
    }))
}

/// The names of the stages of a text's pipe.
pub fn names(text: &str) -> Vec<String> {
    let line = text.lines().next().unwrap_or("");
    let pipe = match line.strip_prefix("#!") {
        Some(pipe) if !pipe.starts_with('/') => pipe.trim(),
        _ => DEFAULT,
    };
    pipe.split('|').map(|stage| stage.split_whitespace().next().unwrap_or("").to_owned()).collect()
}

fn stages(text: &str) -> Result<Vec<&'static Stage>, Diagnostic> {
    let mut stages = Vec::new();
    for name in names(text) {
        match STAGES.iter().find(|stage| stage.name == name) {
            Some(stage) => stages.push(*stage),
            None if ABSENT.contains(&name.as_str()) => {
                return Err(Diagnostic::user(format!("the renderer '{name}' is not supported yet")));
            }
            None => {
                let known = STAGES.iter().map(|stage| stage.name);
                return Err(Diagnostic::user(format!("there is no renderer '{name}'")).did_you_mean(&name, known));
            }
        }
    }
    Ok(stages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_pipe() {
        assert_eq!(names("a: b\n"), ["jinja", "yaml"]);
        assert_eq!(names("#!yaml\na: b\n"), ["yaml"]);
        assert_eq!(names("#!jinja | json\n{}"), ["jinja", "json"]);
        assert_eq!(names("#!/bin/sh\n"), ["jinja", "yaml"]);
    }

    #[test]
    fn absent_stages_are_refused_by_name() {
        let refused = |text: &str| stages(text).err().map(|fault| fault.message);
        assert_eq!(refused("#!yaml|gpg\n").as_deref(), Some("the renderer 'gpg' is not supported yet"));
        assert_eq!(refused("#!yamll\n").as_deref(), Some("there is no renderer 'yamll'"));
    }
}
