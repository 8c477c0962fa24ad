//! Grants as people and servers write them.

use std::collections::BTreeSet;

use crate::system::mysql::{MysqlError, name};

/// What is granted on one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// The object as SQL writes it (`` `shop`.* ``).
    pub on: String,
    /// Privileges: words, and columns in round brackets behind those for some columns only.
    pub privileges: BTreeSet<String>,
    /// What is granted may be granted further.
    pub option: bool,
}

const ALL: &str = "ALL PRIVILEGES";

impl Grant {
    /// What `grant` and `database` of a state say. With `escape`, signs that stand for others stand for themselves.
    pub fn wanted(grant: &str, database: &str, escape: bool, option: bool) -> Result<Self, MysqlError> {
        let mut privileges = privileges(grant)?;
        // Like this the option is listed by people, and by the server behind the object.
        let option = privileges.remove("GRANT OPTION") || privileges.remove("WITH GRANT OPTION") || option;
        if privileges.is_empty() {
            privileges.insert("USAGE".to_owned());
        }
        Ok(Self { on: object(database, escape)?, privileges, option })
    }

    /// What the server lists in one line; nothing for a line of another kind (roles, proxies).
    pub fn listed(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("GRANT ")?;
        let (granted, rest) = split_at_word(rest, " ON ")?;
        let (on, rest) = split_at_word(rest, " TO ")?;
        let privileges = privileges(granted).ok().filter(|privileges| !privileges.contains("PROXY"))?;
        let option = split_at_word(rest, " WITH ").is_some_and(|(_, with)| with.contains("GRANT OPTION"));
        Some(Self { on: on.to_owned(), privileges, option })
    }

    /// True if there is nothing in this that those, which the server lists, do not have.
    pub fn is_in(&self, listed: &[Self]) -> bool {
        self.lacking(listed).is_empty()
            && (!self.option || listed.iter().any(|other| other.on == self.on && other.option))
    }

    /// The privileges that those do not have.
    fn lacking(&self, listed: &[Self]) -> Vec<&String> {
        let there: BTreeSet<&String> =
            listed.iter().filter(|other| other.on == self.on).flat_map(|other| &other.privileges).collect();
        let has_all = there.iter().any(|word| *word == ALL);
        let has = |word: &String| word == "USAGE" || there.contains(word) || (has_all && word != "PROXY");
        self.privileges.iter().filter(|word| !has(word)).collect()
    }

    /// The part of this that those have: all of an object is had by who has any of it.
    pub fn held(&self, listed: &[Self]) -> Self {
        let same: Vec<&Self> = listed.iter().filter(|other| other.on == self.on).collect();
        let has_any = same.iter().flat_map(|other| &other.privileges).any(|word| word != "USAGE");
        let lacking = self.lacking(listed);
        let is_held = |word: &&String| *word != "USAGE" && if *word == ALL { has_any } else { !lacking.contains(word) };
        Self {
            on: self.on.clone(),
            privileges: self.privileges.iter().filter(is_held).cloned().collect(),
            option: self.option && same.iter().any(|other| other.option),
        }
    }

    /// True if this grants nothing.
    pub fn is_empty(&self) -> bool {
        self.privileges.is_empty() && !self.option
    }

    /// What those have on the same object beyond this: privileges, and whether they may be granted further.
    pub fn beyond(&self, listed: &[Self]) -> (Vec<String>, bool) {
        let same = || listed.iter().filter(|other| other.on == self.on);
        let has_all = self.privileges.contains(ALL);
        let more = same()
            .flat_map(|other| &other.privileges)
            .filter(|word| *word != "USAGE" && !self.privileges.contains(*word) && !has_all);
        (more.cloned().collect(), !self.option && same().any(|other| other.option))
    }

    /// The privileges as SQL lists them.
    pub fn list(&self) -> String {
        self.privileges.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Splits before and behind a word that stands outside of quotes and brackets.
fn split_at_word<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let (mut quote, mut depth) = (None, 0);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ' ') if depth == 0 && text[at..].starts_with(word) => {
                return Some((&text[..at], &text[at + word.len()..]));
            }
            _ => {}
        }
    }
    None
}

/// Privileges of a list, each in one spelling.
fn privileges(list: &str) -> Result<BTreeSet<String>, MysqlError> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for letter in list.chars() {
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            other => {
                depth += match other {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    parts.iter().map(|part| privilege(part.trim())).collect()
}

fn privilege(text: &str) -> Result<String, MysqlError> {
    let (word, columns) = match text.split_once('(') {
        Some((word, columns)) => (word.trim(), Some(columns.trim_end().strip_suffix(')'))),
        None => (text, None),
    };
    let word = word.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let is_word =
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || " _".contains(letter));
    let odd = || MysqlError::Nonsense(format!("'{text}' is no privilege"));
    let word = match (is_word, word.as_str()) {
        (false, _) => return Err(odd()),
        (true, "ALL") => ALL.to_owned(),
        (true, _) => word,
    };
    match columns {
        None => Ok(word),
        Some(None) => Err(odd()),
        Some(Some(columns)) => {
            // The server takes capital and small letters for the same in names of columns.
            let column = |column: &str| column.trim().trim_matches('`').to_lowercase();
            let columns: BTreeSet<String> = columns.split(',').map(column).collect();
            let columns: Vec<String> = columns.iter().map(|column| name(column)).collect();
            Ok(format!("{word} ({})", columns.join(", ")))
        }
    }
}

/// The object of a grant: `*.*`, all tables of a database, one table.
fn object(database: &str, escape: bool) -> Result<String, MysqlError> {
    let (schema, table) =
        database
            .rsplit_once('.')
            .filter(|(schema, table)| !schema.is_empty() && !table.is_empty())
            .ok_or_else(|| MysqlError::Nonsense(format!("'{database}' is neither DATABASE.* nor DATABASE.TABLE")))?;
    let bare = |text: &str| text.trim().trim_matches('`').to_owned();
    let (schema, table) = (bare(schema), bare(table));
    if schema == "*" && table != "*" {
        return Err(MysqlError::Nonsense(format!("'{database}': a table of all databases can't be granted")));
    }
    let quoted = |text: &str| if text == "*" { text.to_owned() } else { name(text) };
    // Only for all tables of a database do `_` and `%` stand for other signs.
    let schema = if escape && table == "*" { schema.replace('_', "\\_").replace('%', "\\%") } else { schema };
    Ok(format!("{}.{}", quoted(&schema), quoted(&table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(grant: &str, database: &str) -> Grant {
        Grant::wanted(grant, database, true, false).unwrap()
    }

    #[test]
    fn what_people_write_is_found_in_what_a_server_lists() {
        let listed: Vec<Grant> = [
            "GRANT USAGE ON *.* TO `larry`@`localhost` IDENTIFIED BY PASSWORD '*14E6 WITH GRANT OPTION'",
            "GRANT SELECT, INSERT ON `my\\_shop`.* TO `larry`@`localhost` WITH GRANT OPTION",
            "GRANT SELECT (`a`, `b`), UPDATE ON `shop`.`t ON x` TO `larry`@`localhost`",
            "GRANT ALL PRIVILEGES ON `own`.* TO `larry`@`localhost`",
            "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
            "GRANT `clerk` TO `larry`@`localhost`",
        ]
        .iter()
        .filter_map(|line| Grant::listed(line))
        .collect();
        assert_eq!(listed.len(), 4);
        assert!(!listed[0].option && listed[1].option);
        assert!(wanted("insert, select", "my_shop.*").is_in(&listed));
        assert!(wanted("select,grant option", "my_shop.*").is_in(&listed));
        assert!(!wanted("select", "shop.*").is_in(&listed) && !wanted("delete", "my_shop.*").is_in(&listed));
        assert!(wanted("SELECT (B, a)", "shop.t ON x").is_in(&listed));
        assert!(wanted("create view", "own.*").is_in(&listed) && wanted("all", "`own`.*").is_in(&listed));
        assert!(!Grant::wanted("all", "own.*", true, true).unwrap().is_in(&listed));
        assert_eq!(wanted("select", "my_shop.*").beyond(&listed), (vec!["INSERT".to_owned()], true));
        assert_eq!(wanted("select, delete", "my_shop.*").held(&listed), wanted("select", "my_shop.*"));
        assert!(
            wanted("delete", "my_shop.*").held(&listed).is_empty()
                && !wanted("all", "my_shop.*").held(&listed).is_empty()
        );
        assert_eq!(Grant::wanted("select", "my_%.*", false, false).unwrap().on, "`my_%`.*");
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        for (grant, database) in
            [("", "a.*"), ("select; drop", "a.*"), ("select (a", "a.*"), ("select", "nodot"), ("select", "*.a")]
        {
            assert!(Grant::wanted(grant, database, true, false).is_err(), "{grant} on {database}");
        }
    }
}
