//! Requisites that name nothing: the reference's comment, and a diagnostic with place and the nearest name.

use super::chunk::Chunk;
use super::graph::{KEYWORDS, Missing};
use super::result::Outcome;
use crate::diag::nearest;

/// The outcome of a chunk whose requisites are not all there.
pub(super) fn not_found(chunks: &[Chunk], position: usize, missing: &[Missing]) -> Outcome {
    let chunk = &chunks[position];
    let Some(first) = missing.first() else { return Outcome::failed(comment(missing)) };
    let spot = chunk.spot_of(first.keyword);
    let told: Vec<String> = missing.iter().map(|missing| format!("'{}: {}'", missing.kind, missing.name)).collect();
    let message = format!("no state is meant by {}", told.join(", "));
    let mut fault = spot.diagnostic(message).about(format!("{}: {}", chunk.id, first.keyword));
    for missing in missing {
        fault.help.extend(hint(chunks, missing));
    }
    Outcome::refused(comment(missing), fault)
}

/// What was probably meant: another kind of state under that name, or a name that is near.
fn hint(chunks: &[Chunk], missing: &Missing) -> Option<String> {
    let Missing { kind, name, .. } = missing;
    let goes_by = |chunk: &&Chunk| chunk.id == *name || chunk.name == *name;
    if let Some(other) = chunks.iter().find(goes_by) {
        return Some(format!("'{name}' is a {} state: write '{}: {name}'", other.state, other.state));
    }
    let near = if kind == "sls" {
        nearest(name, chunks.iter().filter_map(|chunk| chunk.sls.as_deref()))
    } else {
        let same = chunks.iter().filter(|chunk| kind == "id" || chunk.state == *kind);
        nearest(name, same.flat_map(|chunk| [chunk.id.as_str(), chunk.name.as_str()]))
    };
    near.map(|near| format!("did you mean '{kind}: {near}'?"))
}

fn comment(missing: &[Missing]) -> String {
    let mut comment = "The following requisites were not found:\n".to_owned();
    for (word, _) in KEYWORDS {
        let mut of_word = missing.iter().filter(|missing| missing.keyword == *word).peekable();
        if of_word.peek().is_some() {
            comment.push_str(&format!("{:19}{word}:\n", ""));
        }
        for missing in of_word {
            comment.push_str(&format!("{:23}{}: {}\n", "", missing.kind, missing.name));
        }
    }
    comment
}
