//! Thousands of minions in few processes against one real master: the minion's own core (session, publications,
//! journal, reports, functions) without what a machine of its own would add (grains of the machine, workers, sockets).

mod child;
mod figures;
mod member;
mod stage;

pub use child::{ChildOptions, run_child};
pub use figures::{Usage, disk, load, median};
pub use stage::{Ping, Stage, StageOptions};
