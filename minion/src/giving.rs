//! Gives this minion's values of the mine to the master: when it starts, and every `mine_interval` minutes.

use std::sync::Arc;
use std::time::Duration;

use fleet_common::call::Arguments;
use fleet_common::value::Value;

use crate::job::Jobs;
use crate::pillar;
use crate::service::Service;

/// The function that does it.
const UPDATE: &str = "mine.update";

/// Gives for ever; `None`: never (`mine_enabled: False`).
pub async fn run(every: Option<Duration>, service: Arc<Service>, jobs: Arc<Jobs>) {
    let Some(every) = every else { return std::future::pending().await };
    let configured = service.known.opts().get("mine_functions").is_some_and(Value::truthy);
    if !configured {
        // Only the pillar can name values: thousands of minions that start together do not all ask for it at once.
        tokio::time::sleep(every.mul_f64(rand::random_range(0.1..1.0))).await;
    }
    loop {
        service.uplink.connected().await;
        let pillar = pillar::at_hand(&service.known, &service.uplink).await;
        if configured || pillar.get("mine_functions").is_some_and(Value::truthy) {
            let finished = jobs.call(UPDATE, Arguments::default()).await;
            if !finished.success {
                tracing::warn!(why = fleet_common::value::python::str_(&finished.ret), "the mine was not updated");
            }
        }
        tokio::time::sleep(every).await;
    }
}
