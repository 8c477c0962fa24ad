//! What is wrong with a pillar: the reference's wording (`_errors`) and a diagnostic with place and hint.

use crate::diag::Diagnostic;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    problem: Problem,
    /// Where and why, for the operator. It may quote the tree: minions get [`Fault::text`] only.
    pub diagnostic: Diagnostic,
}

/// A pillar that holds the run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("Pillar failed to render with the following messages: {}", faults.iter().map(Fault::text).collect::<Vec<_>>().join("; "))]
pub struct Refused {
    /// What is wrong, all of it.
    pub faults: Vec<Fault>,
}

impl Fault {
    pub(super) fn new(problem: Problem) -> Self {
        let diagnostic = Diagnostic::user(problem.to_string());
        Self { problem, diagnostic }
    }
    pub(super) fn explained(problem: Problem, diagnostic: Diagnostic) -> Self {
        Self { problem, diagnostic }
    }
    pub(super) fn did_you_mean<'a>(mut self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.diagnostic = self.diagnostic.did_you_mean(typed, known);
        self
    }
    /// The reference's wording, as `_errors` carries it.
    pub fn text(&self) -> String {
        self.problem.to_string()
    }
}

/// Everything that can be wrong, in the reference's words.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Problem {
    #[error("Specified SLS '{sls}' in environment '{env}' is not available on the salt master")]
    NoSls { sls: String, env: String },
    #[error("No matching pillar environment for environment '{env}' found")]
    NoEnvironment { env: String },
    #[error("Rendering SLS '{sls}' failed. Please see master log for details.")]
    Rendering { sls: String },
    #[error("Rendering SLS '{sls}' failed, render error:\n{why}")]
    RenderingBecause { sls: String, why: String },
    #[error("SLS '{sls}' does not render to a dictionary")]
    NotADictionary { sls: String },
    #[error("Include Declaration in SLS '{sls}' is not formed as a list")]
    IncludeNotList { sls: String },
    #[error("Malformed include '{include}' in SLS '{sls}'")]
    BadInclude { include: String, sls: String },
    #[error("Includes of SLS '{sls}' are nested too deeply")]
    IncludeDepth { sls: String },
    #[error("Rendering Primary Top file failed, render error:\n{why}")]
    Top { why: String },
    #[error("Error encountered while rendering pillar top file.")]
    TopShape,
    #[error("Target '{target}' in the pillar top file can not be matched: {why}")]
    TopTarget { target: String, why: String },
    #[error("Files could not be read: {why}")]
    Files { why: String },
}
