//! How versions of packages stand to each other.

use std::cmp::Ordering;

use crate::system::{apt, dnf};

/// The order of a kind of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Debian's.
    Debian,
    /// RPM's.
    Rpm,
}

impl Scheme {
    /// How two versions stand to each other; any text has a place in the order.
    pub fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Self::Debian => apt::version::compare(left, right),
            Self::Rpm => dnf::version::compare(left, right),
        }
    }

    /// True when epochs do not count for this version that was asked for, whatever was said of them.
    pub fn disregards_epoch(self, asked: &str) -> bool {
        self == Self::Rpm && !asked.contains(':')
    }
}

/// The version without its epoch.
pub fn without_epoch(version: &str) -> &str {
    apt::version::without_epoch(version)
}
