//! What is said on stderr while a job runs and at its end: who is lost, and the counts.

use std::io::Write;

use fleet_common::exit::Exit;
use fleet_common::ids::MinionId;
use fleet_common::proto::api::{Standing, Summary};

/// A line for a target that will not answer.
pub(super) fn lost(errors: &mut dyn Write, id: &MinionId, state: Standing) {
    let why = match state {
        Standing::Offline => "offline: not connected to the master",
        Standing::Silent => "silent: connected, but gave no sign within the timeout",
        Standing::Sent => "sent: no sign yet",
        Standing::Received => "received: waits there for a worker",
        Standing::Started => "started: runs it",
        Standing::Expected => "not connected: runs the job if it comes online in time",
        Standing::Expired => "expired: it was too late to start, or gave no sign in time",
        Standing::Interrupted => "interrupted: it began the job and does not run it any more",
        _ => "no answer",
    };
    let _ = writeln!(errors, "{id}: {why}");
}

/// The counts; one line when all went well.
pub(super) fn summary(errors: &mut dyn Write, summary: &Summary, verbose: bool) {
    let missing = summary.offline.len() + summary.silent.len() + summary.running.len() + summary.waiting.len();
    if missing == 0 && summary.failed == 0 && !verbose {
        return;
    }
    let mut parts = vec![format!("{} targeted", summary.targeted), format!("{} succeeded", summary.succeeded)];
    let counts = [
        (summary.failed, "failed"),
        (summary.offline.len() as u64, "offline"),
        (summary.silent.len() as u64, "silent"),
        (summary.running.len() as u64, "still running"),
        (summary.waiting.len() as u64, "waited for"),
    ];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let _ = writeln!(errors, "Summary: {}", parts.join(", "));
}

/// The status a job's outcome gives the command: success only when all targeted minions answered and none failed.
pub(super) fn exit(summary: &Summary) -> Exit {
    let lists = [&summary.offline, &summary.silent, &summary.running, &summary.waiting];
    if lists.iter().any(|list| !list.is_empty()) {
        Exit::Missing
    } else if summary.failed > 0 {
        Exit::Failed
    } else {
        Exit::Success
    }
}
