//! What the master concludes of a target that does not answer, once the job's time is over.

use fleet_common::proto::api::Standing;
use tokio::time::{Duration, Instant};

use super::active::Open;

/// How long after its expiry a job without a sign from a target is given up, in milliseconds: three beats and a moment.
/// Whoever runs it has said so by then.
pub const GRACE: u64 = 35_000;
/// How long after its expiry a minion that began the job and left may stay away, in milliseconds.
const ABSENCE: u64 = 10 * 60 * 1000;
/// A running minion names the job in every beat; after this much silence about it, it does not run it any more.
const UNNAMED: Duration = Duration::from_secs(35);

/// A target that is given up: what it becomes, and why.
pub type Verdict = (Standing, &'static str);

/// The minion does not know any more that it began the job: its journal is gone or is an older one.
pub const FORGOTTEN: Verdict =
    (Standing::Interrupted, "the minion began it and knows nothing of it any more; it is not sent again");

/// Judges a target of a job that expired `over` milliseconds ago; `None`: it is still waited for.
pub fn judge(open: &Open, is_up: bool, over: u64) -> Option<Verdict> {
    let unnamed = open.named.is_none_or(|named| Instant::now().duration_since(named) > UNNAMED);
    match open.state {
        Standing::Expected => Some((Standing::Expired, "it did not come online before the time to live ended")),
        Standing::Sent if is_up => Some((Standing::Expired, "it gave no sign before the time to live ended")),
        Standing::Sent => Some((Standing::Offline, "its session ended before it answered")),
        _ if is_up && unnamed => {
            Some((Standing::Interrupted, "it had begun the job, does not run it any more and has sent no return"))
        }
        _ if !is_up && over > ABSENCE => {
            Some((Standing::Offline, "its session ended while it had the job, and it did not come back"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_becomes_a_state_and_running_ones_are_waited_for() {
        let now = Some(Instant::now());
        let state = |state, named, is_up, over| judge(&Open { state, named }, is_up, over).map(|(state, _)| state);
        assert_eq!(state(Standing::Expected, None, false, GRACE), Some(Standing::Expired));
        assert_eq!(state(Standing::Sent, None, true, GRACE), Some(Standing::Expired));
        assert_eq!(state(Standing::Sent, None, false, GRACE), Some(Standing::Offline));
        assert_eq!(state(Standing::Started, now, true, GRACE), None);
        assert_eq!(state(Standing::Received, now, true, u64::MAX), None);
        assert_eq!(state(Standing::Started, None, true, GRACE), Some(Standing::Interrupted));
        assert_eq!(state(Standing::Started, now, false, GRACE), None);
        assert_eq!(state(Standing::Started, now, false, ABSENCE + 1), Some(Standing::Offline));
    }
}
