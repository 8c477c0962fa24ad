//! The questions about files, each with its answer.

use fleet_common::proto::files::{Brought, TreeState, Wanted};
use fleet_common::proto::request::{Reply, Request};
use serde_bytes::ByteBuf;

use crate::uplink::{AskError, PATIENCE, Uplink};

fn strange() -> AskError {
    AskError::Refused { code: "failed".to_owned(), message: "the master answered another question".to_owned() }
}

pub(super) async fn tree(
    uplink: &Uplink,
    (env, prefix): (&str, &str),
    known: ByteBuf,
    most: u32,
) -> Result<TreeState, AskError> {
    let request = Request::Tree { env: env.to_owned(), prefix: prefix.to_owned(), known, most };
    match uplink.ask(request, PATIENCE).await? {
        Reply::Tree { state } => Ok(state),
        _ => Err(strange()),
    }
}

pub(super) async fn bring(uplink: &Uplink, env: &str, files: Vec<Wanted>) -> Result<Vec<Brought>, AskError> {
    let count = files.len();
    match uplink.ask(Request::Bring { env: env.to_owned(), files }, PATIENCE).await? {
        Reply::Brought { files } if (1..=count).contains(&files.len()) => Ok(files),
        _ => Err(strange()),
    }
}

/// `None` when the master no longer has this file.
pub(super) async fn part(
    uplink: &Uplink,
    (env, path): (&str, &str),
    (offset, length): (u64, u32),
    sha256: ByteBuf,
) -> Result<Option<Vec<u8>>, AskError> {
    let request = Request::Read { env: env.to_owned(), path: path.to_owned(), offset, length, sha256 };
    match uplink.ask(request, PATIENCE).await? {
        Reply::Part { bytes, .. } => Ok(bytes.map(ByteBuf::into_vec)),
        _ => Err(strange()),
    }
}
