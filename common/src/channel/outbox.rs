//! What waits to be sealed: one byte-bounded queue per class, taking turns record by record.
//!
//! Nothing is sealed before its turn: a beat overtakes the files that wait, but never a record that is sealed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::parts::{CHUNK, CLASSES, HEADER, MAX_UNFINISHED, header};
use crate::proto::request::Class;

/// Bytes that may wait in each class.
const BUDGET: [u32; CLASSES] = [1 << 20, 4 << 20, 4 << 20, 4 << 20];
/// Records a class gets while all have something to send: urgent ones more, none nothing.
const WEIGHT: [i32; CLASSES] = [8, 4, 2, 1];
const ALL: [Class; CLASSES] = [Class::Control, Class::Returns, Class::Pillar, Class::Files];

/// The outbox has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shut;

/// Room for one message, taken before it is queued and given back when its last part is sealed.
#[derive(Debug)]
pub(super) struct Room {
    _own: OwnedSemaphorePermit,
    _held: Vec<OwnedSemaphorePermit>,
}

impl Room {
    /// The same room, which gives something else back with it.
    pub(super) fn with(self, held: Vec<OwnedSemaphorePermit>) -> Self {
        Self { _held: held, ..self }
    }
}

/// The next record to seal.
pub(super) struct Piece {
    pub(super) head: [u8; HEADER],
    pub(super) content: Bytes,
}

/// The queues of one session.
pub(super) struct Outbox {
    queues: Mutex<Queues>,
    ready: Notify,
    budget: [Arc<Semaphore>; CLASSES],
}

#[derive(Default)]
struct Queues {
    waiting: [VecDeque<Waiting>; CLASSES],
    credit: [i32; CLASSES],
    /// Bytes of messages of which some parts are sent.
    unfinished: usize,
    numbers: u32,
    shut: bool,
}

struct Waiting {
    content: Bytes,
    number: u32,
    parts: usize,
    _room: Option<Room>,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            queues: Mutex::default(),
            ready: Notify::new(),
            budget: BUDGET.map(|bytes| Arc::new(Semaphore::new(bytes as usize))),
        }
    }

    /// Waits for room for a message of `size` bytes. One that is larger than the whole budget takes all of it.
    pub(super) async fn room(&self, class: Class, size: usize) -> Result<Room, Shut> {
        let budget = self.budget[class as usize].clone();
        let own = budget.acquire_many_owned(share(class, size)).await.map_err(|_| Shut)?;
        Ok(Room { _own: own, _held: Vec::new() })
    }

    /// Room for a message of `size` bytes if there is any now.
    pub(super) fn room_now(&self, class: Class, size: usize) -> Option<Room> {
        let own = self.budget[class as usize].clone().try_acquire_many_owned(share(class, size)).ok()?;
        Some(Room { _own: own, _held: Vec::new() })
    }

    /// Queues a message.
    pub(super) fn push(&self, class: Class, content: Bytes, room: Room) -> Result<(), Shut> {
        let mut queues = self.lock();
        if queues.shut {
            return Err(Shut);
        }
        queues.push(class, content, Some(room));
        drop(queues);
        self.ready.notify_one();
        Ok(())
    }

    /// Lets nothing more in and drops what waits, but for a last message.
    pub(super) fn shut(&self, farewell: Option<Bytes>) {
        for budget in &self.budget {
            budget.close();
        }
        let mut queues = self.lock();
        if queues.shut {
            return;
        }
        queues.shut = true;
        for (class, waiting) in queues.waiting.iter_mut().enumerate() {
            // A half-sent message of the last message's class has to be finished first.
            let begun = waiting.front().is_some_and(|front| front.parts > 0);
            let keep = usize::from(class == Class::Control as usize && farewell.is_some() && begun);
            waiting.truncate(keep);
        }
        if let Some(content) = farewell {
            queues.push(Class::Control, content, None);
        }
        drop(queues);
        self.ready.notify_one();
    }

    /// The next record; `None` when the outbox is shut and empty. For one consumer; safe to cancel.
    pub(super) async fn next(&self) -> Option<Piece> {
        loop {
            {
                let mut queues = self.lock();
                if let Some(piece) = queues.pop() {
                    return Some(piece);
                }
                if queues.shut {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn share(class: Class, size: usize) -> u32 {
    let most = BUDGET[class as usize];
    u32::try_from(size + 64).map_or(most, |size| size.min(most))
}

impl Queues {
    fn push(&mut self, class: Class, content: Bytes, room: Option<Room>) {
        self.numbers = self.numbers.wrapping_add(1);
        self.waiting[class as usize].push_back(Waiting { content, number: self.numbers, parts: 0, _room: room });
    }

    fn pop(&mut self) -> Option<Piece> {
        let class = self.turn()?;
        let queue = &mut self.waiting[class as usize];
        let front = queue.front_mut()?;
        let size = front.content.len();
        let start = front.parts * CHUNK;
        let end = size.min(start + CHUNK);
        let piece =
            Piece { head: header(class, front.number, front.parts, size), content: front.content.slice(start..end) };
        if front.parts == 0 && end < size {
            self.unfinished += size;
        }
        front.parts += 1;
        if end == size {
            if size > CHUNK {
                self.unfinished -= size;
            }
            queue.pop_front();
            if queue.is_empty() {
                self.credit[class as usize] = 0;
                // An idle session holds no memory.
                *queue = VecDeque::new();
            }
        }
        Some(piece)
    }

    /// Whose turn it is: every class that can send gains its weight, the richest pays for all.
    fn turn(&mut self) -> Option<Class> {
        let can = |class: &Class| {
            self.waiting[*class as usize].front().is_some_and(|front| {
                let size = front.content.len();
                front.parts > 0 || size <= CHUNK || self.unfinished + size <= MAX_UNFINISHED
            })
        };
        let able: Vec<Class> = ALL.into_iter().filter(can).collect();
        if let [only] = able[..] {
            return Some(only);
        }
        let sum: i32 = able.iter().map(|class| WEIGHT[*class as usize]).sum();
        for class in &able {
            self.credit[*class as usize] += WEIGHT[*class as usize];
        }
        let richest = able.into_iter().rev().max_by_key(|class| self.credit[*class as usize])?;
        self.credit[richest as usize] -= sum;
        Some(richest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(outbox: &Outbox, class: Class, size: usize) {
        let room = outbox.room_now(class, size).expect("there is room");
        outbox.push(class, Bytes::from(vec![class as u8; size]), room).unwrap();
    }

    async fn order(outbox: &Outbox, count: usize) -> Vec<u8> {
        let mut classes = Vec::new();
        for _ in 0..count {
            classes.push(outbox.next().await.unwrap().head[0]);
        }
        classes
    }

    #[tokio::test]
    async fn a_control_message_overtakes_waiting_files() {
        let outbox = Outbox::new();
        for _ in 0..4 {
            put(&outbox, Class::Files, 1_000_000);
        }
        assert_eq!(order(&outbox, 3).await, [3, 3, 3]);
        put(&outbox, Class::Control, 10);
        assert_eq!(order(&outbox, 2).await, [0, 3]);
    }

    #[tokio::test]
    async fn no_class_starves() {
        let outbox = Outbox::new();
        for class in ALL {
            put(&outbox, class, BUDGET[class as usize] as usize - 64);
        }
        let first = order(&outbox, 15).await;
        let count = |class: u8| first.iter().filter(|c| **c == class).count();
        assert_eq!([count(0), count(1), count(2), count(3)], [8, 4, 2, 1]);
    }

    #[tokio::test]
    async fn queues_are_bounded_in_bytes_and_by_class() {
        let outbox = Outbox::new();
        put(&outbox, Class::Files, 16 << 20);
        assert!(outbox.room_now(Class::Files, 1).is_none());
        put(&outbox, Class::Control, 1);
        while outbox.room_now(Class::Files, 1).is_none() {
            outbox.next().await.unwrap();
        }
    }

    #[tokio::test]
    async fn unfinished_messages_stay_below_what_the_peer_holds() {
        let outbox = Outbox::new();
        for class in [Class::Returns, Class::Pillar, Class::Files] {
            put(&outbox, class, 16 << 20);
        }
        let mut joiner = super::super::parts::Joiner::new(16 << 20);
        let mut done = 0;
        while done < 3 {
            let piece = outbox.next().await.unwrap();
            done += usize::from(joiner.push([&piece.head, &piece.content[..]].concat()).unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn shut_lets_only_the_farewell_out() {
        let outbox = Outbox::new();
        put(&outbox, Class::Control, CHUNK + 5);
        put(&outbox, Class::Files, 10);
        let begun = outbox.next().await.unwrap();
        assert_eq!(begun.head[0], 0);
        outbox.shut(Some(Bytes::from_static(b"bye")));
        assert_eq!(outbox.next().await.unwrap().content.len(), 5);
        assert_eq!(outbox.next().await.unwrap().content, &b"bye"[..]);
        assert!(outbox.next().await.is_none());
        assert!(outbox.room(Class::Control, 1).await.is_err());
    }
}
