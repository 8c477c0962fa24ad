//! Arguments of `git.*`.

use fleet_common::args;

use super::how::{How, git_args};

git_args! { plain
    /// A repository.
    Place {
        /// Directory of the repository.
        cwd: String,
    }
}

git_args! { plain
    /// A revision of a repository.
    Revision {
        /// Directory of the repository.
        cwd: String,
        /// The revision.
        rev: String = "HEAD".to_owned(),
    }
}

git_args! { plain
    /// Arguments of `git.revision`.
    Commit {
        /// Directory of the repository.
        cwd: String,
        /// The revision.
        rev: String = "HEAD".to_owned(),
        /// Only the first digits.
        short: bool = false,
    }
}

git_args! { plain
    /// Arguments of `git.list_branches`.
    Branches {
        /// Directory of the repository.
        cwd: String,
        /// Those of remotes instead of those of the repository.
        remote: bool = false,
    }
}

git_args! { plain
    /// Arguments of `git.list_worktrees`.
    Trees {
        /// Directory of the repository.
        cwd: String,
        /// Only those whose directory is gone.
        stale: bool = false,
        /// All, gone or not.
        all: bool = true,
    }
}

git_args! { plain
    /// Arguments of `git.remotes`.
    Remotes {
        /// Directory of the repository.
        cwd: String,
        /// Hide logins in addresses.
        redact_auth: bool = true,
    }
}

git_args! { plain
    /// Arguments of `git.remote_get`.
    RemoteGet {
        /// Directory of the repository.
        cwd: String,
        /// The remote.
        remote: String = "origin".to_owned(),
        /// Hide logins in addresses.
        redact_auth: bool = true,
    }
}

git_args! { plain
    /// Arguments of `git.remote_set`.
    RemoteSet {
        /// Directory of the repository.
        cwd: String,
        /// The address.
        url: String,
        /// The remote.
        remote: String = "origin".to_owned(),
        /// Another address to push to.
        push_url: Option<String> = None,
    }
}

git_args! { plain
    /// Arguments of `git.discard_local_changes`.
    Discard {
        /// Directory of the repository.
        cwd: String,
        /// Only below this path.
        path: String = ".".to_owned(),
    }
}

git_args! { plain
    /// Arguments of `git.merge_tree`.
    MergeTree {
        /// Directory of the repository.
        cwd: String,
        /// One revision.
        ref1: String,
        /// The other revision.
        ref2: String,
        /// Where both come from; found out when it is not given.
        base: Option<String> = None,
    }
}

git_args! {
    /// Files of a repository.
    Files {
        /// Directory of the repository.
        cwd: String,
        /// The file or directory.
        filename: String,
    }
}

git_args! {
    /// Arguments of `git.archive`.
    Archive {
        /// Directory of the repository.
        cwd: String,
        /// File to write.
        output: String,
        /// The revision.
        rev: String = "HEAD".to_owned(),
        /// Directory in the archive; that of the repository when not given, none when empty.
        prefix: Option<String> = None,
        /// `tar`, `tar.gz`, `tgz` or `zip`; else by the name of the file.
        format: Option<String> = None,
    }
}

git_args! {
    /// A branch of a repository.
    Branch {
        /// Directory of the repository.
        cwd: String,
        /// The branch; none: the branches are listed by what opts say.
        name: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.checkout`.
    Checkout {
        /// Directory of the repository.
        cwd: String,
        /// Branch, tag or commit; none when opts say it.
        rev: Option<String> = None,
        /// Throw changes away.
        force: bool = false,
    }
}

git_args! {
    /// Arguments of `git.clone`.
    Clone {
        /// Directory for the repository (below it, when a name is given).
        cwd: String,
        /// Where to clone from.
        url: String,
        /// Name of the directory to make in cwd.
        name: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.commit`.
    Message {
        /// Directory of the repository.
        cwd: String,
        /// The message.
        message: String,
        /// Only this file.
        filename: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.diff`.
    Diff {
        /// Directory of the repository.
        cwd: String,
        /// A revision to compare with.
        item1: Option<String> = None,
        /// The revision that is compared.
        item2: Option<String> = None,
        /// Compare two paths instead of revisions.
        no_index: bool = false,
        /// Compare what is staged.
        cached: bool = false,
        /// Only these paths.
        paths: Vec<String> = Vec::new(),
    }
}

git_args! {
    /// Arguments of `git.fetch`.
    Fetch {
        /// Directory of the repository.
        cwd: String,
        /// The remote.
        remote: Option<String> = None,
        /// Take what is no fast-forward, too.
        force: bool = false,
        /// What to fetch, a list or separated by commas.
        refspecs: Vec<String> = Vec::new(),
    }
}

git_args! {
    /// Arguments of `git.init`.
    Init {
        /// Directory for the repository.
        cwd: String,
        /// Without a working tree.
        bare: bool = false,
        /// Directory whose content new repositories get.
        template: Option<String> = None,
        /// Where the repository itself is kept.
        separate_git_dir: Option<String> = None,
        /// Who may use it (`group`, `all`, octal permissions).
        shared: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.ls_remote`.
    LsRemote {
        /// Directory of a repository.
        cwd: Option<String> = None,
        /// A remote of it, or an address.
        remote: String = "origin".to_owned(),
        /// Only references that match.
        ref_: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.remote_refs`.
    RemoteRefs {
        /// Address of the repository.
        url: String,
        /// Only branches.
        heads: bool = false,
        /// Only tags.
        tags: bool = false,
        /// Only references that match this glob.
        filter: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.merge` and `git.rebase`.
    Merge {
        /// Directory of the repository.
        cwd: String,
        /// What to merge, or to rebase onto.
        rev: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.merge_base`.
    MergeBase {
        /// Directory of the repository.
        cwd: String,
        /// Revisions, a list or separated by commas.
        refs: Vec<String> = Vec::new(),
        /// The best ancestor of all of them.
        octopus: bool = false,
        /// True or false: the first is an ancestor of the second.
        is_ancestor: bool = false,
        /// Those that cannot be reached from the others.
        independent: bool = false,
        /// Where a branch left this reference.
        fork_point: Option<String> = None,
        /// All ancestors, as a list.
        all: bool = false,
    }
}

git_args! {
    /// Arguments of `git.pull` and `git.reset`.
    Update {
        /// Directory of the repository.
        cwd: String,
    }
}

git_args! {
    /// Arguments of `git.push`.
    Push {
        /// Directory of the repository.
        cwd: String,
        /// The remote, or an address.
        remote: String,
        /// What to push, as git writes it (`main`, `local:remote`).
        ref_: String,
    }
}

git_args! {
    /// Arguments of `git.rev_parse`.
    RevParse {
        /// Directory of the repository.
        cwd: String,
        /// The revision; none when opts say it.
        rev: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.stash`.
    Stash {
        /// Directory of the repository.
        cwd: String,
        /// `save`, `list`, `pop` and so on.
        action: String = "save".to_owned(),
    }
}

git_args! {
    /// Arguments of `git.submodule`.
    Submodule {
        /// Directory of the repository.
        cwd: String,
        /// `add`, `init`, `update` and so on.
        command: String,
    }
}

git_args! {
    /// Arguments of `git.symbolic_ref`.
    SymbolicRef {
        /// Directory of the repository.
        cwd: String,
        /// The reference.
        ref_: String,
        /// What it is to point at; none: what it points at is returned.
        value: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.tag`.
    Tag {
        /// Directory of the repository.
        cwd: String,
        /// The tag.
        name: String,
        /// What it is to name.
        ref_: String = "HEAD".to_owned(),
        /// Makes an annotated tag with this message.
        message: Option<String> = None,
    }
}

git_args! {
    /// Arguments of `git.worktree_add`.
    WorktreeAdd {
        /// Directory of the repository.
        cwd: String,
        /// Directory of the new working tree.
        worktree_path: String,
        /// What to check out.
        ref_: Option<String> = None,
        /// Reset the branch if it exists.
        reset_branch: bool = false,
        /// Check out a branch that another working tree has.
        force: bool = false,
        /// Check out no branch.
        detach: bool = false,
    }
}

git_args! {
    /// Arguments of `git.worktree_prune`.
    WorktreePrune {
        /// Directory of the repository.
        cwd: String,
        /// Only say what would go.
        dry_run: bool = false,
        /// Say what goes.
        verbose: bool = true,
        /// Only those older than this (`1.day`).
        expire: Option<String> = None,
    }
}

args! {
    /// Arguments of `git.worktree_rm`.
    pub struct WorktreeRm {
        /// Directory of the working tree.
        cwd: String,
        /// User to run git as.
        user: Option<String> = None,
        /// Encoding of what git writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
    }
}

args! {
    /// Arguments of `git.version`.
    pub struct Version {
        /// A list of numbers instead of a text.
        versioninfo: bool = false,
    }
}
