//! What one user may have of the API at once, so that nobody keeps all others from it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body of a request.
pub(super) const LARGEST: usize = 16 * 1024 * 1024;
/// Runners at the same time; more wait.
const RUNNERS: usize = 64;
/// The same for every user but root and the master's own.
const RUNNERS_OF_ONE: usize = 8;
/// Requests being answered, for root and for every other user; more wait.
const ANSWERS: (usize, usize) = (512, 16);
/// Bytes of requests of one user that are read or worked on; more wait.
const BODIES: usize = 4 * LARGEST;
/// Requests up to this size take nothing of that.
const SMALL: usize = 64 * 1024;
/// Answers up to this size fit into the socket, whether its peer reads or not.
const FITS: u64 = 128 * 1024;
/// How long the rest of a request may be awaited without a byte of it.
const STALL: Duration = Duration::from_secs(10);

/// The shares of all users.
pub struct Shares {
    runners: Arc<Semaphore>,
    users: Mutex<HashMap<u32, Weak<Share>>>,
}

/// What a user has; lives as long as anything of it is in use.
struct Share {
    runners: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

/// A place in a user's share; given back on drop.
pub(super) struct Place {
    _share: Arc<Share>,
    _permit: OwnedSemaphorePermit,
}

/// Why a request is not taken.
pub(super) struct Unread {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Default for Shares {
    fn default() -> Self {
        Self { runners: Arc::new(Semaphore::new(RUNNERS)), users: Mutex::default() }
    }
}

impl Shares {
    fn of(&self, uid: u32) -> Arc<Share> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = users.get(&uid).and_then(Weak::upgrade) {
            return share;
        }
        users.retain(|_, share| share.strong_count() > 0);
        let is_root = uid == 0 || uid == rustix::process::geteuid().as_raw();
        let share = Arc::new(Share {
            runners: Arc::new(Semaphore::new(if is_root { RUNNERS } else { RUNNERS_OF_ONE })),
            answers: Arc::new(Semaphore::new(if is_root { ANSWERS.0 } else { ANSWERS.1 })),
            bodies: Arc::new(Semaphore::new(BODIES)),
        });
        users.insert(uid, Arc::downgrade(&share));
        share
    }

    /// Waits until the user, and then the master, has a place for a runner; `None` when the master stops.
    pub(super) async fn runner(&self, uid: u32) -> Option<[Place; 2]> {
        let share = self.of(uid);
        let own = share.runners.clone().acquire_owned().await.ok()?;
        let permit = self.runners.clone().acquire_owned().await.ok()?;
        Some([Place { _share: share.clone(), _permit: own }, Place { _share: share, _permit: permit }])
    }

    /// Waits until one more request of this user may be answered; `None` when the master stops.
    pub(super) async fn answer(&self, uid: u32) -> Option<Place> {
        let share = self.of(uid);
        let permit = share.answers.clone().acquire_owned().await.ok()?;
        Some(Place { _share: share, _permit: permit })
    }

    /// Reads a request's body when the user has room for it; the room is taken until the place is dropped.
    pub(super) async fn read(&self, uid: u32, body: Body) -> Result<(Bytes, Option<Place>), Unread> {
        let claimed = body.size_hint().exact().map_or(LARGEST, |size| usize::try_from(size).unwrap_or(usize::MAX));
        if claimed > LARGEST {
            return Err(too_large());
        }
        let place = if claimed > SMALL { self.room(uid, claimed).await } else { None };
        Ok((whole(body, claimed).await?, place))
    }

    async fn room(&self, uid: u32, bytes: usize) -> Option<Place> {
        let share = self.of(uid);
        let permit = share.bodies.clone().acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).await.ok()?;
        Some(Place { _share: share, _permit: permit })
    }
}

fn too_large() -> Unread {
    let why = format!("the request is larger than {LARGEST} bytes");
    Unread { status: StatusCode::PAYLOAD_TOO_LARGE, why }
}

/// All of a body, `most` bytes of it at most.
async fn whole(mut body: Body, most: usize) -> Result<Bytes, Unread> {
    // At once, what the user was given room for: growing would hold one and a half times as much in between.
    let mut read = Vec::with_capacity(most);
    loop {
        let next = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let frame = match tokio::time::timeout(STALL, next).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(read.into()),
            Ok(Some(Err(error))) => {
                return Err(Unread { status: StatusCode::BAD_REQUEST, why: format!("the request broke off: {error}") });
            }
            Err(_) => {
                let why = format!("the rest of the request did not come within {} s", STALL.as_secs());
                return Err(Unread { status: StatusCode::REQUEST_TIMEOUT, why });
            }
        };
        if let Some(data) = frame.data_ref() {
            if read.len() + data.len() > most {
                return Err(too_large());
            }
            read.extend_from_slice(data);
        }
    }
}

/// Keeps the place for as long as the answer is on its way, should it be one that waits for its reader: streams of
/// events hold little and last as long as their jobs.
pub(super) fn held(response: Response, place: Place) -> Response {
    if response.body().size_hint().exact().is_none_or(|size| size <= FITS) {
        return response;
    }
    response.map(|body| Body::new(Held { body, _place: place }))
}

/// An answer and its place.
struct Held {
    body: Body,
    _place: Place,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_users_requests_wait_for_each_other_and_for_nobody_else() {
        let shares = Shares::default();
        let mut kept = Vec::new();
        for _ in 0..ANSWERS.1 {
            kept.push(shares.answer(1000).await.unwrap());
        }
        for _ in 0..4 {
            kept.push(shares.read(1000, Body::from(vec![0; LARGEST])).await.ok().unwrap().1.unwrap());
        }
        assert_eq!((shares.of(1000).answers.available_permits(), shares.of(1000).bodies.available_permits()), (0, 0));
        // What is small needs no room; others have their own.
        assert!(shares.read(1000, Body::from(vec![0; SMALL])).await.is_ok_and(|(_, place)| place.is_none()));
        assert!(shares.answer(1001).await.is_some());
        assert!(shares.read(1001, Body::from(vec![0; LARGEST])).await.is_ok_and(|(body, _)| body.len() == LARGEST));
        drop(kept);
        assert_eq!(shares.of(1000).answers.available_permits(), ANSWERS.1);
        // Nobody of those who left is remembered.
        drop(shares.of(1002));
        assert_eq!(shares.users.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_users_runners_leave_places_to_others() {
        let shares = Arc::new(Shares::default());
        let (end, ends) = tokio::sync::watch::channel(false);
        let run = |uid| {
            let (shares, mut ends) = (shares.clone(), ends.clone());
            tokio::spawn(async move {
                let _place = shares.runner(uid).await.unwrap();
                ends.wait_for(|end| *end).await.is_ok()
            })
        };
        let all: Vec<_> = (0..100).map(|_| run(1000)).collect();
        while shares.runners.available_permits() > RUNNERS - RUNNERS_OF_ONE {
            tokio::task::yield_now().await;
        }
        assert!(shares.runner(1001).await.is_some());
        assert_eq!(shares.runners.available_permits(), RUNNERS - RUNNERS_OF_ONE);
        end.send(true).unwrap();
        for one in all {
            assert!(one.await.unwrap());
        }
        assert_eq!(shares.runners.available_permits(), RUNNERS);
    }

    #[tokio::test]
    async fn a_body_larger_than_allowed_is_not_read() {
        let shares = Shares::default();
        let refused = shares.read(0, Body::from(vec![0; LARGEST + 1])).await.err().unwrap();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(whole(Body::from(vec![0; 11]), 10).await.is_err());
    }
}
