//! The minion's own pillar, compiled by the master and fetched over the session.

use std::sync::Arc;
use std::time::Duration;

use fleet_common::call::CallError;
pub use fleet_common::pillar::Wanted;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::{Map, Value};

use crate::known::Known;
use crate::uplink::{PATIENCE, Uplink};

/// How long a call waits for a master that is away, when it needs no pillar to start.
const AT_HAND: Duration = Duration::from_secs(5);

/// Fetches the pillar; the configured one is kept. One that did not render is an error with all its faults.
pub async fn refresh(known: &Known, uplink: &Uplink, wanted: Wanted) -> Result<Arc<Map>, CallError> {
    fetch(known, uplink, wanted, PATIENCE).await
}

async fn fetch(known: &Known, uplink: &Uplink, wanted: Wanted, patience: Duration) -> Result<Arc<Map>, CallError> {
    let is_configured = wanted.is_configured();
    let Wanted { saltenv, pillarenv, overrides } = wanted;
    let reply = uplink.ask(Request::Pillar { saltenv, pillarenv, overrides }, patience).await;
    match reply.map_err(|error| CallError::Failed(format!("the pillar could not be fetched: {error}")))? {
        Reply::Pillar { pillar, errors } if errors.is_empty() => {
            let pillar = Arc::new(pillar);
            if is_configured {
                known.set_pillar(pillar.clone());
            }
            Ok(pillar)
        }
        Reply::Pillar { errors, .. } => Err(CallError::Failed(errors.join("\n"))),
        _ => Err(CallError::Failed("the pillar could not be fetched: the master answered another question".to_owned())),
    }
}

/// The pillar for a call: as last fetched, or fetched now. When that fails the call sees the faults under `_errors`,
/// as in the reference; state runs fetch it themselves and stop.
pub async fn at_hand(known: &Known, uplink: &Uplink) -> Arc<Map> {
    if let Some(pillar) = known.pillar() {
        return pillar;
    }
    match fetch(known, uplink, Wanted::default(), AT_HAND).await {
        Ok(pillar) => pillar,
        Err(error) => {
            let faults: Value = error.to_string().lines().collect();
            Arc::new([("_errors", faults)].into_iter().collect())
        }
    }
}
