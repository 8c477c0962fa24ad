//! What a function or a state may touch: [`Look`] can only read, [`Act`] may change the machine.
//!
//! Nothing else reaches a module: no globals, no configuration look-ups by string, no test mode.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use fleet_common::call::{Arguments, Call, CallError, CallResult, Code, Entry, Facts, Registry};
use fleet_common::files::FileSource;
use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::request::{Reply, Request};
use fleet_common::render::Renderer;
use fleet_common::value::{Map, Value};

use crate::pillar::Wanted;
use crate::system::environment::Environment;

/// A module of the minion.
pub type Module = fleet_common::call::Module<Look, Act>;
/// A function of the minion.
pub type Function = fleet_common::call::Function<Look, Act>;
/// All functions of the minion.
pub type Functions = Registry<Look, Act>;

/// A job that runs now, as `saltutil.running` shows it.
#[derive(Debug, Clone)]
pub struct RunningJob {
    /// Its id.
    pub jid: Jid,
    /// The function.
    pub fun: String,
    /// Its arguments.
    pub arg: Vec<Value>,
    /// Process id of its worker, 0 inside the daemon.
    pub pid: u32,
    /// Who asked.
    pub user: String,
    /// Target as published (expression and kind), empty for foreground calls.
    pub target: String,
    /// Waiting for a free worker.
    pub queued: bool,
}

/// The daemon around a running function: what `saltutil` asks of it. A foreground call has one that answers plainly.
pub trait Daemon: Send + Sync {
    /// The jobs that run or wait now.
    fn running(&self) -> Vec<RunningJob>;
    /// Ends a job's process group with a signal; false when there is no such job.
    fn signal_job(&self, jid: &Jid, signal: i32) -> bool;
    /// Collects the grains again and uses them from now on; returns them.
    fn refresh_grains(&self) -> Result<Arc<Map>, CallError>;
    /// Fetches the pillar again; the configured one is used from now on. One with faults is an error.
    fn refresh_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError>;
    /// Fetches the pillar as it compiles now, with faults under `_errors`, and keeps it nowhere.
    fn compile_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError>;
    /// Sends an event to the master's bus.
    fn fire_event(&self, tag: &str, data: &Value) -> Result<(), CallError>;
    /// Asks the master what functions may ask it; an error when there is none, or when it refuses.
    fn ask_master(&self, request: Request) -> Result<Reply, CallError>;
    /// False for a call without a master.
    fn has_master(&self) -> bool;
    /// A chunk of a state run finished: journal and progress.
    fn chunk_done(&self, done: u32, total: u32, key: &str, result: &Value);
}

/// Everything a context is made of.
pub struct Parts {
    /// The minion's id.
    pub id: MinionId,
    /// Job that is being run; `None` for foreground calls.
    pub jid: Option<Jid>,
    /// Grains at start.
    pub grains: Arc<Map>,
    /// Pillar at start.
    pub pillar: Arc<Map>,
    /// Configuration visible to functions and templates (no secrets).
    pub opts: Arc<Map>,
    /// State files.
    pub files: Arc<dyn FileSource>,
    /// Directory for cached files and locks.
    pub cache_dir: PathBuf,
    /// Directory of the configuration, where `grains.setval` writes; `None` refuses that.
    pub config_dir: Option<PathBuf>,
    /// Templates.
    pub renderer: Arc<Renderer>,
    /// All functions.
    pub functions: Arc<Functions>,
    /// The daemon around.
    pub daemon: Arc<dyn Daemon>,
}

/// The functions that `disable_modules` and `whitelist_modules` leave; `None` for all.
fn allowed(functions: &Functions, opts: &Map) -> Option<Functions> {
    let names = |key: &str| -> Option<Vec<String>> {
        match opts.get(key)? {
            Value::List(names) => Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()),
            Value::Str(name) => Some(vec![name.clone()]),
            _ => None,
        }
    };
    let (disabled, only) = (names("disable_modules"), names("whitelist_modules").filter(|names| !names.is_empty()));
    if disabled.as_ref().is_none_or(Vec::is_empty) && only.is_none() {
        return None;
    }
    let is_in = |names: &Option<Vec<String>>, module: &str| names.iter().flatten().any(|name| name == module);
    Some(functions.narrowed(|module| !is_in(&disabled, module) && (only.is_none() || is_in(&only, module))))
}

struct Inner {
    parts: Parts,
    grains: RwLock<Arc<Map>>,
    pillar: RwLock<Arc<Map>>,
    environment: Environment,
}

/// A context that can only read. Cheap to clone.
#[derive(Clone)]
pub struct Look {
    inner: Arc<Inner>,
}

/// A context that may change the machine; also reads.
#[derive(Clone)]
pub struct Act {
    look: Look,
}

impl Deref for Act {
    type Target = Look;
    fn deref(&self) -> &Look {
        &self.look
    }
}

impl Act {
    /// The context of one call or run. It has no function of a module that the minion's owner switched off, whoever
    /// asks: a master, a state, a template, `saltcall`.
    pub fn new(mut parts: Parts) -> Self {
        if let Some(allowed) = allowed(&parts.functions, &parts.opts) {
            parts.functions = Arc::new(allowed);
        }
        let grains = RwLock::new(parts.grains.clone());
        let pillar = RwLock::new(parts.pillar.clone());
        Self { look: Look { inner: Arc::new(Inner { parts, grains, pillar, environment: Environment::default() }) } }
    }

    /// The reading half.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Calls a function as an operator typed it, in a job or in the foreground: `cmd.run` then goes through a shell.
    pub fn run_typed(&self, function: &str, mut arguments: Arguments) -> CallResult {
        let jid = self.jid().map(|jid| jid.as_str().to_owned()).unwrap_or_default();
        arguments.keyword.insert("__pub_jid", jid);
        self.run(function, arguments)
    }

    /// Calls a function by name (aliases, `module.run`, Jinja): it gets the half of the context its row declares.
    pub fn run(&self, function: &str, arguments: Arguments) -> CallResult {
        match self.functions().find(function)? {
            Entry::Pure(f) => match f.code {
                Code::Reads(code) => code(self.look(), arguments),
                Code::Changes(_) => unreachable!("a pure module has no changing function: its context is uninhabited"),
            },
            Entry::Own(f) => match f.code {
                Code::Reads(code) => code(self.look(), arguments),
                Code::Changes(code) => code(self, arguments),
            },
        }
    }
}

impl Look {
    /// The minion's id.
    pub fn minion_id(&self) -> &MinionId {
        &self.inner.parts.id
    }
    /// The job that is being run.
    pub fn jid(&self) -> Option<&Jid> {
        self.inner.parts.jid.as_ref()
    }
    /// State files.
    pub fn file_source(&self) -> Arc<dyn FileSource> {
        self.inner.parts.files.clone()
    }
    /// Directory for cached files and locks.
    pub fn cache_dir(&self) -> &std::path::Path {
        &self.inner.parts.cache_dir
    }
    /// Directory of the configuration.
    pub fn config_dir(&self) -> Option<&std::path::Path> {
        self.inner.parts.config_dir.as_deref()
    }
    /// Templates.
    pub fn renderer(&self) -> &Arc<Renderer> {
        &self.inner.parts.renderer
    }
    /// The environment that commands of this job start with.
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }
    /// All functions.
    pub fn functions(&self) -> &Arc<Functions> {
        &self.inner.parts.functions
    }
    /// The daemon around.
    pub fn daemon(&self) -> &Arc<dyn Daemon> {
        &self.inner.parts.daemon
    }
    /// Uses other grains from now on (`reload_grains`, `grains.setval`).
    pub fn set_grains(&self, grains: Arc<Map>) {
        *self.inner.grains.write().unwrap_or_else(std::sync::PoisonError::into_inner) = grains;
    }
    /// Uses another pillar from now on (`reload_pillar`, `pillar=`).
    pub fn set_pillar(&self, pillar: Arc<Map>) {
        *self.inner.pillar.write().unwrap_or_else(std::sync::PoisonError::into_inner) = pillar;
    }
}

impl Facts for Look {
    fn id(&self) -> &str {
        self.inner.parts.id.as_str()
    }
    fn grains(&self) -> Arc<Map> {
        self.inner.grains.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
    fn pillar(&self) -> Arc<Map> {
        self.inner.pillar.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
    fn compile_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError> {
        self.daemon().compile_pillar(wanted)
    }
    fn opts(&self) -> Arc<Map> {
        self.inner.parts.opts.clone()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        Some(self.inner.parts.files.clone())
    }
    /// Templates may call any function, as in the reference, those that change the machine included.
    fn renderer(&self) -> Arc<Renderer> {
        self.inner.parts.renderer.clone()
    }
    fn caller(&self) -> Arc<dyn Call> {
        Arc::new(ByName(Act { look: self.clone() }))
    }
}

struct ByName(Act);

impl Call for ByName {
    fn call(&self, function: &str, arguments: Arguments) -> CallResult {
        self.0.run(function, arguments)
    }
    fn exists(&self, function: &str) -> bool {
        self.0.functions().find(function).is_ok()
    }
    fn names(&self) -> Vec<String> {
        self.0.functions().names()
    }
}
