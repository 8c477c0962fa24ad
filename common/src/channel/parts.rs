//! Messages cut into records and joined again, with every bound checked before memory is claimed.
//!
//! A record's plaintext begins with class u8, flags u8 (1: last part), part u16, message u32, size u32 of the whole
//! message (big-endian). All parts but the last are full. One message of a class is under way at a time; those of
//! different classes may be interleaved.

use bytes::Bytes;

use super::Fault;
use crate::crypto::session::{MAX_RECORD, OVERHEAD};
use crate::proto::request::Class;

/// Bytes before the content of a record.
pub(super) const HEADER: usize = 12;
/// Content of a full record.
pub(super) const CHUNK: usize = MAX_RECORD - OVERHEAD - HEADER;
/// Most bytes that all unfinished messages of one direction may have together.
pub(super) const MAX_UNFINISHED: usize = 32 * 1024 * 1024;
/// How many classes there are.
pub(super) const CLASSES: usize = 4;

const LAST: u8 = 1;

/// The header of part `part` of a message of `size` bytes.
pub(super) fn header(class: Class, message: u32, part: usize, size: usize) -> [u8; HEADER] {
    let last = (part + 1) * CHUNK >= size;
    let mut bytes = [0; HEADER];
    bytes[0] = class as u8;
    bytes[1] = u8::from(last) * LAST;
    // Sizes are bounded far below these types: see `Limits::SESSION`.
    bytes[2..4].copy_from_slice(&(part as u16).to_be_bytes());
    bytes[4..8].copy_from_slice(&message.to_be_bytes());
    bytes[8..12].copy_from_slice(&(size as u32).to_be_bytes());
    bytes
}

/// Joins the records of one direction.
pub(super) struct Joiner {
    limit: usize,
    unfinished: usize,
    partial: [Option<Box<Partial>>; CLASSES],
}

struct Partial {
    message: u32,
    size: usize,
    parts: usize,
    content: Vec<u8>,
}

impl Joiner {
    /// Joins messages of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, unfinished: 0, partial: Default::default() }
    }

    /// Takes the next record's plaintext; gives a message when it is complete.
    pub(super) fn push(&mut self, record: Vec<u8>) -> Result<Option<Bytes>, Fault> {
        let (head, content) = record.split_first_chunk::<HEADER>().ok_or(Fault::Parts)?;
        let class = usize::from(head[0]);
        let last = head[1] == LAST;
        let part = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let message = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let size = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
        if class >= CLASSES || head[1] & !LAST != 0 || content.is_empty() {
            return Err(Fault::Parts);
        }
        if size > self.limit {
            return Err(Fault::Oversize { limit: self.limit });
        }
        let end = part * CHUNK + content.len();
        let fits = if last { end == size } else { content.len() == CHUNK && end < size };
        if !fits {
            return Err(Fault::Parts);
        }
        if part == 0 {
            if self.partial[class].is_some() {
                return Err(Fault::Parts);
            }
            if last {
                return Ok(Some(Bytes::from(record).slice(HEADER..)));
            }
            return self.begin(class, message, size, content).map(|()| None);
        }
        let partial = self.partial[class].as_mut().ok_or(Fault::Parts)?;
        if partial.message != message || partial.size != size || partial.parts != part {
            return Err(Fault::Parts);
        }
        partial.content.extend_from_slice(content);
        partial.parts += 1;
        if !last {
            return Ok(None);
        }
        self.unfinished -= size;
        Ok(self.partial[class].take().map(|partial| Bytes::from(partial.content)))
    }

    fn begin(&mut self, class: usize, message: u32, size: usize, content: &[u8]) -> Result<(), Fault> {
        if self.unfinished + size > MAX_UNFINISHED {
            return Err(Fault::Oversize { limit: MAX_UNFINISHED });
        }
        self.unfinished += size;
        // What is claimed costs no memory until it arrives: up to a MiB at once, beyond that as it comes.
        let mut joined = Vec::with_capacity(size.min(1024 * 1024 + CHUNK));
        joined.extend_from_slice(content);
        self.partial[class] = Some(Box::new(Partial { message, size, parts: 1, content: joined }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    const LIMIT: usize = 16 * 1024 * 1024;

    fn records(class: Class, message: u32, content: &[u8]) -> Vec<Vec<u8>> {
        content
            .chunks(CHUNK)
            .enumerate()
            .map(|(part, chunk)| [&header(class, message, part, content.len()), chunk].concat())
            .collect()
    }

    #[test]
    fn messages_of_all_classes_join_while_interleaved() {
        let mut joiner = Joiner::new(LIMIT);
        let big: Vec<u8> = (0..3 * CHUNK).map(|n| n as u8).collect();
        let exact = vec![7; CHUNK];
        let files = records(Class::Files, 1, &big);
        let returns = records(Class::Returns, 2, &big[..CHUNK + 1]);
        assert_eq!(joiner.push(files[0].clone()), Ok(None));
        assert_eq!(joiner.push(returns[0].clone()), Ok(None));
        assert_eq!(joiner.push(records(Class::Control, 3, &exact)[0].clone()), Ok(Some(Bytes::from(exact))));
        assert_eq!(joiner.push(returns[1].clone()).unwrap().unwrap(), &big[..CHUNK + 1]);
        assert_eq!(joiner.push(files[1].clone()), Ok(None));
        assert_eq!(joiner.push(files[2].clone()).unwrap().unwrap(), big);
        assert_eq!(joiner.unfinished, 0);
    }

    #[test]
    fn parts_that_do_not_follow_are_faults() {
        let big = vec![1; 3 * CHUNK];
        let good = records(Class::Files, 1, &big);
        let after = |first: &[usize], next: Vec<u8>| {
            let mut joiner = Joiner::new(LIMIT);
            for at in first {
                joiner.push(good[*at].clone()).unwrap();
            }
            joiner.push(next)
        };
        assert_eq!(after(&[], good[1].clone()), Err(Fault::Parts), "no beginning");
        assert_eq!(after(&[0], good[0].clone()), Err(Fault::Parts), "two beginnings");
        assert_eq!(after(&[0], good[2].clone()), Err(Fault::Parts), "a hole");
        assert_eq!(after(&[0], records(Class::Files, 2, &big)[1].clone()), Err(Fault::Parts), "another message");
        let mut short = good[1].clone();
        short.pop();
        assert_eq!(after(&[0], short), Err(Fault::Parts), "a part that is not full");
        let mut class = good[0].clone();
        class[0] = 4;
        assert_eq!(after(&[], class), Err(Fault::Parts));
        assert_eq!(after(&[], vec![0; HEADER]), Err(Fault::Parts), "no content");
        assert_eq!(after(&[], vec![0; 3]), Err(Fault::Parts));
    }

    #[test]
    fn sizes_are_bounded_before_memory_is_claimed() {
        let part = vec![1; CHUNK];
        let claim = |class, size| [header(class, 1, 0, size).as_slice(), &part].concat();
        let mut small = Joiner::new(4096);
        assert_eq!(small.push(claim(Class::Control, 4097)), Err(Fault::Oversize { limit: 4096 }));
        let mut joiner = Joiner::new(LIMIT);
        assert_eq!(joiner.push(claim(Class::Returns, LIMIT)), Ok(None));
        assert_eq!(joiner.push(claim(Class::Pillar, LIMIT)), Ok(None));
        assert_eq!(joiner.push(claim(Class::Files, LIMIT)), Err(Fault::Oversize { limit: MAX_UNFINISHED }));
        let held: usize = joiner.partial.iter().flatten().map(|partial| partial.content.capacity()).sum();
        assert!(held <= 2 * (1024 * 1024 + CHUNK), "{held}");
    }

    #[test]
    fn random_records_never_panic() {
        let mut rng = rand::rng();
        for _ in 0..20_000 {
            let mut joiner = Joiner::new(LIMIT);
            for _ in 0..3 {
                let mut record: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random_range(0..3)).collect();
                if rng.random_range(0..10) == 0 {
                    record.resize(HEADER + CHUNK, 1);
                }
                if joiner.push(record).is_err() {
                    break;
                }
            }
        }
    }
}
