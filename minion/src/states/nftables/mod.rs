//! `nftables.*`: packet filters of nftables.

mod rules;
mod table;
mod tables;

pub use table::STATE;
