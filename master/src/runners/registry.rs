//! The runners by name.

use std::sync::OnceLock;

use fleet_common::call::{CallError, Entry, Function, Registry};

use super::{Context, RUNNERS, known};

/// All runners.
pub fn functions() -> &'static Registry<Context, Context> {
    static FUNCTIONS: OnceLock<Registry<Context, Context>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| Registry::new(&[], RUNNERS))
}

/// The runner of that name, or an error that names it: what the reference has and we have not is said to be that.
pub fn find(name: &str) -> Result<&'static Function<Context, Context>, CallError> {
    match functions().find(name) {
        Ok(Entry::Own(function)) => Ok(function),
        Err(CallError::Unknown { .. }) if known::in_the_reference(name) => {
            Err(CallError::Unsupported(format!("the runner '{name}'")))
        }
        Err(error) => Err(error),
        // There are no pure functions among the runners.
        Ok(Entry::Pure(_)) => Err(CallError::Unknown { function: name.to_owned(), suggestion: None }),
    }
}

#[cfg(test)]
mod tests {
    use fleet_common::call::{ArgRow, Code, Rest};
    use fleet_common::cli_args;

    use super::*;

    #[test]
    fn every_example_names_its_function_and_has_arguments_it_takes() {
        for row in functions().rows() {
            let name = format!("{}.{}", row.module, row.name);
            let words: Vec<String> = row.example.split_whitespace().map(|word| word.replace('\'', "")).collect();
            assert_eq!(words[0], name, "{}", row.example);
            let given = cli_args::parse(&words[1..], &[]);
            for key in given.keyword.keys() {
                let takes = |arg: &ArgRow| key.as_str() == Some(arg.name) || arg.rest == Rest::Keyword;
                assert!(row.args.iter().any(takes), "{}", row.example);
            }
            assert!(matches!(find(&name).unwrap().code, Code::Reads(_) | Code::Changes(_)));
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let text = |name: &str| find(name).map(|_| ()).unwrap_err().to_string();
        assert_eq!(text("manage.upp"), "'manage.upp' is not available. Did you mean 'manage.up'?");
        assert_eq!(text("manage.bootstrap"), "the runner 'manage.bootstrap' is not implemented");
        assert_eq!(text("virt.list"), "the runner 'virt.list' is not implemented");
    }
}
