//! Unified diffs as Python's `difflib.unified_diff` makes them, to the line: trees and people read them in `changes`.
//!
//! The matching is difflib's: longest block first, then left and right of it; lines that make up more than one per
//! cent of a long text do not start a block.

use std::collections::HashMap;

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// From so many lines on, popular lines are left out of matching.
const POPULAR_FROM: usize = 200;

/// The diff of two texts with the given names, or an empty text when they are equal.
/// Lines keep their ends; names are printed after `--- ` and `+++ `.
pub fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let mut out = String::new();
    for group in groups(&changes(&old_lines, &new_lines)) {
        if out.is_empty() {
            out.push_str(&format!("--- {old_name}\n+++ {new_name}\n"));
        }
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let old_range = range(first.old.0, last.old.1);
        let new_range = range(first.new.0, last.new.1);
        out.push_str(&format!("@@ -{old_range} +{new_range} @@\n"));
        for step in group {
            if step.equal {
                old_lines[step.old.0..step.old.1].iter().for_each(|line| push(&mut out, ' ', line));
            } else {
                old_lines[step.old.0..step.old.1].iter().for_each(|line| push(&mut out, '-', line));
                new_lines[step.new.0..step.new.1].iter().for_each(|line| push(&mut out, '+', line));
            }
        }
    }
    out
}

fn push(out: &mut String, sign: char, line: &str) {
    out.push(sign);
    out.push_str(line);
}

/// A range as the headers print it: start from 1, length left out when it is one.
fn range(start: usize, end: usize) -> String {
    match end - start {
        1 => (start + 1).to_string(),
        0 => format!("{start},0"),
        length => format!("{},{length}", start + 1),
    }
}

/// A run of lines that are equal or replaced; half-open ranges.
#[derive(Debug, Clone, Copy)]
struct Step {
    equal: bool,
    old: (usize, usize),
    new: (usize, usize),
}

/// Equal blocks in order, each as (start in old, start in new, length).
fn blocks(old: &[&str], new: &[&str]) -> Vec<(usize, usize, usize)> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(index);
    }
    if new.len() >= POPULAR_FROM {
        let most = new.len() / 100 + 1;
        places.retain(|_, at| at.len() <= most);
    }
    let mut found = Vec::new();
    let mut open = vec![(0, old.len(), 0, new.len())];
    while let Some((old_low, old_high, new_low, new_high)) = open.pop() {
        let (i, j, length) = longest(old, new, &places, (old_low, old_high), (new_low, new_high));
        if length > 0 {
            found.push((i, j, length));
            if old_low < i && new_low < j {
                open.push((old_low, i, new_low, j));
            }
            if i + length < old_high && j + length < new_high {
                open.push((i + length, old_high, j + length, new_high));
            }
        }
    }
    found.sort_unstable();
    found
}

/// The longest equal block within the bounds; of equally long ones the earliest in old, then in new.
fn longest(
    old: &[&str],
    new: &[&str],
    places: &HashMap<&str, Vec<usize>>,
    (old_low, old_high): (usize, usize),
    (new_low, new_high): (usize, usize),
) -> (usize, usize, usize) {
    let (mut best_i, mut best_j, mut best) = (old_low, new_low, 0);
    let mut lengths: HashMap<usize, usize> = HashMap::new();
    for (i, line) in old.iter().enumerate().take(old_high).skip(old_low) {
        let mut next = HashMap::new();
        let at = places.get(line).map_or(&[][..], Vec::as_slice);
        for &j in at.iter().skip_while(|j| **j < new_low).take_while(|j| **j < new_high) {
            let length = j.checked_sub(1).and_then(|before| lengths.get(&before)).copied().unwrap_or(0) + 1;
            next.insert(j, length);
            if length > best {
                (best_i, best_j, best) = (i + 1 - length, j + 1 - length, length);
            }
        }
        lengths = next;
    }
    // Popular lines did not start a block but may extend one.
    while best_i > old_low && best_j > new_low && old[best_i - 1] == new[best_j - 1] {
        (best_i, best_j, best) = (best_i - 1, best_j - 1, best + 1);
    }
    while best_i + best < old_high && best_j + best < new_high && old[best_i + best] == new[best_j + best] {
        best += 1;
    }
    (best_i, best_j, best)
}

/// The whole way from old to new: equal and changed runs in turn.
fn changes(old: &[&str], new: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (at, to, length) in blocks(old, new).into_iter().chain([(old.len(), new.len(), 0)]) {
        if i < at || j < to {
            steps.push(Step { equal: false, old: (i, at), new: (j, to) });
        }
        if length > 0 {
            match steps.last_mut() {
                // Adjacent equal blocks are one.
                Some(last) if last.equal => (last.old.1, last.new.1) = (at + length, to + length),
                _ => steps.push(Step { equal: true, old: (at, at + length), new: (to, to + length) }),
            }
        }
        (i, j) = (at + length, to + length);
    }
    steps
}

/// Changes with their context, split where more than twice the context is equal.
fn groups(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut steps = steps.to_vec();
    if let Some(first) = steps.first_mut().filter(|step| step.equal) {
        first.old.0 = first.old.0.max(first.old.1.saturating_sub(CONTEXT));
        first.new.0 = first.new.0.max(first.new.1.saturating_sub(CONTEXT));
    }
    if let Some(last) = steps.last_mut().filter(|step| step.equal) {
        last.old.1 = last.old.1.min(last.old.0 + CONTEXT);
        last.new.1 = last.new.1.min(last.new.0 + CONTEXT);
    }
    let mut all = Vec::new();
    let mut group: Vec<Step> = Vec::new();
    for mut step in steps {
        if step.equal && step.old.1 - step.old.0 > 2 * CONTEXT {
            group.push(Step {
                equal: true,
                old: (step.old.0, step.old.0 + CONTEXT),
                new: (step.new.0, step.new.0 + CONTEXT),
            });
            all.push(std::mem::take(&mut group));
            step.old.0 = step.old.1 - CONTEXT;
            step.new.0 = step.new.1 - CONTEXT;
        }
        group.push(step);
    }
    all.push(group);
    all.retain(|group| group.iter().any(|step| !step.equal));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_have_three_lines_of_context() {
        let old: String = (0..20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 3\n", "line 3 changed\n").replace("line 15\n", "line 15 changed\n");
        let diff = unified(&old, &new, "", "");
        let expected = "--- \n+++ \n@@ -1,7 +1,7 @@\n line 0\n line 1\n line 2\n-line 3\n+line 3 changed\n line 4\n line 5\n line 6\n\
                        @@ -13,7 +13,7 @@\n line 12\n line 13\n line 14\n-line 15\n+line 15 changed\n line 16\n line 17\n line 18\n";
        assert_eq!(diff, expected);
    }

    #[test]
    fn edges_are_printed_as_python_does() {
        assert_eq!(unified("", "a\n", "", ""), "--- \n+++ \n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("a\nb\n", "", "x", "y"), "--- x\n+++ y\n@@ -1,2 +0,0 @@\n-a\n-b\n");
        assert_eq!(unified("same\n", "same\n", "", ""), "");
        assert_eq!(unified("a", "b\n", "", ""), "--- \n+++ \n@@ -1 +1 @@\n-a+b\n");
    }

    #[test]
    fn popular_lines_still_extend_a_block() {
        let old = "}\n".repeat(300) + "x\n";
        let new = "}\n".repeat(300) + "y\n";
        let diff = unified(&old, &new, "", "");
        assert!(diff.ends_with("+y\n"), "{diff}");
    }
}
