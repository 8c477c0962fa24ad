//! The master's files as a [`FileSource`].

use std::sync::Arc;

use fleet_common::files::{FileError, FileSource, FileStat};
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::Map;

use super::{Asker, FetchError};

/// Files that are asked for through `A`.
pub struct RemoteFiles<A> {
    asker: Arc<A>,
}

impl<A: Asker> RemoteFiles<A> {
    /// A source behind an asker.
    pub fn new(asker: Arc<A>) -> Self {
        Self { asker }
    }

    fn ask(&self, about: &str, request: Request) -> Result<Reply, FileError> {
        match self.asker.ask(request).map_err(|error| failed(about, &error))? {
            Reply::Error { message, .. } => Err(FileError::Failed { path: about.to_owned(), why: message }),
            reply => Ok(reply),
        }
    }

    fn names(&self, environment: &str, prefix: &str, directories: bool) -> Result<Vec<String>, FileError> {
        let request = Request::Files { env: environment.to_owned(), prefix: prefix.to_owned(), directories };
        match self.ask(prefix, request)? {
            Reply::Names { names } => Ok(names),
            _ => Err(strange(prefix)),
        }
    }
}

fn failed(path: &str, error: &FetchError) -> FileError {
    FileError::Failed { path: path.to_owned(), why: error.to_string() }
}

fn strange(path: &str) -> FileError {
    FileError::Failed { path: path.to_owned(), why: "the master answered another question".to_owned() }
}

impl<A: Asker> FileSource for RemoteFiles<A> {
    fn options(&self) -> Result<Map, FileError> {
        match self.ask("options", Request::Options {})? {
            Reply::Options { options } => Ok(options),
            _ => Err(strange("options")),
        }
    }

    fn environments(&self) -> Result<Vec<String>, FileError> {
        match self.ask("environments", Request::Environments {})? {
            Reply::Names { names } => Ok(names),
            _ => Err(strange("environments")),
        }
    }

    fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        self.names(environment, prefix, false)
    }

    fn directories(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        self.names(environment, prefix, true)
    }

    fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError> {
        let path = inside(path)?;
        let request = Request::Stat { env: environment.to_owned(), path: path.to_owned() };
        match self.ask(path, request)? {
            Reply::Stat { stat } => Ok(stat.map(|facts| FileStat {
                size: facts.size,
                mode: facts.mode,
                mtime: i128::from(facts.mtime),
                link: facts.link,
            })),
            _ => Err(strange(path)),
        }
    }

    fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
        let path = inside(path)?;
        let Some(local) = self.asker.fetch(environment, path).map_err(|error| failed(path, &error))? else {
            return Ok(None);
        };
        match std::fs::read(&local) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) => Err(FileError::Failed { path: path.to_owned(), why: error.to_string() }),
        }
    }
}

/// Refuses what is not a clean relative path: the answer becomes part of a path on this machine.
pub(super) fn inside(path: &str) -> Result<&str, FileError> {
    let clean = !path.is_empty()
        && !path.contains(['\0', '\\'])
        && path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() <= 255);
    if clean { Ok(path) } else { Err(FileError::Outside(path.to_owned())) }
}
