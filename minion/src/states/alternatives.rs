//! `alternatives.*`: which of several programs a generic name stands for.

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::alternatives::{self as tool, Choice, Install, Name};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "alternatives",
    doc: "Which of several programs a generic name stands for.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "install",
            doc: "A path registered for a name.",
            example: "editor: {alternatives.install: [{link: /usr/bin/editor}, {path: /usr/bin/emacs}, {priority: 50}]}",
            args: Install::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Installed(Install::bind(f, a)?)))),
        },
        StateFunction {
            name: "remove",
            doc: "A path not registered for a name.",
            example: "editor: {alternatives.remove: [{path: /usr/bin/emacs}]}",
            args: Choice::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Removed(Choice::bind(f, a)?)))),
        },
        StateFunction {
            name: "auto",
            doc: "A name that stands for the path of the highest priority.",
            example: "editor: {alternatives.auto: []}",
            args: Name::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Automatic(Name::bind(f, a)?)))),
        },
        StateFunction {
            name: "set",
            doc: "A name that stands for this path.",
            example: "editor: {alternatives.set: [{path: /usr/bin/vim.tiny}]}",
            args: Choice::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Set(Choice::bind(f, a)?)))),
        },
    ],
};

struct Installed(Install);

impl State for Installed {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let Install { name, link, path, priority } = &self.0;
        if tool::registered(name, path)? {
            return Ok(Plan::Nothing(Report::new(format!("Alternative {path} for {name} is already registered"))));
        }
        let changed = |text: String| {
            let report = Report::new(text).change("name", name.as_str()).change("link", link.as_str());
            report.change("path", path.as_str()).change("priority", *priority)
        };
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("Alternative will be set for {name} to {path} with priority {priority}")),
            did: changed(format!("Alternative for {name} set to path {path} with priority {priority}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let Install { name, link, path, priority } = &self.0;
        let said = tool::install(act, name, link, path, *priority)?;
        if !tool::registered(name, path)? {
            return Err(Failure::new(format!("Alternative for {name} not installed: {said}")));
        }
        if tool::current(name).as_deref() == Some(path) {
            return Ok(Applied::AsPlanned);
        }
        let text = format!("Alternative {path} for {name} registered with priority {priority} and not set to default");
        let report = Report::new(text).change("name", name.as_str()).change("link", link.as_str());
        Ok(Applied::Really(report.change("path", path.as_str()).change("priority", *priority)))
    }
}

struct Removed(Choice);

impl State for Removed {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let Choice { name, path } = &self.0;
        if tool::registered(name, path)? {
            let would = Report::new(format!("Alternative for {name} will be removed"));
            return Ok(Plan::Change { todo: (), would, did: Report::new(format!("Alternative for {name} removed")) });
        }
        match tool::current(name) {
            Some(current) => {
                let text = format!("Alternative for {name} is set to it's default path {current}");
                Ok(Plan::Nothing(Report::new(text)))
            }
            None => Err(Failure::new(format!("Alternative for {name} doesn't exist"))),
        }
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let Choice { name, path } = &self.0;
        let said = tool::change(act, &["--remove", name, path])?;
        if tool::registered(name, path)? {
            return Err(Failure::new(format!("Alternative for {name} not removed: {said}")));
        }
        let Some(current) = tool::current(name) else { return Ok(Applied::AsPlanned) };
        let text = format!("Alternative for {name} removed. Falling back to path {current}");
        Ok(Applied::Really(Report::new(text).change("path", current)))
    }
}

struct Automatic(Name);

impl State for Automatic {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.0.name;
        let known =
            tool::display(name)?.ok_or_else(|| Failure::new(format!("Alternative for {name} doesn't exist")))?;
        if known.lines().next().is_some_and(|line| line.ends_with(" auto mode")) {
            return Ok(Plan::Nothing(Report::new(format!("{name} already in auto mode"))));
        }
        let would = Report::new(format!("{name} will be put in auto mode"));
        Ok(Plan::Change { todo: (), would, did: Report::default() })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let said = tool::change(act, &["--auto", &self.0.name])?;
        Ok(Applied::Really(Report::default().change("result", said)))
    }
}

struct Set(Choice);

impl State for Set {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let Choice { name, path } = &self.0;
        if tool::current(name).as_deref() == Some(path) {
            return Ok(Plan::Nothing(Report::new(format!("Alternative for {name} already set to {path}"))));
        }
        if !tool::registered(name, path)? {
            return Err(Failure::new(format!("Alternative {path} for {name} doesn't exist")));
        }
        Ok(Plan::Change {
            todo: (),
            would: Report::new(format!("Alternative for {name} will be set to path {path}")),
            did: Report::new(format!("Alternative for {name} set to path {path}")).change("path", path.as_str()),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let Choice { name, path } = &self.0;
        let said = tool::change(act, &["--set", name, path])?;
        if tool::current(name).as_deref() != Some(path) {
            return Err(Failure::new(format!("Alternative for {name} not updated: {said}")));
        }
        Ok(Applied::AsPlanned)
    }
}
