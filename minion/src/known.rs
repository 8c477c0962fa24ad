//! What the minion knows of itself: id, grains, pillar, options. Read by target matching and by every call.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use fleet_common::digest;
use fleet_common::ids::MinionId;
use fleet_common::proto::decode::encode;
use fleet_common::target::Subject;
use fleet_common::value::{Map, Value};

/// Collects the grains.
pub type CollectGrains = Box<dyn Fn() -> Map + Send + Sync>;

/// The minion's knowledge of itself; shared by reference.
pub struct Known {
    id: MinionId,
    opts: Arc<Map>,
    collect: CollectGrains,
    grains: RwLock<Arc<Map>>,
    pillar: Mutex<Option<Arc<Map>>>,
}

impl Known {
    /// Collects the grains for the first time.
    pub fn new(id: MinionId, opts: Map, collect: CollectGrains) -> Self {
        let grains = RwLock::new(Arc::new(collect()));
        Self { id, opts: Arc::new(opts), collect, grains, pillar: Mutex::new(None) }
    }

    /// The minion's id.
    pub fn id(&self) -> &MinionId {
        &self.id
    }

    /// What functions see of the configuration.
    pub fn opts(&self) -> Arc<Map> {
        self.opts.clone()
    }

    /// The grains as last collected.
    pub fn grains(&self) -> Arc<Map> {
        self.grains.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Collects the grains again. Blocks for as long as files take.
    pub fn refresh_grains(&self) -> Arc<Map> {
        let fresh = Arc::new((self.collect)());
        *self.grains.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        fresh
    }

    /// Digest of the grains: a master that knows it needs them no more.
    pub fn grains_hash(&self) -> [u8; 32] {
        let sum = digest::of_bytes("sha256", &encode(&*self.grains())).unwrap_or_default();
        sum.try_into().unwrap_or_default()
    }

    /// The pillar as last fetched, if it ever was.
    pub fn pillar(&self) -> Option<Arc<Map>> {
        self.pillar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A pillar was fetched.
    pub fn set_pillar(&self, pillar: Arc<Map>) {
        *self.pillar.lock().unwrap_or_else(PoisonError::into_inner) = Some(pillar);
    }

    /// As what targets are matched against now.
    pub fn subject(&self) -> Snapshot {
        Snapshot { id: self.id.clone(), grains: self.grains(), pillar: self.pillar() }
    }
}

/// The minion at one moment.
pub struct Snapshot {
    id: MinionId,
    grains: Arc<Map>,
    pillar: Option<Arc<Map>>,
}

impl Subject for Snapshot {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        self.pillar.as_deref()
    }
}
