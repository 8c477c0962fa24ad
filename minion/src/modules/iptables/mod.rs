//! `iptables.*`: packet filters, through `iptables` and `ip6tables`.

mod kernel;
mod listing;
mod rule;
mod table;

pub use kernel::{Family, Firewall, Place};
pub use listing::{same_rules, saved_file};
pub use rule::Rule;
pub use table::{MODULE, save, wrote};
