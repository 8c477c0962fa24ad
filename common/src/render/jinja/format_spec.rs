//! Python's format specifications: `>5`, `05d`, `.2f`, `x`, `,`.

use num_bigint::BigInt;

use super::fault::{Fault, Res};
use super::object::Val;
use crate::value::python;

/// Largest width and precision.
pub(super) const WIDEST: usize = 60_000;

/// What a specification says.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    /// Fills up to the width.
    pub fill: char,
    /// `<`, `>`, `^` or `=`; `None` is the default of the type.
    pub align: Option<char>,
    /// `+`, `-` or blank.
    pub sign: char,
    /// `0x` and the like.
    pub alternate: bool,
    /// Least width.
    pub width: usize,
    /// `,` or `_`.
    pub group: Option<char>,
    /// Digits after the point, or most characters.
    pub precision: Option<usize>,
    /// Presentation type; `\0` is the default of the type.
    pub kind: char,
}

impl Default for Spec {
    fn default() -> Self {
        Self { fill: ' ', align: None, sign: '-', alternate: false, width: 0, group: None, precision: None, kind: '\0' }
    }
}

impl Spec {
    /// Parses the text behind the colon.
    pub fn parse(text: &str) -> Res<Self> {
        let mut spec = Self::default();
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let is_align = |c: Option<&char>| c.is_some_and(|c| matches!(c, '<' | '>' | '^' | '='));
        if is_align(chars.get(1)) {
            spec.fill = chars[0];
            spec.align = Some(chars[1]);
            at = 2;
        } else if is_align(chars.first()) {
            spec.align = Some(chars[0]);
            at = 1;
        }
        if let Some(c @ ('+' | '-' | ' ')) = chars.get(at) {
            spec.sign = *c;
            at += 1;
        }
        if chars.get(at) == Some(&'#') {
            spec.alternate = true;
            at += 1;
        }
        if chars.get(at) == Some(&'0') {
            if spec.align.is_none() {
                spec.fill = '0';
                spec.align = Some('=');
            }
            at += 1;
        }
        spec.width = digits(&chars, &mut at).unwrap_or(0).min(WIDEST);
        if let Some(c @ (',' | '_')) = chars.get(at) {
            spec.group = Some(*c);
            at += 1;
        }
        if chars.get(at) == Some(&'.') {
            at += 1;
            match digits(&chars, &mut at) {
                Some(precision) => spec.precision = Some(precision.min(WIDEST)),
                None => return Err(Fault::error("Format specifier missing precision")),
            }
        }
        if let Some(kind) = chars.get(at) {
            spec.kind = *kind;
            at += 1;
        }
        if at < chars.len() { Err(Fault::error("Invalid format specifier")) } else { Ok(spec) }
    }

    /// `format(value, spec)`.
    pub fn apply(&self, value: &Val) -> Res<String> {
        match value {
            Val::Undefined(missing) => Err(Fault::missing(missing)),
            // Without any specification it is text, with one it is a number.
            Val::Bool(_) if self.is_plain() => value.text(),
            Val::Int(_) | Val::Bool(_) | Val::Big(_) => match self.kind {
                'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => self.float(value.as_float().unwrap_or(0.0)),
                's' => Err(self.unknown(value)),
                _ => self.integer(value),
            },
            Val::Float(number) => self.float(*number),
            Val::Str(text) if matches!(self.kind, '\0' | 's') => self.text(text),
            Val::Str(_) => Err(self.unknown(value)),
            other if matches!(self.kind, '\0') && self.width == 0 && self.align.is_none() => other.text(),
            other => {
                let message = format!("unsupported format string passed to {}.__format__", other.type_name());
                Err(Fault::error(message))
            }
        }
    }

    fn is_plain(&self) -> bool {
        self.kind == '\0' && self.width == 0 && self.align.is_none() && self.sign == '-' && self.precision.is_none()
    }

    fn unknown(&self, value: &Val) -> Fault {
        Fault::error(format!("Unknown format code '{}' for object of type '{}'", self.kind, value.type_name()))
    }

    fn text(&self, text: &str) -> Res<String> {
        if self.align == Some('=') && self.fill != '0' {
            return Err(Fault::error("'=' alignment not allowed in string format specifier"));
        }
        let cut: String = match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        };
        let align = self.align.filter(|align| *align != '=').unwrap_or('<');
        Ok(self.pad("", &cut, align))
    }

    fn integer(&self, value: &Val) -> Res<String> {
        let number = match value {
            Val::Big(number) => (**number).clone(),
            other => BigInt::from(other.as_int().unwrap_or(0)),
        };
        let (prefix, digits) = match self.kind {
            '\0' | 'd' | 'n' => ("", number.magnitude().to_str_radix(10)),
            'x' => ("0x", number.magnitude().to_str_radix(16)),
            'X' => ("0X", number.magnitude().to_str_radix(16).to_uppercase()),
            'o' => ("0o", number.magnitude().to_str_radix(8)),
            'b' => ("0b", number.magnitude().to_str_radix(2)),
            'c' => {
                let c = value.as_int().and_then(|code| char::from_u32(u32::try_from(code).ok()?));
                return match c {
                    Some(c) => self.text(&c.to_string()),
                    None => Err(Fault::error("%c arg not in range(0x110000)")),
                };
            }
            _ => return Err(self.unknown(value)),
        };
        let prefix = if self.alternate { prefix } else { "" };
        let negative = number.sign() == num_bigint::Sign::Minus;
        Ok(self.number(negative, prefix, &digits))
    }

    fn float(&self, number: f64) -> Res<String> {
        let negative = number.is_sign_negative() && !number.is_nan();
        let positive = number.abs();
        let body = if number.is_finite() { self.digits_of(positive)? } else { python::float(positive) };
        Ok(self.number(negative, "", &body))
    }

    fn digits_of(&self, number: f64) -> Res<String> {
        let precision = self.precision.unwrap_or(6);
        Ok(match self.kind {
            'f' | 'F' => format!("{number:.precision$}"),
            '%' => format!("{:.precision$}%", number * 100.0),
            'e' | 'E' => {
                let text = exponent(number, precision);
                if self.kind == 'E' { text.to_uppercase() } else { text }
            }
            'g' | 'G' | 'n' => {
                let text = general(number, precision.max(1), self.alternate);
                if self.kind == 'G' { text.to_uppercase() } else { text }
            }
            '\0' => match self.precision {
                None => python::float(number),
                Some(precision) => {
                    let text = general(number, precision.max(1), false);
                    if text.contains(['.', 'e']) || text.len() >= precision { text } else { format!("{text}.0") }
                }
            },
            _ => return Err(self.unknown(&Val::Float(number))),
        })
    }

    fn number(&self, negative: bool, prefix: &str, digits: &str) -> String {
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, '+') => "+",
            (false, ' ') => " ",
            _ => "",
        };
        let digits = match self.group {
            Some(mark) => grouped(digits, mark),
            None => digits.to_owned(),
        };
        self.pad(&format!("{sign}{prefix}"), &digits, self.align.unwrap_or('>'))
    }

    /// Fills up to the width; `head` (sign and prefix) stays in front of a fill with `=`.
    fn pad(&self, head: &str, body: &str, align: char) -> String {
        let missing = self.width.saturating_sub(head.chars().count() + body.chars().count());
        let fill = |count: usize| self.fill.to_string().repeat(count);
        match align {
            '=' => format!("{head}{}{body}", fill(missing)),
            '<' => format!("{head}{body}{}", fill(missing)),
            '^' => format!("{}{head}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
            _ => format!("{}{head}{body}", fill(missing)),
        }
    }
}

fn digits(chars: &[char], at: &mut usize) -> Option<usize> {
    let start = *at;
    let mut number = 0usize;
    while let Some(digit) = chars.get(*at).and_then(|c| c.to_digit(10)) {
        number = number.saturating_mul(10).saturating_add(digit as usize);
        *at += 1;
    }
    (*at > start).then_some(number)
}

fn grouped(digits: &str, mark: char) -> String {
    let (whole, rest) = digits.find(['.', 'e', '%']).map_or((digits, ""), |at| digits.split_at(at));
    let mut out = String::new();
    for (index, c) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(mark);
        }
        out.push(c);
    }
    out + rest
}

/// `%e`: at least two digits in the exponent.
fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// `%g`.
fn general(number: f64, precision: usize, keep_zeros: bool) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let rounded = format!("{:.*e}", precision - 1, number);
    let power: i32 = rounded.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trim = |text: String| {
        if keep_zeros || !text.contains('.') {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if power < -4 || power >= precision as i32 {
        let text = exponent(number, precision - 1);
        let (digits, tail) = text.split_once('e').unwrap_or((&text, "+00"));
        format!("{}e{tail}", trim(digits.to_owned()))
    } else {
        let decimals = (precision as i32 - 1 - power).max(0) as usize;
        trim(format!("{number:.decimals$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_pythons() {
        let format = |spec: &str, value: Val| Spec::parse(spec).and_then(|spec| spec.apply(&value)).ok();
        assert_eq!(format(">5", Val::str("ab")).as_deref(), Some("   ab"));
        assert_eq!(format("05d", Val::Int(-42)).as_deref(), Some("-0042"));
        assert_eq!(format(".2f", Val::Float(2.71999)).as_deref(), Some("2.72"));
        assert_eq!(format("#x", Val::Int(255)).as_deref(), Some("0xff"));
        assert_eq!(format(",", Val::Int(1_234_567)).as_deref(), Some("1,234,567"));
        assert_eq!(format("*^9", Val::str("mid")).as_deref(), Some("***mid***"));
        assert_eq!(format("g", Val::Float(0.00001)).as_deref(), Some("1e-05"));
        assert_eq!(format("d", Val::str("x")), None);
    }
}
