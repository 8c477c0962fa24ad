//! `gem.*`: packages of Ruby.

use std::path::Path;

use fleet_common::args;

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::gem::{Options, change_source, install, program, uninstall};
use crate::system::gem::{Gem, GemError, bare, meets};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "gem",
    doc: "Packages of Ruby.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "installed",
            doc: "A gem that is installed, in a version that is meant when one is said.",
            example: "rake: {gem.installed: [{version: '>= 13.0, < 14'}]}",
            args: Installed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Installed::bind(f, a)?))),
        },
        StateFunction {
            name: "removed",
            doc: "A gem of which no version is installed.",
            example: "rake: {gem.removed: []}",
            args: Removed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Removed::bind(f, a)?))),
        },
        StateFunction {
            name: "sources_add",
            doc: "A place gems come from.",
            example: "'https://gems.example/': {gem.sources_add: []}",
            args: Source::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(SourceAdded(Source::bind(f, a)?)))),
        },
        StateFunction {
            name: "sources_remove",
            doc: "A place no gems come from.",
            example: "'https://gems.example/': {gem.sources_remove: []}",
            args: Source::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(SourceRemoved(Source::bind(f, a)?)))),
        },
    ],
};

args! {
    /// Arguments of `gem.installed`.
    struct Installed {
        /// The gem.
        name: String,
        /// Refused: give `gem_bin`.
        ruby: Option<String> = None,
        /// The program.
        gem_bin: Option<String> = None,
        /// The account that runs gem.
        user: Option<String> = None,
        /// The version: `1.2`, or comparisons such as `>= 1.0, < 2`.
        version: Option<String> = None,
        /// Makes documentation.
        rdoc: bool = false,
        /// Makes documentation for `ri`.
        ri: bool = false,
        /// Takes versions that come before a release.
        pre_releases: bool = false,
        /// Goes to the network through this proxy.
        proxy: Option<String> = None,
        /// Where it comes from.
        source: Option<String> = None,
    }
}

args! {
    /// Arguments of `gem.removed`.
    struct Removed {
        /// The gem.
        name: String,
        /// Refused: give `gem_bin`.
        ruby: Option<String> = None,
        /// The account that runs gem.
        user: Option<String> = None,
        /// The program.
        gem_bin: Option<String> = None,
    }
}

args! {
    /// A place gems come from.
    struct Source {
        /// Its address.
        name: String,
        /// Refused.
        ruby: Option<String> = None,
        /// The account that runs gem.
        user: Option<String> = None,
    }
}

impl From<GemError> for Failure {
    fn from(error: GemError) -> Self {
        Self::new(error.to_string())
    }
}

impl Installed {
    fn gem(&self) -> Result<Gem, Failure> {
        Ok(program("gem.installed", self.ruby.as_ref(), self.gem_bin.as_deref(), self.user.as_deref())?)
    }

    /// The gem's own name and the version that is meant: a file tells both of itself.
    fn wanted(&self, gem: &Gem) -> Result<(String, Option<String>), Failure> {
        // Where the program looks for it, too.
        let file = Path::new("/").join(&self.name);
        match self.name.ends_with(".gem") {
            true if file.is_file() => Ok(gem.of_file(&file).map(|(name, version)| (name, Some(version)))?),
            true if self.name.contains('/') => {
                Err(Failure::new(format!("Could not install gem. {} is not there, or is no file", self.name)))
            }
            _ => Ok((self.name.clone(), self.version.clone())),
        }
    }
}

impl State for Installed {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let gem = self.gem()?;
        let (name, version) = self.wanted(&gem)?;
        let there = gem.versions(&name)?;
        let is_meant = match &version {
            None => !there.is_empty(),
            Some(wanted) => {
                let met: Result<Vec<bool>, GemError> =
                    there.iter().map(String::as_str).chain(["0"]).map(|version| meets(bare(version), wanted)).collect();
                // The last one is there to have a requirement read that nothing is compared with.
                met?.iter().take(there.len()).any(|met| *met)
            }
        };
        if is_meant {
            return Ok(Plan::Nothing(Report::new("Gem is already installed.")));
        }
        let changed = |text: String| Report::new(text).change(self.name.as_str(), "Installed");
        let would = changed(format!("The gem {} would have been installed", self.name));
        Ok(Plan::Change { todo: (), would, did: changed("Gem was successfully installed".to_owned()) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let options = Options {
            version: self.version.clone(),
            rdoc: self.rdoc,
            ri: self.ri,
            pre_releases: self.pre_releases,
            proxy: self.proxy.clone(),
            source: self.source.clone(),
        };
        let done = install(act, self.gem()?, std::slice::from_ref(&self.name), &options);
        done.map_err(|why| Failure::new(format!("Could not install gem. {why}")))?;
        Ok(Applied::AsPlanned)
    }
}

impl Removed {
    fn gem(&self) -> Result<Gem, Failure> {
        Ok(program("gem.removed", self.ruby.as_ref(), self.gem_bin.as_deref(), self.user.as_deref())?)
    }
}

impl State for Removed {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        if self.gem()?.versions(&self.name)?.is_empty() {
            return Ok(Plan::Nothing(Report::new("Gem is not installed.")));
        }
        let changed = |text: String| Report::new(text).change(self.name.as_str(), "Removed");
        let would = changed(format!("The gem {} would have been removed", self.name));
        Ok(Plan::Change { todo: (), would, did: changed("Gem was successfully removed.".to_owned()) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let gem = self.gem()?;
        uninstall(act, &gem, std::slice::from_ref(&self.name))
            .map_err(|why| Failure::new(format!("Could not remove gem. {why}")))?;
        // One that is part of Ruby itself stays, whatever the program says.
        if !gem.versions(&self.name)?.is_empty() {
            return Err(Failure::new(format!("Could not remove gem. {} is part of Ruby itself", self.name)));
        }
        Ok(Applied::AsPlanned)
    }
}

impl Source {
    fn gem(&self, function: &str) -> Result<Gem, Failure> {
        Ok(program(function, self.ruby.as_ref(), None, self.user.as_deref())?)
    }

    fn is_there(&self, gem: &Gem) -> Result<bool, Failure> {
        let bare = |address: &str| address.trim_end_matches('/').to_owned();
        Ok(gem.sources()?.iter().any(|source| bare(source) == bare(&self.name)))
    }
}

struct SourceAdded(Source);

impl State for SourceAdded {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = self.0.name.as_str();
        if self.0.is_there(&self.0.gem("gem.sources_add")?)? {
            return Ok(Plan::Nothing(Report::new("Gem source is already added.")));
        }
        let changed = |text: String| Report::new(text).change(name, "Installed");
        let would = changed(format!("The gem source {name} would have been added."));
        Ok(Plan::Change { todo: (), would, did: changed("Gem source was successfully added.".to_owned()) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = change_source(act, &self.0.gem("gem.sources_add")?, "--add", &self.0.name);
        done.map_err(|why| Failure::new(format!("Could not add gem source. {why}")))?;
        Ok(Applied::AsPlanned)
    }
}

struct SourceRemoved(Source);

impl State for SourceRemoved {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        if !self.0.is_there(&self.0.gem("gem.sources_remove")?)? {
            return Ok(Plan::Nothing(Report::new("Gem source is already removed.")));
        }
        let changed = |text: &str| Report::new(text).change(self.0.name.as_str(), "Removed");
        let would = changed("The gem source would have been removed.");
        Ok(Plan::Change { todo: (), would, did: changed("Gem source was successfully removed.") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let done = change_source(act, &self.0.gem("gem.sources_remove")?, "--remove", &self.0.name);
        done.map_err(|why| Failure::new(format!("Could not remove gem source. {why}")))?;
        Ok(Applied::AsPlanned)
    }
}
