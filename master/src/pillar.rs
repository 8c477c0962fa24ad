//! Pillar for minions: compiled on a bounded pool, one minion's own and nobody else's.

use std::sync::Arc;

use fleet_common::files::FileSource;
use fleet_common::ids::MinionId;
use fleet_common::proto::request::Reply;
use fleet_common::value::Map;
use tokio::sync::Semaphore;

/// Compiles pillar.
pub struct Pillars {
    source: Arc<dyn FileSource>,
    compilers: Semaphore,
}

impl Pillars {
    /// A compiler over `pillar_roots`, running on at most `threads` threads.
    pub fn new(source: Arc<dyn FileSource>, threads: usize) -> Self {
        Self { source, compilers: Semaphore::new(threads.max(1)) }
    }

    /// The pillar of a minion, or what is wrong with it.
    pub async fn compile(
        &self,
        id: MinionId,
        grains: Map,
        saltenv: Option<String>,
        pillarenv: Option<String>,
        overrides: Map,
    ) -> Reply {
        let Ok(_place) = self.compilers.acquire().await else {
            return Reply::Error { code: "failed".to_owned(), message: "the master stops".to_owned() };
        };
        let source = self.source.clone();
        let work = move || pillar_of(&*source, &id, &grains, saltenv.or(pillarenv).as_deref(), overrides);
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(pillar)) => Reply::Pillar { pillar, errors: Vec::new() },
            Ok(Err(errors)) => Reply::Pillar { pillar: Map::new(), errors },
            Err(_) => Reply::Error { code: "failed".to_owned(), message: "the pillar compiler failed".to_owned() },
        }
    }
}

fn pillar_of(
    source: &dyn FileSource,
    id: &MinionId,
    _grains: &Map,
    environment: Option<&str>,
    overrides: Map,
) -> Result<Map, Vec<String>> {
    let environment = environment.unwrap_or("base");
    match source.stat(environment, "top.sls") {
        Ok(None) => Ok(overrides),
        Ok(Some(_)) => Err(vec![format!("{id}: pillar with a top file is not supported yet")]),
        Err(error) => Err(vec![error.to_string()]),
    }
}
