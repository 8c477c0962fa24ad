//! JSON text to values as Python's `json.loads` reads it: integers of any size, `NaN` and infinities, last of equal keys wins.

use super::{BigInt, Map, Value};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 200;
/// Longest run of digits that is read as one integer: parsing is quadratic.
const MAX_DIGITS: usize = 4300;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: line {line} column {column}")]
pub struct JsonError {
    /// What is wrong.
    pub what: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Reads one JSON document that fills the text.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("extra data after the document"));
    }
    Ok(value)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, what: &'static str) -> JsonError {
        let before = &self.text[..self.at.min(self.text.len())];
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
        JsonError { what, line, column }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::Str),
            Some(b't') if self.word("true") => Ok(Value::Bool(true)),
            Some(b'f') if self.word("false") => Ok(Value::Bool(false)),
            Some(b'n') if self.word("null") => Ok(Value::Null),
            Some(b'N') if self.word("NaN") => Ok(Value::Float(f64::NAN)),
            Some(b'I') if self.word("Infinity") => Ok(Value::Float(f64::INFINITY)),
            Some(b'-') if self.word("-Infinity") => Ok(Value::Float(f64::NEG_INFINITY)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error("a value is expected")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut map = Map::new();
        self.space();
        if self.word("}") {
            return Ok(Value::Map(map));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a property name in double quotes is expected"));
            }
            let key = self.string()?;
            self.space();
            if !self.word(":") {
                return Err(self.error("':' is expected"));
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.space();
            if self.word("}") {
                return Ok(Value::Map(map));
            }
            if !self.word(",") {
                return Err(self.error("',' or '}' is expected"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.word("]") {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.word("]") {
                return Ok(Value::List(items));
            }
            if !self.word(",") {
                return Err(self.error("',' or ']' is expected"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.word("-");
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at - from
        };
        let leading_zero = self.peek() == Some(b'0');
        let whole = digits(self);
        if whole == 0 || whole > MAX_DIGITS || (leading_zero && whole > 1) {
            self.at = start;
            return Err(self.error("this is not a number"));
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            float = true;
            if digits(self) == 0 {
                return Err(self.error("digits are expected"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            float = true;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if digits(self) == 0 {
                return Err(self.error("digits are expected"));
            }
        }
        let text = &self.text[start..self.at];
        if float {
            return text.parse().map(Value::Float).map_err(|_| self.error("this is not a number"));
        }
        match text.parse::<i64>() {
            Ok(small) => Ok(Value::Int(small)),
            Err(_) => text.parse::<BigInt>().map(Value::integer).map_err(|_| self.error("this is not a number")),
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20);
            let Some(plain) = plain else { return Err(self.error("the text is not closed")) };
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err(self.error("a control character in a text must be escaped")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonError> {
        let kind = self.text.as_bytes().get(self.at + 1).copied();
        let plain = match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(out),
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 2;
        out.push(plain);
        Ok(())
    }

    /// `\uXXXX`, with surrogate pairs joined; a lone surrogate, which text here can't hold, becomes U+FFFD.
    fn unicode(&mut self, out: &mut String) -> Result<(), JsonError> {
        let unit = |reader: &Self, at: usize| {
            let hex = reader.text.get(at + 2..at + 6).filter(|_| reader.text[at..].starts_with("\\u"))?;
            u16::from_str_radix(hex, 16).ok().filter(|_| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let Some(first) = unit(self, self.at) else { return Err(self.error("\\u needs four hexadecimal digits")) };
        self.at += 6;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first)
            && self.text.is_char_boundary(self.at)
            && let Some(second) = unit(self, self.at).filter(|unit| (0xdc00..0xe000).contains(unit))
        {
            units.push(second);
            self.at += 6;
        }
        out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_reads() {
        let value =
            parse("{\"a\": [1, -2.5, 1e3, true, null, \"\\u00e9\\ud83d\\ude00\\n\"], \"b\": 36893488147419103232}")
                .unwrap();
        assert_eq!(value.get("a").and_then(Value::as_list).map(<[Value]>::len), Some(6));
        assert_eq!(value.get("a").unwrap().as_list().unwrap()[5].as_str(), Some("é😀\n"));
        assert!(matches!(value.get("b"), Some(Value::BigInt(_))));
        assert!(matches!(parse("NaN"), Ok(Value::Float(f)) if f.is_nan()));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for bad in ["", "{", "[1,]", "{'a': 1}", "01", "1.", "\"a", "\"\\x\"", "1 2", "\"\\ud83", "tru", "\"\\u12é\""]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert_eq!(parse("{\n \"a\": x}").unwrap_err().to_string(), "a value is expected: line 2 column 7");
    }
}
