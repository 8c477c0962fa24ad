//! `partition.*`: partitions of disks.

mod arguments;
mod functions;
mod parted;

pub use functions::MODULE;
