//! Who may ask what on the API, and the record of who asked. Default deny.
//!
//! Callers are known by the kernel's word only ([`caller`]); what they may do stands in the master's configuration
//! ([`rules`]); what they did stands in the audit log ([`audit`]).

mod audit;
mod caller;
mod rules;
mod settings;

pub use audit::{Audit, Entry, Outcome, shown};
pub use caller::Caller;
pub use rules::{Acl, Rights};
pub use settings::Access;
