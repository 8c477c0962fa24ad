//! Pillar for minions: compiled on a bounded pool, one minion's own and nobody else's.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fleet_common::call::{Arguments, Call, CallError, CallResult, Facts};
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::files::FileSource;
use fleet_common::ids::MinionId;
use fleet_common::pillar::{Believed, Options, compile};
use fleet_common::proto::request::Reply;
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::{Map, Value};
use tokio::sync::Semaphore;

/// Stack of a compilation: templates nest deeper than tokio's threads allow.
const STACK: usize = 64 << 20;

/// Most targets that are warned about.
const WARNINGS: usize = 1000;

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
    /// Targets that were warned about.
    warned: Mutex<HashSet<Believed>>,
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
            warned: Mutex::default(),
        }
    }

    /// The pillar of a minion for a target's sake; `None` when it has faults.
    pub async fn data(self: &Arc<Self>, id: MinionId, grains: Map) -> Option<Map> {
        let wanted = Wanted { id, grains, saltenv: None, pillarenv: None, overrides: Map::new() };
        match self.compile(wanted).await {
            Reply::Pillar { pillar, errors } if errors.is_empty() => Some(pillar),
            _ => None,
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

    /// The merged top files as a minion's grains render them.
    pub async fn top(self: &Arc<Self>, id: MinionId, grains: Map, saltenv: String) -> Result<Map, Diagnostic> {
        let pillars = self.clone();
        let work = move || {
            let mut opts = pillars.opts.clone();
            opts.insert("id", id.as_str());
            opts.insert("saltenv", saltenv);
            let (grains, opts, files) = (Arc::new(grains), Arc::new(opts), pillars.source.clone());
            let facts = Arc::new(Described { id, grains, opts, files });
            fleet_common::pillar::top(&pillars.renderer, &pillars.source, facts, &pillars.options)
        };
        let compiled = tokio::task::spawn_blocking(work).await;
        compiled.unwrap_or_else(|_| Err(Diagnostic::new(Kind::Internal, "the pillar compiler failed")))
    }

    /// Warns once of each target that believes what minions claim of themselves.
    fn warn(&self, believed: &[Believed]) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        for target in believed {
            if warned.len() < WARNINGS && warned.insert(target.clone()) {
                tracing::warn!(
                    target = target.target,
                    grains = target.grains.join(", "),
                    "a target of the pillar's top file believes grains, which minions claim themselves; \
                     those that are safe to believe are listed in trusted_grains"
                );
            }
        }
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
        self.warn(&pillar.believed);
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

#[cfg(test)]
mod tests {
    use fleet_common::files::Roots;

    use super::*;

    fn pillars(files: &[(&str, &str)]) -> (tempfile::TempDir, Arc<Pillars>) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            std::fs::write(dir.path().join(path), text).unwrap();
        }
        let roots = Roots::new([("base".to_owned(), vec![dir.path().to_owned()])].into());
        let opts: Map = [("master_pass", "hidden"), ("user", "root")].into_iter().collect();
        let pillars = Pillars::new(Arc::new(roots), visible(&opts), true, 2);
        (dir, Arc::new(pillars))
    }

    fn wanted(id: &str) -> Wanted {
        let grains = [("os", "Debian")].into_iter().collect();
        Wanted { id: id.parse().unwrap(), grains, saltenv: None, pillarenv: None, overrides: Map::new() }
    }

    #[tokio::test]
    async fn a_minion_gets_its_own_pillar_without_secrets() {
        let (_dir, pillars) =
            pillars(&[("top.sls", "base:\n  web*:\n    - web\n"), ("web.sls", "role: web\nport: 80\n")]);
        let Reply::Pillar { pillar, errors } = pillars.compile(wanted("web1")).await else { panic!() };
        assert_eq!((pillar.get("role"), errors.len()), (Some(&Value::from("web")), 0));
        let master = pillar.get("master").unwrap();
        assert_eq!((master.get("user").is_some(), master.get("master_pass")), (true, None));
        let Reply::Pillar { pillar, .. } = pillars.compile(wanted("db1")).await else { panic!() };
        assert_eq!(pillar.get("role"), None);
    }

    #[tokio::test]
    async fn faults_are_told_without_the_trees_content() {
        let (_dir, pillars) = pillars(&[("top.sls", "base:\n  '*':\n    - gone\n")]);
        let Reply::Pillar { errors, .. } = pillars.compile(wanted("web1")).await else { panic!() };
        assert_eq!(errors.len(), 1);
        assert!(errors[0].contains("'gone'"), "{errors:?}");
    }
}
