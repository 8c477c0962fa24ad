//! From a target as typed to a [`Matcher`].

use std::fmt;

use super::Subject;
use super::compound;
use super::data::Style;
use super::nodegroup;
use super::term::{Source, Term, doubtful};
use super::tree::Tree;
use crate::diag::Diagnostic;
use crate::proto::job::{Target, TargetKind};
use crate::value::Map;

/// A parsed expression. Printed, it is a compound expression that means the same.
#[derive(Debug, Clone)]
pub struct Matcher {
    tree: Tree,
    warnings: Vec<Diagnostic>,
}

impl Matcher {
    /// Parses an expression; `nodegroups` is the master's mapping of group names to compound expressions or lists.
    pub fn parse(target: &Target, nodegroups: &Map) -> Result<Self, Diagnostic> {
        let Target { kind, expr, delimiter } = target;
        let usual = delimiter.chars().count() == 1 || delimiter.chars().all(|c| c.is_ascii_punctuation());
        if delimiter.is_empty() || !usual {
            let fault = Diagnostic::user(format!("'{delimiter}' can not separate the parts of a key"));
            return Err(fault.help("a delimiter is one character, or several signs: -> or ::"));
        }
        let mut warnings = Vec::new();
        let data = |source, style| Term::data(source, expr, delimiter, style).map(Tree::Term);
        let tree = match kind {
            TargetKind::Glob => {
                warnings.extend(doubtful(expr));
                Tree::Term(Term::glob(expr)?)
            }
            TargetKind::Pcre => Tree::Term(Term::pcre(expr)?),
            TargetKind::List => Tree::Term(Term::list(expr)?),
            TargetKind::Grain => data(Source::Grains, Style::Glob)?,
            TargetKind::GrainPcre => data(Source::Grains, Style::Pcre)?,
            TargetKind::Pillar => data(Source::Pillar, Style::Glob)?,
            TargetKind::PillarPcre => data(Source::Pillar, Style::Pcre)?,
            TargetKind::PillarExact => data(Source::Pillar, Style::Exact)?,
            TargetKind::Ipcidr => Tree::Term(Term::subnet(expr)?),
            TargetKind::Nodegroup => {
                compound::parse_expanded(&nodegroup::expand(expr, nodegroups)?, nodegroups, &mut warnings)
                    .map_err(|fault| fault.about(format!("nodegroup '{expr}'")))?
            }
            TargetKind::Data => {
                let note = Diagnostic::user("minions keep no data store: a target of the kind 'data' means nobody");
                warnings.push(note);
                Tree::Term(Term::Nobody(format!("D@{expr}")))
            }
            TargetKind::Compound => compound::parse(expr, nodegroups, &mut warnings)?,
        };
        Ok(Self { tree, warnings })
    }

    /// Those this one means and the other does not.
    #[must_use]
    pub fn except(self, other: Self) -> Self {
        let mut warnings = self.warnings;
        warnings.extend(other.warnings);
        Self { tree: Tree::All(vec![self.tree, Tree::Not(Box::new(other.tree))]), warnings }
    }

    /// True if the minion is meant.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        self.decide(subject) == Some(true)
    }

    /// Whether the minion is meant; `None` when that depends on grains or pillar that are not known.
    pub fn decide(&self, subject: &dyn Subject) -> Option<bool> {
        self.tree.decide(subject)
    }

    /// The parts of the expression by which a minion is meant, in its order.
    pub fn reasons(&self, subject: &dyn Subject) -> Vec<String> {
        let mut reasons = Vec::new();
        self.tree.reasons(subject, &mut reasons);
        reasons
    }

    /// True if the expression needs grains (the master then says how many minions have not reported theirs).
    pub fn needs_grains(&self) -> bool {
        self.tree.any(&mut Term::needs_grains)
    }

    /// True if the expression needs pillar (the master then compiles that of every minion it can not do without).
    pub fn needs_pillar(&self) -> bool {
        self.tree.any(&mut Term::needs_pillar)
    }

    /// The ids that a list names one by one, sorted: who typed it expects each of them. Empty for other targets.
    pub fn listed(&self) -> Vec<&str> {
        let Tree::Term(Term::List(list)) = &self.tree else { return Vec::new() };
        let mut names: Vec<&str> = list.names().collect();
        names.sort_unstable();
        names
    }

    /// Grains the expression believes that are not among those trusted: a minion claims its grains itself. Sorted.
    pub fn untrusted_grains(&self, trusted: &[String]) -> Vec<String> {
        let mut names = Vec::new();
        self.tree.any(&mut |term| {
            names.extend(term.grains().into_iter().map(str::to_owned));
            false
        });
        names.retain(|name| !trusted.contains(name));
        names.sort();
        names.dedup();
        names
    }

    /// Parts of a compound expression that match nobody because they mean nothing; worth telling whoever typed it.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::value::Value;
    use crate::yaml;

    struct Web;

    impl Subject for Web {
        fn id(&self) -> &str {
            "web1"
        }
        fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
            Some(Cow::Owned(Map::new()))
        }
        fn pillar(&self) -> Option<&Map> {
            None
        }
    }

    fn parse(expr: &str) -> Result<Matcher, Diagnostic> {
        let groups = yaml::load("{webs: 'web*', all: '* or web1', broken: 'web* or'}", "t").expect("good").value;
        Matcher::parse(&Target::new(TargetKind::Compound, expr), groups.as_map().expect("a mapping"))
    }

    #[test]
    fn operators_bind_as_in_python() {
        for (expr, wanted) in [
            ("web1 or nobody and nobody", true),
            ("( web1 or nobody ) and nobody", false),
            ("not nobody and web1", true),
            ("web* not web1", false),
            ("web1 and not ( nobody or N@webs )", false),
            // Not in parentheses at the top, as in the reference.
            ("N@all and nobody", true),
        ] {
            let matcher = parse(expr).unwrap_or_else(|fault| panic!("{expr}: {fault}"));
            assert_eq!(matcher.matches(&Web), wanted, "{expr}");
        }
    }

    #[test]
    fn faults_point_at_the_word() {
        for (expr, wanted) in [
            (
                "web* AND db*",
                "an operator is missing before this\n  web* AND db*\n       ^\n  help: operators are written small: 'and'",
            ),
            ("( web*", "this '(' is not closed\n  ( web*\n  ^"),
            ("web* and", "the expression ends too early\n  web* and\n          ^"),
            ("web* and E@[", "the regular expression: unterminated character set\n  [\n  ^"),
            ("x or N@web", "there is no nodegroup 'web'\n  x or N@web\n       ^\n  help: did you mean 'webs'?"),
            ("x or N@broken", "the expression ends too early\n  x or N@broken\n               ^"),
            (
                "R@a",
                "targets of the kind 'R@' (range) are not supported: they need a range server\n  R@a\n  ^\n  \
                 help: hosts in a row: 'web[01:20]'; several: 'web*;db1'",
            ),
        ] {
            assert_eq!(parse(expr).expect_err(expr).to_string(), wanted);
        }
        assert!(parse(&("( ".repeat(5000) + "x")).is_err());
    }

    #[test]
    fn meaningless_parts_match_nobody_and_are_told() {
        let matcher = parse("web1 or S@10.0.0.1/8 or G@os or X@y").expect("as the reference reads it");
        assert!(matcher.matches(&Web));
        let told: Vec<_> = matcher.warnings().iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(told.len(), 3);
        assert_eq!(told[0], "'10.0.0.1/8' is not an address or network");
    }
}
