//! Files with an entry of PEM.

use std::path::Path;

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::file::{managed, settled};
use crate::cx::Act;
use crate::modules::x509::text;
use crate::pki;
use crate::states::{AnyState, Failure, Run, StateResult};

args! {
    /// Arguments of `x509.pem_managed`.
    pub struct Pem {
        /// The file.
        name: String,
        /// PEM, or the absolute path of a file of it.
        text: String,
        /// Arguments of `file.managed`: `user`, `group`, `mode` (0600 for a new file with a key), `makedirs` ...
        **file: Map,
    }
}

impl Pem {
    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        let entry = pki::entry(&text(&self.text)?, None)?;
        let is_key = entry.contains("PRIVATE KEY-----");
        let mut own = Map::from_iter([("contents", Value::from(entry))]);
        if is_key {
            own.insert("show_changes", false);
            if !Path::new(&self.name).exists() {
                own.insert("mode", "0600");
            }
        }
        Ok(managed("x509.pem_managed", &self.name, &self.file, own)?.turn(act, run, dry))
    }
}

impl AnyState for Pem {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        settled(self.run(act, run, dry))
    }
    fn watch(&self, _act: &Act, _changed: &[String], _dry: bool) -> Option<StateResult> {
        None
    }
}
