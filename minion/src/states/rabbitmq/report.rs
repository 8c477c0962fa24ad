//! What the states say.

use crate::states::{Failure, Report};
use crate::system::rabbitmq::RabbitError;

impl From<RabbitError> for Failure {
    fn from(error: RabbitError) -> Self {
        Self::new(error.to_string())
    }
}

/// A report of what was and what is.
pub fn changed(comment: String, old: &str, new: &str) -> Report {
    Report::new(comment).change("old", old).change("new", new)
}
