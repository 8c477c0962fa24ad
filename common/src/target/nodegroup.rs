//! Nodegroups: names for expressions, expanded to the words of a compound expression.

use super::compound::is_operator;
use crate::diag::Diagnostic;
use crate::value::{Map, Value, python};

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 64;
/// Most words of one expansion.
const MAX_WORDS: usize = 20_000;

/// Expands a group to words.
///
/// A group without operators, prefixes and wildcards is a list of ids (or one regular expression when it has its
/// characters). An expression in another group is put in parentheses, one at the top is not: then
/// `N@group and web*` reads as if it were typed. All as in the reference, but an unknown group and a group that
/// contains itself are errors.
pub fn expand(name: &str, nodegroups: &Map) -> Result<Vec<String>, Diagnostic> {
    expand_in(name, nodegroups, &mut Vec::new())
}

fn expand_in(name: &str, nodegroups: &Map, inside: &mut Vec<String>) -> Result<Vec<String>, Diagnostic> {
    if inside.iter().any(|outer| outer == name) || inside.len() >= MAX_DEPTH {
        return Err(Diagnostic::config(format!("nodegroup '{name}' contains itself"))
            .about(format!("nodegroups: {}", inside.join(": "))));
    }
    let words = words(name, nodegroups)?;
    inside.push(name.to_owned());
    let (mut expanded, mut nested) = (Vec::with_capacity(words.len()), false);
    for word in words {
        match word.strip_prefix("N@").filter(|inner| !inner.is_empty()) {
            Some(inner) => {
                nested = true;
                expanded.extend(expand_in(inner, nodegroups, inside)?);
            }
            None => expanded.push(word),
        }
        if expanded.len() > MAX_WORDS {
            return Err(Diagnostic::config(format!("nodegroup '{name}' has more than {MAX_WORDS} words")));
        }
    }
    inside.pop();
    if !nested && is_plain_list(&expanded) {
        let joined = expanded.join(",");
        let prefix = if joined.contains(['(', '[', '{', '\\', '?', '}', ']', ')']) { "E@" } else { "L@" };
        expanded = vec![format!("{prefix}{joined}")];
    } else if !nested && inside.is_empty() {
        return Ok(expanded);
    }
    if !inside.is_empty() || nested {
        expanded.insert(0, "(".to_owned());
        expanded.push(")".to_owned());
    }
    Ok(expanded)
}

fn words(name: &str, nodegroups: &Map) -> Result<Vec<String>, Diagnostic> {
    match nodegroups.get(name) {
        Some(Value::Str(expr)) => Ok(expr.split_whitespace().map(str::to_owned).collect()),
        Some(Value::List(items)) => Ok(items.iter().map(python::str_).collect()),
        Some(other) => {
            Err(Diagnostic::config(format!("nodegroup '{name}' must be text or a list, not {}", other.kind())))
        }
        None => Err(Diagnostic::user(format!("there is no nodegroup '{name}'"))
            .did_you_mean(name, nodegroups.keys().filter_map(Value::as_str))),
    }
}

fn is_plain_list(words: &[String]) -> bool {
    !words.iter().any(|word| {
        let mut characters = word.chars();
        let prefix = characters.next().is_some_and(|c| c.is_ascii_uppercase()) && characters.next() == Some('@');
        is_operator(word) || word.contains('*') || prefix
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn groups_expand_as_in_the_reference() {
        let groups = "{a: 'G@x:1 or web*', b: N@a and c, l: [x, y], r: 'web[12] db?', o: x or y, q: N@l,
            p: ['G@os:Red Hat', and, '*'], nn: N@l or N@l, mix: web1 db*, e: '', num: 5, la: N@lb, lb: N@la}";
        let groups = yaml::load(groups, "t").expect("good").value;
        let groups = groups.as_map().expect("a mapping");
        let text = |name: &str| expand(name, groups).map(|words| words.join(" ")).map_err(|fault| fault.message);
        for (name, wanted) in [
            ("a", "G@x:1 or web*"),
            ("b", "( ( G@x:1 or web* ) and c )"),
            ("l", "L@x,y"),
            ("r", "E@web[12],db?"),
            ("o", "x or y"),
            ("q", "( ( L@x,y ) )"),
            ("p", "G@os:Red Hat and *"),
            ("mix", "web1 db*"),
            ("e", "L@"),
        ] {
            assert_eq!(text(name).as_deref(), Ok(wanted), "{name}");
        }
        assert_eq!(text("num"), Err("nodegroup 'num' must be text or a list, not int".to_owned()));
        assert_eq!(text("la"), Err("nodegroup 'la' contains itself".to_owned()));
        let unknown = expand("bb", groups).expect_err("not there");
        assert_eq!(unknown.message, "there is no nodegroup 'bb'");
    }
}
