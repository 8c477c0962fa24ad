//! What minions answer: checked, given to whoever waits, committed, and only then acknowledged.

use std::sync::Arc;

use fleet_common::call::READ_ONLY;
use fleet_common::fault;
use fleet_common::proto::ret::Return;

use crate::health::Drops;
use crate::jobs::Jobs;
use crate::minions::Session;
use crate::store::{Recorded, Store, StoreError};

/// Takes returns in.
pub struct Returns {
    /// Where they are kept.
    pub store: Store,
    /// Who waits for them.
    pub jobs: Arc<Jobs>,
    /// What is refused or dropped.
    pub drops: Arc<Drops>,
}

impl Returns {
    /// Takes a return of this session's minion. When this is `Ok`, the return is committed (or known before) and may
    /// be acknowledged.
    pub async fn take(&self, session: &Session, mut ret: Return) -> Result<Recorded, StoreError> {
        fault::point("return.received");
        // Who answers is the session's identity, never what the message says.
        if ret.id != session.id {
            self.drops.returns_forged.add();
            tracing::warn!(minion = %session.id, name = %ret.id, jid = %ret.jid, "a return under another's name");
            ret.id = session.id.clone();
        }
        let ret = Arc::new(ret);
        let active = self.jobs.get(&ret.jid).filter(|job| job.expects(&ret.id));
        let changes = READ_ONLY.binary_search(&ret.fun.as_str()).is_err();
        let durable = active.as_ref().map_or(changes, |job| job.job.changes);
        let committed = self.store.begin_record(ret.clone(), active.is_some(), durable).await?;
        fault::point("return.queued");
        if let Some(job) = active
            && job.returned(&ret)
        {
            self.jobs.complete(&job);
        }
        fault::point("return.streamed");
        let recorded = committed.wait().await?;
        fault::point("return.committed");
        match recorded {
            Recorded::New | Recorded::Duplicate => {
                tracing::debug!(jid = %ret.jid, minion = %ret.id, ?recorded, "return");
            }
            Recorded::Unsolicited => {
                self.drops.unsolicited.add();
                tracing::info!(jid = %ret.jid, minion = %ret.id, "a return nobody asked for");
            }
            Recorded::OverQuota => {
                self.drops.unsolicited_over_quota.add();
                tracing::warn!(jid = %ret.jid, minion = %ret.id, "a return nobody asked for, over the quota: dropped");
            }
        }
        Ok(recorded)
    }
}
