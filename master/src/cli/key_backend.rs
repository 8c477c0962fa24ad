//! Where `keyctl` finds the keys: behind the master when it runs, else in the files.

use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::proto::api::{KeyChange, KeyList, NewToken, OwnKey, Replaced, Token};
use tokio::runtime::Runtime;

use super::as_owner::as_owner;
use super::key_own;
use super::keyctl::KeyBackend;
use crate::client::{Client, ClientError};
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::{Directory, Folder, KeyError};
use crate::renewal;

/// The files themselves.
pub struct Files(pub Directory);

/// A running master.
pub struct Running {
    runtime: Runtime,
    client: Client,
}

/// The master when it runs, else the files.
pub fn open(config: &Config) -> Result<Box<dyn KeyBackend>, Diagnostic> {
    let files = || Ok(Box::new(Files(Directory::new(&config.pki_dir))) as Box<dyn KeyBackend>);
    let path = config.api_socket();
    if !path.exists() {
        return files();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Diagnostic::new(Kind::Internal, error.to_string()))?;
    match runtime.block_on(Client::connect(&path)) {
        Ok(client) => Ok(Box::new(Running { runtime, client })),
        Err(ClientError::Unavailable { .. }) => files(),
        Err(error) => Err(remote(error)),
    }
}

impl Files {
    /// What is written belongs to the account that the keys belong to: the master may run as another than who types.
    fn act<T: Send>(&self, work: impl FnOnce(&Directory) -> Result<T, Diagnostic> + Send) -> Result<T, Diagnostic> {
        as_owner(self.0.root(), || work(&self.0))?
    }
}

impl KeyBackend for Files {
    fn list(&mut self) -> Result<KeyList, Diagnostic> {
        self.act(|keys| keys.list().map_err(local))
    }
    fn read(&mut self, folder: Folder, name: &str) -> Result<Option<String>, Diagnostic> {
        self.act(|keys| keys.read(folder, name).map_err(local))
    }
    fn change(&mut self, change: &KeyChange) -> Result<(), Diagnostic> {
        self.act(|keys| keys.change(change).map(|_| ()).map_err(local))
    }
    fn replace_own(&mut self, which: OwnKey) -> Result<(Replaced, bool), Diagnostic> {
        self.act(|keys| {
            let before = key_own::root(keys.root())?;
            renewal::replace(keys.root(), which, Clock::start().wall())?;
            Ok((Replaced { before, after: key_own::root(keys.root())?, told: 0 }, false))
        })
    }
    fn make_token(&mut self, wanted: &NewToken) -> Result<Token, Diagnostic> {
        let now = Clock::start().wall();
        let expires = now.saturating_add(wanted.seconds.saturating_mul(1000));
        self.act(|keys| {
            let root = key_own::root(keys.root())?;
            Ok(Token { token: keys.make_token(&wanted.pattern, expires, now).map_err(local)?, root })
        })
    }
}

impl KeyBackend for Running {
    fn list(&mut self) -> Result<KeyList, Diagnostic> {
        self.runtime.block_on(self.client.keys()).map_err(remote)
    }
    fn read(&mut self, folder: Folder, name: &str) -> Result<Option<String>, Diagnostic> {
        self.runtime.block_on(self.client.key(folder.name(), name)).map_err(remote)
    }
    fn change(&mut self, change: &KeyChange) -> Result<(), Diagnostic> {
        self.runtime.block_on(self.client.change_keys(change)).map(|_| ()).map_err(remote)
    }
    fn replace_own(&mut self, which: OwnKey) -> Result<(Replaced, bool), Diagnostic> {
        self.runtime.block_on(self.client.replace_own(which)).map(|done| (done, true)).map_err(remote)
    }
    fn make_token(&mut self, wanted: &NewToken) -> Result<Token, Diagnostic> {
        self.runtime.block_on(self.client.make_token(wanted)).map_err(remote)
    }
}

fn local(error: KeyError) -> Diagnostic {
    Diagnostic::user(error.to_string())
}

fn remote(error: ClientError) -> Diagnostic {
    Diagnostic::new(Kind::Remote, error.to_string())
}
