//! The 64 bytes each side sends first.

use super::ZmtpError;

/// Length of a greeting.
pub const GREETING_LEN: usize = 64;

/// What the peer's greeting says; only the NULL mechanism passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    /// Major version, 3 or higher.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
}

impl Greeting {
    /// Our greeting: ZMTP 3.0, NULL. 3.0 makes libzmq send subscriptions as messages; both forms are understood.
    pub fn ours() -> [u8; GREETING_LEN] {
        let mut bytes = [0; GREETING_LEN];
        bytes[0] = 0xff;
        bytes[9] = 0x7f;
        bytes[10] = 3;
        bytes[12..16].copy_from_slice(b"NULL");
        bytes
    }

    /// Reads as much of a greeting as has arrived: an error as soon as it can't become one, `None` while incomplete.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ZmtpError> {
        if bytes.first().is_some_and(|first| *first != 0xff) || bytes.get(9).is_some_and(|ninth| ninth & 1 == 0) {
            return Err(ZmtpError::NotZmtp);
        }
        if let Some(major) = bytes.get(10).filter(|major| **major < 3) {
            return Err(ZmtpError::Version(*major));
        }
        let Some(bytes) = bytes.first_chunk::<GREETING_LEN>() else { return Ok(None) };
        if &bytes[12..16] != b"NULL" || bytes[16..32].iter().any(|byte| *byte != 0) {
            return Err(ZmtpError::Mechanism);
        }
        Ok(Some(Self { major: bytes[10], minor: bytes[11] }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_judged_as_early_as_possible() {
        let ours = Greeting::ours();
        assert_eq!(Greeting::parse(&ours), Ok(Some(Greeting { major: 3, minor: 0 })));
        assert_eq!(Greeting::parse(&ours[..63]), Ok(None));
        assert_eq!(Greeting::parse(&[]), Ok(None));
        assert_eq!(Greeting::parse(b"G"), Err(ZmtpError::NotZmtp));
        let mut old = ours;
        old[10] = 1;
        assert_eq!(Greeting::parse(&old[..11]), Err(ZmtpError::Version(1)));
        let mut curve = ours;
        curve[12..17].copy_from_slice(b"CURVE");
        assert_eq!(Greeting::parse(&curve), Err(ZmtpError::Mechanism));
    }
}
