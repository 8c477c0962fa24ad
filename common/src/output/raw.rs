//! `raw`: what Python's `str()` gives.

use super::OutputOptions;
use crate::value::{Value, python};

/// Prints any value.
pub(super) fn render(data: &Value, _options: &OutputOptions) -> Option<String> {
    Some(python::str_(data))
}
