//! `nftables.*`: packet filters, through `nft`.

mod arguments;
mod kernel;
mod rule;
mod table;

pub use kernel::{Base, Chain, Family, Known, SAVED, Table, saved};
pub use rule::{build, typed};
pub use table::{MODULE, save};
