//! Where a repository is to be: is one there, is the place free, and cloning into it.

use std::path::{Path, PathBuf};

use super::super::Failure;
use crate::system::fs::plain;
use crate::system::git::{Git, GitError, Repo};

/// What is at a path.
pub enum Place {
    /// A repository.
    Repo(Box<Repo>),
    /// Nothing, or an empty directory.
    Free,
    /// Something else.
    Taken,
}

/// The first digits of a commit, as people read it.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// Looks at a path, which must be absolute.
pub fn look_at(git: &Git, target: &str) -> Result<Place, Failure> {
    if !target.starts_with('/') {
        return Err(Failure::new("'target' path must be absolute"));
    }
    let path = Path::new(target);
    if let Some(repo) = Repo::at(git, path) {
        return Ok(Place::Repo(Box::new(repo)));
    }
    let free = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    Ok(if free { Place::Free } else { Place::Taken })
}

/// The failure for a place that is taken.
pub fn taken(target: &str) -> Failure {
    Failure::new(format!(
        "Target '{target}' exists, is non-empty and is not a git repository. Set the 'force_clone' option to True to \
         remove this directory's contents and proceed with cloning the remote repository"
    ))
}

/// What a dry run says of a clone.
pub fn would_clone(url: &str, target: &str, forced: bool) -> String {
    if forced {
        format!(
            "Target directory {target} exists. Since force_clone=True, the contents of {target} would be deleted, and \
             {url} would be cloned into this directory."
        )
    } else {
        format!("Repository {url} would be cloned to {target}")
    }
}

/// Runs something that fills a place. What is there now is put aside first and comes back when that fails; where nothing is
/// nothing stays.
pub fn replacing<T>(target: &str, forced: bool, fill: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    if !forced {
        let is_new = std::fs::symlink_metadata(target).is_err();
        return fill().inspect_err(|_| {
            if is_new {
                let _gone = remove(Path::new(target));
            }
        });
    }
    let failed = |error: std::io::Error| Failure::new(format!("{target}: {}", plain(&error)));
    let target = Path::new(target);
    let aside: PathBuf = {
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        target.with_file_name(format!(".{name}.fleet-old-{}", std::process::id()))
    };
    let former = std::fs::symlink_metadata(target).map_err(failed)?;
    std::fs::rename(target, &aside).map_err(failed)?;
    let made = remake(target, &former).map_err(failed).and_then(|()| fill());
    match made {
        Ok(value) => {
            remove(&aside).map_err(failed)?;
            Ok(value)
        }
        Err(failure) => {
            remove(target).and_then(|()| std::fs::rename(&aside, target)).map_err(failed)?;
            Err(failure)
        }
    }
}

/// An empty directory with the owner and mode of the one that was there.
fn remake(path: &Path, former: &std::fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    if former.is_dir() {
        std::fs::create_dir(path)?;
        std::fs::set_permissions(path, former.permissions())?;
        chown(path, Some(former.uid()), Some(former.gid()))?;
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// Clones an address that is free of its login.
pub fn clone(git: &Git, options: &[String], url: &str, target: &str) -> Result<Repo, Failure> {
    let mut words = vec!["clone".to_owned()];
    words.extend(options.iter().cloned());
    words.extend(["--".to_owned(), url.to_owned(), target.to_owned()]);
    git.ask(&words).map_err(|error| Failure::new(format!("Clone failed: {}", error.why())))?;
    Repo::at(git, Path::new(target))
        .ok_or_else(|| Failure::new(format!("{target} is no repository after git clone said it made one")))
}

/// A failure of git in the middle of the work.
pub fn failed(error: GitError) -> Failure {
    Failure::new(error.to_string())
}
