//! `dnsutil.*`: tables of host names given by path, and what name servers say.

mod names;
mod zone;

use crate::cx::Module;

/// What the module is for.
const DOC: &str = "Tables of host names given by path, and what name servers say.";

/// The parts of the module.
pub const MODULES: [&Module; 2] = [&names::MODULE, &zone::MODULE];
