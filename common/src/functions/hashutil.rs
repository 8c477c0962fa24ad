//! `hashutil.*` on texts: digests, base64, HMAC.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Function, Module, PureModule};
use crate::crypto::mac::hmac_sha256;
use crate::digest;
use crate::value::Value;

/// The module.
pub const MODULE: PureModule = Module {
    name: "hashutil",
    doc: "Digests, base64 and HMAC of texts.",
    functions: &[
        Function {
            name: "digest",
            quick: true,
            doc: "The digest of a text.",
            example: "hashutil.digest 'get salted'",
            args: Digest::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Digest::bind("hashutil.digest", arguments)?;
                hashed(&given.instr, &given.checksum)
            }),
        },
        Function {
            name: "md5_digest",
            quick: true,
            doc: "The MD5 digest of a text.",
            example: "hashutil.md5_digest 'get salted'",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| hashed(&Text::bind("hashutil.md5_digest", arguments)?.instr, "md5")),
        },
        Function {
            name: "sha256_digest",
            quick: true,
            doc: "The SHA-256 digest of a text.",
            example: "hashutil.sha256_digest 'get salted'",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| hashed(&Text::bind("hashutil.sha256_digest", arguments)?.instr, "sha256")),
        },
        Function {
            name: "sha512_digest",
            quick: true,
            doc: "The SHA-512 digest of a text.",
            example: "hashutil.sha512_digest 'get salted'",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| hashed(&Text::bind("hashutil.sha512_digest", arguments)?.instr, "sha512")),
        },
        Function {
            name: "base64_b64encode",
            quick: true,
            doc: "A text in base64, on one line.",
            example: "hashutil.base64_b64encode 'get salted'",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| {
                Ok(STANDARD.encode(Text::bind("hashutil.base64_b64encode", arguments)?.instr).into())
            }),
        },
        Function {
            name: "base64_b64decode",
            quick: true,
            doc: "A text out of base64.",
            example: "hashutil.base64_b64decode 'Z2V0IHNhbHRlZA=='",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| decoded("hashutil.base64_b64decode", arguments)),
        },
        Function {
            name: "base64_encodestring",
            quick: true,
            doc: "A text in base64, in lines of 76 characters.",
            example: "hashutil.base64_encodestring 'get salted'",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| {
                let encoded = STANDARD.encode(Text::bind("hashutil.base64_encodestring", arguments)?.instr);
                let mut lines = String::new();
                for (index, c) in encoded.chars().enumerate() {
                    if index > 0 && index % 76 == 0 {
                        lines.push('\n');
                    }
                    lines.push(c);
                }
                Ok((lines + "\n").into())
            }),
        },
        Function {
            name: "base64_decodestring",
            quick: true,
            doc: "A text out of base64 in lines.",
            example: "hashutil.base64_decodestring 'Z2V0IHNhbHRlZA=='",
            args: Text::ROWS,
            code: Code::Reads(|_, arguments| decoded("hashutil.base64_decodestring", arguments)),
        },
        Function {
            name: "hmac_compute",
            quick: true,
            doc: "The HMAC of a text with SHA-256.",
            example: "hashutil.hmac_compute 'get salted' 'shared secret'",
            args: Hmac::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Hmac::bind("hashutil.hmac_compute", arguments)?;
                Ok(digest::hex(&hmac_sha256(given.shared_secret.as_bytes(), given.string.as_bytes())).into())
            }),
        },
        Function {
            name: "hmac_signature",
            quick: true,
            doc: "True if a text has a HMAC (SHA-256, base64).",
            example: "hashutil.hmac_signature 'get salted' 'shared secret' challenge_hmac='eBWf9bstXg='",
            args: Signature::ROWS,
            code: Code::Reads(|_, arguments| {
                let given = Signature::bind("hashutil.hmac_signature", arguments)?;
                let own = STANDARD.encode(hmac_sha256(given.shared_secret.as_bytes(), given.string.as_bytes()));
                Ok((own == given.challenge_hmac).into())
            }),
        },
    ],
};

args! {
    /// Arguments of functions on one text.
    pub struct Text {
        /// The text.
        instr: String,
    }
}

args! {
    /// Arguments of `hashutil.digest`.
    pub struct Digest {
        /// The text.
        instr: String,
        /// The algorithm.
        checksum: String = "md5".to_owned(),
    }
}

args! {
    /// Arguments of `hashutil.hmac_compute`.
    pub struct Hmac {
        /// The text.
        string: String,
        /// The key.
        shared_secret: String,
    }
}

args! {
    /// Arguments of `hashutil.hmac_signature`.
    pub struct Signature {
        /// The text.
        string: String,
        /// The key.
        shared_secret: String,
        /// What the HMAC should be.
        challenge_hmac: String,
    }
}

fn hashed(text: &str, algorithm: &str) -> CallResult {
    match digest::hex_of_bytes(algorithm, text.as_bytes()).filter(|_| matches!(algorithm, "md5" | "sha256" | "sha512"))
    {
        Some(hex) => Ok(hex.into()),
        None => Err(CallError::Failed(format!("Hash func '{algorithm}' is not supported."))),
    }
}

fn decoded(function: &str, arguments: Arguments) -> CallResult {
    let bytes = lenient(&Text::bind(function, arguments)?.instr).map_err(CallError::Failed)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(error) => Value::Bytes(error.into_bytes()),
    }
    .into())
}

/// What a text in base64 stands for, read as Python does: characters that mean nothing are passed over, and the text
/// ends where it is padded.
fn lenient(text: &str) -> Result<Vec<u8>, String> {
    const ANY_END: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireNone),
    );
    let mut data = Vec::new();
    let (mut pads, mut is_ended) = (0, false);
    for &byte in text.as_bytes() {
        if byte == b'=' {
            pads += 1;
            if data.len() % 4 >= 2 && data.len() % 4 + pads >= 4 {
                is_ended = true;
                break;
            }
        } else if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') {
            data.push(byte);
            pads = 0;
        }
    }
    match data.len() % 4 {
        1 => Err(format!(
            "Invalid base64-encoded string: number of data characters ({}) cannot be 1 more than a multiple of 4",
            data.len()
        )),
        2 | 3 if !is_ended => Err("Incorrect padding".to_owned()),
        _ => ANY_END.decode(data).map_err(|error| format!("this is no base64: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::lenient;

    #[test]
    fn base64_is_read_as_python_does() {
        for (text, bytes) in [("YQ==YQ==", "a"), ("Y=WJj", "abc"), ("YQ=\n=", "a"), ("!!", ""), ("====", "")] {
            assert_eq!(lenient(text), Ok(bytes.as_bytes().to_vec()), "{text}");
        }
        assert_eq!(lenient("YQ"), Err("Incorrect padding".to_owned()));
        assert!(lenient("YWJjZ").unwrap_err().contains("(5)"));
    }
}
