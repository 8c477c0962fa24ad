//! A minion without a master, for `saltcall --local`: everything comes from its own configuration and directories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet_common::config::Settings;
use fleet_common::diag::Diagnostic;
use fleet_common::files::{FileSource, Roots, Served};
use fleet_common::ids::MinionId;
use fleet_common::pillar::{self, Pillar, Wanted};
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Parts};
use crate::foreground::Foreground;
use crate::grains::{self, GrainSources};
use crate::registry;

/// Keys of a configuration that no function or template sees.
const SECRET_KEYS: &[&str] =
    &["master_sign_key_pass", "signing_key_pass", "key_pass", "password", "join", "enrolment_token"];

/// What a masterless minion is made from.
#[derive(Debug, Clone)]
pub struct Masterless {
    /// Its id.
    pub id: MinionId,
    /// The configured master or masters.
    pub master: Value,
    /// Directory of the configuration.
    pub config_dir: PathBuf,
    /// Directory for cached files.
    pub cache_dir: PathBuf,
    /// `grains:` of the configuration.
    pub grains: Option<Map>,
    /// State trees by environment.
    pub file_roots: BTreeMap<String, Vec<PathBuf>>,
    /// What of the trees is seen.
    pub served: Served,
    /// Pillar trees by environment.
    pub pillar_roots: BTreeMap<String, Vec<PathBuf>>,
    /// What functions and templates see as `opts`.
    pub opts: Map,
}

impl Masterless {
    /// Takes the settings; keys that are not set have the reference's defaults.
    pub fn load(settings: &mut Settings, config_dir: &Path) -> Result<Self, Diagnostic> {
        let id = match settings.get::<String>("id")? {
            Some(id) => id,
            None => own_id(config_dir),
        };
        let id = id
            .parse::<MinionId>()
            .map_err(|error| settings.fault("id", error.to_string(), "letters, digits, '.', '_' and '-'"))?;
        let file_roots = roots(settings, "file_roots", "/srv/salt")?;
        let served = Served::take(settings)?;
        let pillar_roots = roots(settings, "pillar_roots", "/srv/pillar")?;
        let cache_dir = settings.path("cachedir", "/var/cache/salt/minion")?;
        let master = settings.or("master", Value::from("salt"))?;
        let mut opts = settings.raw().clone();
        opts.retain(|key, _| !key.as_str().is_some_and(|key| SECRET_KEYS.contains(&key)));
        let text = |path: &Path| Value::from(path.to_string_lossy().into_owned());
        for (key, value) in [
            ("id", Value::from(id.as_str())),
            ("master", master.clone()),
            ("file_client", Value::from("local")),
            ("cachedir", text(&cache_dir)),
            ("conf_file", text(&config_dir.join("minion"))),
            ("config_dir", text(config_dir)),
            ("file_roots", listed(&file_roots)),
            ("pillar_roots", listed(&pillar_roots)),
        ] {
            opts.insert(key, value);
        }
        for (key, value) in [
            ("saltenv", Value::Null),
            ("pillarenv", Value::Null),
            ("test", Value::Bool(false)),
            ("hash_type", Value::from("sha256")),
        ] {
            if !opts.contains(key) {
                opts.insert(key, value);
            }
        }
        Ok(Self {
            id,
            master,
            config_dir: config_dir.to_owned(),
            cache_dir,
            grains: settings.get("grains")?,
            file_roots,
            served,
            pillar_roots,
            opts,
        })
    }

    /// Collects grains and pillar; what is wrong with them comes beside the context. A pillar with faults names them
    /// under `_errors`, which holds state runs.
    pub fn open(self) -> (Act, Vec<Diagnostic>) {
        let (grains, mut faults) = self.collect();
        let compiled = self.compile(&grains, Wanted::default());
        faults.extend(compiled.faults.iter().map(|fault| fault.diagnostic.clone()));
        let pillar = compiled.into_map();
        let shared = Arc::new(self);
        let (for_grains, for_pillar) = (shared.clone(), shared.clone());
        let daemon = Foreground::new(
            Box::new(move || Ok(for_grains.collect().0)),
            Box::new(move |wanted| for_pillar.compile(&for_pillar.collect().0, wanted)),
        );
        (shared.context(grains, pillar, daemon), faults)
    }

    /// Compiles the pillar for these grains.
    fn compile(&self, grains: &Map, wanted: Wanted) -> Pillar {
        let without = Foreground::new(Box::new(|| Ok(Map::new())), Box::new(|_| Pillar::default()));
        let act = self.context(grains.clone(), Map::new(), without);
        let files: Arc<dyn FileSource> = Arc::new(Roots::new(self.pillar_roots.clone()).serving(self.served.clone()));
        let configured = pillar::Options::from_opts(&self.opts);
        let pillarenv = wanted.pillarenv.or_else(|| configured.pillarenv.clone());
        let options = pillar::Options { pillarenv, overrides: wanted.overrides, ..configured };
        pillar::compile(act.renderer(), &files, Arc::new(act.look().clone()), &options)
    }

    fn context(&self, grains: Map, pillar: Map, daemon: Foreground) -> Act {
        Act::new(Parts {
            id: self.id.clone(),
            jid: None,
            grains: Arc::new(grains),
            pillar: Arc::new(pillar),
            opts: Arc::new(self.opts.clone()),
            files: Arc::new(Roots::new(self.file_roots.clone()).serving(self.served.clone())),
            cache_dir: self.cache_dir.clone(),
            config_dir: Some(self.config_dir.clone()),
            renderer: Arc::new(Renderer::new(Limits::default())),
            functions: registry::functions(),
            daemon: Arc::new(daemon),
        })
    }

    fn collect(&self) -> (Map, Vec<Diagnostic>) {
        grains::collect(&GrainSources {
            id: &self.id,
            master: &self.master,
            configured: self.grains.as_ref(),
            config_dir: Some(&self.config_dir),
        })
    }
}

/// The id of a minion that is not told one: that of its daemon, else the machine's full name.
fn own_id(config_dir: &Path) -> String {
    let kept = crate::system::fs::read_line(config_dir.join("minion_id")).filter(|id| !id.is_empty());
    kept.unwrap_or_else(grains::full_name)
}

/// Directories by environment; a plain path or list of paths is that of `base`.
fn roots(
    settings: &mut Settings,
    key: &'static str,
    default: &str,
) -> Result<BTreeMap<String, Vec<PathBuf>>, Diagnostic> {
    let base = |paths| BTreeMap::from([("base".to_owned(), paths)]);
    let wrong = |settings: &Settings| {
        settings.fault(key, "must be a mapping of environments to lists of directories", "base: [/srv/salt]")
    };
    let directories = |value: &Value| match value {
        Value::Str(path) => Some(vec![PathBuf::from(path)]),
        Value::List(items) => items.iter().map(|item| item.as_str().map(PathBuf::from)).collect(),
        _ => None,
    };
    match settings.get::<Value>(key)? {
        None => Ok(base(vec![PathBuf::from(default)])),
        Some(Value::Map(map)) => map
            .iter()
            .map(|(env, value)| Some((env.as_str()?.to_owned(), directories(value)?)))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong(settings)),
        Some(other) => directories(&other).map(base).ok_or_else(|| wrong(settings)),
    }
}

fn listed(roots: &BTreeMap<String, Vec<PathBuf>>) -> Value {
    let paths = |paths: &Vec<PathBuf>| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Value>();
    Value::Map(roots.iter().map(|(env, directories)| (env.as_str(), paths(directories))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_common::call::{Arguments, Facts};

    #[test]
    fn a_configuration_becomes_a_minion() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "id: web1\ncachedir: {0}/cache\nfile_roots: {0}/srv\ngrains: {{role: web}}\nmine: 5\n",
            dir.path().display()
        );
        let mut settings = Settings::from_text(&text, "minion").unwrap();
        let (act, faults) = Masterless::load(&mut settings, dir.path()).unwrap().open();
        assert_eq!(faults, []);
        assert_eq!(act.grains().get("role"), Some(&Value::from("web")));
        let set = act.run("config.get", Arguments::positional(["mine"])).unwrap().value;
        assert_eq!(set, Value::from(5));
        let typed = act.run_typed("cmd.run", Arguments::positional(["echo $((1+1))"])).unwrap().value;
        assert_eq!(typed, Value::from("2"));
        let from_template = act.run("cmd.run", Arguments::positional(["echo $((1+1))"])).unwrap().value;
        assert_eq!(from_template, Value::from("$((1+1))"));
    }

    #[test]
    fn the_pillar_of_a_run_is_its_own_and_holds_it_when_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("srv/t.sls", "x: {test.nop: [name: \"{{ pillar.get('d') }} {{ pillar.get('k') }}\"]}\n");
        write("base/top.sls", "base: {'*': [p]}\n");
        write("base/p.sls", "d: {a: 1}\nk: base\n");
        write("dev/top.sls", "dev: {'*': [p]}\n");
        write("dev/p.sls", "k: {{ wrong.key }}\n");
        let root = dir.path().display();
        let text = format!(
            "id: web1\ncachedir: {root}/cache\nfile_roots: {root}/srv\npillar_roots: {{base: [{root}/base], dev: [{root}/dev]}}\npillarenv: base\n"
        );
        let mut settings = Settings::from_text(&text, "minion").unwrap();
        let (act, faults) = Masterless::load(&mut settings, dir.path()).unwrap().open();
        assert_eq!(faults, []);
        let more = Value::Map(Map::from_iter([("d", Map::from_iter([("a", 2)]))]));
        let answer = act.run("state.sls", Arguments::positional(["t"]).with("pillar", more)).unwrap();
        let names: Vec<_> = answer.value.as_map().unwrap().values().map(|chunk| chunk.get("name").cloned()).collect();
        assert_eq!(names, [Some(Value::from("{'a': 2} base"))]);
        let held = act.run("state.sls", Arguments::positional(["t"]).with("pillarenv", "dev")).unwrap();
        assert_eq!(held.retcode, 1);
        assert_eq!(
            held.value.as_list().unwrap()[0],
            Value::from("Pillar failed to render with the following messages:")
        );
    }

    #[test]
    fn wrong_roots_are_told_with_their_place() {
        let mut settings = Settings::from_text("id: a\nfile_roots: {base: 5}\n", "minion").unwrap();
        let error = Masterless::load(&mut settings, Path::new("/")).unwrap_err();
        assert!(error.to_string().starts_with("minion:2"), "{error}");
    }
}
