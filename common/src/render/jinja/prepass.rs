//! One pass over the tokens before the parser: turns Salt's tags into tags the parser knows, mends where its
//! grammar is narrower than Jinja2's, checks that blocks are closed, and bounds chains of operators.
//!
//! Edits never add or remove a line; [`Edits`] maps positions back to the text the user wrote.

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::blocks::Blocks;
use super::fault::{Fault, Res};
use super::strings;
use super::tree::At;

/// Names that only the pre-pass writes; the lowering turns them back into what was meant.
pub(super) mod marks {
    /// `import`, `from`: with context. `include`: without.
    pub const CONTEXT: &str = "__fleet_context";
    /// Target of `do`.
    pub const DO: &str = "__fleet_do";
    /// Target of `print`.
    pub const PRINT: &str = "__fleet_print";
    /// `import_yaml`, `import_json`, `import_text`.
    pub const IMPORT: [(&str, &str); 3] = [
        ("import_yaml", "__fleet_import_yaml"),
        ("import_json", "__fleet_import_json"),
        ("import_text", "__fleet_import_text"),
    ];
    /// `load_yaml`, `load_json`, `load_text`.
    pub const LOAD: [(&str, &str); 3] =
        [("load_yaml", "__fleet_load_yaml"), ("load_json", "__fleet_load_json"), ("load_text", "__fleet_load_text")];
}

/// The text for the parser and the way back from its offsets.
pub(super) struct Edits {
    /// What the parser reads.
    pub text: String,
    /// For each edit: offset in `text` after it, and what to add to come back to the source.
    shifts: Vec<(usize, isize)>,
    /// Offsets of line starts in the source.
    lines: Vec<usize>,
}

impl Edits {
    /// The position in the source of an offset of the parser.
    pub fn at(&self, source: &str, offset: u32) -> At {
        let offset = offset as usize;
        let edit = self.shifts.partition_point(|(after, _)| *after <= offset);
        let shift = if edit == 0 { 0 } else { self.shifts[edit - 1].1 };
        position(&self.lines, source, offset.saturating_add_signed(shift))
    }
}

/// Rewrites a source for the parser.
pub(super) fn rewrite(source: &str, syntax: &SyntaxConfig, chain: usize) -> Res<Edits> {
    let lines = line_starts(source);
    let here = |offset: u32| position(&lines, source, offset as usize);
    let mut edits = Vec::new();
    let mut blocks = Blocks::default();
    let mut tag: Vec<(Token<'_>, Span)> = Vec::new();
    let mut last = At { line: 1, column: 1 };
    for token in tokenize(source, false, syntax.clone()) {
        let (token, span) = token.map_err(|error| lexer_fault(source, &error))?;
        last = here(span.start_offset);
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => tag.clear(),
            Token::VariableEnd => {
                check_chain(&tag, chain).map_err(|fault| fault.in_text("", source, last))?;
                print(source, &tag, &mut edits);
            }
            Token::BlockEnd => {
                let at = tag.first().map_or(last, |(_, span)| here(span.start_offset));
                check_chain(&tag, chain).map_err(|fault| fault.in_text("", source, at))?;
                blocks.tag(&tag, at).map_err(|fault| fault.in_text("", source, at))?;
                block(source, &tag, &mut edits);
            }
            _ => tag.push((token, span)),
        }
    }
    blocks.finish().map_err(|fault| fault.in_text("", source, last))?;
    Ok(apply(source, edits, lines))
}

/// A replacement of a part of the source.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

type Tokens<'t, 's> = &'t [(Token<'s>, Span)];

fn insert(edits: &mut Vec<Edit>, at: usize, text: &str) {
    edits.push(Edit { start: at, end: at, text: text.to_owned() });
}

fn print(source: &str, tag: Tokens<'_, '_>, edits: &mut Vec<Edit>) {
    expression(source, tag, edits);
    if commas(tag) {
        wrap(tag, edits, "(");
    }
}

/// Puts tokens into parentheses, after a name if one is given.
fn wrap(tokens: Tokens<'_, '_>, edits: &mut Vec<Edit>, open: &str) {
    if let (Some((_, first)), Some((_, last))) = (tokens.first(), tokens.last()) {
        insert(edits, first.start_offset as usize, open);
        insert(edits, last.end_offset as usize, ")");
    }
}

/// True if there is a comma outside of brackets.
fn commas(tokens: Tokens<'_, '_>) -> bool {
    find(tokens, |token| matches!(token, Token::Comma)).is_some()
}

/// The first token outside of brackets that fits.
fn find(tokens: Tokens<'_, '_>, fits: impl Fn(&Token<'_>) -> bool) -> Option<usize> {
    let mut depth = 0usize;
    for (index, (token, _)) in tokens.iter().enumerate() {
        match token {
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => depth += 1,
            Token::BracketClose | Token::ParenClose | Token::BraceClose => depth = depth.saturating_sub(1),
            token if depth == 0 && fits(token) => return Some(index),
            _ => {}
        }
    }
    None
}

fn word<'s>(tokens: Tokens<'_, 's>, index: usize) -> &'s str {
    match tokens.get(index) {
        Some((Token::Ident(name), _)) => name,
        _ => "",
    }
}

fn find_word(tokens: Tokens<'_, '_>, name: &str) -> Option<usize> {
    find(tokens, |token| matches!(token, Token::Ident(found) if *found == name))
}

/// Where `with context` or `without context` begins at the end of a tag.
fn context_marker(tag: Tokens<'_, '_>, marker: &str) -> Option<usize> {
    let index = tag.len().checked_sub(2)?;
    (word(tag, index) == marker && word(tag, index + 1) == "context").then_some(index)
}

fn block(source: &str, tag: Tokens<'_, '_>, edits: &mut Vec<Edit>) {
    expression(source, tag, edits);
    let Some((_, first)) = tag.first() else { return };
    let name = word(tag, 0);
    let with = context_marker(tag, "with");
    let without = context_marker(tag, "without");
    match name {
        "do" => replace(source, first, &format!("set {} =", marks::DO), edits),
        "print" => replace(source, first, &format!("set {} =", marks::PRINT), edits),
        "import" if with.is_some() => {
            let end = find_word(tag, "as").unwrap_or(1).max(1);
            wrap(&tag[1..end], edits, &format!("{}(", marks::CONTEXT));
        }
        "from" if with.is_some() => {
            let end = find_word(tag, "import").unwrap_or(1).max(1);
            wrap(&tag[1..end], edits, &format!("{}(", marks::CONTEXT));
        }
        "include" if without.is_some() || ignored(tag) => {
            let end = find_word(tag, "ignore").or(without).unwrap_or(tag.len()).max(1);
            wrap(&tag[1..end], edits, &format!("{}(", marks::CONTEXT));
        }
        "for" => {
            if let Some(start) = find_word(tag, "in") {
                let rest = &tag[start + 1..];
                let end = find(rest, |token| matches!(token, Token::Ident("if" | "recursive"))).unwrap_or(rest.len());
                if commas(&rest[..end]) {
                    wrap(&rest[..end], edits, "(");
                }
            }
        }
        "profile" => replace_all(source, tag, "if true", edits),
        "endprofile" => replace_all(source, tag, "endif", edits),
        "endload" => replace_all(source, tag, "endset", edits),
        _ => salt_tag(source, tag, edits),
    }
}

/// `include x ignore missing without context` keeps its marker behind `missing`.
fn ignored(tag: Tokens<'_, '_>) -> bool {
    find_word(tag, "without").is_some()
}

fn salt_tag(source: &str, tag: Tokens<'_, '_>, edits: &mut Vec<Edit>) {
    let name = word(tag, 0);
    if let Some((_, function)) = marks::IMPORT.iter().find(|(tag, _)| *tag == name) {
        // A file must stand between the tag's name and `as`; without one the tag stays as it is and is refused later.
        let Some(split) = find_word(tag, "as").filter(|split| *split >= 2) else { return };
        let with = context_marker(tag, "with");
        let end = with.or(context_marker(tag, "without")).unwrap_or(tag.len());
        let (Some((_, from)), Some((_, to))) = (tag.get(1), tag.get(split - 1)) else { return };
        let file = &source[from.start_offset as usize..to.end_offset as usize];
        let target = word(tag, split + 1);
        if end != split + 2 || target.is_empty() {
            return;
        }
        let flag = if with.is_some() { "true" } else { "false" };
        edits.retain(|edit| edit.start < from.start_offset as usize);
        replace_all(source, tag, &format!("set {target} = {function}({file}, {flag})"), edits);
    } else if let Some((_, filter)) = marks::LOAD.iter().find(|(tag, _)| *tag == name)
        && tag.len() == 3
        && word(tag, 1) == "as"
        && !word(tag, 2).is_empty()
    {
        replace_all(source, tag, &format!("set {}|{filter}", word(tag, 2)), edits);
    }
}

fn replace(source: &str, span: &Span, text: &str, edits: &mut Vec<Edit>) {
    let (start, end) = (span.start_offset as usize, span.end_offset as usize);
    let lines = source[start..end].matches('\n').count().saturating_sub(text.matches('\n').count());
    edits.push(Edit { start, end, text: format!("{text}{}", "\n".repeat(lines)) });
}

fn replace_all(source: &str, tag: Tokens<'_, '_>, text: &str, edits: &mut Vec<Edit>) {
    if let (Some((_, first)), Some((_, last))) = (tag.first(), tag.last()) {
        let span = Span { end_offset: last.end_offset, ..*first };
        edits.retain(|edit| edit.start < span.start_offset as usize);
        replace(source, &span, text, edits);
    }
}

/// Mends what may occur in any expression: unary plus, and escapes in strings that Python knows.
fn expression(source: &str, tag: Tokens<'_, '_>, edits: &mut Vec<Edit>) {
    let mut operand = false;
    for (token, span) in tag {
        match token {
            Token::Plus if !operand => replace(source, span, " ", edits),
            Token::String(_) => {
                let raw = &source[span.start_offset as usize..span.end_offset as usize];
                if let Some(text) = strings::for_parser(raw) {
                    replace(source, span, &text, edits);
                }
            }
            _ => {}
        }
        operand = match token {
            Token::Ident(name) => !matches!(*name, "in" | "not" | "and" | "or" | "if" | "else" | "elif" | "is" | "set"),
            Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => true,
            Token::BracketClose | Token::ParenClose | Token::BraceClose => true,
            _ => false,
        };
    }
}

/// Refuses chains of operators that would nest the parser's tree too deep. Counts add up along open brackets.
fn check_chain(tag: Tokens<'_, '_>, most: usize) -> Res<()> {
    let mut counts = vec![0usize];
    let mut total = 0usize;
    for (token, _) in tag {
        match token {
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => {
                // What follows a closed bracket hangs on it, so the bracket itself is a link of the chain.
                step(&mut counts, &mut total);
                counts.push(0);
            }
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                total -= counts.pop().unwrap_or(0);
                if counts.is_empty() {
                    counts.push(0);
                }
            }
            Token::Comma | Token::Colon => {
                if let Some(count) = counts.last_mut() {
                    total -= *count;
                    *count = 0;
                }
            }
            Token::Ident(name) if !matches!(*name, "and" | "or" | "not" | "if" | "else" | "is" | "in") => {}
            Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) | Token::Assign => {}
            _ => step(&mut counts, &mut total),
        }
        if total > most {
            return Err(Fault::limit(format!("an expression has more than {most} operators in one chain"))
                .help("build lists and mappings instead, or split it with {% set %}"));
        }
    }
    Ok(())
}

fn step(counts: &mut [usize], total: &mut usize) {
    if let Some(count) = counts.last_mut() {
        *count += 1;
        *total += 1;
    }
}

fn apply(source: &str, mut edits: Vec<Edit>, lines: Vec<usize>) -> Edits {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut text = String::with_capacity(source.len() + edits.len() * 16);
    let mut shifts = Vec::with_capacity(edits.len());
    let mut done = 0;
    for edit in edits.iter().filter(|edit| edit.start <= edit.end) {
        if edit.start < done {
            continue;
        }
        text.push_str(&source[done..edit.start]);
        // Inside the edit every position stands for its beginning.
        text.push_str(&edit.text);
        done = edit.end;
        shifts.push((text.len(), done as isize - text.len() as isize));
    }
    text.push_str(&source[done..]);
    Edits { text, shifts, lines }
}

fn line_starts(source: &str) -> Vec<usize> {
    std::iter::once(0).chain(source.match_indices('\n').map(|(index, _)| index + 1)).collect()
}

fn position(lines: &[usize], source: &str, offset: usize) -> At {
    let offset = offset.min(source.len());
    let line = lines.partition_point(|start| *start <= offset).max(1);
    let before = source.get(lines[line - 1]..offset).unwrap_or("");
    At { line: line as u32, column: before.chars().count() as u32 + 1 }
}

fn lexer_fault(source: &str, error: &minijinja::Error) -> Fault {
    let message = error.detail().unwrap_or("the template cannot be read");
    let message = if message.contains("raw") { "Missing end of raw directive" } else { message };
    let message = if message.contains("comment") { "Missing end of comment tag" } else { message };
    let at = At { line: error.line().unwrap_or(1) as u32, column: 0 };
    Fault::syntax(message.to_owned()).in_text("", source, at)
}
