//! Pillar for minions: compiled on a bounded pool, one minion's own and nobody else's.

use std::sync::Arc;
use std::time::Instant;

use fleet_common::call::{Arguments, Call, CallError, CallResult, Facts};
use fleet_common::files::FileSource;
use fleet_common::ids::MinionId;
use fleet_common::pillar::{Options, compile};
use fleet_common::proto::request::Reply;
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::{Map, Value};
use tokio::sync::Semaphore;

/// Stack of a compilation: templates nest deeper than tokio's threads allow.
const STACK: usize = 16 * 1024 * 1024;

/// Compiles pillar.
pub struct Pillars {
    renderer: Renderer,
    source: Arc<dyn FileSource>,
    /// What templates see as `opts`: the master's configuration without its secrets.
    opts: Map,
    options: Options,
    /// The master's options are part of every pillar (`pillar_opts`).
    with_options: bool,
    compilers: Semaphore,
}

/// Which pillar is wanted.
pub struct Wanted {
    /// Whose; the session's identity.
    pub id: MinionId,
    /// What it told of itself.
    pub grains: Map,
    /// State environment of the run.
    pub saltenv: Option<String>,
    /// Only this environment.
    pub pillarenv: Option<String>,
    /// Wins over everything.
    pub overrides: Map,
}

impl Pillars {
    /// A compiler over `pillar_roots`, running on at most `threads` threads.
    pub fn new(source: Arc<dyn FileSource>, opts: Map, with_options: bool, threads: usize) -> Self {
        Self {
            renderer: Renderer::new(Limits::default()),
            source,
            options: Options::from_opts(&opts),
            opts,
            with_options,
            compilers: Semaphore::new(threads.max(1)),
        }
    }

    /// The pillar of a minion, or what is wrong with it.
    pub async fn compile(self: &Arc<Self>, wanted: Wanted) -> Reply {
        let Ok(_place) = self.compilers.acquire().await else { return failed("the master stops") };
        let pillars = self.clone();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let work = move || {
            // Whoever asked may be gone.
            let _ = answer.send(pillars.pillar_of(wanted));
        };
        if let Err(error) = std::thread::Builder::new().name("pillar".to_owned()).stack_size(STACK).spawn(work) {
            return failed(&format!("the pillar compiler cannot be started: {error}"));
        }
        answered.await.unwrap_or_else(|_| failed("the pillar compiler failed"))
    }

    fn pillar_of(&self, wanted: Wanted) -> Reply {
        let start = Instant::now();
        let id = wanted.id.clone();
        let mut opts = self.opts.clone();
        opts.insert("id", id.as_str());
        opts.insert("saltenv", wanted.saltenv);
        opts.insert("pillarenv", wanted.pillarenv.clone());
        let options = Options {
            pillarenv: wanted.pillarenv.or_else(|| self.options.pillarenv.clone()),
            overrides: wanted.overrides,
            ..self.options.clone()
        };
        let facts = Arc::new(Described {
            id: id.clone(),
            grains: Arc::new(wanted.grains),
            opts: Arc::new(opts),
            files: self.source.clone(),
        });
        let pillar = compile(&self.renderer, &self.source, facts, &options);
        for fault in &pillar.faults {
            // The place and the reason are for the operator: the minion gets the reference's words only.
            tracing::error!(minion = %id, "pillar: {}", fault.diagnostic);
        }
        tracing::debug!(minion = %id, faults = pillar.faults.len(), took = ?start.elapsed(), "pillar compiled");
        let errors = pillar.faults.iter().map(fleet_common::pillar::Fault::text).collect();
        let mut pillar = pillar.data;
        if self.with_options {
            pillar.insert("master", self.opts.clone());
        }
        Reply::Pillar { pillar, errors }
    }
}

fn failed(message: &str) -> Reply {
    Reply::Error { code: "failed".to_owned(), message: message.to_owned() }
}

/// A minion as its pillar's templates see it.
struct Described {
    id: MinionId,
    grains: Arc<Map>,
    opts: Arc<Map>,
    files: Arc<dyn FileSource>,
}

impl Facts for Described {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self) -> Arc<Map> {
        self.grains.clone()
    }
    fn pillar(&self) -> Arc<Map> {
        Arc::default()
    }
    fn opts(&self) -> Arc<Map> {
        self.opts.clone()
    }
    fn files(&self) -> Option<Arc<dyn FileSource>> {
        Some(self.files.clone())
    }
    fn caller(&self) -> Arc<dyn Call> {
        Arc::new(NoCalls)
    }
}

/// The master runs no function with an effect for a template.
struct NoCalls;

impl Call for NoCalls {
    fn call(&self, function: &str, _: Arguments) -> CallResult {
        Err(CallError::Unsupported(format!("'{function}' in a pillar template on the master")))
    }
    fn exists(&self, _: &str) -> bool {
        false
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The master's configuration as templates may see it.
pub fn visible(options: &Map) -> Map {
    const SECRET: [&str; 4] = ["pass", "secret", "token", "credential"];
    let is_secret = |key: &Value| {
        let key = key.as_str().unwrap_or_default().to_ascii_lowercase();
        SECRET.iter().any(|word| key.contains(word))
    };
    options.iter().filter(|(key, _)| !is_secret(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}
