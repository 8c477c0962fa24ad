//! From a target as typed to a [`Matcher`].

use super::Subject;
use super::compound::{self, Compound};
use super::data::Style;
use super::list::List;
use super::nodegroup;
use super::term::{Source, Term};
use crate::diag::Diagnostic;
use crate::proto::job::{Target, TargetKind};
use crate::value::Map;

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Matcher {
    compound: Compound,
    warnings: Vec<Diagnostic>,
}

impl Matcher {
    /// Parses an expression; `nodegroups` is the master's mapping of group names to compound expressions or lists.
    pub fn parse(target: &Target, nodegroups: &Map) -> Result<Self, Diagnostic> {
        let Target { kind, expr, delimiter } = target;
        let mut warnings = Vec::new();
        let data = |source, style| Term::data(source, expr, delimiter, style).map(Compound::Term);
        let compound = match kind {
            TargetKind::Glob => Compound::Term(Term::Glob(expr.clone())),
            TargetKind::Pcre => Compound::Term(Term::pcre(expr)?),
            TargetKind::List => Compound::Term(Term::List(List::parse(expr))),
            TargetKind::Grain => data(Source::Grains, Style::Glob)?,
            TargetKind::GrainPcre => data(Source::Grains, Style::Pcre)?,
            TargetKind::Pillar => data(Source::Pillar, Style::Glob)?,
            TargetKind::PillarPcre => data(Source::Pillar, Style::Pcre)?,
            TargetKind::PillarExact => data(Source::Pillar, Style::Exact)?,
            TargetKind::Ipcidr => Compound::Term(Term::subnet(expr)?),
            TargetKind::Nodegroup => {
                compound::parse_expanded(&nodegroup::expand(expr, nodegroups)?, nodegroups, &mut warnings)
                    .map_err(|fault| fault.about(format!("nodegroup '{expr}'")))?
            }
            TargetKind::Compound => compound::parse(expr, nodegroups, &mut warnings)?,
        };
        Ok(Self { compound, warnings })
    }

    /// True if the minion is meant.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        self.compound.matches(subject)
    }

    /// True if the expression needs grains (the master then says how many minions have not reported theirs).
    pub fn needs_grains(&self) -> bool {
        self.compound.any(&Term::needs_grains)
    }

    /// True if the expression needs pillar (the master then compiles that of every minion it asks about).
    pub fn needs_pillar(&self) -> bool {
        self.compound.any(&Term::needs_pillar)
    }

    /// Parts of a compound expression that match nobody because they mean nothing; worth telling whoever typed it.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    struct Web;

    impl Subject for Web {
        fn id(&self) -> &str {
            "web1"
        }
        fn grains(&self) -> Option<&Map> {
            None
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
            ("R@a", "targets of the kind 'R@' are not supported\n  R@a\n  ^"),
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
