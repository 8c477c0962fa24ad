//! The name of this machine, and what people call it.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Value;

use super::Nothing;
use crate::cx::{Act, Module};
use crate::modules::{network, tool};
use crate::system::hostname;
use crate::system::platform::Release;

/// Where a description is kept: assignments, as in `os-release`.
const FILE: &str = "/etc/machine-info";
const KEY: &str = "PRETTY_HOSTNAME";

/// This part of the module.
pub const MODULE: Module = Module {
    name: "system",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_computer_name",
            "The name of this machine.",
            "system.get_computer_name",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("system.get_computer_name", arguments)?;
                Ok(hostname::now().into())
            },
        )
        .quick(),
        Function::changes(
            "set_computer_name",
            "Gives this machine another name, now and for the next start.",
            "system.set_computer_name web1.example.com",
            network::Name::ROWS,
            |act, arguments| {
                network::rename(act, &network::Name::bind("system.set_computer_name", arguments)?.hostname)?;
                Ok(true.into())
            },
        ),
        Function::reads(
            "get_computer_desc",
            "What people call this machine, from `/etc/machine-info`; false if nothing is written there.",
            "system.get_computer_desc",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("system.get_computer_desc", arguments)?;
                let text = tool::table(Path::new(FILE))?;
                let described = Release::parse(&text).get(KEY).map(Value::from);
                Ok(described.unwrap_or(Value::Bool(false)).into())
            },
        ),
        Function::changes(
            "set_computer_desc",
            "Says what people call this machine, in `/etc/machine-info`; an empty text takes that away.",
            "system.set_computer_desc 'The laptop of Ann'",
            Description::ROWS,
            describe,
        ),
    ],
};

args! {
    /// Arguments of `system.set_computer_desc`.
    pub struct Description {
        /// One line of text.
        desc: String,
    }
}

fn describe(_act: &Act, arguments: Arguments) -> CallResult {
    let description = Description::bind("system.set_computer_desc", arguments)?.desc;
    if let Some(control) = description.chars().find(|character| character.is_control()) {
        return Err(CallError::Invocation(format!("desc is one line of text: {control:?} cannot be part of it")));
    }
    let file = Path::new(FILE);
    let text = tool::text(file)?;
    let new = described(&text, &description);
    if new != text {
        tool::rewrite(file, &new)?;
    }
    Ok(true.into())
}

/// The assignments with this description in the place of the old one.
fn described(text: &str, description: &str) -> String {
    let is_old = |line: &&str| line.trim_start().strip_prefix(KEY).is_some_and(|rest| rest.starts_with('='));
    let mut lines: Vec<String> = text.lines().filter(|line| !is_old(line)).map(str::to_owned).collect();
    if !description.is_empty() {
        let mut quoted = String::new();
        for character in description.chars() {
            // What a shell would replace between these quotes.
            if matches!(character, '"' | '\\' | '$' | '`') {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        let at = text.lines().position(|line| is_old(&line)).unwrap_or(lines.len());
        lines.insert(at, format!("{KEY}=\"{quoted}\""));
    }
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_found_again_and_the_rest_stays() {
        let old =
            "# kept\nDEPLOYMENT=lab\nPRETTY_HOSTNAME=old\nPRETTY_HOSTNAME_2=x\nPRETTY_HOSTNAME='older'\nCHASSIS=vm";
        for description in ["Ann's \"lap\"top", "a\\b $HOME `id`", "ü", "a=b # c"] {
            let new = described(old, description);
            assert_eq!(Release::parse(&new).get(KEY), Some(description), "{new}");
            let kept: Vec<&str> = new.lines().filter(|line| !line.starts_with("PRETTY_HOSTNAME=")).collect();
            assert_eq!(kept, ["# kept", "DEPLOYMENT=lab", "PRETTY_HOSTNAME_2=x", "CHASSIS=vm"]);
            assert_eq!(described(&new, description), new);
        }
        assert_eq!(described("A=1\nPRETTY_HOSTNAME=\"x\"\nB=2\n", "y"), "A=1\nPRETTY_HOSTNAME=\"y\"\nB=2\n");
        assert_eq!(described("A=1\nPRETTY_HOSTNAME=\"x\"\n", ""), "A=1\n");
        assert_eq!(described("", "x"), "PRETTY_HOSTNAME=\"x\"\n");
    }
}
