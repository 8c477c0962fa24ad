//! `quiet`: nothing.

use super::OutputOptions;
use crate::value::Value;

/// Prints nothing.
pub(super) fn render(_data: &Value, _options: &OutputOptions) -> Option<String> {
    Some(String::new())
}
