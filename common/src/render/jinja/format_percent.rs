//! `'%s' % x` and the `format` filter.

use super::fault::{Fault, Res};
use super::format_spec::{Spec, WIDEST};
use super::object::{TextKey, Val};

/// Formats a text with `%` directives.
pub(super) fn format(template: &str, value: &Val) -> Res {
    let single;
    let items: &[Val] = match value {
        Val::Tuple(items) => items,
        other => {
            single = [other.clone()];
            &single
        }
    };
    let mut next = items.iter();
    let mut out = String::new();
    let mut named = false;
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut name = None;
        if chars.peek() == Some(&'(') {
            chars.next();
            let text: String = chars.by_ref().take_while(|c| *c != ')').collect();
            name = Some(text);
            named = true;
        }
        let mut spec = Spec { align: Some('>'), ..Spec::default() };
        let mut zero = false;
        while let Some(flag) = chars.next_if(|c| "-+ 0#".contains(*c)) {
            match flag {
                '-' => spec.align = Some('<'),
                '0' => zero = true,
                '#' => spec.alternate = true,
                '+' => spec.sign = '+',
                _ if spec.sign != '+' => spec.sign = ' ',
                _ => {}
            }
        }
        let star = |next: &mut std::slice::Iter<'_, Val>| next.next().and_then(Val::as_int).unwrap_or(0);
        spec.width = match chars.next_if_eq(&'*') {
            Some(_) => star(&mut next).unsigned_abs() as usize,
            None => number(&mut chars),
        }
        .min(WIDEST);
        if chars.next_if_eq(&'.').is_some() {
            let precision = match chars.next_if_eq(&'*') {
                Some(_) => star(&mut next).unsigned_abs() as usize,
                None => number(&mut chars),
            };
            spec.precision = Some(precision.min(WIDEST));
        }
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let Some(kind) = chars.next() else { return Err(Fault::error("incomplete format")) };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let item = match &name {
            Some(name) => entry(value, name)?,
            None => next.next().cloned().ok_or_else(|| Fault::error("not enough arguments for format string"))?,
        };
        if zero && spec.align == Some('>') && !matches!(kind, 's' | 'r' | 'a' | 'c') {
            spec.fill = '0';
            spec.align = Some('=');
        }
        out.push_str(&directive(spec, kind, &item)?);
    }
    let mapping = matches!(value, Val::Dict(_));
    if next.next().is_some() && !named && !(mapping && items.len() == 1) {
        return Err(Fault::error("not all arguments converted during string formatting"));
    }
    Ok(Val::str(out))
}

fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> usize {
    let mut number = 0usize;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        number = number.saturating_mul(10).saturating_add(digit as usize);
        chars.next();
    }
    number
}

fn entry(value: &Val, name: &str) -> Res {
    match value {
        Val::Dict(dict) => dict.borrow().get(&TextKey(name)).cloned().ok_or_else(|| Fault::error(format!("'{name}'"))),
        _ => Err(Fault::error("format requires a mapping")),
    }
}

fn directive(mut spec: Spec, kind: char, item: &Val) -> Res<String> {
    if let Val::Undefined(missing) = item {
        return Err(Fault::missing(missing));
    }
    let wrong =
        |wanted: &str| Err(Fault::error(format!("%{kind} format: {wanted} is required, not {}", item.type_name())));
    match kind {
        's' => spec.apply(&Val::str(item.text()?)),
        'r' | 'a' => spec.apply(&Val::str(item.repr())),
        'd' | 'i' | 'u' => {
            spec.kind = 'd';
            spec.precision = None;
            match item {
                Val::Float(number) if number.is_finite() => spec.apply(&Val::Int(*number as i64)),
                Val::Int(_) | Val::Big(_) | Val::Bool(_) => spec.apply(item),
                _ => wrong("a real number"),
            }
        }
        'x' | 'X' | 'o' => {
            spec.kind = kind;
            match item {
                Val::Int(_) | Val::Big(_) | Val::Bool(_) => spec.apply(item),
                _ => wrong("an integer"),
            }
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            spec.kind = kind;
            match item.as_float() {
                Some(number) => spec.apply(&Val::Float(number)),
                None => Err(Fault::error(format!("must be real number, not {}", item.type_name()))),
            }
        }
        'c' => match item {
            Val::Str(text) if text.chars().count() == 1 => spec.apply(item),
            Val::Int(_) => {
                spec.kind = 'c';
                spec.apply(item)
            }
            _ => Err(Fault::error("%c requires int or char")),
        },
        other => Err(Fault::error(format!("unsupported format character '{other}' ({:#x})", other as u32))),
    }
}
