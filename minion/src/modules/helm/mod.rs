//! `helm.*`: charts of Kubernetes and what is installed of them, through the program `helm`.

pub mod chart;
pub mod client;
pub mod line;
pub mod manage;
pub mod options;
pub mod release;
pub mod repo;

use crate::cx::Module;

/// The parts of the module.
pub const MODULES: [&Module; 4] = [&chart::MODULE, &client::MODULE, &release::MODULE, &repo::MODULE];
