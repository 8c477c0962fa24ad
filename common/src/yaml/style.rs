//! How a scalar can be written: plain, in quotes or as a block, decided from its characters as libyaml does.

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// A scalar to write, with what its characters allow.
#[derive(Debug)]
pub(super) struct Scalar {
    pub text: String,
    /// Base64 of bytes, written with its tag.
    pub binary: bool,
    /// Would be read as another type without quotes.
    ambiguous: bool,
    multiline: bool,
    flow_plain: bool,
    block_plain: bool,
    single: bool,
    block: bool,
}

/// The tag of bytes.
pub(super) const BINARY_TAG: &str = "!!binary";

/// Longest key, in bytes, that is written on the line of its value.
const LONGEST_KEY: usize = 128;

impl Scalar {
    /// A text, or another scalar that is its own text.
    pub fn text(text: String, ambiguous: bool, unicode: bool) -> Self {
        analyze(text, ambiguous, unicode)
    }
    /// The base64 lines of bytes.
    pub fn binary(lines: String, unicode: bool) -> Self {
        Self { binary: true, ..analyze(lines, false, unicode) }
    }
    /// True if this can be a key on one line with its value.
    pub fn fits_a_key(&self) -> bool {
        let tag = if self.binary { BINARY_TAG.len() } else { 0 };
        !self.multiline && self.text.len() + tag <= LONGEST_KEY
    }
    /// The style for a place inside brackets or not, as a key or not.
    pub fn style(&self, in_brackets: bool, simple_key: bool) -> Style {
        let mut style = if self.binary { Style::Literal } else { Style::Plain };
        if simple_key && self.multiline {
            style = Style::Double;
        }
        if style == Style::Plain {
            let allowed = if in_brackets { self.flow_plain } else { self.block_plain };
            let invisible = self.text.is_empty() && (in_brackets || simple_key);
            if !allowed || invisible || self.ambiguous {
                style = Style::Single;
            }
        }
        if style == Style::Single && !self.single
            || style == Style::Literal && (!self.block || in_brackets || simple_key)
        {
            style = Style::Double;
        }
        style
    }
}

/// True for characters that are written as they are in double quotes; nothing beyond 16 bits is.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// True for line breaks of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank_or_end(c: Option<char>) -> bool {
    c.is_none_or(|c| matches!(c, ' ' | '\t' | '\0') || is_break(c))
}

fn analyze(text: String, ambiguous: bool, unicode: bool) -> Scalar {
    if text.is_empty() {
        let (multiline, flow_plain, block_plain, single, block) = (false, false, true, true, false);
        return Scalar { text, binary: false, ambiguous, multiline, flow_plain, block_plain, single, block };
    }
    let document_mark = text.starts_with("---") || text.starts_with("...");
    let (mut block_indicators, mut flow_indicators) = (document_mark, document_mark);
    let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
    let mut previous = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let (flow, block) = indicates(previous, c, chars.peek().copied());
        flow_indicators |= flow;
        block_indicators |= block;
        special |= !is_printable(c) || (!unicode && !c.is_ascii());
        breaks |= is_break(c);
        break_space |= c == ' ' && previous.is_some_and(is_break);
        space_break |= is_break(c) && previous == Some(' ');
        previous = Some(c);
    }
    let is_edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
    let edge = is_edge(text.chars().next()) || is_edge(previous);
    let impossible = space_break || special;
    let plain = !(edge || break_space || impossible || breaks);
    Scalar {
        binary: false,
        ambiguous,
        multiline: breaks,
        flow_plain: plain && !flow_indicators,
        block_plain: plain && !block_indicators,
        single: !break_space && !impossible,
        block: previous != Some(' ') && !impossible,
        text,
    }
}

/// Whether a character would mean something inside brackets, and outside of them.
fn indicates(previous: Option<char>, c: char, next: Option<char>) -> (bool, bool) {
    let before_space = is_blank_or_end(next);
    match (previous, c) {
        (None, '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`') => {
            (true, true)
        }
        (None, '-') => (before_space, before_space),
        (None, '?') | (_, ':') => (true, before_space),
        (Some(_), ',' | '?' | '[' | ']' | '{' | '}') => (true, false),
        (Some(previous), '#') => {
            let after_space = is_blank_or_end(Some(previous));
            (after_space, after_space)
        }
        _ => (false, false),
    }
}
