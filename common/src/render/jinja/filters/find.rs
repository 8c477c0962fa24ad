//! Looking a filter up.

use super::{FilterCode, TABLES};
use crate::diag::nearest;

/// A filter by name.
pub(in super::super) fn find(name: &str) -> Option<FilterCode> {
    TABLES.iter().flat_map(|table| table.iter()).find(|(known, _)| *known == name).map(|(_, code)| *code)
}

/// The filter whose name is nearest.
pub(in super::super) fn near(name: &str) -> Option<&'static str> {
    nearest(name, TABLES.iter().flat_map(|table| table.iter()).map(|(name, _)| *name))
}

/// True for filters whose result differs from time to time.
pub(in crate::render::jinja) fn draws_lots(name: &str) -> bool {
    matches!(name, "gen_mac" | "rand_str" | "random" | "random_hash" | "random_sample" | "random_shuffle")
}
