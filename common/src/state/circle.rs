//! Requisites that wait for each other: the reference's comment, and a diagnostic that shows the whole circle.

use super::chunk::Chunk;
use super::result::Outcome;

/// Members that are named at most.
const NAMED: usize = 20;

/// The outcome of the last of `positions`: each of them waits for the next, the last for the first.
pub(super) fn recursive(chunks: &[Chunk], positions: &[usize]) -> Outcome {
    let Some(chunk) = positions.last().map(|position| &chunks[*position]) else {
        return Outcome::failed("Recursive requisite found");
    };
    let name = |position: &usize| format!("{}: {}", chunks[*position].state, chunks[*position].id);
    let mut names: Vec<String> = positions.iter().take(NAMED).map(name).collect();
    if positions.len() > NAMED {
        names.push(format!("{} more", positions.len() - NAMED));
    }
    names.extend(positions.first().map(name));
    let fault = chunk.spot.diagnostic(format!("requisites wait for each other: {}", names.join(" -> ")));
    let fault = fault.about(chunk.id.clone()).help("take one of the requisites of this circle out");
    Outcome::refused("Recursive requisite found", fault)
}
