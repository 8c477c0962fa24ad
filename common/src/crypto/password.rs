//! Hashes of passwords as `/etc/shadow` holds them: `$5$` (sha256) and `$6$` (sha512) of crypt(3).

use sha_crypt::{Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64};

/// How often the hash is repeated unless the hash says otherwise, as the format defines it.
const ROUNDS: usize = 5000;
/// Characters of a salt at most, as the format defines it.
pub const LONGEST_SALT: usize = 16;

/// The hash of a password with this salt, cut to [`LONGEST_SALT`] as crypt(3) does: `sha512` or `sha256`. `None` for
/// other kinds and for a salt that is empty or has other characters than the format allows.
pub fn hash(password: &str, salt: &str, kind: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let salt = salt.get(..salt.len().min(LONGEST_SALT)).filter(|salt| !salt.is_empty() && salt.bytes().all(fits))?;
    let (password, bytes) = (password.as_bytes(), salt.as_bytes());
    let (id, hashed) = match kind {
        "sha512" => (6, sha512_crypt_b64(password, bytes, &Sha512Params::new(ROUNDS).ok()?)),
        "sha256" => (5, sha256_crypt_b64(password, bytes, &Sha256Params::new(ROUNDS).ok()?)),
        _ => return None,
    };
    Some(format!("${id}${salt}${}", hashed.ok()?))
}

/// True if a password has this hash; false also for hashes of kinds we cannot make.
pub fn fits(password: &str, hashed: &str) -> bool {
    let mut parts = hashed.splitn(4, '$');
    let (Some(""), Some(id), Some(salt)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let kind = match id {
        "6" => "sha512",
        "5" => "sha256",
        _ => return false,
    };
    hash(password, salt, kind).is_some_and(|own| own == hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_format() {
        let known =
            "$6$aaaaaaaa$Uy05juZUvx6BGwo60q0gdTgdBQxG/XdfPiPVaseSX3o99IXYqUVqe/AvHlD5DWm5MkgiS4k29TpTxDT.XwP/t1";
        assert_eq!(hash("secret", "aaaaaaaa", "sha512").as_deref(), Some(known));
        assert!(fits("secret", known) && !fits("Secret", known) && !fits("secret", "!") && !fits("", ""));
        for salt in ["a:b", "", "é"] {
            assert_eq!(hash("secret", salt, "sha512"), None, "{salt}");
        }
        assert_eq!(hash("secret", &"a".repeat(17), "sha512"), hash("secret", &"a".repeat(LONGEST_SALT), "sha512"));
    }
}
