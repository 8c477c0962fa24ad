//! Who asks the server, and what is given of its answers.

use fleet_common::call::{CallError, CallResult};
use fleet_common::value::Map;

use crate::system::rabbitmq::RabbitError;

impl From<RabbitError> for CallError {
    fn from(error: RabbitError) -> Self {
        match error {
            RabbitError::Nonsense(why) => Self::Invocation(why),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// An `args!` struct with the account that runs the program behind its own arguments; `rabbit()` gives the server.
macro_rules! on_rabbit {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            $vis struct $name {
                $($body)*
                /// The account that runs the server's program; the server's own by default.
                runas: Option<String> = None,
            }
        }
        impl $name {
            /// The server.
            pub fn rabbit(&self) -> $crate::system::rabbitmq::Rabbit {
                $crate::system::rabbitmq::Rabbit::new(self.runas.as_deref())
            }
        }
    };
}
pub(crate) use on_rabbit;

/// What a program said, under the word that says what was done.
pub fn done(what: &str, said: String) -> CallResult {
    Ok(Map::from_iter([(what, said)]).into())
}

on_rabbit! {
    /// The server.
    pub struct Any {}
}
