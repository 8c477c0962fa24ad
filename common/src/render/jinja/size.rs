//! How large one value may become. What an operation makes out of little (`join`, `replace`, `indent`) is measured before
//! it is made; what grows by many operations is counted by the meter of the render.

use super::fault::{Fault, Res};

/// Longest text that one operation makes, in bytes.
pub(super) const TEXT: usize = 64 << 20;
/// Longest list that one operation makes.
pub(super) const ITEMS: usize = 4_000_000;
/// Deepest nesting of values that is compared or ordered.
pub(super) const DEPTH: usize = 200;
/// How many parts of two values are compared.
pub(super) const COMPARED: usize = 20_000_000;
/// What data may weigh that leaves a template: for a function, a serializer.
pub(super) const DATA: usize = 64 << 20;

/// Refuses a text of `parts` times `each` bytes and `more` when that is too long.
pub(super) fn text(parts: usize, each: usize, more: usize) -> Res<()> {
    match parts.checked_mul(each).and_then(|len| len.checked_add(more)) {
        Some(len) if len <= TEXT => Ok(()),
        _ => Err(Fault::limit(format!("a text would become longer than {TEXT} bytes"))),
    }
}

/// Refuses a list that is too long.
pub(super) fn items(len: usize) -> Res<()> {
    if len > ITEMS { Err(Fault::limit(format!("a list would become longer than {ITEMS} items"))) } else { Ok(()) }
}

/// The fault of values that are too deep or too large to compare.
pub(super) fn incomparable() -> Fault {
    Fault::limit("the values are too large or too deep to compare")
}
