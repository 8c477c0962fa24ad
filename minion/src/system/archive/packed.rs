//! A file without its compression: gzip here, others through the system's programs.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::ArchiveError;

/// First bytes of a file, the program that unpacks it, and its arguments.
const PROGRAMS: &[(&[u8], &str, &[&str])] = &[
    (b"BZh", "bzip2", &["-dc"]),
    (b"\xfd7zXZ\0", "xz", &["-dc"]),
    (b"\x5d\0\0", "xz", &["-dc", "--format=lzma"]),
    (b"\x28\xb5\x2f\xfd", "zstd", &["-dcq"]),
];

/// The content of a file, unpacked by its first bytes.
pub enum Unpacked {
    /// As it is.
    Plain(File),
    /// Gzip.
    Gzip(Box<flate2::read::MultiGzDecoder<File>>),
    /// Through a program.
    Program(Child, &'static str),
}

impl Unpacked {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let failed = ArchiveError::io(path);
        let mut file = File::open(path).map_err(&failed)?;
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(8).read_to_end(&mut start).map_err(&failed)?;
        file.rewind().map_err(&failed)?;
        if start.starts_with(b"\x1f\x8b") {
            return Ok(Self::Gzip(Box::new(flate2::read::MultiGzDecoder::new(file))));
        }
        let Some((_, program, arguments)) = PROGRAMS.iter().find(|(magic, ..)| start.starts_with(magic)) else {
            return Ok(Self::Plain(file));
        };
        let mut command = Command::new(program);
        match command.args(*arguments).stdin(file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn() {
            Ok(child) => Ok(Self::Program(child, program)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ArchiveError::Program { path: path.display().to_string(), program })
            }
            Err(error) => Err(failed(error)),
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            Self::Program(child, program) => {
                let Some(stdout) = &mut child.stdout else { return Ok(0) };
                let count = stdout.read(buffer)?;
                // The end of its output is the end of the archive only if the program says that all went well.
                if count == 0 && !buffer.is_empty() && !child.wait()?.success() {
                    return Err(io::Error::other(format!("{program} cannot unpack it")));
                }
                Ok(count)
            }
        }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        if let Self::Program(child, _) = self {
            // Whoever stopped reading early leaves a program that waits for a reader.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
