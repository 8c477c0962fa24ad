//! Terminal colours, as the reference writes them.

use std::fmt::Display;

/// A colour of the reference's palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Headings of tables.
    DarkGray,
    /// Failures.
    Red,
    /// Refusals and warnings.
    LightRed,
    /// Success, text.
    Green,
    /// Headings of accepted keys.
    LightGreen,
    /// Numbers, truth values, changes to come.
    LightYellow,
    /// Rejected keys.
    Blue,
    /// Headings of rejected keys.
    LightBlue,
    /// Denied keys.
    Magenta,
    /// Headings of denied keys.
    LightMagenta,
    /// Keys, changes, summaries.
    Cyan,
    /// Lines of tables.
    LightGray,
    /// Cells of tables.
    White,
}

/// Writes text in colours, or plain.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// False leaves all text plain.
    pub on: bool,
}

impl Paint {
    /// The sequence that starts a colour.
    pub fn start(self, color: Color) -> &'static str {
        if !self.on {
            return "";
        }
        match color {
            Color::DarkGray => "\x1b[0;1;30m",
            Color::Red => "\x1b[0;31m",
            Color::LightRed => "\x1b[0;1;31m",
            Color::Green => "\x1b[0;32m",
            Color::LightGreen => "\x1b[0;1;32m",
            Color::LightYellow => "\x1b[0;1;33m",
            Color::Blue => "\x1b[0;34m",
            Color::LightBlue => "\x1b[0;1;34m",
            Color::Magenta => "\x1b[0;35m",
            Color::LightMagenta => "\x1b[0;1;35m",
            Color::Cyan => "\x1b[0;36m",
            Color::LightGray => "\x1b[0;37m",
            Color::White => "\x1b[0;1;37m",
        }
    }
    /// The sequence that ends colours.
    pub fn end(self) -> &'static str {
        if self.on { "\x1b[0;0m" } else { "" }
    }
    /// A text in a colour.
    pub fn text(self, color: Color, text: impl Display) -> String {
        format!("{}{text}{}", self.start(color), self.end())
    }
}

/// Masks escape characters, so that data can not command the terminal.
pub fn mask_escapes(text: &str) -> String {
    text.replace('\x1b', "?")
}
