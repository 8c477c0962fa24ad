//! The arguments that all functions share which run states, and how they become a [`Wish`](super::session::Wish).
//! `CallError`, `Map`, `Queue`, `Value`, `Wish` and [`refuse_unsupported`] have to be in scope where the macro is used.

use fleet_common::call::CallError;

macro_rules! run_args {
    ($(#[doc = $doc:expr])* $name:ident { $($(#[doc = $field_doc:expr])* $field:ident : $kind:ty $(= $default:expr)?,)* }) => {
        fleet_common::args! {
            $(#[doc = $doc])*
            pub struct $name {
                $($(#[doc = $field_doc])* $field: $kind $(= $default)?,)*
                /// Dry run: say what would change.
                test: Option<bool> = None,
                /// SLS files (text or list) or `{id: …}` and `{sls: …}` to leave out.
                exclude: Value = Value::Null,
                /// Wait for a state run that is under way instead of refusing; a number: unless so many wait already.
                /// Without it as `state_queue` of the configuration says.
                queue: Option<Queue> = None,
                /// Run beside another state run. Dangerous.
                concurrent: bool = false,
                /// Environment of the states.
                saltenv: Option<String> = None,
                /// Environment of the pillar.
                pillarenv: Option<String> = None,
                /// Pillar data over that of the master.
                pillar: Option<Map> = None,
                /// Call no state and say that each succeeded: shows the order and what requisites decide.
                mock: bool = false,
                /// Kinds of modules to fetch before the run: a list, or True for all.
                sync_mods: Value = Value::Null,
                /// Taken for calls written for the reference; progress is always told.
                state_events: Value = Value::Null,
                /// Refused: the configuration is that of the minion.
                localconfig: Option<String> = None,
                /// Refused: pillar data of a call is not decrypted.
                pillar_enc: Option<String> = None,
            }
        }
        impl $name {
            /// What the call wants of its run.
            pub(super) fn wish(&self, function: &'static str) -> Result<Wish, CallError> {
                let unsupported = [("localconfig", &self.localconfig), ("pillar_enc", &self.pillar_enc)];
                refuse_unsupported(function, &unsupported)?;
                Ok(Wish {
                    function,
                    test: self.test,
                    queue: self.queue,
                    concurrent: self.concurrent,
                    saltenv: self.saltenv.clone(),
                    pillarenv: self.pillarenv.clone(),
                    pillar: self.pillar.clone().unwrap_or_default(),
                    exclude: self.exclude.clone(),
                    only: None,
                    mock: self.mock,
                    sync_mods: self.sync_mods.clone(),
                })
            }
        }
    };
}

pub(super) use run_args;

/// Refuses arguments of the reference that mean something and are not obeyed here.
pub(super) fn refuse_unsupported(function: &str, given: &[(&str, &Option<String>)]) -> Result<(), CallError> {
    match given.iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => Err(CallError::Failed(format!("{function}: the argument '{name}' is not supported yet"))),
        None => Ok(()),
    }
}
