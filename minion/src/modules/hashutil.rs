//! `hashutil.*` on files, and signatures of web hooks.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::digest;

use crate::cx::{Act, Look, Module};
use crate::system::fs::{self, FileFault, WriteOptions};

/// The largest file that is encoded.
const LIMIT: u64 = 64 << 20;

/// Functions on files; those on texts are in `fleet_common::functions`.
pub const MODULE: Module = Module {
    name: "hashutil",
    doc: "Digests, base64 and HMAC of texts.",
    functions: &[
        Function::reads(
            "digest_file",
            "The digest of a file.",
            "hashutil.digest_file /etc/hosts sha256",
            DigestFile::ROWS,
            digest_file,
        ),
        Function::reads(
            "base64_encodefile",
            "A file in base64, in lines of 76 characters.",
            "hashutil.base64_encodefile /etc/hosts",
            EncodeFile::ROWS,
            encode_file,
        ),
        Function::changes(
            "base64_decodefile",
            "Writes what a text in base64 stands for into a file.",
            "hashutil.base64_decodefile Z2V0IHNhbHRlZA== /tmp/decoded",
            DecodeFile::ROWS,
            decode_file,
        ),
        Function::reads(
            "github_signature",
            "True if a text has a signature as GitHub sends it: algorithm=hexadecimal HMAC.",
            "hashutil.github_signature 'get salted' 'shared secret' challenge_hmac='sha1=bc6550fc290acf5b42283fa8deaf55cea0f8c206'",
            Signature::ROWS,
            github_signature,
        )
        .quick(),
    ],
};

args! {
    /// Arguments of `hashutil.digest_file`.
    pub struct DigestFile {
        /// The file.
        infile: String,
        /// The algorithm.
        checksum: String = "md5".to_owned(),
    }
}

args! {
    /// Arguments of `hashutil.base64_encodefile`.
    pub struct EncodeFile {
        /// The file.
        fname: String,
    }
}

args! {
    /// Arguments of `hashutil.base64_decodefile`.
    pub struct DecodeFile {
        /// The text.
        instr: String,
        /// The file that is written.
        outfile: String,
    }
}

args! {
    /// Arguments of `hashutil.github_signature`.
    pub struct Signature {
        /// The text.
        string: String,
        /// The key.
        shared_secret: String,
        /// Algorithm and HMAC: `sha1=...`.
        challenge_hmac: String,
    }
}

fn failed(fault: FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

fn digest_file(_: &Look, arguments: Arguments) -> CallResult {
    let args = DigestFile::bind("hashutil.digest_file", arguments)?;
    let path = Path::new(&args.infile);
    if !path.is_file() {
        return Err(CallError::Failed(format!("File path '{}' not found.", args.infile)));
    }
    let mut file = std::fs::File::open(path).map_err(FileFault::io(path)).map_err(failed)?;
    let known = matches!(args.checksum.as_str(), "md5" | "sha256" | "sha512");
    let hex = digest::hex_of_reader(&args.checksum, &mut file).map_err(FileFault::io(path)).map_err(failed)?;
    match hex.filter(|_| known) {
        Some(hex) => Ok(hex.into()),
        None => Err(CallError::Failed(format!("Hash func '{}' is not supported.", args.checksum))),
    }
}

fn encode_file(_: &Look, arguments: Arguments) -> CallResult {
    let args = EncodeFile::bind("hashutil.base64_encodefile", arguments)?;
    let content = fs::read_bounded(Path::new(&args.fname), LIMIT).map_err(failed)?;
    // A line of 76 characters holds 57 bytes.
    let lines = content.chunks(57).map(|line| STANDARD.encode(line) + "\n");
    Ok(lines.collect::<String>().into())
}

fn decode_file(_: &Act, arguments: Arguments) -> CallResult {
    let args = DecodeFile::bind("hashutil.base64_decodefile", arguments)?;
    let text: String = args.instr.split_whitespace().collect();
    let content = STANDARD.decode(text).map_err(|error| CallError::Failed(format!("this is no base64: {error}")))?;
    fs::write_atomic(Path::new(&args.outfile), &content, &WriteOptions::default()).map_err(failed)?;
    Ok(true.into())
}

fn github_signature(_: &Look, arguments: Arguments) -> CallResult {
    let args = Signature::bind("hashutil.github_signature", arguments)?;
    let Some((algorithm, wanted)) = args.challenge_hmac.split_once('=') else {
        return Err(CallError::Invocation("challenge_hmac is algorithm=signature".to_owned()));
    };
    match hmac(algorithm, args.shared_secret.as_bytes(), args.string.as_bytes()) {
        Some(own) => Ok(same(digest::hex(&own).as_bytes(), wanted.as_bytes()).into()),
        None => Err(CallError::Invocation(format!("Hash func '{algorithm}' is not supported."))),
    }
}

/// RFC 2104 with a digest by its name.
fn hmac(algorithm: &str, key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let block = if matches!(algorithm, "sha384" | "sha512") { 128 } else { 64 };
    let mut key = if key.len() > block { digest::of_bytes(algorithm, key)? } else { key.to_vec() };
    key.resize(block, 0);
    let padded =
        |pad: u8, rest: &[u8]| [key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>(), rest.to_vec()].concat();
    let inner = digest::of_bytes(algorithm, &padded(0x36, text))?;
    digest::of_bytes(algorithm, &padded(0x5c, &inner))
}

/// Compares without telling by its time where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_the_rfc() {
        let own = hmac("md5", b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(digest::hex(&own), "750c783e6ab0b503eaa86e310a5db738");
        let own = hmac("sha256", b"Jefe", b"what do ya want for nothing?").unwrap();
        assert!(digest::hex(&own).starts_with("5bdcc146bf60754e6a042426089575c7"));
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"ab", b"abc"));
    }
}
