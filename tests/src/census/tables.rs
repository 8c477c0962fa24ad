//! Reading a census: Markdown with one table of counts under each heading.

/// A name and how often it is used.
#[derive(Debug, PartialEq, Eq)]
pub struct Count {
    /// The name.
    pub name: String,
    /// How often.
    pub uses: u64,
}

/// The tables that say which functions trees use.
pub struct Tables {
    /// State functions.
    pub states: Vec<Count>,
    /// Execution functions called from templates.
    pub calls: Vec<Count>,
    /// Arguments of each state function.
    pub arguments: Vec<(String, Vec<Count>)>,
}

impl Tables {
    /// Reads the three tables from a census.
    ///
    /// # Errors
    /// A heading that is not there, named.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            states: counts(section(text, "State functions")?),
            calls: counts(section(text, "Execution functions called from templates")?),
            arguments: arguments(section(text, "Arguments by state function")?),
        })
    }
}

/// The lines under one heading.
fn section<'a>(text: &'a str, heading: &str) -> Result<&'a str, String> {
    let wanted = format!("## {heading}\n");
    let (_, after) = text.split_once(&wanted).ok_or_else(|| format!("no heading '{}'", wanted.trim()))?;
    Ok(after.split("\n## ").next().unwrap_or(after))
}

/// The cells of a table's rows, without its head and rule.
fn rows(section: &str) -> impl Iterator<Item = Vec<&str>> {
    section.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(str::trim).collect()
    })
}

/// Rows of `name | uses | repositories`, several beside each other.
fn counts(section: &str) -> Vec<Count> {
    let mut found = Vec::new();
    for row in rows(section) {
        for cells in row.chunks_exact(3) {
            let name = cells[0].trim_matches('`');
            if let (Ok(uses), true) = (cells[1].parse(), name.contains('.')) {
                found.push(Count { name: name.to_owned(), uses });
            }
        }
    }
    // A table is filled by columns: the most used stand in the first one.
    found.sort_by(|a, b| b.uses.cmp(&a.uses).then_with(|| a.name.cmp(&b.name)));
    found
}

/// Rows of `function | argument uses, argument uses, ...`.
fn arguments(section: &str) -> Vec<(String, Vec<Count>)> {
    let one = |cell: &str| {
        let (name, uses) = cell.trim().rsplit_once(' ')?;
        Some(Count { name: name.to_owned(), uses: uses.parse().ok()? })
    };
    rows(section)
        .filter_map(|row| {
            let [function, arguments] = row.as_slice() else { return None };
            Some((function.trim_matches('`').to_owned(), arguments.split(',').filter_map(one).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENSUS: &str = "\
# What trees use

## State functions

| function | n | repos | function | n | repos |
| --- | ---: | ---: | --- | ---: | ---: |
| `file.managed` | 34 | 8 | `cron.absent` | 9 | 4 |
| `pkg.installed` | 17 | 8 |  |  |  |

and 116 more, 262 uses together.

## Execution functions called from templates

| function | n | repos |
| --- | ---: | ---: |
| `pillar.get` | 18 | 6 |
| `(computed)` | 8 | 8 |

## Arguments by state function

| function | arguments (uses) |
| --- | --- |
| `file.managed` | source 28, mode 23 |
| `supervisord.running` |  |
";

    #[test]
    fn tables_are_read() {
        let tables = Tables::parse(CENSUS).unwrap();
        let names: Vec<&str> = tables.states.iter().map(|count| count.name.as_str()).collect();
        assert_eq!(names, ["file.managed", "pkg.installed", "cron.absent"]);
        assert_eq!(tables.calls, [Count { name: "pillar.get".to_owned(), uses: 18 }]);
        assert_eq!(tables.arguments[0].1[1], Count { name: "mode".to_owned(), uses: 23 });
        assert!(tables.arguments[1].1.is_empty());
    }

    #[test]
    fn a_missing_heading_is_named() {
        let error = Tables::parse("# nothing\n").err().unwrap();
        assert_eq!(error, "no heading '## State functions'");
    }
}
