//! `table`: lists of mappings, of lists or of texts as tables.

use super::OutputOptions;
use super::color::{Color, Paint};
use crate::value::{Map, Value, compare, python};

/// Widest cell before its text is broken at a space.
const WIDTH: usize = 50;

/// Prints mappings that lead to lists with rows of one kind.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let mut lines = Vec::new();
    display(data, options.nested_indent, options, &mut lines)?;
    Some(lines.join("\n"))
}

fn display(value: &Value, indent: usize, options: &OutputOptions, lines: &mut Vec<String>) -> Option<()> {
    match value {
        Value::Map(map) => {
            let paint = Paint { on: options.color };
            for (key, value) in ordered(map)? {
                let space = " ".repeat(indent);
                lines.push(format!("{space}{}:", paint.text(Color::DarkGray, python::str_(key))));
                lines.push(format!("{space}{}", paint.text(Color::DarkGray, "----------")));
                match value {
                    Value::List(rows) => lines.extend(rows_of(rows, indent + 4, options)?),
                    other => display(other, indent + 4, options, lines)?,
                }
            }
        }
        Value::List(rows) => lines.extend(rows_of(rows, indent + 4, options)?),
        _ => {}
    }
    Some(())
}

/// Entries in order; `None` if the keys have none.
fn ordered(map: &Map) -> Option<Vec<(&Value, &Value)>> {
    let mut entries: Vec<(&Value, &Value)> = map.iter().collect();
    compare::sort_by_key(&mut entries, |(key, _)| key).then_some(entries)
}

/// The lines of one table; none if the rows are of several kinds, `None` if they can be no rows.
fn rows_of(rows: &[Value], indent: usize, options: &OutputOptions) -> Option<Vec<String>> {
    let Some(first) = rows.first() else { return Some(Vec::new()) };
    if rows.iter().any(|row| row.kind() != first.kind()) {
        return Some(Vec::new());
    }
    let mut cells: Vec<Vec<String>> = Vec::with_capacity(rows.len() + 1);
    if let Value::Map(map) = first {
        let titles = ordered(map)?.into_iter().map(|(key, _)| title(&python::str_(key).replace('_', " ")));
        cells.push(titles.collect());
    }
    for row in rows {
        cells.push(match row {
            Value::Map(map) => ordered(map)?.into_iter().map(|(_, value)| shown(value)).collect(),
            Value::List(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            Value::Str(text) => vec![text.clone()],
            _ => return None,
        });
    }
    layout(&cells, indent, options)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => python::str_(other),
    }
}

/// Draws rows of cells, with lines between them. `None` without columns.
pub(super) fn layout(rows: &[Vec<String>], indent: usize, options: &OutputOptions) -> Option<Vec<String>> {
    let logical: Vec<Vec<Vec<String>>> = rows.iter().map(|row| physical_rows(row)).collect();
    let columns = logical.iter().flatten().map(Vec::len).min().filter(|columns| *columns > 0)?;
    let width_of = |column: usize| logical.iter().flatten().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let paint = Paint { on: options.color };
    let space = " ".repeat(indent);
    let total = 4 + widths.iter().sum::<usize>() + 3 * (columns - 1);
    let separator = format!("{space}{}", paint.text(Color::LightGray, "-".repeat(total)));
    let mut lines = vec![separator.clone()];
    for physical in logical {
        for row in physical {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| centered(cell, *width)).collect();
            let line = format!("| {} |", cells.join(" | "));
            lines.push(format!("{space}{}", paint.text(Color::White, line)));
        }
        lines.push(separator.clone());
    }
    Some(lines)
}

/// The lines a row needs: as many as its shortest wrapped cell has.
fn physical_rows(row: &[String]) -> Vec<Vec<String>> {
    let cells: Vec<String> = row.iter().map(|cell| wrapped(cell)).collect();
    let cells: Vec<Vec<&str>> = cells.iter().map(|cell| cell.split('\n').collect()).collect();
    let lines = cells.iter().map(Vec::len).min().unwrap_or(0);
    (0..lines).map(|line| cells.iter().map(|cell| cell[line].to_owned()).collect()).collect()
}

/// Breaks a text at spaces so that lines stay within the width of a column.
fn wrapped(text: &str) -> String {
    let mut words = text.split(' ');
    let mut out = words.next().unwrap_or("").to_owned();
    for word in words {
        let line = out.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let first = word.split('\n').next().map_or(0, |part| part.chars().count());
        out.push(if line + first >= WIDTH { '\n' } else { ' ' });
        out.push_str(word);
    }
    out
}

/// Centred as Python's `str.center` does it.
fn centered(text: &str, width: usize) -> String {
    let margin = width.saturating_sub(text.chars().count());
    let left = margin / 2 + (margin & width & 1);
    format!("{}{text}{}", " ".repeat(left), " ".repeat(margin - left))
}

/// Each word's first letter in upper case, the others in lower case.
fn title(text: &str) -> String {
    let mut in_word = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if in_word {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphabetic();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_centred_and_wrapped_as_in_python() {
        assert_eq!(centered("ab", 5), "  ab ");
        assert_eq!(centered("a", 4), " a  ");
        assert_eq!(title("last seen_at x2y"), "Last Seen_At X2Y");
        assert_eq!(wrapped(&format!("{} b", "a".repeat(49))), format!("{}\nb", "a".repeat(49)));
    }
}
