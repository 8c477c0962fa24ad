//! A minion on paper: a tree and pillar in memory and the functions without effect, for what renders without a machine.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use fleet_common::call::{Arguments, Call, CallResult, Code, Entry, Facts, Registry};
use fleet_common::files::{FileError, FileSource, FileStat};
use fleet_common::functions::MODULES;
use fleet_common::render::Scope;
use fleet_common::value::{Map, Value};

/// What there is of it.
#[derive(Clone)]
pub struct Paper {
    files: Arc<BTreeMap<String, String>>,
    pillar: Arc<Map>,
    functions: Arc<Registry<dyn Facts, Infallible>>,
}

impl Paper {
    /// A minion with these files (path below the root, text) and this pillar.
    pub fn new(files: &[(&str, &str)], pillar: Map) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files: Arc::new(files), pillar: Arc::new(pillar), functions: Arc::new(Registry::new(MODULES, &[])) }
    }

    /// What a template of it sees.
    pub fn scope(&self) -> Scope {
        Scope { saltenv: "base".to_owned(), facts: Arc::new(self.clone()), context: Map::new() }
    }
}

impl FileSource for Paper {
    fn environments(&self) -> Result<Vec<String>, FileError> {
        Ok(vec!["base".to_owned()])
    }
    fn list(&self, _: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.files.keys().filter(|path| path.starts_with(prefix)).cloned().collect())
    }
    fn directories(&self, _: &str, _: &str) -> Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }
    fn stat(&self, _: &str, _: &str) -> Result<Option<FileStat>, FileError> {
        Ok(None)
    }
    fn read(&self, _: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
        Ok(self.files.get(path).map(|text| Arc::from(text.as_bytes())))
    }
}

impl Facts for Paper {
    fn id(&self) -> &str {
        "web1"
    }
    fn grains(&self) -> Arc<Map> {
        Arc::new(Map::from_iter([("os", Value::from("Debian")), ("os_family", Value::from("Debian"))]))
    }
    fn pillar(&self) -> Arc<Map> {
        self.pillar.clone()
    }
    fn opts(&self) -> Arc<Map> {
        Arc::default()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        Some(Arc::new(self.clone()))
    }
    fn caller(&self) -> Arc<dyn Call> {
        Arc::new(self.clone())
    }
}

impl Call for Paper {
    fn call(&self, function: &str, arguments: Arguments) -> CallResult {
        match self.functions.find(function)? {
            Entry::Pure(row) | Entry::Own(row) => match row.code {
                Code::Reads(code) => code(self, arguments),
                Code::Changes(_) => unreachable!("pure functions change nothing"),
            },
        }
    }
    fn exists(&self, function: &str) -> bool {
        self.functions.find(function).is_ok()
    }
    fn names(&self) -> Vec<String> {
        self.functions.names()
    }
}
