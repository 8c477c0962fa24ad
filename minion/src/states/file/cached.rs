//! `file.cached` and `file.not_cached`.

use std::io::Write;
use std::path::Path;

use fleet_common::args;
use fleet_common::digest::{hex_of_bytes, hex_of_reader};
use fleet_common::value::{Map, Value};

use super::source::{self, Check};
use crate::cx::{Act, Look};
use crate::files::{
    anywhere,
    below::{Below, Spot},
    web::{self, Wanted},
};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::checksum::Checksum;
use crate::system::fs::plain;
use crate::system::http::without_account;

args! {
    /// Arguments of `file.cached`.
    pub struct Cached {
        /// The file of the tree (`salt://…`), of a web server, or a local one.
        name: String,
        /// Checksum that a file outside the tree must have, or where a list of checksums is.
        source_hash: String = String::new(),
        /// Name of the file in that list, when it is another.
        source_hash_name: Option<String> = None,
        /// Do not check the checksum.
        skip_verify: bool = false,
        /// Environment of the file; the chunk's when not given.
        saltenv: Option<String> = None,
        /// A file of a web server may have no checksum; it is asked for each time.
        use_etag: bool = false,
    }
}

args! {
    /// Arguments of `file.not_cached`.
    pub struct NotCached {
        /// The file of the tree (`salt://…`).
        name: String,
        /// Environment of the file; the chunk's when not given.
        saltenv: Option<String> = None,
    }
}

/// What is to be brought into the cache.
pub enum Todo {
    /// Content that is known, for this path.
    Copy(Spot, Vec<u8>),
    /// A file of a web server, of this environment.
    Web(String, Option<Checksum>),
}

/// Where the cache keeps a source; `None` for one that has no place there.
fn place(look: &Look, name: &str, environment: &str) -> Option<Spot> {
    if web::is_web(name) {
        return web::spot(look, name, environment);
    }
    let (folder, path) = match name.strip_prefix("salt://") {
        Some(path) => ("files", path.split('?').next().unwrap_or(path)),
        None => ("localfiles", name.strip_prefix('/')?),
    };
    if name.starts_with('/') {
        return Below::new(look.cache_dir().join(folder)).spot(path.to_owned());
    }
    let name = format!("{environment}/{path}");
    Below::new(look.cache_dir().join(folder)).spot(name).filter(|_| !environment.contains('/'))
}

impl State for Cached {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let name = &self.name;
        let failed = || Failure::new(format!("Failed to cache {name}, check minion log for more information"));
        let environment = self.saltenv.as_deref().unwrap_or(run.saltenv);
        if web::is_web(name) {
            return self.distant(look, environment);
        }
        // Checked here, where also a file of the tree must have the checksum.
        let check = Check { name, skip: true, ..Check::default() };
        let fetched = source::fetch(look, &Value::from(name.as_str()), environment, &check)?.ok_or_else(failed)?;
        let wanted = if self.skip_verify { None } else { self.announced(look, environment)? };
        if let Some(wanted) = wanted.as_ref().filter(|wanted| !wanted.fits(&fetched.bytes)) {
            let actual = hex_of_bytes(wanted.kind, &fetched.bytes).unwrap_or_default();
            let what =
                if name.starts_with("salt://") { "will not be cached:" } else { "is present on the minion, but" };
            let why = format!("the hash ({actual}) does not match the specified hash ({})", wanted.hex);
            return Err(Failure::new(format!("File {name} {what} {why}")));
        }
        let spot = place(look, name, environment).ok_or_else(failed)?;
        let old = spot.below.open(&spot.name).and_then(|former| former.whole(source::MAX_FILE).ok());
        let did = Report::new(format!("File is cached to {}", spot.path.display()));
        if old.as_ref() == Some(&fetched.bytes) {
            return Ok(Plan::Nothing(wanted.map_or(did, |wanted| already(&spot.path, &wanted))));
        }
        let sum = |bytes: &[u8]| hex_of_bytes("sha256", bytes).map_or(Value::Null, Value::from);
        let hash: Map =
            [("old", old.as_deref().map_or(Value::Null, sum)), ("new", sum(&fetched.bytes))].into_iter().collect();
        Ok(Plan::Change {
            todo: Todo::Copy(spot, fetched.bytes),
            would: Report::new(format!("File will be cached: {name}")),
            did: did.change("hash", hash),
        })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let (spot, content) = match todo {
            Todo::Copy(spot, content) => (spot, content),
            Todo::Web(environment, checksum) => return self.bring(act, &environment, checksum.as_ref()),
        };
        let written = spot.below.write(&spot.name, |file| file.write_all(&content));
        let failed = |error| Failure::new(format!("{}: {}", spot.path.display(), plain(&error)));
        written.map(|_| Applied::AsPlanned).map_err(failed)
    }
}

fn shown_sum(path: &Path, kind: &str) -> Value {
    let sum = std::fs::File::open(path).ok().and_then(|mut file| hex_of_reader(kind, &mut file).ok().flatten());
    sum.map_or(Value::Null, Value::from)
}

/// What is said of a copy that has the announced checksum.
fn already(path: &Path, sum: &Checksum) -> Report {
    Report::new(format!("File is already cached to {} with hash {}", path.display(), sum.hex))
}

impl Cached {
    /// The checksum that the file must have, if one is announced.
    fn announced(&self, look: &Look, environment: &str) -> Result<Option<Checksum>, Failure> {
        if self.source_hash.is_empty() {
            return Ok(None);
        }
        let names = [self.source_hash_name.as_deref().unwrap_or_default(), self.name.as_str()];
        let found = anywhere::announced(look, &self.source_hash, environment, &names);
        found.map(Some).map_err(|missing| Failure::new(missing.to_string()))
    }

    /// The plan for a file of a web server: nothing is asked when the copy has the announced checksum.
    fn distant(&self, look: &Look, environment: &str) -> Result<Plan<Todo>, Failure> {
        let shown = without_account(&self.name);
        let checksum = self.announced(look, environment)?;
        if checksum.is_none() && !self.skip_verify && !self.use_etag {
            return Err(Failure::new(format!(
                "Unable to verify upstream hash of source file {shown}, please set source_hash or set skip_verify or \
                 use_etag to True"
            )));
        }
        let path = web::place(look, &self.name, environment);
        let path = path.ok_or_else(|| Failure::new(format!("{shown}: not an address of http or https")))?;
        let checksum = checksum.filter(|_| !self.skip_verify);
        if let Some(sum) = checksum.as_ref().filter(|sum| web::has(&path, sum)) {
            return Ok(Plan::Nothing(already(&path, sum)));
        }
        let mut would = Report::new(format!("File will be cached: {shown}"));
        if let Some(sum) = &checksum {
            let old = shown_sum(&path, sum.kind);
            would = would.change("hash", Map::from_iter([("old", old), ("new", Value::from(sum.hex.as_str()))]));
        }
        let did = Report { comment: format!("File is cached to {}", path.display()), ..would.clone() };
        Ok(Plan::Change { todo: Todo::Web(environment.to_owned(), checksum), would, did })
    }

    /// Brings a file of a web server, and tells what changed by it.
    fn bring(&self, act: &Act, environment: &str, checksum: Option<&Checksum>) -> Result<Applied, Failure> {
        let kind = checksum.map_or("sha256", |sum| sum.kind);
        let before = web::place(act, &self.name, environment);
        let old = before.map_or(Value::Null, |path| shown_sum(&path, kind));
        let wanted = Wanted { checksum, any_copy: false, verify_ssl: None };
        let path = web::bring(act, &self.name, environment, &wanted);
        let path = path.map_err(|error| Failure::new(error.to_string()))?;
        let (new, report) = (shown_sum(&path, kind), Report::new(format!("File is cached to {}", path.display())));
        let same = old == new;
        Ok(Applied::Really(if same {
            report
        } else {
            report.change("hash", Map::from_iter([("old", old), ("new", new)]))
        }))
    }
}

impl State for NotCached {
    type Todo = Spot;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Spot>, Failure> {
        let name = &self.name;
        let environment = self.saltenv.as_deref().unwrap_or(run.saltenv);
        let Some(spot) = place(look, name, environment).filter(|spot| spot.path.exists()) else {
            return Ok(Plan::Nothing(Report::new(format!("{name} is not cached"))));
        };
        let shown = spot.path.display().to_string();
        Ok(Plan::Change {
            todo: spot,
            would: Report::new(format!("Local copy of {name} at {shown} would be removed")),
            did: Report::new(format!("{shown} was deleted")).change("local", format!("{shown} was deleted")),
        })
    }

    fn apply(&self, _act: &Act, spot: Spot) -> Result<Applied, Failure> {
        let removed = spot.below.remove(&spot.name);
        removed.map(|()| Applied::AsPlanned).map_err(|error| Failure::new(plain(&error)))
    }
}
