//! Rows as MySQL's client writes them in XML, the one form of it that tells a null from a text.

use fleet_common::value::{Map, Value};

/// The rows of each statement that has some, by column.
pub fn parse(text: &str) -> Result<Vec<Vec<Map>>, String> {
    let unreadable = |what: &str| format!("what the client wrote can't be read: {what}");
    // What the statement and the values hold is escaped, so the client's own signs are found by their looks.
    let mut results = Vec::new();
    for result in text.split("<resultset ").skip(1) {
        let mut rows = Vec::new();
        for row in result.split("<row>").skip(1) {
            let (row, _) = row.split_once("</row>").ok_or_else(|| unreadable("a row without an end"))?;
            let mut fields = Map::new();
            for field in row.split("<field name=\"").skip(1) {
                let (name, rest) = field.split_once('"').ok_or_else(|| unreadable("a name without an end"))?;
                let value = match rest.strip_prefix('>') {
                    Some(rest) => {
                        let (value, _) =
                            rest.split_once("</field>").ok_or_else(|| unreadable("a value without an end"))?;
                        Value::from(plain(value))
                    }
                    None if rest.trim_start().starts_with("xsi:nil=\"true\"") => Value::Null,
                    None => return Err(unreadable("a field of another form")),
                };
                fields.insert(plain(name), value);
            }
            rows.push(fields);
        }
        results.push(rows);
    }
    Ok(results)
}

/// A text without its escapes.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_writes_becomes_rows() {
        let text = "<?xml version=\"1.0\"?>\n\n<resultset statement=\"select '&lt;row&gt;'\n\" xmlns:xsi=\"x\">\n  <row>\n\t\
                    <field name=\"a\">1 &lt; 2 &amp;amp;</field>\n\t<field name=\"b\" xsi:nil=\"true\" />\n  </row>\n\
                    </resultset>\n<?xml version=\"1.0\"?>\n<resultset statement=\"x\"></resultset>\n";
        let results = parse(text).unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[0][0], Map::from_iter([("a", Value::from("1 < 2 &amp;")), ("b", Value::Null)]));
        assert!(results[1].is_empty() && parse("").unwrap().is_empty());
        assert!(parse("<resultset ><row><field name=\"a\">1").is_err());
    }
}
