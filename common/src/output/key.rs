//! `key`: lists of keys by status.

use super::OutputOptions;
use super::color::{Color, Paint, mask_escapes};
use super::nested::sorted;
use crate::value::{Value, python};

/// Prints a mapping of statuses to lists of minion ids, or to mappings of ids to fingerprints.
pub(super) fn render(data: &Value, options: &OutputOptions) -> Option<String> {
    let paint = Paint { on: options.color };
    let mut lines = Vec::new();
    for (status, keys) in sorted(data.as_map()?) {
        let (heading, heading_color, color) = match status.as_str()? {
            "minions" => ("Accepted Keys:", Color::LightGreen, Color::Green),
            "minions_pre" => ("Unaccepted Keys:", Color::LightRed, Color::Red),
            "minions_denied" => ("Denied Keys:", Color::LightMagenta, Color::Magenta),
            "minions_rejected" => ("Rejected Keys:", Color::LightBlue, Color::Blue),
            "local" => ("Local Keys:", Color::LightMagenta, Color::Magenta),
            _ => return None,
        };
        lines.push(paint.text(heading_color, heading));
        let shown = |id: &Value| {
            let id = python::str_(id);
            if options.strip_colors { mask_escapes(&id) } else { id }
        };
        match keys {
            Value::List(ids) => {
                let mut ids: Vec<String> = ids.iter().map(shown).collect();
                ids.sort();
                lines.extend(ids.iter().map(|id| paint.text(color, id)));
            }
            Value::Map(ids) => {
                for (id, detail) in sorted(ids) {
                    lines.push(paint.text(color, format_args!("{}:  {}", shown(id), python::str_(detail))));
                }
            }
            _ => return None,
        }
    }
    Some(lines.join("\n"))
}
