//! The string that a master prints and a new minion is given: where the master is, how to know it, and a token.

use std::fmt;
use std::str::FromStr;

use crate::crypto::fingerprint::Fingerprint;

/// First part of the text.
const MARK: &str = "salt-join-1";

/// What a new minion needs. The text is `salt-join-1,HOST,RET_PORT,PUBLISH_PORT,FINGERPRINT[,TOKEN]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Join {
    /// Name or address of the master.
    pub host: String,
    /// Port of sessions.
    pub ret_port: u16,
    /// Port of publications.
    pub publish_port: u16,
    /// Fingerprint of the master's root.
    pub finger: Fingerprint,
    /// A one-time token.
    pub token: Option<String>,
}

/// The text is not what a master printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no join string: {MARK},HOST,PORT,PORT,FINGERPRINT,TOKEN is expected")]
pub struct BadJoin;

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finger = self.finger.to_string().replace(':', "");
        write!(f, "{MARK},{},{},{},{finger}", self.host, self.ret_port, self.publish_port)?;
        self.token.as_ref().map_or(Ok(()), |token| write!(f, ",{token}"))
    }
}

/// The token is a secret.
impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Join({}, {})", self.host, self.finger)
    }
}

impl FromStr for Join {
    type Err = BadJoin;

    fn from_str(text: &str) -> Result<Self, BadJoin> {
        let plain = |text: &str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let parts: Vec<&str> = text.trim().split(',').take(8).collect();
        let (&[mark, host, ret, publish, finger], rest) = parts.split_first_chunk::<5>().ok_or(BadJoin)?;
        let token = match rest {
            [] => None,
            [token] if plain(token) => Some((*token).to_owned()),
            _ => return Err(BadJoin),
        };
        if mark != MARK || !plain(host) {
            return Err(BadJoin);
        }
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or(BadJoin);
        let finger = finger.parse().map_err(|_| BadJoin)?;
        Ok(Self { host: host.to_owned(), ret_port: port(ret)?, publish_port: port(publish)?, finger, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_string_survives_a_round_trip_and_nothing_else_is_one() {
        let finger = "ab".repeat(32);
        let text = format!("salt-join-1,fd00::1,4506,4505,{finger},t0ken");
        let join: Join = text.parse().unwrap();
        assert_eq!(
            (join.to_string(), join.host.as_str(), join.token.as_deref()),
            (text.clone(), "fd00::1", Some("t0ken"))
        );
        assert!(!format!("{join:?}").contains("t0ken"));
        for bad in [
            "",
            "salt-join-1",
            &text.replace("4506", "0"),
            &text.replace("-1,", "-2,"),
            &text.replace("ab", "zz"),
            &format!("{text},more"),
            &text.replace("fd00::1", ""),
            &text.replace("t0ken", "a b"),
        ] {
            assert_eq!(bad.parse::<Join>(), Err(BadJoin), "{bad}");
        }
    }
}
