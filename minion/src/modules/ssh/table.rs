//! The functions of `ssh`.

use fleet_common::call::Function;

use super::auth::{self, AuthKeys, CheckKey, FromFile, RmKey, SetKey};
use super::known::{self, Check, Hash, Host, Receive, Set};
use super::own::{self, HostKeys, Path, UserKeys};
use crate::cx::Module;

/// The module.
pub const MODULE: Module = Module {
    name: "ssh",
    doc: "Keys that may log in, keys of servers, keys of this machine and its users.",
    functions: &[
        Function::reads(
            "auth_keys",
            "Keys that may log in as a user, or users.",
            "ssh.auth_keys root",
            AuthKeys::ROWS,
            auth::auth_keys,
        ),
        Function::reads(
            "check_key",
            "What setting a key would come to: `add`, `update` or `exists`.",
            "ssh.check_key root AAAAC3Nza ssh-ed25519 me '[]'",
            CheckKey::ROWS,
            auth::check_key,
        ),
        Function::reads(
            "check_key_file",
            "The same for each key of a file.",
            "ssh.check_key_file root salt://keys",
            FromFile::ROWS,
            auth::check_key_file,
        ),
        Function::changes(
            "set_auth_key",
            "Lets a key log in: `new`, `replace` or `no change`.",
            "ssh.set_auth_key root AAAAC3Nza enc=ssh-ed25519",
            SetKey::ROWS,
            auth::set_auth_key,
        ),
        Function::changes(
            "set_auth_key_from_file",
            "The same for all keys of a file.",
            "ssh.set_auth_key_from_file root salt://keys",
            FromFile::ROWS,
            auth::set_from_file,
        ),
        Function::changes(
            "rm_auth_key",
            "Lets a key log in no more.",
            "ssh.rm_auth_key root AAAAC3Nza",
            RmKey::ROWS,
            auth::rm_auth_key,
        ),
        Function::changes(
            "rm_auth_key_from_file",
            "The same for all keys of a file.",
            "ssh.rm_auth_key_from_file root salt://keys",
            FromFile::ROWS,
            auth::rm_from_file,
        ),
        Function::reads(
            "get_known_host_entries",
            "What is known of a server.",
            "ssh.get_known_host_entries root example.org",
            Host::ROWS,
            known::get,
        ),
        Function::reads(
            "check_known_host",
            "What setting a server's key would come to: `add`, `update` or `exists`.",
            "ssh.check_known_host root example.org key=AAAAC3Nza",
            Check::ROWS,
            known::check,
        ),
        Function::reads(
            "recv_known_host_entries",
            "Asks a server for its keys.",
            "ssh.recv_known_host_entries example.org port=2222",
            Receive::ROWS,
            known::receive,
        ),
        Function::changes(
            "set_known_host",
            "Remembers a server's keys: given, or asked for.",
            "ssh.set_known_host root example.org fingerprint=aa:bb",
            Set::ROWS,
            known::set_host,
        ),
        Function::changes(
            "rm_known_host",
            "Forgets a server.",
            "ssh.rm_known_host root example.org",
            Host::ROWS,
            known::remove,
        ),
        Function::changes(
            "hash_known_hosts",
            "Hashes the names of servers that are known.",
            "ssh.hash_known_hosts root",
            Hash::ROWS,
            known::hash,
        ),
        Function::reads(
            "host_keys",
            "The keys of this machine.",
            "ssh.host_keys private=False",
            HostKeys::ROWS,
            own::host_keys,
        ),
        Function::reads(
            "user_keys",
            "The keys of users.",
            "ssh.user_keys root prvfile=False",
            UserKeys::ROWS,
            own::user_keys,
        ),
        Function::reads(
            "key_is_encrypted",
            "True if a private key asks for a passphrase.",
            "ssh.key_is_encrypted /root/.ssh/id_rsa",
            Path::ROWS,
            own::key_is_encrypted,
        ),
    ],
};
