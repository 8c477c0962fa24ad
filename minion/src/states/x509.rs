//! `x509.*`: private keys and files of PEM. What they write is a `file.managed`, with all its arguments.

use std::path::Path;

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{AnyState, Failure, Report, Run, StateFunction, StateModule, StateResult, bind, file};
use crate::cx::Act;
use crate::modules::x509::{pem, refused};
use crate::system::fs::read_bounded;
use crate::system::openssl::{self, Algorithm, OpensslError};

/// Largest file of a key.
const MOST: u64 = 1 << 20;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "x509",
    doc: "Private keys and files of PEM.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "private_key_managed",
            doc: "A private key of this kind; made once, and anew when another kind, size or passphrase is asked for.",
            example: "/etc/ssl/private/shop.key: {x509.private_key_managed: [{algo: ec}, {user: shop}]}",
            args: PrivateKey::ROWS,
            make: |f, a| Ok(Box::new(PrivateKey::bind(f, a)?)),
        },
        StateFunction {
            name: "pem_managed",
            doc: "A file with an entry of PEM: the first one of a text or of another file.",
            example: "/etc/ssl/certs/shop.pem: {x509.pem_managed: [{text: '{{ pillar.certificate }}'}]}",
            args: Pem::ROWS,
            make: |f, a| Ok(Box::new(Pem::bind(f, a)?)),
        },
    ],
};

args! {
    /// Arguments of `x509.private_key_managed`.
    struct PrivateKey {
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

args! {
    /// Arguments of `x509.pem_managed`.
    struct Pem {
        /// The file.
        name: String,
        /// PEM, or the absolute path of a file of it.
        text: String,
        /// Arguments of `file.managed`: `user`, `group`, `mode` (0600 for a new file with a key), `makedirs` ...
        **file: Map,
    }
}

impl From<OpensslError> for Failure {
    fn from(error: OpensslError) -> Self {
        Self::new(error.to_string())
    }
}

/// `file.managed` with these arguments beside those of the declaration.
fn managed(state: &str, name: &str, declared: &Map, own: Map) -> Result<Box<dyn AnyState>, Failure> {
    for key in ["source", "contents", "contents_pillar", "contents_grains", "template"] {
        if declared.contains(key) {
            return Err(Failure::new(format!("{state} has no argument '{key}': it says itself what the file holds")));
        }
    }
    let mut arguments = Map::from_iter([("name", name)]);
    arguments.extend(own);
    arguments.extend(declared.clone());
    let function = file::STATE.functions.iter().find(|function| function.name == "managed");
    let function = function.ok_or_else(|| Failure::new("there is no file.managed"))?;
    bind(function, state, arguments).map_err(|error| Failure::new(error.to_string()))
}

fn settled(result: Result<StateResult, Failure>) -> StateResult {
    result.unwrap_or_else(|failure| StateResult::new(Some(false), failure.0))
}

impl Pem {
    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        let entry = openssl::entry(&pem(&self.text)?, None)?;
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

/// What is to be done with the key.
enum Plan {
    Keep,
    Make(Map),
    MakeAnew(Map),
}

impl PrivateKey {
    fn plan(&self) -> Result<Plan, Failure> {
        refused("x509.private_key_managed", &self.encoding, self.pkcs12_encryption_compat)?;
        let algorithm = Algorithm::named(&self.algo)?;
        let size = algorithm.size(self.keysize)?;
        let of = |key: &str, value: Value| Map::from_iter([(key, value)]);
        let name = || Value::from(self.name.as_str());
        let bytes = match read_bounded(Path::new(&self.name), MOST) {
            Err(fault) if fault.is_missing() => return Ok(Plan::Make(of("created", name()))),
            bytes => bytes.map_err(|fault| Failure::new(fault.to_string()))?,
        };
        if self.new {
            return Ok(Plan::MakeAnew(of("replaced", name())));
        }
        let is_closed = String::from_utf8_lossy(&bytes).contains("ENCRYPTED");
        if is_closed && self.passphrase.is_none() {
            let text = "The existing file is encrypted. Pass overwrite: true to force regeneration without passphrase";
            let anew = || Plan::MakeAnew(of("passphrase", false.into()));
            return if self.overwrite { Ok(anew()) } else { Err(Failure::new(text)) };
        }
        let key = match openssl::inspect(&bytes, self.passphrase.as_deref()) {
            Ok(key) => key,
            Err(error @ OpensslError::Missing) => return Err(error.into()),
            Err(_) if self.overwrite => return Ok(Plan::MakeAnew(of("replaced", name()))),
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
        Ok(if changes.is_empty() { Plan::Keep } else { Plan::MakeAnew(changes) })
    }

    fn run(&self, act: &Act, run: &Run<'_>, dry: bool) -> Result<StateResult, Failure> {
        let state = "x509.private_key_managed";
        let (changes, verb, own) = match self.plan()? {
            Plan::Keep => {
                let own = Map::from_iter([("replace", Value::from(false)), ("show_changes", false.into())]);
                let mut result = managed(state, &self.name, &self.file, own)?.turn(act, run, dry);
                if result.result != Some(false) {
                    result.report.comment = "The private key is in the correct state".to_owned();
                }
                return Ok(result);
            }
            Plan::Make(changes) => (changes, "created", Map::from_iter([("mode", "0400")])),
            Plan::MakeAnew(changes) => (changes, "recreated", Map::new()),
        };
        let report = |words: &str| Report::new(format!("The private key {words} been {verb}")).changes(changes.clone());
        if dry {
            // Without its content: that is made in a real run only.
            let mut own = own;
            own.extend([("replace", Value::from(verb == "created"))]);
            let inner = managed(state, &self.name, &self.file, own)?.turn(act, run, true);
            return Ok(match inner.result {
                Some(false) => not_written(inner),
                _ => StateResult::new(None, report("would have")),
            });
        }
        let key = openssl::generate(Algorithm::named(&self.algo)?, self.keysize, self.passphrase.as_deref())?;
        let mut own = own;
        own.extend([("contents", Value::from(key)), ("show_changes", false.into())]);
        let inner = managed(state, &self.name, &self.file, own)?.turn(act, run, false);
        Ok(match inner.result {
            Some(true) => StateResult::new(Some(true), report("has")),
            _ => not_written(inner),
        })
    }
}

fn not_written(inner: StateResult) -> StateResult {
    let comment = format!("Could not create file, see file.managed output: {}", inner.report.comment);
    StateResult::new(Some(false), Report { comment, changes: Map::new() })
}

impl AnyState for PrivateKey {
    fn turn(&self, act: &Act, run: &Run<'_>, dry: bool) -> StateResult {
        settled(self.run(act, run, dry))
    }
    fn watch(&self, _act: &Act, _changed: &[String], _dry: bool) -> Option<StateResult> {
        None
    }
}
