//! All functions of the minion.

use std::sync::Arc;

use fleet_common::functions;

use crate::cx::Functions;
use crate::modules;

/// Fills the registry: the functions without effect that all programs share, and the minion's own.
pub fn functions() -> Arc<Functions> {
    Arc::new(Functions::new(functions::MODULES, &modules::MODULES.concat()))
}

#[cfg(test)]
mod tests {
    use fleet_common::call::{Arguments, Rest, unbuilt};
    use fleet_common::cli_args;

    use super::*;

    /// The words of an example as a shell would split them.
    fn words(example: &str) -> Vec<String> {
        crate::modules::cmd::split_words(example).unwrap()
    }

    /// Checks arguments against rows as `args!` structs do, without running anything.
    fn fits(rows: &[fleet_common::call::ArgRow], arguments: &Arguments) -> Result<(), String> {
        let plain: Vec<_> = rows.iter().filter(|row| row.rest == Rest::No).collect();
        let takes = |rest| rows.iter().any(|row| row.rest == rest);
        if arguments.positional.len() > plain.len() && !takes(Rest::Positional) {
            return Err("too many positional arguments".to_owned());
        }
        for key in arguments.keyword.keys().filter_map(|key| key.as_str()) {
            if !plain.iter().any(|row| row.name == key) && !takes(Rest::Keyword) {
                return Err(format!("no argument '{key}'"));
            }
        }
        let missing = plain
            .iter()
            .skip(arguments.positional.len())
            .find(|row| row.default.is_none() && !row.kind.is_empty() && !arguments.keyword.contains(row.name));
        missing.map_or(Ok(()), |row| Err(format!("'{}' is missing", row.name)))
    }

    #[test]
    fn every_example_parses_and_fits_its_function() {
        let functions = functions();
        for row in functions.rows() {
            let name = format!("{}.{}", row.module, row.name);
            let words = words(row.example);
            assert_eq!(words.first().map(String::as_str), Some(name.as_str()), "example of {name}");
            let arguments = cli_args::parse(&words[1..], &[]);
            if let Err(why) = fits(row.args, &arguments) {
                panic!("example of {name}: {why}");
            }
        }
    }

    #[test]
    fn every_function_and_argument_is_documented() {
        for row in functions().rows() {
            assert!(!row.doc.is_empty(), "{}.{}", row.module, row.name);
            for argument in row.args {
                assert!(!argument.doc.trim().is_empty(), "{}.{} {}", row.module, row.name, argument.name);
            }
        }
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        let (functions, states) = (functions(), crate::states::States::new(crate::states::STATES));
        for (module, function) in unbuilt::functions() {
            let error = functions.find(&format!("{module}.{function}")).err().map(|error| error.to_string());
            assert_eq!(error, Some(format!("the function '{module}.{function}' is not implemented")));
        }
        for (module, function) in unbuilt::states() {
            assert!(states.find(module, function).is_none(), "{module}.{function} is built");
        }
    }
}
