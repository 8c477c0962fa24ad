//! Archives: whatever is in one, nothing is written, linked or taken away outside the directory it is unpacked into.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fleet_minion::system::archive::{Contents, tar, zip};

use super::targets::{Check, Target, scratch};

pub(super) const TARGETS: &[Target] = &[
    Target { name: "tar", inputs: 26_000, seeds: tar_seeds, start: || unpacked("tar") },
    Target { name: "zip", inputs: 45_000, seeds: zip_seeds, start: || unpacked("zip") },
];

/// Length of a header and of what its content is filled up to.
const BLOCK: usize = 512;

/// A member of an archive: its name, what it is, where it leads, what it holds.
type Member = (&'static str, u8, &'static str, &'static [u8]);

const FILE: u8 = b'0';
const HARD: u8 = b'1';
const LINK: u8 = b'2';
const DIRECTORY: u8 = b'5';

/// Archives as attackers make them, and good ones.
const MEMBERS: &[&[Member]] = &[
    &[("a/", DIRECTORY, "", b""), ("a/x", FILE, "", b"content"), ("a/l", LINK, "x", b""), ("a/h", HARD, "a/x", b"")],
    &[("../x", FILE, "", b"out"), ("/x", FILE, "", b"out"), ("a/../../x", FILE, "", b"out")],
    &[("l", LINK, "..", b""), ("l/x", FILE, "", b"out"), ("l/d/", DIRECTORY, "", b""), ("l/s", LINK, "x", b"")],
    &[("l", LINK, "../secret", b""), ("l", FILE, "", b"out"), ("h", HARD, "../secret", b""), ("h", FILE, "", b"out")],
    &[("d", LINK, "..", b""), ("h", HARD, "d/secret", b""), ("d/", DIRECTORY, "", b""), ("d", FILE, "", b"x")],
];

fn tar_seeds() -> Vec<Vec<u8>> {
    MEMBERS.iter().map(|members| [members.iter().flat_map(tar_member).collect(), vec![0; 2 * BLOCK]].concat()).collect()
}

fn tar_member((name, kind, target, content): &Member) -> Vec<u8> {
    let mut header = vec![0; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    let numbers = format!("0000640\0{:07o}\0{:07o}\0{:011o}\0{:011o}\0", 0, 0, content.len(), 1);
    header[100..100 + numbers.len()].copy_from_slice(numbers.as_bytes());
    header[156] = *kind;
    header[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let mut whole = [header, content.to_vec()].concat();
    whole.resize(whole.len().next_multiple_of(BLOCK), 0);
    mended(whole)
}

/// Headers with the sums that they must have: else no change of one would ever be read.
fn mended(mut archive: Vec<u8>) -> Vec<u8> {
    for header in archive.chunks_exact_mut(BLOCK).filter(|block| block[257..].starts_with(b"ustar")) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().copied().map(u32::from).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    archive
}

fn zip_seeds() -> Vec<Vec<u8>> {
    let without_hard = |members: &&[Member]| members.iter().filter(|member| member.1 != HARD).copied().collect();
    MEMBERS.iter().map(without_hard).map(|members: Vec<Member>| zip_archive(&members)).collect()
}

fn zip_archive(members: &[Member]) -> Vec<u8> {
    let (mut whole, mut directory) = (Vec::new(), Vec::new());
    for (name, kind, target, content) in members {
        let content = if *kind == LINK { target.as_bytes() } else { content };
        let mode: u32 = match *kind {
            LINK => 0o120_777,
            DIRECTORY => 0o040_755,
            _ => 0o100_640,
        };
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc32(content).to_le_bytes());
        common.extend([content.len() as u32; 2].iter().flat_map(|size| size.to_le_bytes()));
        common.extend([name.len() as u16, 0].iter().flat_map(|size| size.to_le_bytes()));
        directory.extend([b"PK\x01\x02\x14\x03", common.as_slice(), &[0; 6]].concat());
        directory.extend((mode << 16).to_le_bytes());
        directory.extend((whole.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        whole.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat());
    }
    let (start, count) = (whole.len() as u32, members.len() as u16);
    whole.extend(&directory);
    whole.extend(b"PK\x05\x06\0\0\0\0");
    whole.extend([count, count].iter().flat_map(|count| count.to_le_bytes()));
    whole.extend([directory.len() as u32, start].iter().flat_map(|number| number.to_le_bytes()));
    whole.extend([0, 0]);
    whole
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

/// A directory of our own that is gone with the run.
fn scene() -> (tempfile::TempDir, PathBuf) {
    let dir = scratch();
    std::fs::write(dir.path().join("secret"), "secret").expect("it is ours");
    let archive = dir.path().join("archive");
    (dir, archive)
}

/// Lists and unpacks; looks at what lies beside the directory afterwards.
fn unpacked(kind: &'static str) -> Check {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let (dir, archive) = scene();
    Box::new(move |input| {
        let bytes = if kind == "tar" { mended(input.to_vec()) } else { input.to_vec() };
        std::fs::write(&archive, bytes).map_err(|error| error.to_string())?;
        let inner = dir.path().join(format!("in{}", RUNS.fetch_add(1, Ordering::Relaxed)));
        let listed = if kind == "tar" { tar::list(&archive) } else { zip::list(&archive) };
        let done =
            if kind == "tar" { tar::extract(&archive, &inner) } else { zip::extract(&archive, &inner, None, true) };
        let is_told = |contents: &Contents| contents.leading_out().is_some();
        if done.is_ok() && listed.as_ref().is_ok_and(is_told) {
            return Err("a member that leads out was unpacked".to_owned());
        }
        let wrong = beside(dir.path(), &inner);
        // What it may have made: pipes, directories without rights, links.
        let _ = std::fs::remove_dir_all(&inner);
        wrong
    })
}

/// What is beside the directory is as it was.
fn beside(dir: &Path, inner: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path != inner && !["secret", "archive"].iter().any(|name| entry.file_name() == *name) {
            return Err(format!("{} was made", path.display()));
        }
    }
    let secret = dir.join("secret");
    let facts = std::fs::symlink_metadata(&secret).map_err(|error| error.to_string())?;
    let content = std::fs::read(&secret).unwrap_or_default();
    let kept = facts.is_file() && facts.nlink() == 1 && content == b"secret";
    if kept { Ok(()) } else { Err("what lies beside was changed".to_owned()) }
}
