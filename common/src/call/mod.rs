//! What a callable function is: its row in a module's table, its arguments and its answer.
//!
//! A module is one `const MODULE` in one file; `sys.doc`, `sys.argspec`, completion and argument checks read
//! the same rows that run. Whether a function may change a machine is decided by which context it is given.

mod args;
pub mod document;
mod read_only;
mod registry;
pub mod unbuilt;

use std::fmt;
use std::sync::Arc;

pub use args::{ArgError, ArgRow, Arguments, Binder, FromValue, Rest, plain_name};
pub use read_only::READ_ONLY;
pub use registry::{Entry, PureModule, Registry, Row};

use crate::files::FileSource;
use crate::pillar::Wanted;
use crate::render::{Limits, Renderer};
use crate::value::{Map, Value};

/// What a function does to the machine it runs on; decides how durable its job must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reads only: running it twice is harmless.
    None,
    /// May change the machine: started at most once.
    Changes,
}

/// The code behind a function: given a context that can only read (`R`) or one that may change things (`W`).
pub enum Code<R: ?Sized + 'static, W: ?Sized + 'static> {
    /// Reads only.
    Reads(fn(&R, Arguments) -> CallResult),
    /// May change the machine.
    Changes(fn(&W, Arguments) -> CallResult),
}

/// One function: the row that documents it and the code that runs it.
pub struct Function<R: ?Sized + 'static, W: ?Sized + 'static> {
    /// Name within its module (`ping`).
    pub name: &'static str,
    /// True if it answers within milliseconds and may run inside the daemon.
    pub quick: bool,
    /// What it does: first line a summary, then details.
    pub doc: &'static str,
    /// A call as typed after the target (`disk.usage /srv`); every example is parsed and bound by a test.
    pub example: &'static str,
    /// Its arguments, from `args!` (`Usage::ROWS`).
    pub args: &'static [ArgRow],
    /// The code.
    pub code: Code<R, W>,
}

impl<R: ?Sized, W: ?Sized> Function<R, W> {
    /// The row of a function that reads only.
    pub const fn reads(
        name: &'static str,
        doc: &'static str,
        example: &'static str,
        args: &'static [ArgRow],
        code: fn(&R, Arguments) -> CallResult,
    ) -> Self {
        Self { name, quick: false, doc, example, args, code: Code::Reads(code) }
    }
    /// The row of a function that may change the machine.
    pub const fn changes(
        name: &'static str,
        doc: &'static str,
        example: &'static str,
        args: &'static [ArgRow],
        code: fn(&W, Arguments) -> CallResult,
    ) -> Self {
        Self { name, quick: false, doc, example, args, code: Code::Changes(code) }
    }
    /// The same row for a function that answers within milliseconds and may run inside the daemon.
    #[must_use]
    pub const fn quick(self) -> Self {
        Self { quick: true, ..self }
    }
    /// Whether the function may change the machine.
    pub fn effect(&self) -> Effect {
        match self.code {
            Code::Reads(_) => Effect::None,
            Code::Changes(_) => Effect::Changes,
        }
    }
}

/// A module: a name and its functions.
pub struct Module<R: ?Sized + 'static, W: ?Sized + 'static> {
    /// Name before the dot (`test`).
    pub name: &'static str,
    /// What the module is for.
    pub doc: &'static str,
    /// The functions, in any order.
    pub functions: &'static [Function<R, W>],
}

/// What a function answers: a value, and a status for those that speak in exit codes (`cmd.run`).
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The returned value.
    pub value: Value,
    /// The exit status the call leaves; 0 is success.
    pub retcode: i32,
    /// What was wrong, with places and hints, beside the reference's texts in `value`.
    pub diagnostics: Vec<crate::diag::Diagnostic>,
}

impl Outcome {
    /// A value with the exit status that goes with it.
    pub fn with_status(value: impl Into<Value>, retcode: i32) -> Self {
        Self { value: value.into(), retcode, diagnostics: Vec::new() }
    }
}

impl<T: Into<Value>> From<T> for Outcome {
    fn from(value: T) -> Self {
        Self { value: value.into(), retcode: 0, diagnostics: Vec::new() }
    }
}

/// The answer of a call.
pub type CallResult = Result<Outcome, CallError>;

/// Why a call gave no value. The text is what the caller sees as the return, as the reference words it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// No such function: named, with a suggestion when one is near.
    #[error("'{function}' is not available.{}", suggestion.as_ref().map(|s| format!(" Did you mean '{s}'?")).unwrap_or_default())]
    Unknown {
        /// The name that was asked for.
        function: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// The arguments do not fit.
    #[error(transparent)]
    Arguments(#[from] ArgError),
    /// The function (or an argument of it) exists in the field but not here yet.
    #[error("{0} is not implemented")]
    Unsupported(String),
    /// The function refuses its input (`SaltInvocationError` in the reference).
    #[error("{0}")]
    Invocation(String),
    /// The function failed (`CommandExecutionError` in the reference).
    #[error("{0}")]
    Failed(String),
    /// A diagnostic with places, from a renderer or compiler.
    #[error("{0}")]
    Diagnostic(Box<crate::diag::Diagnostic>),
}

impl From<crate::diag::Diagnostic> for CallError {
    fn from(diagnostic: crate::diag::Diagnostic) -> Self {
        Self::Diagnostic(Box::new(diagnostic))
    }
}

/// Calling functions by name: what Jinja's `salt[...]`, guards and aliases need. Strings as names exist only at the edges.
pub trait Call: Send + Sync {
    /// Runs `function` and waits for its answer.
    fn call(&self, function: &str, arguments: Arguments) -> CallResult;
    /// True if there is such a function.
    fn exists(&self, function: &str) -> bool;
    /// All names, `module.function`, sorted.
    fn names(&self) -> Vec<String>;
}

/// What the functions without effect on a machine may read; the minion and the master's pillar compiler provide it.
pub trait Facts: Send + Sync {
    /// The minion's id.
    fn id(&self) -> &str;
    /// The minion's grains.
    fn grains(&self) -> Arc<Map>;
    /// The minion's pillar (the part compiled so far, inside pillar templates).
    fn pillar(&self) -> Arc<Map>;
    /// The minion's pillar as it compiles now, with faults under `_errors`; what [`Facts::pillar`] gives stays as it is.
    /// Where a pillar is being compiled, that would never end: there it is the part compiled so far.
    fn compile_pillar(&self, wanted: &Wanted) -> Result<Arc<Map>, CallError> {
        if wanted.is_configured() {
            return Ok(self.pillar());
        }
        let why =
            "another pillar can not be compiled in a pillar template: pillarenv, saltenv and pillar are for minions";
        Err(CallError::Invocation(why.to_owned()))
    }
    /// Configuration the function may see (`config.get`, `opts` in templates): secrets are not in it.
    fn opts(&self) -> Arc<Map>;
    /// The files of the tree (`cp.get_file_str`, `slsutil.renderer`), if there are any.
    fn files(&self) -> Option<Arc<dyn FileSource>>;
    /// Calling other functions by name.
    fn caller(&self) -> Arc<dyn Call>;
    /// What renders templates that a function asks for; programs give theirs, with its compiled templates.
    fn renderer(&self) -> Arc<Renderer> {
        Arc::new(Renderer::new(Limits::default()))
    }
    /// Says that what is rendered depends on chance or on the machine: it must not be kept for another time.
    fn volatile(&self) {}
}

impl fmt::Debug for dyn Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts({})", self.id())
    }
}
