//! What pillar templates see: the minion's facts, the pillar compiled so far, and functions without effect.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::call::{Arguments, Call, CallError, CallResult, Code, Entry, Facts, Registry};
use crate::files::FileSource;
use crate::functions::MODULES;
use crate::value::Map;

type Functions = Registry<dyn Facts, Infallible>;

/// Facts of a pillar compilation. Clones share the pillar compiled so far.
#[derive(Clone)]
pub(super) struct PillarFacts {
    minion: Arc<dyn Facts>,
    files: Arc<dyn FileSource>,
    functions: Arc<Functions>,
    exec: Arc<[String]>,
    pillar: Arc<Mutex<Arc<Map>>>,
    /// The function that a template asked for last and did not get.
    refused: Arc<Mutex<Option<String>>>,
    volatile: Arc<AtomicBool>,
}

/// How the names of functions begin that may answer otherwise at another time, or run what may.
const VOLATILE: [&str; 5] = ["jinja.", "random.", "sdb.", "slsutil.renderer", "test."];

/// Functions that read, which the program around may offer (`minion.caller()`); they may answer otherwise at any time.
const OFFERED: [&str; 1] = ["saltutil.runner"];

impl PillarFacts {
    pub fn new(minion: Arc<dyn Facts>, files: Arc<dyn FileSource>, exec: &[String], pillar: Map) -> Self {
        let functions = Arc::new(Functions::new(MODULES, &[]));
        let pillar = Arc::new(Mutex::new(Arc::new(pillar)));
        Self { minion, files, functions, exec: exec.into(), pillar, refused: Arc::default(), volatile: Arc::default() }
    }

    /// Changes the pillar compiled so far; copies it only while a template still holds on to it.
    pub fn update(&self, change: impl FnOnce(&mut Map)) {
        let mut pillar = self.pillar.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut pillar));
    }

    /// True when the pillar may come out otherwise at another time, from the same files and facts.
    pub fn is_volatile(&self) -> bool {
        self.volatile.load(Ordering::Relaxed)
    }

    /// Why a template did not get a function, if the message of its failure names one that was refused.
    pub fn explain(&self, message: &str) -> Option<String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        refused.filter(|function| message.contains(&format!("'{function}'"))).map(|function| refusal(&function))
    }
}

impl Facts for PillarFacts {
    fn id(&self) -> &str {
        self.minion.id()
    }
    fn grains(&self) -> Arc<Map> {
        self.minion.grains()
    }
    fn pillar(&self) -> Arc<Map> {
        Arc::clone(&self.pillar.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn opts(&self) -> Arc<Map> {
        self.minion.opts()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        Some(Arc::clone(&self.files))
    }
    fn caller(&self) -> Arc<dyn Call> {
        Arc::new(Caller(self.clone()))
    }
    fn volatile(&self) {
        self.volatile.store(true, Ordering::Relaxed);
    }
}

struct Caller(PillarFacts);

impl Caller {
    fn is_allowed(&self, function: &str) -> bool {
        self.0.exec.iter().any(|allowed| allowed == function)
            || (OFFERED.contains(&function) && self.0.minion.caller().exists(function))
    }
}

impl Call for Caller {
    fn call(&self, function: &str, arguments: Arguments) -> CallResult {
        if VOLATILE.iter().any(|volatile| function.starts_with(volatile)) || self.is_allowed(function) {
            self.0.volatile();
        }
        match self.0.functions.find(function) {
            Ok(Entry::Pure(found)) => match found.code {
                Code::Reads(code) => code(&self.0, arguments),
                Code::Changes(_) => Err(refused(function)),
            },
            Ok(Entry::Own(_)) | Err(_) if self.is_allowed(function) => self.0.minion.caller().call(function, arguments),
            Ok(Entry::Own(_)) | Err(_) => Err(refused(function)),
        }
    }
    fn exists(&self, function: &str) -> bool {
        let exists = self.0.functions.find(function).is_ok() || self.is_allowed(function);
        if !exists {
            *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(function.to_owned());
        }
        exists
    }
    fn names(&self) -> Vec<String> {
        let mut names = self.0.functions.names();
        names.extend(self.0.exec.iter().cloned());
        names.extend(OFFERED.iter().filter(|name| self.is_allowed(name)).map(|name| (*name).to_owned()));
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn refused(function: &str) -> CallError {
    CallError::Invocation(refusal(function))
}

fn refusal(function: &str) -> String {
    format!(
        "'{function}' is not available in pillar templates: only functions without effect on a machine are, and those \
         that 'pillar_exec' lists"
    )
}
