//! The pillar of one minion: as it was, or compiled on a bounded pool.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fleet_common::call::Call;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::files::FileSource;
use fleet_common::ids::MinionId;
use fleet_common::pillar::{Believed, Options, Pillar, compile};
use fleet_common::proto::request::Reply;
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::{Map, Value};
use tokio::sync::Semaphore;

use super::cache::{Cache, Input};
use super::described::{Described, NoCalls};
use super::watched::Watched;

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
    /// What templates may call beside functions without effect.
    caller: Arc<dyn Call>,
    compilers: Semaphore,
    cache: Cache,
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
            caller: Arc::new(NoCalls),
            compilers: Semaphore::new(threads.max(1)),
            cache: Cache::default(),
            warned: Mutex::default(),
        }
    }

    /// The same, with what templates may call beside functions without effect.
    #[must_use]
    pub fn asking(self, caller: Arc<dyn Call>) -> Self {
        Self { caller, ..self }
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
            let caller = pillars.caller.clone();
            let facts = Arc::new(Described { id, grains, opts, files, caller });
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
        let (id, input) = (wanted.id.clone(), Input::of(&wanted));
        if let Some(pillar) = input.as_ref().and_then(|input| self.cache.get(input, &*self.source)) {
            tracing::debug!(minion = %id, took = ?start.elapsed(), "pillar as before");
            return self.reply(pillar, Vec::new());
        }
        let watched = Arc::new(Watched::new(self.source.clone()));
        let pillar = self.compiled(wanted, watched.clone());
        for fault in &pillar.faults {
            // The place and the reason are for the operator: the minion gets the reference's words only.
            tracing::error!(minion = %id, "pillar: {}", fault.diagnostic);
        }
        self.warn(&pillar.believed);
        tracing::debug!(minion = %id, faults = pillar.faults.len(), took = ?start.elapsed(), "pillar compiled");
        if let Some(input) = input.filter(|_| pillar.faults.is_empty() && !pillar.volatile) {
            self.cache.put(input, watched.take(), &pillar.data);
        }
        self.reply(pillar.data, pillar.faults.iter().map(fleet_common::pillar::Fault::text).collect())
    }

    fn compiled(&self, wanted: Wanted, files: Arc<dyn FileSource>) -> Pillar {
        let mut opts = self.opts.clone();
        opts.insert("id", wanted.id.as_str());
        opts.insert("saltenv", wanted.saltenv);
        opts.insert("pillarenv", wanted.pillarenv.clone());
        let options = Options {
            pillarenv: wanted.pillarenv.or_else(|| self.options.pillarenv.clone()),
            overrides: wanted.overrides,
            ..self.options.clone()
        };
        let (grains, opts) = (Arc::new(wanted.grains), Arc::new(opts));
        let facts =
            Arc::new(Described { id: wanted.id, grains, opts, files: files.clone(), caller: self.caller.clone() });
        compile(&self.renderer, &files, facts, &options)
    }

    fn reply(&self, mut pillar: Map, errors: Vec<String>) -> Reply {
        if self.with_options {
            pillar.insert("master", self.opts.clone());
        }
        Reply::Pillar { pillar, errors }
    }
}

fn failed(message: &str) -> Reply {
    Reply::Error { code: "failed".to_owned(), message: message.to_owned() }
}

/// The master's configuration as templates may see it.
pub fn visible(options: &Map) -> Map {
    let is_secret = |key: &Value| crate::publish::looks_secret(key.as_str().unwrap_or_default());
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

    async fn compiled(pillars: &Arc<Pillars>, wanted: Wanted) -> Map {
        match pillars.compile(wanted).await {
            Reply::Pillar { pillar, errors } if errors.is_empty() => pillar,
            other => panic!("{other:?}"),
        }
    }

    /// Lets what was written settle: what is younger than a tick of the clock is not kept.
    async fn settled() {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }

    #[tokio::test]
    async fn what_is_kept_follows_files_grains_and_chance() {
        let top = "base:\n  '*':\n    - a\n    - 'parts.*'\n";
        let a = "include: [b]\nos: {{ grains.os }}\nid: {{ grains.id }}\n";
        let (dir, pillars) = pillars(&[("top.sls", top), ("a.sls", a), ("b.sls", "b: 1\n")]);
        std::fs::create_dir(dir.path().join("parts")).unwrap();
        std::fs::write(dir.path().join("parts/one.sls"), "one: 1\n").unwrap();
        let asked = |id: &str, os: &str| {
            let mut wanted = wanted(id);
            wanted.grains = [("os", os), ("id", id)].into_iter().collect();
            wanted
        };
        settled().await;
        let first = compiled(&pillars, asked("web1", "Debian")).await;
        let source = pillars.source.clone();
        let is_kept = |wanted: &Wanted| pillars.cache.get(&Input::of(wanted).unwrap(), &*source).is_some();
        assert!(is_kept(&asked("web1", "Debian")));
        assert_eq!(compiled(&pillars, asked("web1", "Debian")).await, first);
        // Nobody else's, not for other grains, not for other environments.
        assert!(!is_kept(&asked("web2", "Debian")) && !is_kept(&asked("web1", "Fedora")));
        assert!(!is_kept(&Wanted { pillarenv: Some("base".to_owned()), ..asked("web1", "Debian") }));
        assert_eq!(compiled(&pillars, asked("web1", "Fedora")).await.get("os"), Some(&Value::from("Fedora")));
        assert_eq!(compiled(&pillars, asked("web2", "Debian")).await.get("id"), Some(&Value::from("web2")));
        // Overrides are for once.
        let over = Wanted { overrides: [("b", 9)].into_iter().collect(), ..asked("web1", "Fedora") };
        assert_eq!(compiled(&pillars, over).await.get("b"), Some(&Value::from(9)));
        assert_eq!(compiled(&pillars, asked("web1", "Fedora")).await.get("b"), Some(&Value::from(1)));
        // A file that is included, one that a pattern finds, one that goes.
        for (path, text, name, value) in [("b.sls", "b: 2\n", "b", 2), ("parts/two.sls", "two: 2\n", "two", 2)] {
            settled().await;
            drop(compiled(&pillars, asked("web1", "Debian")).await);
            std::fs::write(dir.path().join(path), text).unwrap();
            assert_eq!(compiled(&pillars, asked("web1", "Debian")).await.get(name), Some(&Value::from(value)));
        }
        settled().await;
        drop(compiled(&pillars, asked("web1", "Debian")).await);
        assert!(is_kept(&asked("web1", "Debian")));
        std::fs::remove_file(dir.path().join("parts/two.sls")).unwrap();
        assert_eq!(compiled(&pillars, asked("web1", "Debian")).await.get("two"), None);
        // Same size, same moment: what could change unseen is not kept.
        for round in 0..20 {
            std::fs::write(dir.path().join("b.sls"), format!("b: {}\n", round % 10)).unwrap();
            assert_eq!(compiled(&pillars, asked("web1", "Debian")).await.get("b"), Some(&Value::from(round % 10)));
        }
        std::fs::write(dir.path().join("b.sls"), "b: {{ 1000000000 | random_hash }}\n").unwrap();
        settled().await;
        let drawn = compiled(&pillars, asked("web1", "Debian")).await;
        assert_ne!(compiled(&pillars, asked("web1", "Debian")).await, drawn);
    }

    #[tokio::test]
    async fn faults_are_not_kept() {
        let (dir, pillars) = pillars(&[("top.sls", "base:\n  '*':\n    - gone\n")]);
        settled().await;
        let Reply::Pillar { errors, .. } = pillars.compile(wanted("web1")).await else { panic!() };
        assert_eq!(errors.len(), 1);
        std::fs::write(dir.path().join("gone.sls"), "here: 1\n").unwrap();
        assert_eq!(compiled(&pillars, wanted("web1")).await.get("here"), Some(&Value::from(1)));
    }
}
