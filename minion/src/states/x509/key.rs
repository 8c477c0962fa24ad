//! Private keys: made once, and anew when another kind is asked for.

use std::path::Path;

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::file::{File, Verdict, settled};
use crate::cx::Act;
use crate::modules::x509::keys::form;
use crate::states::{AnyState, Failure, Run, StateResult};
use crate::system::fs::read_bounded;
use crate::system::openssl::{self, Algorithm, KeyForm, OpensslError};

const STATE: &str = "x509.private_key_managed";
/// Largest file of a key.
const MOST: u64 = 1 << 20;

args! {
    /// Arguments of `x509.private_key_managed`.
    pub struct PrivateKey {
        /// The file.
        name: String,
        /// `rsa`, `ec`, `ed25519` or `ed448`.
        algo: String = "rsa".to_owned(),
        /// Bits: 2048 to 16384 (`rsa`), 256, 384, 521 (`ec`). A key that is there keeps its size when none is said.
        keysize: Option<i64> = None,
        /// Closes the key.
        passphrase: Option<String> = None,
        /// `pem`; others are refused.
        encoding: String = "pem".to_owned(),
        /// Makes a new key each time.
        new: bool = false,
        /// Replaces what can't be read.
        overwrite: bool = false,
        /// Refused.
        pkcs12_encryption_compat: bool = false,
        /// Arguments of `file.managed`: `user`, `group`, `mode` (0400 for a new file), `makedirs`, `backup` ...
        **file: Map,
    }
}

impl PrivateKey {
    fn plan(&self) -> Result<Verdict, Failure> {
        if form(STATE, &self.encoding, self.pkcs12_encryption_compat)? != KeyForm::Pem {
            return Err(Failure::new(format!("the encoding '{}' of {STATE} is not implemented", self.encoding)));
        }
        let algorithm = Algorithm::named(&self.algo)?;
        let size = algorithm.size(self.keysize)?;
        let of = |key: &str, value: Value| Map::from_iter([(key, value)]);
        let name = || Value::from(self.name.as_str());
        let bytes = match read_bounded(Path::new(&self.name), MOST) {
            Err(fault) if fault.is_missing() => return Ok(Verdict::Create(of("created", name()))),
            bytes => bytes.map_err(|fault| Failure::new(fault.to_string()))?,
        };
        if self.new {
            return Ok(Verdict::Recreate(of("replaced", name())));
        }
        let is_closed = String::from_utf8_lossy(&bytes).contains("ENCRYPTED");
        if is_closed && self.passphrase.is_none() {
            let text = "The existing file is encrypted. Pass overwrite: true to force regeneration without passphrase";
            let anew = || Verdict::Recreate(of("passphrase", false.into()));
            return if self.overwrite { Ok(anew()) } else { Err(Failure::new(text)) };
        }
        let key = match openssl::inspect(&bytes, self.passphrase.as_deref()) {
            Ok(key) => key,
            Err(error @ OpensslError::Missing) => return Err(error.into()),
            Err(_) if self.overwrite => return Ok(Verdict::Recreate(of("replaced", name()))),
            Err(why) => {
                let text = "Could not load PEM-encoded private key";
                let text = format!("{text}: {}: {why}. With 'overwrite: true' it is replaced", self.name);
                return Err(Failure::new(text));
            }
        };
        let mut changes = Map::new();
        if key.algorithm != algorithm {
            changes.insert("algo", algorithm.name());
        } else if self.keysize.is_some() && key.size != size {
            changes.insert("keysize", size.map_or(Value::Null, Value::from));
        }
        if self.passphrase.is_some() && !is_closed {
            changes.insert("passphrase", true);
        }
        Ok(if changes.is_empty() { Verdict::Keep } else { Verdict::Recreate(changes) })
    }

    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        let verdict = self.plan()?;
        let file = File { state: STATE, noun: "private key", name: &self.name, declared: &self.file };
        let mode = Map::from_iter([("mode", "0400")]);
        let own = if matches!(verdict, Verdict::Create(_)) { mode } else { Map::new() };
        file.settle(act, run, dry, verdict, own, || {
            let algorithm = Algorithm::named(&self.algo)?;
            Ok(openssl::generate(algorithm, self.keysize, self.passphrase.as_deref())?.into())
        })
    }
}

impl AnyState for PrivateKey {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        settled(self.run(act, run, dry))
    }
    fn watch(&self, _act: &Act, _changed: &[String], _dry: bool) -> Option<StateResult> {
        None
    }
}
