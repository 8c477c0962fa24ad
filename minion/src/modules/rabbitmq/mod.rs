//! `rabbitmq.*`: the RabbitMQ server of this machine, through its own programs.

pub mod account;
pub mod arguments;
pub mod node;
pub mod setting;

use crate::cx::Module;

/// The parts of the module.
pub const MODULES: [&Module; 3] = [&account::MODULE, &node::MODULE, &setting::MODULE];
