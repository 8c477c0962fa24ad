//! The arguments that all functions share which run states, and how they become a [`Wish`](super::session::Wish).
//! `Map`, `Value` and `Wish` have to be in scope where the macro is used.

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
                /// Wait for a state run that is under way instead of refusing; without it as `state_queue` of the
                /// configuration says.
                queue: Option<bool> = None,
                /// Run beside another state run. Dangerous.
                concurrent: bool = false,
                /// Environment of the states.
                saltenv: Option<String> = None,
                /// Environment of the pillar.
                pillarenv: Option<String> = None,
                /// Pillar data over that of the master.
                pillar: Option<Map> = None,
            }
        }
        impl $name {
            pub(super) fn wish(&self, function: &'static str) -> Wish {
                Wish {
                    function,
                    test: self.test,
                    queue: self.queue,
                    concurrent: self.concurrent,
                    saltenv: self.saltenv.clone(),
                    pillarenv: self.pillarenv.clone(),
                    pillar: self.pillar.clone().unwrap_or_default(),
                    exclude: self.exclude.clone(),
                    only: None,
                }
            }
        }
    };
}

pub(super) use run_args;
