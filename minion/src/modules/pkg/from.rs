//! Where packages may come from, as arguments say it.

use fleet_common::call::CallError;

use crate::system::packages::Repositories;

/// The arguments that say where packages come from.
#[derive(Debug, Clone, Default)]
pub struct Origin<'a> {
    /// `fromrepo`.
    pub fromrepo: Option<&'a str>,
    /// `enablerepo`.
    pub enablerepo: &'a [String],
    /// `disablerepo`.
    pub disablerepo: &'a [String],
    /// `disableexcludes`.
    pub disableexcludes: Option<&'a str>,
    /// `setopt`.
    pub setopt: &'a [String],
}

impl Origin<'_> {
    /// Checked: a name is never read as an option, and an option of dnf is a key with its value.
    pub fn read(&self) -> Result<Repositories, CallError> {
        let odd = self.setopt.iter().find(|option| !option.contains('='));
        if let Some(odd) = odd {
            return Err(CallError::Invocation(format!("'setopt' takes 'option=value', not '{odd}'")));
        }
        let plain = |list: &[String]| -> Vec<String> {
            list.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        };
        Ok(Repositories {
            from: self.fromrepo.map(str::to_owned).filter(|name| !name.is_empty()),
            enable: plain(self.enablerepo),
            disable: plain(self.disablerepo),
            disable_excludes: self.disableexcludes.map(str::to_owned),
            options: self.setopt.to_vec(),
        })
    }
}

/// Fills [`Origin`] out of an argument struct and reads it.
macro_rules! from_arguments {
    ($args:expr) => {
        $crate::modules::pkg::Origin {
            fromrepo: $args.fromrepo.as_deref(),
            enablerepo: &$args.enablerepo,
            disablerepo: &$args.disablerepo,
            disableexcludes: $args.disableexcludes.as_deref(),
            setopt: &$args.setopt,
        }
        .read()
    };
}
pub(crate) use from_arguments;
