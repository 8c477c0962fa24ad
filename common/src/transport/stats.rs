//! What an endpoint counts: every connection it took, refused or lost, and why.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counters of one endpoint since it was bound.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Stats {
            /// Every counter with its name.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }

        /// The living counters behind [`Stats`].
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)+
        }

        impl Counters {
            pub(super) fn stats(&self) -> Stats {
                Stats { $($name: self.$name.0.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Connections whose handshake was completed.
    accepted,
    /// Refused: as many connections as allowed in all.
    refused_total,
    /// Refused: as many connections as allowed from that address.
    refused_address,
    /// Refused: nobody took accepted connections in time.
    refused_busy,
    /// Ended: the handshake took too long.
    handshake_timeout,
    /// Ended: the handshake was not ZMTP, was not for this kind of socket, or broke off.
    handshake_failed,
    /// Ended: a frame, message or command broke the protocol or a limit.
    closed_protocol,
    /// Ended: the peer did not read what was sent to it.
    closed_stalled,
    /// Ended: a subscriber's outbox was full.
    closed_slow,
    /// Ended: too many subscriptions.
    closed_subscriptions,
    /// Ended by the peer, the network or the layer above.
    closed,
    /// Failures of `accept` itself (no file descriptors, for example).
    accept_errors,
}

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
