//! Inputs made from seeds: bytes flipped, parts doubled, cut, moved and replaced by words that mean something.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Longest input.
const LONGEST: usize = 4096;
/// Words that parsers treat apart.
const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-%}",
    "{%-",
    "for",
    "endfor",
    "if",
    "endif",
    "macro",
    "endmacro",
    "set ",
    "in ",
    "|",
    "~",
    "**",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    ":",
    ": ",
    "\n",
    "\n  ",
    "\t",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!!binary ",
    "'",
    "\"",
    "\\",
    "|\n ",
    ">\n ",
    "---\n",
    "...",
    "#",
    "%",
    "0x",
    "1e400",
    "-0",
    "\u{0}",
    "\u{feff}",
    "\u{85}",
    "é",
    "\u{1f600}",
    " and ",
    " or ",
    "not ",
    "G@",
    "E@",
    "self",
    "loop",
    "range(99999)",
    ".append(",
    "[::-1]",
    "%s",
    "{0}",
    "{:>9999}",
    "99999999999999999999",
    "null",
    "true",
    "#!yaml\n",
    "#!jinja|json\n",
    "import_yaml ",
    "\u{80}",
    "\u{df}",
];

/// The input of a number; the first ones are the seeds themselves.
pub(super) fn input(seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    if let Some(seed) = usize::try_from(number).ok().and_then(|number| seeds.get(number)) {
        return seed.clone();
    }
    let mut chance = StdRng::seed_from_u64(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = seeds.choose(&mut chance).cloned().unwrap_or_default();
    for _ in 0..chance.random_range(1..12) {
        change(&mut bytes, seeds, &mut chance);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut StdRng) {
    let at = chance.random_range(0..=bytes.len());
    let to = chance.random_range(at..=bytes.len().min(at + 40));
    match chance.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.random_range(0..8),
        1 => drop(bytes.drain(at..to)),
        2 => {
            let part = bytes[at..to].repeat(chance.random_range(1..30));
            bytes.splice(at..at, part);
        }
        3 => bytes.insert(at, chance.random()),
        4 => {
            let other = seeds.choose(chance).map_or(&b""[..], Vec::as_slice);
            let from = chance.random_range(0..=other.len());
            bytes.splice(at..to, other[from..other.len().min(from + 60)].iter().copied());
        }
        _ => {
            let word = WORDS.choose(chance).copied().unwrap_or_default();
            bytes.splice(at..at, word.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_always_means_the_same_input() {
        let seeds = [b"a: 1".to_vec(), b"b: 2".to_vec()];
        assert_eq!(input(&seeds, 1, 0), b"a: 1");
        assert_eq!(input(&seeds, 1, 99), input(&seeds, 1, 99));
        assert!((2..40).any(|number| input(&seeds, 1, number) != input(&seeds, 2, number)));
    }
}
