//! Bringing the members of an archive into its directory: here, or through tar and unzip when options are given.

use std::path::Path;

use super::extracted::{Extracted, Todo};
use crate::modules::cmd::split_words;
use crate::states::Failure;
use crate::system::archive::{Kind, tar, zip};
use crate::system::command::Command;

impl Extracted {
    /// Options for the program that unpacks, if any were given.
    pub(super) fn program_options(&self, kind: Kind) -> Option<&str> {
        let former = if kind == Kind::Tar { &self.tar_options } else { &self.zip_options };
        self.options.as_deref().or(former.as_deref()).filter(|options| !options.trim().is_empty())
    }

    /// Unpacks; what was brought, as the archive or the program names it.
    pub(super) fn unpack(&self, todo: &Todo) -> Result<Vec<String>, Failure> {
        let directory = Path::new(&self.name);
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("Failed to extract {}: {error}", todo.shown));
        match (todo.kind, self.program_options(todo.kind)) {
            (Kind::Zip, None) if self.use_cmd_unzip != Some(true) => {
                let password = self.password.as_deref();
                zip::extract(&todo.archive, directory, password, self.extract_perms).map_err(|error| failed(&error))
            }
            (Kind::Zip, options) => {
                if self.password.is_some() {
                    // The program takes it as an argument, which every account can read.
                    return Err(Failure::new("archive.extracted: 'password' cannot be used together with 'options'"));
                }
                let mut words = vec!["unzip".to_owned(), "-o".to_owned()];
                words.extend(split_words(options.unwrap_or_default())?);
                words.extend([todo.archive.display().to_string(), "-d".to_owned(), self.name.clone()]);
                run(words, None, &failed)
            }
            (_, None) => tar::extract(&todo.archive, directory).map_err(|error| failed(&error)),
            (_, Some(options)) => {
                let words = tar_words(split_words(options)?, &todo.archive.display().to_string());
                run(words, Some(directory), &failed)
            }
        }
    }
}

/// The command line of tar: letters without a hyphen are understood as its oldest form has them, but only first.
fn tar_words(options: Vec<String>, archive: &str) -> Vec<String> {
    let (mut short, mut long) = ("xv".to_owned(), Vec::new());
    for (position, word) in options.into_iter().enumerate() {
        if matches!(word.as_str(), "v" | "-v" | "--verbose") {
            continue;
        }
        if word.starts_with('-') || position > 0 {
            long.push(word);
        } else {
            short.extend(word.chars().filter(|letter| !"xvf".contains(*letter)));
        }
    }
    let mut words = vec!["tar".to_owned(), short];
    words.extend(long);
    words.extend(["-f".to_owned(), archive.to_owned()]);
    words
}

fn run(
    words: Vec<String>,
    cwd: Option<&Path>,
    failed: &dyn Fn(&dyn std::fmt::Display) -> Failure,
) -> Result<Vec<String>, Failure> {
    let mut command = Command::argv(words).c_locale();
    if let Some(cwd) = cwd {
        command = command.cwd(cwd);
    }
    let finished = command.run().map_err(|error| failed(&error))?;
    if finished.status != 0 {
        return Err(failed(&finished.said()));
    }
    Ok(finished.out().lines().map(str::to_owned).collect())
}

/// How many components of the names `--strip-components` takes away.
pub(super) fn stripped(options: &str) -> Option<usize> {
    let words = split_words(options).ok()?;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let rest = word.strip_prefix("--strip-components").or_else(|| word.strip_prefix("--strip"));
        match rest {
            Some("") => return words.next()?.parse().ok(),
            Some(rest) if rest.starts_with('=') => return rest[1..].parse().ok(),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_that_options_strip() {
        assert_eq!(stripped("z --strip-components=2 -v"), Some(2));
        assert_eq!(stripped("--strip 1"), Some(1));
        assert_eq!(stripped("--strip-trailing -z"), None);
    }

    #[test]
    fn letters_become_one_word() {
        let words =
            |options: &[&str]| tar_words(options.iter().map(|word| (*word).to_owned()).collect(), "A").join(" ");
        assert_eq!(words(&["xzvf", "--strip=1"]), "tar xvz --strip=1 -f A");
        assert_eq!(words(&["-J", "-v"]), "tar xv -J -f A");
    }
}
