//! Payloads one behind the other in a file, each found whole or not at all: `mark, length, crc, payload`.

/// Two bytes that start every frame, so that the next good one can be found after damage.
pub const MARK: [u8; 2] = [0xf1, 0x5a];
/// Bytes before the payload: mark, length (u32), crc32 of length and payload (u32), both little-endian.
pub const HEADER: usize = 10;

/// A payload (of at most 4 GiB) as it stands in the file.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend(MARK);
    out.extend(length);
    out.extend(checksum(length, payload).to_le_bytes());
    out.extend(payload);
    out
}

/// The payload of the frame that starts `bytes`, if a whole and undamaged one of at most `most` bytes does.
pub fn payload(bytes: &[u8], most: usize) -> Option<&[u8]> {
    let header = bytes.get(..HEADER)?;
    if header[..2] != MARK {
        return None;
    }
    let length = [header[2], header[3], header[4], header[5]];
    let size = u32::from_le_bytes(length) as usize;
    if size > most {
        return None;
    }
    let payload = bytes.get(HEADER..HEADER + size)?;
    let expected = u32::from_le_bytes([header[6], header[7], header[8], header[9]]);
    (checksum(length, payload) == expected).then_some(payload)
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_or_nothing() {
        let framed = frame(b"hello");
        assert_eq!(payload(&framed, 5), Some(&b"hello"[..]));
        assert_eq!(payload(&framed, 4), None);
        assert_eq!(payload(&framed[..framed.len() - 1], 5), None);
        for at in 0..framed.len() {
            let mut damaged = framed.clone();
            damaged[at] ^= 1;
            assert_eq!(payload(&damaged, 5), None, "byte {at}");
        }
    }
}
