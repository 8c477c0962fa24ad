//! Files of other machines (`http://`, `https://`), kept in the cache as `extrn_files/<env>/<host>/<path>`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fleet_common::call::Facts;
use fleet_common::digest::{self, Digest};

use super::below::{Below, Spot};
use crate::cx::Look;
use crate::system::checksum::Checksum;
use crate::system::fs::FileFault;
use crate::system::http::{Client, HttpError, Request, Wishes, without_account};

/// Why a file could not be brought.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It could not be asked for.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server has no such file, or does not give it.
    #[error("{address}: HTTP {status} {reason}")]
    Refused {
        /// The address, without its account.
        address: String,
        /// The status.
        status: u16,
        /// The status in words.
        reason: &'static str,
    },
    /// What came is not what was announced.
    #[error("{address}: the {kind} checksum is {actual}, {wanted} was expected")]
    Checksum {
        /// The address, without its account.
        address: String,
        /// The kind of checksum.
        kind: &'static str,
        /// That of what came.
        actual: String,
        /// That of what was expected.
        wanted: String,
    },
    /// It could not be kept.
    #[error(transparent)]
    File(#[from] FileFault),
}

/// What is known of the file that is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// The checksum it must have; a copy in the cache that has it is taken.
    pub checksum: Option<&'a Checksum>,
    /// A copy in the cache is taken as it is.
    pub any_copy: bool,
    /// Whether the server's certificate is checked; else as configured.
    pub verify_ssl: Option<bool>,
}

/// True for an address of a file that this module brings.
pub fn is_web(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

/// Where the cache keeps the file of an address; `None` for one that has no place there.
pub fn place(look: &Look, url: &str, saltenv: &str) -> Option<PathBuf> {
    spot(look, url, saltenv).map(|spot| spot.path)
}

/// As [`place`], to write there.
pub fn spot(look: &Look, url: &str, saltenv: &str) -> Option<Spot> {
    let (_, rest) = url.split_once("://")?;
    let rest = rest.split('#').next()?;
    let (host, path) = rest.split_once('/')?;
    let host = host.rsplit('@').next()?;
    let path = path.replace('?', "-");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() || saltenv.contains('/') {
        return None;
    }
    // A name that no file system takes gets one that says nothing but is its own.
    let long = parts.iter().any(|part| part.len() > 200);
    let path = if long { digest::hex_of_bytes("sha256", path.as_bytes())? } else { parts.join("/") };
    Below::new(look.cache_dir().join("extrn_files")).spot(format!("{saltenv}/{host}/{path}"))
}

/// Brings a file into the cache unless the copy there will do; its path there.
pub fn bring(look: &Look, url: &str, saltenv: &str, wanted: &Wanted<'_>) -> Result<PathBuf, WebError> {
    let address = without_account(url);
    let spot = spot(look, url, saltenv).ok_or_else(|| HttpError::Address(address.clone()))?;
    let path = spot.path;
    if path.is_file() && (wanted.any_copy || wanted.checksum.is_some_and(|sum| has(&path, sum))) {
        return Ok(path);
    }
    let client = Client::new(&look.opts(), &Wishes { verify: wanted.verify_ssl, ..Wishes::default() })?;
    let mut answer = client.send(&Request::get(url))?;
    if answer.status != 200 {
        return Err(WebError::Refused { address, status: answer.status, reason: answer.reason });
    }
    let mut failed = None;
    let mut sum = wanted.checksum.and_then(|wanted| Digest::new(wanted.kind));
    let written = spot.below.write(&spot.name, |file| {
        let brought = answer.pieces(|piece| {
            if let Some(sum) = &mut sum {
                sum.update(piece);
            }
            file.write_all(piece)
        });
        // Content that is not what was announced never gets its name.
        let checked = brought.map_err(WebError::from).and_then(|()| match (wanted.checksum, sum.take()) {
            (Some(wanted), Some(sum)) => fits(wanted, &digest::hex(&sum.finish()), &address),
            _ => Ok(()),
        });
        checked.map_err(|error| {
            let told = std::io::Error::other(error.to_string());
            failed = Some(error);
            told
        })
    });
    match failed {
        Some(error) => Err(error),
        None => match written {
            Ok(_) => Ok(path),
            Err(error) => Err(FileFault::io(&path)(error).into()),
        },
    }
}

fn fits(wanted: &Checksum, actual: &str, address: &str) -> Result<(), WebError> {
    if actual == wanted.hex {
        return Ok(());
    }
    let (actual, wanted, kind) = (actual.to_owned(), wanted.hex.clone(), wanted.kind);
    Err(WebError::Checksum { address: address.to_owned(), kind, actual, wanted })
}

/// True if a file of this machine has a checksum.
pub fn has(path: &Path, wanted: &Checksum) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    let mut reader: Box<dyn Read> = Box::new(std::io::BufReader::new(file));
    matches!(digest::hex_of_reader(wanted.kind, &mut reader), Ok(Some(hex)) if hex == wanted.hex)
}
