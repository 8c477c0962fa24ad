//! Repositories of charts that Helm knows.

use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::line::{Asked, ask_value, asked, done, value};
use super::manage::Wanted;
use super::options::Options;
use crate::cx::{Act, Module};

/// The repositories.
pub const MODULE: Module = Module {
    name: "helm",
    doc: "Charts of Kubernetes, through Helm.",
    functions: &[
        Function::changes(
            "repo_add",
            "Adds a repository; true if Helm did. A password in `kvflags` is in no list of processes.",
            "helm.repo_add house https://charts.example.com",
            Add::ROWS,
            |act, arguments| add(act, &Add::bind("helm.repo_add", arguments)?),
        ),
        Function::changes(
            "repo_index",
            "Writes the index of a directory of packages; true if Helm did.",
            "helm.repo_index /srv/packed",
            Index::ROWS,
            |act, arguments| done(act, &["repo", "index"], &Index::bind("helm.repo_index", arguments)?),
        ),
        Function::reads(
            "repo_list",
            "The known repositories: their names and addresses.",
            "helm.repo_list",
            All::ROWS,
            |_, arguments| value(&["repo", "list"], &All::bind("helm.repo_list", arguments)?),
        ),
        Function::changes(
            "repo_manage",
            "Adds repositories and removes others; what is there, what was added, removed, absent and what failed.",
            "helm.repo_manage present='[{name: house, url: https://charts.example.com}]' prune=true",
            Wanted::ROWS,
            |act, arguments| {
                let wanted = Wanted::bind("helm.repo_manage", arguments)?;
                Ok(wanted.difference()?.make(act, &wanted)?.report().into())
            },
        ),
        Function::changes(
            "repo_remove",
            "Removes a repository; true if Helm did.",
            "helm.repo_remove house",
            Named::ROWS,
            |act, arguments| done(act, &["repo", "remove"], &Named::bind("helm.repo_remove", arguments)?),
        ),
        Function::changes(
            "repo_update",
            "Fetches what the repositories offer; true if Helm did.",
            "helm.repo_update",
            All::ROWS,
            |act, arguments| update(act, &All::bind("helm.repo_update", arguments)?),
        ),
    ],
};

asked! {
    /// Arguments of functions that are about all repositories.
    pub struct All [] [namespace] {
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
    }
}

asked! {
    /// Arguments of `helm.repo_add`.
    pub struct Add [name, url] [namespace] {
        /// Its name here.
        name: String,
        /// Its address, without a password.
        url: String,
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
    }
}

asked! {
    /// Arguments of `helm.repo_remove`.
    pub struct Named [name] [namespace] {
        /// Its name here.
        name: String,
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
    }
}

asked! {
    /// Arguments of `helm.repo_index`.
    struct Index [directory] [namespace] {
        /// The directory.
        directory: String,
        /// The namespace; repositories have none, but Helm takes it.
        namespace: Option<String> = None,
    }
}

/// Adds a repository.
pub fn add(act: &Act, repository: &Add) -> CallResult {
    if has_account(&repository.url) {
        let why = "'url' is an address without an account: give `username` and `password` in 'kvflags'";
        return Err(CallError::Invocation(why.to_owned()));
    }
    done(act, &["repo", "add"], repository)
}

/// Removes a repository.
pub fn remove(act: &Act, repository: &Named) -> CallResult {
    done(act, &["repo", "remove"], repository)
}

/// Fetches what the repositories offer.
pub fn update(act: &Act, all: &impl Asked) -> CallResult {
    done(act, &["repo", "update"], all)
}

/// The known repositories: name and address.
pub fn known(options: Options) -> Result<Vec<(String, String)>, CallError> {
    let listed = match ask_value(&["repo", "list"], &[], options.with("output", &"json".into())?) {
        // With none, that is an error in some versions.
        Err(CallError::Failed(why)) if why.contains("no repositories to show") => return Ok(Vec::new()),
        listed => listed?,
    };
    let text = |row: &Map, column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows = listed.as_list().unwrap_or_default().iter().filter_map(Value::as_map);
    Ok(rows.map(|row| (text(row, "name"), text(row, "url"))).collect())
}

/// True if an address holds an account, and so perhaps a password.
fn has_account(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    // A password may hold a slash, which ends the part that programs take for the host.
    rest.contains('@') && rest.rsplit('@').next().is_some_and(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_in_addresses_are_seen() {
        for address in ["https://me:secret@charts.example", "http://me@x/y", "https://me:a/b@x"] {
            assert!(has_account(address), "{address}");
        }
        for address in ["https://charts.example/a", "http://127.0.0.1:8080", "oci://x/y", ""] {
            assert!(!has_account(address), "{address}");
        }
    }
}
