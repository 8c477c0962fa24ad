//! Values that must not be seen: no `Display`, a `Debug` without content, wiped from memory when dropped.

use std::fmt;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use zeroize::Zeroize;

/// Keeps what this process has in memory out of core dumps, and from other processes of its account (`/proc/PID/mem`,
/// `/proc/PID/environ`, debuggers). Programs that it starts are not concerned.
pub fn close_memory() {
    // A kernel that does not know it has nothing that could be closed.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Holds a secret. It is read only through [`Secret::expose`], so every use can be found by that word.
///
/// The memory is overwritten on drop; copies that callers make of the exposed value are theirs to wipe.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of a secret.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_content() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "hunter2");
    }
}
