//! `iptables.*`: packet filters.

mod chains;
mod rules;
mod table;

pub use table::STATE;
