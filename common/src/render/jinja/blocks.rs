//! Checks that every block tag is known, expected where it stands, and closed.

use minijinja::machinery::{Span, Token};

use super::fault::{Fault, Res};
use super::tree::At;
use crate::diag::nearest;

/// The longest chain of `elif`.
const MOST_ELIF: usize = 300;

/// The open blocks while a template is read.
#[derive(Default)]
pub(super) struct Blocks {
    open: Vec<Open>,
}

struct Open {
    name: &'static str,
    ends: &'static [&'static str],
    elifs: usize,
}

/// Block tags: name, what may follow inside, the last of them closes it.
const BLOCKS: &[(&str, &[&str])] = &[
    ("for", &["else", "endfor"]),
    ("if", &["elif", "else", "endif"]),
    ("with", &["endwith"]),
    ("set", &["endset"]),
    ("autoescape", &["endautoescape"]),
    ("filter", &["endfilter"]),
    ("block", &["endblock"]),
    ("macro", &["endmacro"]),
    ("call", &["endcall"]),
    ("load_yaml", &["endload"]),
    ("load_json", &["endload"]),
    ("load_text", &["endload"]),
    ("profile", &["endprofile"]),
];

/// Tags that stand alone.
const SINGLE: &[&str] = &[
    "print",
    "do",
    "break",
    "continue",
    "include",
    "import",
    "from",
    "extends",
    "import_yaml",
    "import_json",
    "import_text",
    "raw",
    "endraw",
];

impl Blocks {
    /// Takes the next block tag.
    pub fn tag(&mut self, tag: &[(Token<'_>, Span)], _at: At) -> Res<()> {
        let Some((Token::Ident(name), _)) = tag.first() else {
            return Err(Fault::syntax("tag name expected"));
        };
        if let Some(open) = self.open.last_mut()
            && let Some(index) = open.ends.iter().position(|end| end == name)
        {
            return self.follow(index, tag);
        }
        if SINGLE.contains(name) {
            return Ok(());
        }
        let Some((name, ends)) = BLOCKS.iter().find(|(known, _)| known == name) else {
            return Err(self.unknown(name));
        };
        // `set` is a block only without `=`.
        let assigns = tag.iter().any(|(token, _)| matches!(token, Token::Assign));
        let filters = tag.iter().position(|(token, _)| matches!(token, Token::Pipe)).unwrap_or(usize::MAX);
        let first_assign = tag.iter().position(|(token, _)| matches!(token, Token::Assign)).unwrap_or(usize::MAX);
        if *name != "set" || !assigns || filters < first_assign {
            self.open.push(Open { name, ends, elifs: 0 });
        }
        Ok(())
    }

    /// The template ends here.
    pub fn finish(&self) -> Res<()> {
        match self.open.last() {
            None => Ok(()),
            Some(open) => Err(Fault::syntax(format!("Unexpected end of template. {}", wanted(open)))),
        }
    }

    fn follow(&mut self, index: usize, tag: &[(Token<'_>, Span)]) -> Res<()> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let name = open.ends[index];
        if index + 1 == open.ends.len() {
            self.open.pop();
            return Ok(());
        }
        if name == "else" {
            open.ends = &open.ends[index + 1..];
            if let Some((Token::Ident(next), _)) = tag.get(1) {
                let fault = Fault::syntax(format!("expected token 'end of statement block', got '{next}'"));
                return Err(if *next == "if" { fault.help("write {% elif ... %}") } else { fault });
            }
        } else {
            open.elifs += 1;
            if open.elifs > MOST_ELIF {
                return Err(Fault::limit(format!("more than {MOST_ELIF} elif in one block")));
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> Fault {
        let mut message = format!("Encountered unknown tag '{name}'.");
        if let Some(open) = self.open.last() {
            message.push(' ');
            message.push_str(&wanted(open));
        }
        let known = BLOCKS.iter().flat_map(|(name, ends)| std::iter::once(*name).chain(ends.iter().copied()));
        let fault = Fault::syntax(message);
        match nearest(name, known.chain(SINGLE.iter().copied())) {
            Some(near) => fault.help(format!("did you mean '{near}'?")),
            None => fault,
        }
    }
}

fn wanted(open: &Open) -> String {
    let tags: Vec<String> = open.ends.iter().map(|end| format!("'{end}'")).collect();
    format!(
        "Jinja was looking for the following tags: {}. The innermost block that needs to be closed is '{}'.",
        tags.join(" or "),
        open.name
    )
}
