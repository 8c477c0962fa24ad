//! How files of the tree travel: one manifest for a directory, then only the content that is missing.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Most bytes of one part of a large file.
pub const PART: u32 = 256 * 1024;
/// Files up to this size travel several in a message, larger ones in parts.
pub const SMALL: u64 = 64 * 1024;
/// Content that the answer to one `Bring` carries at most, the last file apart.
pub const BATCH: u64 = 512 * 1024;
/// Files that one `Bring` may name.
pub const MOST_WANTED: usize = 1000;
/// Files that a manifest may hold.
pub const MOST_ENTRIES: usize = 50_000;

/// What is known of a served file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Size in bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970.
    pub mtime: i64,
    /// SHA-256 of the content, 32 bytes; empty in a manifest for a large file that was never asked for.
    pub sha256: ByteBuf,
    /// Target of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path from the root of the environment.
    pub path: String,
    /// What is known of it.
    #[serde(flatten)]
    pub facts: FileFacts,
}

/// All files and directories whose paths start with one prefix, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The files.
    pub files: Vec<Entry>,
    /// The directories.
    pub directories: Vec<String>,
}

impl Manifest {
    /// A file of the manifest.
    pub fn get(&self, path: &str) -> Option<&FileFacts> {
        let at = self.files.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        Some(&self.files[at].facts)
    }
}

/// What a master says to a request for a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeState {
    /// The manifest is the one whose digest was named.
    Same {},
    /// It is another.
    Now {
        /// Digest of the manifest.
        digest: ByteBuf,
        /// The manifest.
        manifest: Manifest,
    },
    /// It has more files than were wanted at most.
    TooLarge {
        /// How many.
        files: u64,
    },
}

/// A file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its path.
    pub path: String,
    /// SHA-256 of the content that the asker has; empty for none.
    pub held: ByteBuf,
}

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// The file as it is; `None` when there is none.
    pub facts: Option<FileFacts>,
    /// Its content; `None` when the asker has it, and for a file that travels in parts.
    pub content: Option<ByteBuf>,
}
