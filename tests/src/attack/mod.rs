//! Attacks on real daemons: by a minion in the wrong hands, by a peer on the network, by a restricted operator. The program
//! `attack` plays all of them; end-to-end tests play some on scenes of their own.

pub mod between;
pub mod enrol;
pub mod flood;
pub mod minion;
pub mod network;
pub mod operator;
mod play;
mod tally;

pub use play::{Part, play};
pub use tally::{Before, Count, Outcome, Row, Sums, Tally, Tried, counted};
