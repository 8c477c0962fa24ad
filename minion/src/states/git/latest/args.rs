//! Arguments of `git.latest`.

use fleet_common::args;
use fleet_common::value::Value;

use super::super::super::Failure;

args! {
    /// Arguments of `git.latest`.
    pub struct Latest {
        /// Where the repository comes from.
        name: String,
        /// Directory of the repository.
        target: String,
        /// Branch of the remote, tag or commit.
        rev: String = "HEAD".to_owned(),
        /// Branch that is checked out, made when there is none; else the one that is stays.
        branch: Option<String> = None,
        /// User to run git as.
        user: Option<String> = None,
        /// Only used on Windows.
        password: Option<String> = None,
        /// False: fetch, and leave the branch where it is.
        update_head: bool = true,
        /// Throw changes away that are in the way of checking the branch out.
        force_checkout: bool = false,
        /// Remove what is there and is no repository.
        force_clone: bool = false,
        /// Fetch what is no fast-forward.
        force_fetch: bool = false,
        /// Throw changes away, and move the branch where that is no fast-forward; `remote-changes`: only for an update.
        force_reset: Value = Value::Bool(false),
        /// Update submodules, too.
        submodules: bool = false,
        /// Without a working tree.
        bare: bool = false,
        /// Without a working tree and with all references of the remote.
        mirror: bool = false,
        /// What the remote is called.
        remote: String = "origin".to_owned(),
        /// Fetch tags.
        fetch_tags: bool = true,
        /// Remove tags that the remote does not have.
        sync_tags: bool = true,
        /// Clone only so many commits.
        depth: Option<i64> = None,
        /// Private keys for servers reached by ssh.
        identity: Vec<String> = Vec::new(),
        /// User for addresses of http.
        https_user: Option<String> = None,
        /// Password for addresses of http.
        https_pass: Option<String> = None,
        /// Branches that are fetched.
        refspec_branch: String = "*".to_owned(),
        /// Tags that are fetched.
        refspec_tag: String = "*".to_owned(),
        /// Encoding of what git writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
    }
}

/// What `force_reset` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Nothing is thrown away.
    No,
    /// Changes are thrown away for an update.
    Update,
    /// Changes are thrown away.
    Always,
}

impl Latest {
    /// What `force_reset` says.
    pub fn force(&self) -> Result<Force, Failure> {
        match &self.force_reset {
            Value::Str(word) if word == "remote-changes" => Ok(Force::Update),
            Value::Str(word) if word.eq_ignore_ascii_case("true") => Ok(Force::Always),
            Value::Str(word) if word.eq_ignore_ascii_case("false") => Ok(Force::No),
            Value::Str(_) | Value::List(_) | Value::Map(_) => {
                Err(Failure::new("'force_reset' must be true, false or 'remote-changes'"))
            }
            value => Ok(if value.truthy() { Force::Always } else { Force::No }),
        }
    }
}
