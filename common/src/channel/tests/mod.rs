//! Whole sessions over links in memory.

mod conversation;
mod opening;
mod world;
