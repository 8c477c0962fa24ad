//! A campaign of faults: rounds of jobs for real processes while either side is killed, frozen, cut off, lied to, out of
//! disk, out of time or out of memory of what it stored; at the end a checker counts (`check`).

mod check;
mod faults;
mod scene;

pub use check::Outcome;
pub use scene::{Campaign, CampaignOptions};
