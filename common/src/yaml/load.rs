//! The loader: text in, document out.

use super::compose::compose;
use super::construct::construct;
use super::error::YamlError;
use super::marks::Marks;
use super::{resolve, scalar};
use crate::value::Value;

/// A loaded text: the value, and where each part of it was written.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// What the text stands for; null for an empty text.
    pub value: Value,
    /// Positions, parallel to the value.
    pub marks: Marks,
}

/// Loads a text; `name` is the file as the user knows it, shown in errors.
pub fn load(text: &str, name: &str) -> Result<Document, YamlError> {
    // The parser would count a byte order mark as a column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let built = compose(text).and_then(construct);
    built.map(|(value, marks)| Document { value, marks }).map_err(|fault| fault.explain(text, name))
}

/// The value a text stands for when written plain, as one scalar; `None` if it can not be built.
pub fn plain_scalar(text: &str) -> Option<Value> {
    scalar::build(&resolve::plain(text), text.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::yaml::YamlErrorKind;

    fn fails(text: &str) -> YamlError {
        load(text, "a.sls").expect_err(text)
    }

    #[test]
    fn marks_lead_to_keys_and_items() {
        let document = load("web:\n  pkg.installed:\n    - name: x\n    - y\n", "a.sls").unwrap();
        let mark = |path: &[&str]| document.marks.at_path(&document.value, path).map(|mark| (mark.line, mark.column));
        assert_eq!(mark(&["web"]), Some((1, 1)));
        assert_eq!(mark(&["web", "pkg.installed"]), Some((2, 3)));
        assert_eq!(mark(&["web", "pkg.installed", "0", "name"]), Some((3, 7)));
        assert_eq!(mark(&["web", "pkg.installed", "1"]), Some((4, 7)));
        assert_eq!(mark(&["web", "nope"]), None);
    }

    #[test]
    fn duplicate_keys_are_told_with_both_lines() {
        let error = fails("a: 1\nb: 2\na: 3\n");
        assert_eq!(error.kind, YamlErrorKind::Constructor);
        let text = error.to_string();
        assert!(text.starts_with("a.sls:3:1: found conflicting ID 'a': lines 1 and 3"), "{text}");
    }

    #[test]
    fn typical_mistakes_are_explained() {
        let cases = [
            ("a:\n\tb: 1\n", "tabs"),
            ("a: @x\n", "can not start with '@'"),
            ("a: *\n", "leading '*'"),
            ("a: b: c\n", "quote the value"),
            ("a:1\nb: 2\n", "space missing after 'a:'"),
            ("a\nb: 2\n", "':' missing after 'a'"),
            ("a: {{ x }}\n", "not rendered"),
            ("a: [1, 2\nb: 3\n", "bracket"),
            ("a: 'x\nb: 3\n", "quote was opened"),
            ("a: 'it's'\n", "a quote inside quotes"),
            ("a: 'x'\n b: 2\n", "check the indentation"),
            ("a:\n    b: 1\n  c: 2\n", "check the indentation"),
            ("f:\n  - name: /a\n  mode: 644\n", "is '- ' missing before 'mode: 644'"),
            ("x:\n  pkg.installed\n  - name: y\n", "':' missing after 'pkg.installed'"),
            ("a: &base 1\nb: *bse\n", "did you mean '*base'"),
            ("a: 1\n---\nb: 2\n", "one document"),
        ];
        for (text, hint) in cases {
            let shown = fails(text).to_string();
            assert!(shown.contains(hint), "{text:?} gives {shown}");
        }
    }

    /// Processor time of this thread: what others do does not count.
    fn processor() -> Duration {
        rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
    }

    #[test]
    fn bombs_are_refused_at_once() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let alias = format!("*a{}", level - 1);
            laughs += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "));
        }
        let wide = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), ["*a"; 5000].join(", "));
        let mut chain = "a0: &a0 [[[[[[[[[x]]]]]]]]]\n".to_owned();
        for level in 1..2000 {
            chain += &format!("a{level}: &a{level} [[[[*a{}]]]]\n", level - 1);
        }
        let merges = "x: {<<: [&b {<<: [&a {k: 1}, *a]}, *b]}\n".to_owned();
        let directives: String = (0..20_000).map(|number| format!("%TAG !a{number}! b\n")).collect();
        let digits = format!("a: {}", "9".repeat(200_000));
        for bomb in [
            directives,
            digits,
            laughs,
            wide,
            chain,
            "[".repeat(200_000),
            "- ".repeat(50_000),
            "a: &a [*a]".to_owned(),
            merges,
        ] {
            let start = processor();
            let error = fails(&bomb);
            assert!(error.to_string().len() < 4000, "a long message");
            let took = processor() - start;
            assert!(took < Duration::from_millis(500), "{took:?}");
        }
    }
}
