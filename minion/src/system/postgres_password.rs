//! Passwords as PostgreSQL keeps them: made and compared here, so that the plain one is never sent or logged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet_common::crypto::mac::{hmac_sha256, pbkdf2_sha256};
use fleet_common::digest;

/// Rounds of what is made here: the server's own default.
const ROUNDS: u32 = 4096;
/// Most rounds of what is compared with: more would only cost time.
const MOST_ROUNDS: u32 = 1_000_000;

/// How a password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// SCRAM-SHA-256.
    Scram,
    /// MD5 over password and role, for old clients.
    Md5,
}

/// True for a text that is kept as it is: somebody hashed it already.
pub fn is_kept_form(text: &str) -> bool {
    let md5 = text.strip_prefix("md5").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    md5 || text.starts_with("SCRAM-SHA-256$")
}

/// What the server is to keep for a password.
pub fn kept(role: &str, password: &str, method: Method) -> String {
    match method {
        _ if is_kept_form(password) => password.to_owned(),
        Method::Md5 => md5(role, password),
        Method::Scram => scram(password, &rand::random::<[u8; 16]>(), ROUNDS),
    }
}

/// True if what the server keeps was made of this password.
pub fn is_of(kept: &str, role: &str, password: &str) -> bool {
    if is_kept_form(password) {
        return kept == password;
    }
    let Some((rounds, salt)) = kept.strip_prefix("SCRAM-SHA-256$").and_then(|rest| rest.split_once(':')) else {
        return kept == md5(role, password);
    };
    let salt = salt.split('$').next().and_then(|salt| STANDARD.decode(salt).ok());
    let rounds = rounds.parse().ok().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds));
    match (rounds, salt) {
        (Some(rounds), Some(salt)) => kept == scram(password, &salt, rounds),
        _ => false,
    }
}

fn md5(role: &str, password: &str) -> String {
    let sum = digest::of_bytes("md5", format!("{password}{role}").as_bytes()).unwrap_or_default();
    format!("md5{}", digest::hex(&sum))
}

/// RFC 5803's form. Passwords are taken as they are: those that SASLprep would change are rare and compare unequal.
fn scram(password: &str, salt: &[u8], rounds: u32) -> String {
    let salted = pbkdf2_sha256(password.as_bytes(), salt, rounds);
    let client = hmac_sha256(&salted, b"Client Key");
    let stored = digest::of_bytes("sha256", &client).unwrap_or_default();
    let server = hmac_sha256(&salted, b"Server Key");
    let [salt, stored, server] = [salt, &stored, &server[..]].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${rounds}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by a server of version 15.
    #[test]
    fn what_a_server_keeps_is_recognised() {
        let scram = "SCRAM-SHA-256$4096:piDeif/K6nDkIc5vZ42hCA==$/79IkCh6vTI903VhtSGl6wOQPVwTsrzCT+aO2Xzo4eM=:ouDZUVS5rGIpn08032XVCVmxKau7qX/VLe0cLTYCFD0=";
        assert!(is_of(scram, "vec", "s3cret") && !is_of(scram, "vec", "s3cre"));
        let md5 = "md5c10459ee663f8aa33065d1932a5b081b";
        assert!(is_of(md5, "vec", "s3cret") && !is_of(md5, "other", "s3cret"));
    }

    #[test]
    fn what_is_made_is_recognised_and_nothing_else() {
        for method in [Method::Scram, Method::Md5] {
            let made = kept("larry", "s3cret", method);
            assert!(is_kept_form(&made) && !made.contains("s3cret"));
            assert!(is_of(&made, "larry", "s3cret") && !is_of(&made, "larry", "other"));
            assert_eq!(kept("larry", &made, method), made);
        }
        assert!(!is_of("", "larry", "s3cret") && !is_of("SCRAM-SHA-256$x", "larry", "s3cret"));
        assert!(!is_of("SCRAM-SHA-256$99999999:AA==$x:y", "larry", "s3cret"));
    }
}
