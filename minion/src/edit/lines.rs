//! Lines that keep their ends.

/// The lines of a text, each with its end.
pub fn split_lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// The end of a line: `\r\n`, `\n` or nothing.
pub(super) fn end_of(line: &str) -> &str {
    if line.ends_with("\r\n") {
        "\r\n"
    } else if line.ends_with('\n') {
        "\n"
    } else {
        ""
    }
}

/// The line with another line's kind of end.
pub(super) fn with_end_of(model: &str, line: &str) -> String {
    let end = match end_of(model) {
        "" => "\n",
        end => end,
    };
    format!("{}{end}", line.trim_end())
}

/// The blanks a line starts with.
pub(super) fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
