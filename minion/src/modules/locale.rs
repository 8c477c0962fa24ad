//! `locale.*`: languages that the machine has the rules of, and the one that programs start with.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::value::Value;

use super::tool;
use crate::cx::{Act, Module};
use crate::system::command::which;

/// Debian's list of locales that are made, and of those that can be.
const WANTED: &str = "/etc/locale.gen";
const SUPPORTED: &[&str] = &["/usr/share/i18n/SUPPORTED", "/usr/local/share/i18n/SUPPORTED"];

/// The module.
pub const MODULE: Module = Module {
    name: "locale",
    doc: "Languages that the machine has the rules of, and the one that programs start with.",
    functions: &[
        Function::reads(
            "list_avail",
            "The locales that the machine has.",
            "locale.list_avail",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("locale.list_avail", arguments)?;
                Ok(available()?.into_iter().collect::<Value>().into())
            },
        ),
        Function::reads(
            "avail",
            "True if the machine has a locale.",
            "locale.avail de_DE.UTF-8",
            Locale::ROWS,
            |_, arguments| Ok(has(&Locale::bind("locale.avail", arguments)?.locale)?.into()),
        ),
        Function::reads(
            "get_locale",
            "The locale that programs start with, or an empty text.",
            "locale.get_locale",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("locale.get_locale", arguments)?;
                Ok(current()?.into())
            },
        ),
        Function::changes(
            "set_locale",
            "Sets the locale that programs start with.",
            "locale.set_locale de_DE.UTF-8",
            Locale::ROWS,
            |act, arguments| {
                set(act, &Locale::bind("locale.set_locale", arguments)?.locale)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "gen_locale",
            "Makes a locale; false when it cannot be made.",
            "locale.gen_locale de_DE.UTF-8",
            Generate::ROWS,
            |act, arguments| {
                let args = Generate::bind("locale.gen_locale", arguments)?;
                generated(act, &args)
            },
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A locale.
    pub struct Locale {
        /// Its name (`de_DE.UTF-8`).
        locale: String,
    }
}

args! {
    /// Arguments of `locale.gen_locale`.
    pub struct Generate {
        /// Its name, with the set of characters or without (`de_DE.UTF-8`, `de_DE.UTF-8 UTF-8`).
        locale: String,
        /// Return what the tool said.
        verbose: bool = false,
    }
}

/// The locales that the machine has, as the C library names them.
pub fn available() -> Result<Vec<String>, CallError> {
    Ok(tool::output(&["locale", "-a"])?.lines().map(str::to_owned).collect())
}

/// True if the machine has a locale.
pub fn has(name: &str) -> Result<bool, CallError> {
    let wanted = plain(name);
    Ok(available()?.iter().any(|known| plain(known) == wanted))
}

/// One writing of a locale's name: `de_DE.UTF-8 UTF-8` and `de_DE.utf8` are the same.
fn plain(name: &str) -> String {
    let name = name.split_whitespace().next().unwrap_or_default();
    let (name, modifier) = name.split_once('@').map_or((name, ""), |(name, modifier)| (name, modifier));
    let (language, set) = name.split_once('.').map_or((name, ""), |(language, set)| (language, set));
    let set: String = set.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{language}.{}@{modifier}", set.to_ascii_lowercase())
}

/// The file that programs' locale stands in.
fn settings() -> &'static Path {
    let debian = Path::new("/etc/debian_version").exists();
    Path::new(if debian { "/etc/default/locale" } else { "/etc/locale.conf" })
}

/// The locale that programs start with, or an empty text.
pub fn current() -> Result<String, CallError> {
    let text = tool::table(settings())?;
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix("LANG="));
    Ok(value.map(|value| value.trim_matches(['"', '\'']).to_owned()).unwrap_or_default())
}

/// Sets the locale that programs start with; the other lines of the file stay.
pub fn set(_act: &Act, name: &str) -> Result<(), CallError> {
    let name = checked(name)?;
    let old = tool::table(settings())?;
    let line = format!("LANG=\"{name}\"");
    let mut lines: Vec<&str> = old.lines().collect();
    match lines.iter().rposition(|old| old.trim().starts_with("LANG=")) {
        Some(at) => lines[at] = &line,
        None => lines.push(&line),
    }
    tool::store(settings(), &(lines.join("\n") + "\n"))
}

/// A name that cannot break a file of settings or be taken for an option.
pub fn checked(name: &str) -> Result<&str, CallError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@ ".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(fits) {
        return Err(CallError::Invocation(format!("{name:?} cannot be the name of a locale")));
    }
    Ok(name)
}

/// The line of Debian's lists for a locale; `None` when the system does not know it.
fn supported(name: &str) -> Result<Option<String>, CallError> {
    for file in SUPPORTED {
        let text = tool::table(Path::new(file))?;
        let fits = |line: &&str| match name.contains(' ') {
            true => line.split_whitespace().eq(name.split_whitespace()),
            false => line.split_whitespace().next().is_some_and(|known| plain(known) == plain(name)),
        };
        if let Some(line) = text.lines().find(fits) {
            return Ok(Some(line.trim().to_owned()));
        }
    }
    Ok(None)
}

/// How a locale is made here.
pub enum Maker {
    /// Its line in Debian's list, then `locale-gen`.
    List(String),
    /// `localedef` with these words.
    Definition([String; 5]),
}

/// How a locale would be made; `None` when the system does not know it.
pub fn maker(name: &str) -> Result<Option<Maker>, CallError> {
    let name = checked(name)?;
    if which("locale-gen", None).is_some() {
        return Ok(supported(name)?.map(Maker::List));
    }
    if which("localedef", None).is_none() {
        let text = "Command \"locale-gen\" or \"localedef\" was not found on this system.";
        return Err(CallError::Failed(text.to_owned()));
    }
    let name = name.split_whitespace().next().unwrap_or(name);
    let (base, modifier) = name.split_once('@').map_or((name, None), |(base, modifier)| (base, Some(modifier)));
    let (language, set) = base.split_once('.').unwrap_or((base, "ISO-8859-1"));
    let source = modifier.map_or(language.to_owned(), |modifier| format!("{language}@{modifier}"));
    let known = Path::new("/usr/share/i18n/locales").join(&source).is_file();
    let words = ["-i", &source, "-f", set, name].map(str::to_owned);
    Ok(known.then_some(Maker::Definition(words)))
}

/// Makes a locale; what the tool said.
pub fn generate(_act: &Act, maker: &Maker) -> Result<String, CallError> {
    match maker {
        Maker::Definition(words) => {
            let words: Vec<&str> = std::iter::once("localedef").chain(words.iter().map(String::as_str)).collect();
            tool::output(&words)
        }
        Maker::List(line) => {
            let old = tool::table(Path::new(WANTED))?;
            let is_it = |text: &str| text.split_whitespace().eq(line.split_whitespace());
            if !old.lines().any(is_it) {
                let off = |text: &str| text.trim().strip_prefix('#').is_some_and(is_it);
                let mut lines: Vec<&str> = old.lines().collect();
                match lines.iter().position(|text| off(text)) {
                    Some(at) => lines[at] = line,
                    None => lines.push(line),
                }
                tool::store(Path::new(WANTED), &(lines.join("\n") + "\n"))?;
            }
            tool::output(&["locale-gen"])
        }
    }
}

fn generated(act: &Act, args: &Generate) -> CallResult {
    let Some(maker) = maker(&args.locale)? else { return Ok(false.into()) };
    let said = generate(act, &maker)?;
    Ok(if args.verbose { said.into() } else { has(&args.locale)?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_one_writing() {
        assert_eq!(plain("de_DE.UTF-8 UTF-8"), plain("de_DE.utf8"));
        assert_eq!(plain("de_DE@euro"), "de_DE.@euro");
        assert_ne!(plain("de_DE"), plain("de_DE.UTF-8"));
    }

    #[test]
    fn names_that_break_files_are_refused() {
        assert!(["", "-x", "a\nb", "a\"b", "$(x)"].iter().all(|name| checked(name).is_err()));
        assert!(checked("sr_RS.UTF-8@latin UTF-8").is_ok());
    }
}
