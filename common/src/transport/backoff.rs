//! How long to wait before the next attempt: exponential with full jitter. Pure; the randomness is the caller's seed.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Waits of a reconnecting peer. Each is drawn evenly between nothing and a bound that doubles from `first` to `most`,
/// so a fleet that lost its master at one moment does not come back at one moment.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    rng: SmallRng,
}

impl Backoff {
    /// Waits from `first` up to `most`; the same seed gives the same waits.
    pub fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, failures: 0, rng: SmallRng::seed_from_u64(seed) }
    }

    /// The wait after one more failure.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.first.saturating_mul(2u32.saturating_pow(self.failures)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(self.rng.random_range(0.0..1.0))
    }

    /// It worked: the next failure begins small again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_jittered_bounded_and_repeatable() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10), seed);
            (0..100).map(|_| backoff.next_wait()).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
        for (attempt, wait) in waits(3).iter().enumerate() {
            let bound = Duration::from_millis(100) * 2u32.pow(attempt.min(7) as u32);
            assert!(*wait <= bound.min(Duration::from_secs(10)), "{attempt}: {wait:?}");
        }
        let later: Duration = waits(4)[10..].iter().sum();
        assert!(later > Duration::from_secs(300) && later < Duration::from_secs(600), "evenly spread: {later:?}");
    }

    #[test]
    fn success_begins_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10), 7);
        for _ in 0..20 {
            backoff.next_wait();
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
        assert_eq!(backoff.failures(), 1);
    }
}
