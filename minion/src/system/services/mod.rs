//! Services: what manages them here, behind one set of questions and orders.

mod error;
mod manager;
mod processes;
mod systemd;
mod sysv;

pub use error::ServiceError;
pub use manager::{Order, Services, Unit};
pub use processes::matching as processes;
pub use systemd::{Systemd, UnitFile};
pub use sysv::Sysv;
