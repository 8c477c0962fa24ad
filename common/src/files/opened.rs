//! One file of a tree, open for reading.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{FileStat, Version};

/// Bytes copied at once.
const PIECE: usize = 128 * 1024;

/// A file as it was when it was opened. Memory does not depend on its size.
#[derive(Debug)]
pub struct Opened {
    content: Content,
    stat: FileStat,
}

#[derive(Debug)]
enum Content {
    File(File),
    Memory(Arc<[u8]>),
}

impl Opened {
    /// A file on a disk.
    pub fn on_disk(file: File, stat: FileStat) -> Self {
        Self { content: Content::File(file), stat }
    }

    /// Content that is in memory already.
    pub fn in_memory(content: Arc<[u8]>, stat: FileStat) -> Self {
        Self { content: Content::Memory(content), stat }
    }

    /// What was known of it when it was opened.
    pub fn stat(&self) -> &FileStat {
        &self.stat
    }

    /// True when this is the file at a path of this machine.
    pub fn is(&self, path: &Path) -> bool {
        let there = rustix::fs::lstat(path).ok().and_then(|stat| FileStat::of(&stat).version);
        let here = |one: Version, other: Version| (one.device, one.inode) == (other.device, other.inode);
        self.stat.version.zip(there).is_some_and(|(one, other)| here(one, other))
    }

    /// Bytes from `offset` on, `length` of them or as many as there are.
    pub fn part(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut part = vec![0; length];
        let filled = self.fill(offset, &mut part)?;
        part.truncate(filled);
        Ok(part)
    }

    /// Fills a buffer with the bytes from `offset` on; how many there are.
    fn fill(&self, offset: u64, part: &mut [u8]) -> io::Result<usize> {
        match &self.content {
            Content::Memory(bytes) => {
                let rest = &bytes[usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len())..];
                let count = rest.len().min(part.len());
                part[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Content::File(file) => {
                let mut filled = 0;
                while filled < part.len() {
                    match file.read_at(&mut part[filled..], offset.saturating_add(filled as u64)) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(filled)
            }
        }
    }

    /// The whole content; more than `most` bytes are an error.
    pub fn whole(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::with_capacity(usize::try_from(self.stat.size.min(most)).unwrap_or(0));
        self.pieces(|piece| {
            if (content.len() + piece.len()) as u64 > most {
                return Err(io::Error::other(format!("larger than {most} bytes")));
            }
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    /// Hands the content over piece by piece, from the start.
    pub fn pieces(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.content {
            Content::Memory(bytes) => take(bytes),
            Content::File(file) => {
                let mut piece = vec![0; PIECE.min(usize::try_from(self.stat.size).unwrap_or(PIECE).max(512))];
                let mut offset = 0;
                loop {
                    match file.read_at(&mut piece, offset) {
                        Ok(0) => return Ok(()),
                        Ok(count) => {
                            take(&piece[..count])?;
                            offset += count as u64;
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// True if both hold the same bytes.
    pub fn holds_the_same(&self, other: &Self) -> io::Result<bool> {
        let length = PIECE.min(usize::try_from(self.stat.size).unwrap_or(PIECE).saturating_add(1));
        let (mut one, mut two) = (vec![0; length], vec![0; length]);
        let mut offset = 0;
        loop {
            let (here, there) = (self.fill(offset, &mut one)?, other.fill(offset, &mut two)?);
            if one[..here] != two[..there] {
                return Ok(false);
            }
            if here < length {
                return Ok(true);
            }
            offset += length as u64;
        }
    }

    /// Copies the content; between files the kernel does it.
    pub fn copy_to(&self, to: &mut File) -> io::Result<u64> {
        match &self.content {
            Content::Memory(bytes) => to.write_all(bytes).map(|()| bytes.len() as u64),
            Content::File(file) => {
                let mut from = file;
                from.rewind()?;
                io::copy(&mut from, to)
            }
        }
    }
}
