//! How much of what real trees use is built: a census of trees (tables in Markdown) against our own tables.

mod compare;
mod left_out;
mod tables;

pub use compare::compare;
pub use left_out::why_left_out;
pub use tables::{Count, Tables};

/// One function or argument of the census and what we do with it.
pub struct Line {
    /// `module.function`, or `module.function argument`.
    pub name: String,
    /// How often the trees use it.
    pub uses: u64,
    /// Where it stands.
    pub standing: Standing,
}

/// What we do with a counted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Built.
    Present,
    /// Not built.
    Missing,
    /// Not counted, and why.
    LeftOut(&'static str),
}

/// One kind of use: state functions, their arguments, or calls from templates.
pub struct Part {
    /// What is counted.
    pub title: &'static str,
    /// Most used first, as the census has it.
    pub lines: Vec<Line>,
}

impl Part {
    /// Uses of what is built, and all uses that count.
    pub fn uses(&self) -> (u64, u64) {
        let sum = |wanted: &[Standing]| {
            self.lines.iter().filter(|line| wanted.contains(&line.standing)).map(|line| line.uses).sum::<u64>()
        };
        let present = sum(&[Standing::Present]);
        (present, present + sum(&[Standing::Missing]))
    }
}
