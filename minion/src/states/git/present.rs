//! `git.present`.

use fleet_common::args;

use super::super::{Applied, Failure, Plan, Report, Run, State};
use super::place::{Place, failed, look_at, replacing};
use crate::cx::{Act, Look};
use crate::modules::git::{How, init_options};

args! {
    /// Arguments of `git.present`.
    pub struct Present {
        /// Directory of the repository.
        name: String,
        /// Remove what is there and is no repository.
        force: bool = false,
        /// Without a working tree.
        bare: bool = true,
        /// Directory whose content the new repository gets.
        template: Option<String> = None,
        /// Where the repository itself is kept.
        separate_git_dir: Option<String> = None,
        /// Who may use it (`group`, `all`, octal permissions).
        shared: Option<String> = None,
        /// User to run git as.
        user: Option<String> = None,
        /// Only used on Windows.
        password: Option<String> = None,
        /// Encoding of what git writes; only UTF-8 is known.
        output_encoding: Option<String> = None,
    }
}

impl Present {
    fn how(&self) -> How {
        How { user: self.user.clone(), ..How::default() }
    }
}

impl State for Present {
    /// True when what is there goes away.
    type Todo = bool;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<bool>, Failure> {
        let name = &self.name;
        let kind = if self.bare { "bare " } else { "" };
        let forced = match look_at(&self.how().git(look)?, name)? {
            Place::Repo(_) => return Ok(Plan::Nothing(Report::default())),
            Place::Free => false,
            Place::Taken if self.force => true,
            Place::Taken => {
                return Err(Failure::new(format!(
                    "Target '{name}' exists, is non-empty, and is not a git repository. Set the 'force' option to \
                     True to remove this directory's contents and proceed with initializing a repository"
                )));
            }
        };
        let would = if forced {
            format!(
                "Target directory {name} exists. Since force=True, the contents of {name} would be deleted, and a \
                 {kind}repository would be initialized in its place."
            )
        } else {
            format!("New {kind}repository would be created")
        };
        let report = |text: String| {
            let report = Report::new(text).change("new", name.as_str());
            if forced { report.change("forced init", true) } else { report }
        };
        let did = report(format!("Initialized {kind}repository in {name}"));
        Ok(Plan::Change { todo: forced, would: report(would), did })
    }

    fn apply(&self, act: &Act, forced: bool) -> Result<Applied, Failure> {
        let git = self.how().git(act)?;
        let mut words = vec!["init".to_owned()];
        words.extend(init_options(self.bare, &self.template, &self.separate_git_dir, &self.shared));
        words.push(self.name.clone());
        replacing(&self.name, forced, || git.ask(&words).map_err(failed))?;
        Ok(Applied::AsPlanned)
    }
}
