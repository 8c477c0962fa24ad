//! One-time tokens: each lets one key in, for an id that matches its pattern, until it expires. Only digests are kept.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use fleet_common::crypto::keys::random_token;
use fleet_common::digest;
use fleet_common::ids::MinionId;
use fleet_common::target::glob;

use super::directory::{Directory, KeyError, io};

/// The file below the PKI directory: `DIGEST EXPIRES PATTERN`, one token a line.
const FILE: &str = "enrolment_tokens";
/// Most tokens that wait to be used.
const MOST: usize = 10_000;

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    digest: String,
    /// Milliseconds since 1970.
    expires: u64,
    /// Glob of ids.
    pattern: String,
}

impl Directory {
    /// Makes a token for ids that match `pattern`, good until `expires` (milliseconds since 1970). Blocks.
    pub fn make_token(&self, pattern: &str, expires: u64, now: u64) -> Result<String, KeyError> {
        let plain = !pattern.is_empty() && pattern.len() <= 255 && pattern.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain {
            return Err(KeyError::Pattern(pattern.chars().take(64).collect()));
        }
        self.create()?;
        let _lock = self.lock()?;
        let mut kept = self.tokens(now)?;
        if kept.len() >= MOST {
            return Err(KeyError::Tokens(MOST));
        }
        let token = random_token();
        kept.push(Kept { digest: digest_of(&token), expires, pattern: pattern.to_owned() });
        self.keep_tokens(&kept)?;
        Ok(token)
    }

    /// Uses a token up; false when it is none, too old, or for other ids. Whoever calls holds the lock.
    pub(super) fn redeem(&self, token: &str, id: &MinionId, now: u64) -> Result<bool, KeyError> {
        let digest = digest_of(token);
        let mut kept = self.tokens(now)?;
        let found = kept.iter().position(|kept| kept.digest == digest && glob::matches(&kept.pattern, id.as_str()));
        let Some(found) = found else { return Ok(false) };
        kept.remove(found);
        self.keep_tokens(&kept)?;
        Ok(true)
    }

    /// Those that are good at `now`. Lines that are none are passed over: they let nobody in.
    fn tokens(&self, now: u64) -> Result<Vec<Kept>, KeyError> {
        let path = self.token_file();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(io(&path))?,
        };
        let parse = |line: &str| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (digest, expires, pattern) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
            (expires > now).then_some(Kept { digest, expires, pattern })
        };
        Ok(text.lines().filter_map(parse).collect())
    }

    fn keep_tokens(&self, kept: &[Kept]) -> Result<(), KeyError> {
        let path = self.token_file();
        let temporary = path.with_file_name(".enrolment_tokens.new");
        // A crash may have left one; the lock is held, so nobody writes it now.
        let _ = fs::remove_file(&temporary);
        let line = |kept: &Kept| format!("{} {} {}\n", kept.digest, kept.expires, kept.pattern);
        let text: String = kept.iter().map(line).collect();
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(io(&temporary))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(io(&temporary))?;
        fs::rename(&temporary, &path).map_err(io(&path))
    }

    fn token_file(&self) -> PathBuf {
        self.root().join(FILE)
    }
}

fn digest_of(token: &str) -> String {
    digest::hex_of_bytes("sha256", token.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lets_one_key_in_for_its_ids_and_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Directory::new(dir.path().join("pki"));
        let [web, db]: [MinionId; 2] = ["web1".parse().unwrap(), "db1".parse().unwrap()];
        let token = keys.make_token("web*", 1000, 0).unwrap();
        assert!(!keys.redeem(&token, &db, 0).unwrap(), "another id");
        assert!(!keys.redeem(&token, &web, 1000).unwrap(), "too late");
        assert!(!keys.redeem("", &web, 0).unwrap() && !keys.redeem(&token[1..], &web, 0).unwrap());
        let text = fs::read_to_string(keys.token_file()).unwrap();
        assert!(!text.contains(&token), "the token itself is not kept");
        assert!(keys.redeem(&token, &web, 999).unwrap());
        assert!(!keys.redeem(&token, &web, 999).unwrap(), "once");
        for pattern in ["", "a b", "web*\n"] {
            assert!(matches!(keys.make_token(pattern, 1000, 0), Err(KeyError::Pattern(_))), "{pattern:?}");
        }
    }
}
