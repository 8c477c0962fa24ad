//! A source of files as state and pillar trees use it: environments in order, SLS names, patterns.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::{FileError, FileSource};
use crate::target::glob;

/// The tree of one compilation. Environments and listings are asked for once.
pub struct Tree<'f> {
    files: &'f dyn FileSource,
    env_order: Vec<String>,
    environments: OnceCell<Vec<String>>,
    listings: RefCell<HashMap<String, Rc<Vec<String>>>>,
}

impl<'f> Tree<'f> {
    /// A tree over the source; environments in `env_order` come first, then `base`, then the others by name.
    pub fn new(files: &'f dyn FileSource, env_order: Vec<String>) -> Self {
        Self { files, env_order, environments: OnceCell::new(), listings: RefCell::default() }
    }

    /// The files.
    pub fn files(&self) -> &'f dyn FileSource {
        self.files
    }

    /// All environments, in order.
    pub fn environments(&self) -> Result<&[String], FileError> {
        if let Some(known) = self.environments.get() {
            return Ok(known);
        }
        let mut found = self.files.environments()?;
        let place = |name: &String| self.env_order.iter().position(|known| known == name).unwrap_or(usize::MAX);
        found.sort_by_cached_key(|name| (place(name), name != "base", name.clone()));
        Ok(self.environments.get_or_init(|| found))
    }

    /// True if there is such an environment, be it one that the source can not list.
    pub fn has_environment(&self, environment: &str) -> Result<bool, FileError> {
        if self.environments()?.iter().any(|known| known == environment) {
            return Ok(true);
        }
        match self.files.stat(environment, "top.sls") {
            Err(FileError::Environment(_)) => Ok(false),
            Err(error) => Err(error),
            Ok(_) => Ok(true),
        }
    }

    /// All SLS names of an environment, sorted.
    pub fn sls_names(&self, environment: &str) -> Result<Rc<Vec<String>>, FileError> {
        if let Some(known) = self.listings.borrow().get(environment) {
            return Ok(Rc::clone(known));
        }
        let mut names: Vec<String> = (self.files.list(environment, "")?.iter())
            .filter_map(|path| path.strip_suffix("/init.sls").or_else(|| path.strip_suffix(".sls")))
            .map(|path| path.replace('/', "."))
            .collect();
        names.sort_unstable();
        names.dedup();
        let names = Rc::new(names);
        self.listings.borrow_mut().insert(environment.to_owned(), Rc::clone(&names));
        Ok(names)
    }

    /// The SLS names that a name or pattern stands for. A plain name costs no listing.
    pub fn expand(&self, environment: &str, pattern: &str) -> Result<Vec<String>, FileError> {
        if glob::is_pattern(pattern) {
            let names = self.sls_names(environment)?;
            return Ok(names.iter().filter(|name| glob::matches(pattern, name)).cloned().collect());
        }
        let known = self.find(environment, pattern)?.is_some();
        Ok(if known { vec![pattern.to_owned()] } else { Vec::new() })
    }

    /// The path of an SLS: `a.b` is `a/b.sls`, else `a/b/init.sls`.
    pub fn find(&self, environment: &str, sls: &str) -> Result<Option<String>, FileError> {
        let base = sls.replace('.', "/");
        for path in [format!("{base}.sls"), format!("{base}/init.sls")] {
            match self.files.stat(environment, &path) {
                Ok(Some(_)) => return Ok(Some(path)),
                Ok(None) | Err(FileError::Outside(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// True for the path of an `init.sls`, from which relative includes count one level deeper.
pub fn is_init(path: &str) -> bool {
    path == "init.sls" || path.ends_with("/init.sls")
}
