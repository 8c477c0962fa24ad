//! Checksums by their names in trees: `md5`, `sha1`, `sha224`, `sha256`, `sha384`, `sha512`.
//!
//! For comparing files and for the hash functions of templates; identities and seals are the business of `crypto`.

use std::io::Read;

use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// A checksum in the making.
pub struct Digest(Box<dyn DynDigest + Send>);

/// The names that [`Digest::new`] knows, with the length of their hexadecimal form.
pub const NAMES: &[(&str, usize)] =
    &[("md5", 32), ("sha1", 40), ("sha224", 56), ("sha256", 64), ("sha384", 96), ("sha512", 128)];

impl Digest {
    /// Starts a checksum; `None` for a name that is not known. Names are compared without case.
    pub fn new(name: &str) -> Option<Self> {
        let digest: Box<dyn DynDigest + Send> = match name.to_ascii_lowercase().as_str() {
            "md5" => Box::new(Md5::default()),
            "sha1" => Box::new(Sha1::default()),
            "sha224" => Box::new(Sha224::default()),
            "sha256" => Box::new(Sha256::default()),
            "sha384" => Box::new(Sha384::default()),
            "sha512" => Box::new(Sha512::default()),
            _ => return None,
        };
        Some(Self(digest))
    }

    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum.
    pub fn finish(self) -> Vec<u8> {
        self.0.finalize().into_vec()
    }
}

/// The checksum of bytes, or `None` for an unknown name.
pub fn of_bytes(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut digest = Digest::new(name)?;
    digest.update(bytes);
    Some(digest.finish())
}

/// The checksum of bytes in lower-case hexadecimal, or `None` for an unknown name.
pub fn hex_of_bytes(name: &str, bytes: &[u8]) -> Option<String> {
    of_bytes(name, bytes).map(|sum| hex(&sum))
}

/// The checksum of a stream in lower-case hexadecimal, or `None` for an unknown name.
pub fn hex_of_reader(name: &str, reader: &mut dyn Read) -> std::io::Result<Option<String>> {
    let Some(mut digest) = Digest::new(name) else { return Ok(None) };
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Some(hex(&digest.finish()))),
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        assert_eq!(hex_of_bytes("md5", b"abc").as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
        assert_eq!(hex_of_bytes("SHA1", b"abc").as_deref(), Some("a9993e364706816aba3e25717850c26c9cd0d89d"));
        let sum = hex_of_reader("sha256", &mut &b"abc"[..]).unwrap().unwrap();
        assert_eq!(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for (name, length) in NAMES {
            assert_eq!(hex_of_bytes(name, b"").unwrap().len(), *length, "{name}");
        }
        assert!(Digest::new("crc32").is_none());
    }
}
