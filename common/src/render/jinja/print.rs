//! How values are printed: Python's `str()` and `repr()`.

use std::fmt::Write;
use std::rc::Rc;

use super::fault::{Fault, Res};
use super::object::{MissingKind, Object, Val, ViewKind, range_len};
use super::size;
use crate::value::python;

/// Deepest nesting that is printed; what is deeper (a list inside itself) prints as `...`.
const DEEPEST: usize = 100;

impl Val {
    /// Appends what `{{ value }}` prints.
    pub fn print(&self, out: &mut String) -> Res<()> {
        match self {
            Self::Undefined(missing) if missing.kind == MissingKind::Silent => {}
            Self::Undefined(missing) => return Err(Fault::missing(missing)),
            Self::Str(text) => out.push_str(text),
            Self::Object(object) => match &**object {
                Object::Module(module) => out.push_str(&module.text),
                _ => self.write_repr(out, 0),
            },
            _ => self.write_repr(out, 0),
        }
        size::text(1, out.len(), 0)
    }

    /// `str(value)`.
    pub fn text(&self) -> Res<String> {
        let mut out = String::new();
        self.print(&mut out)?;
        Ok(out)
    }

    /// `repr(value)`.
    pub fn repr(&self) -> String {
        let mut out = String::new();
        self.write_repr(&mut out, 0);
        out
    }

    fn write_repr(&self, out: &mut String, depth: usize) {
        // What is too long is refused by who asked for it.
        if out.len() > size::TEXT {
            return;
        }
        if depth > DEEPEST {
            out.push_str("...");
            return;
        }
        match self {
            Self::Undefined(_) => out.push_str("Undefined"),
            Self::None => out.push_str("None"),
            Self::Bool(true) => out.push_str("True"),
            Self::Bool(false) => out.push_str("False"),
            Self::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Big(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Float(number) => out.push_str(&python::float(*number)),
            Self::Str(text) => quote(text, out),
            Self::Bytes(bytes) => quote_bytes(bytes, out),
            Self::List(items) => match items.try_borrow() {
                Ok(items) => sequence(out, "[", items.iter(), "]", depth),
                Err(_) => out.push_str("[...]"),
            },
            Self::Tuple(items) if items.len() == 1 => sequence(out, "(", items.iter(), ",)", depth),
            Self::Tuple(items) => sequence(out, "(", items.iter(), ")", depth),
            Self::Dict(dict) => match dict.try_borrow() {
                Ok(dict) => {
                    out.push('{');
                    for (index, (key, value)) in dict.iter().enumerate() {
                        if index > 0 {
                            out.push_str(", ");
                        }
                        key.val().write_repr(out, depth + 1);
                        out.push_str(": ");
                        value.write_repr(out, depth + 1);
                    }
                    out.push('}');
                }
                Err(_) => out.push_str("{...}"),
            },
            Self::Set(set) => {
                let set = set.borrow();
                if set.is_empty() {
                    out.push_str("set()");
                } else {
                    sequence(out, "{", set.iter().map(super::object::Key::val), "}", depth);
                }
            }
            Self::Object(object) => write_object(object, out, depth),
        }
    }
}

fn sequence<'a>(out: &mut String, open: &str, items: impl Iterator<Item = &'a Val>, close: &str, depth: usize) {
    out.push_str(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        item.write_repr(out, depth + 1);
    }
    out.push_str(close);
}

fn write_object(object: &Rc<Object>, out: &mut String, depth: usize) {
    let address = Rc::as_ptr(object) as usize;
    match &**object {
        Object::Range(start, stop, 1) => {
            let _ = write!(out, "range({start}, {stop})");
        }
        Object::Range(start, stop, step) => {
            let _ = write!(out, "range({start}, {stop}, {step})");
        }
        Object::View(kind, dict) => {
            out.push_str(object.type_name());
            out.push('(');
            let dict = dict.borrow();
            match kind {
                ViewKind::Keys => sequence(out, "[", dict.keys().map(super::object::Key::val), "]", depth),
                ViewKind::Values => sequence(out, "[", dict.values(), "]", depth),
                ViewKind::Items => {
                    let pairs: Vec<Val> =
                        dict.iter().map(|(key, value)| Val::tuple(vec![key.val().clone(), value.clone()])).collect();
                    sequence(out, "[", pairs.iter(), "]", depth);
                }
            }
            out.push(')');
        }
        Object::Loop(state) => {
            let _ = write!(out, "<LoopContext {}/{}>", state.index.get() + 1, state.items.len());
        }
        Object::Macro(item) => {
            let _ = write!(out, "<Macro '{}'>", item.row.name);
        }
        Object::Namespace(names) => {
            out.push_str("<Namespace {");
            for (index, (name, value)) in names.borrow().iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                quote(name, out);
                out.push_str(": ");
                value.write_repr(out, depth + 1);
            }
            out.push_str("}>");
        }
        Object::Module(module) => {
            let _ = write!(out, "<TemplateModule '{}'>", module.name);
        }
        Object::Generator(name, _) => {
            let _ = write!(out, "<{name} at {address:#x}>");
        }
        Object::Method(receiver, name, _) => {
            let _ = write!(out, "<built-in method {name} of {} object at {address:#x}>", receiver.type_name());
        }
        Object::Function(name, _) => {
            let _ = write!(out, "<function {name} at {address:#x}>");
        }
        Object::SaltFunction(name) => {
            let _ = write!(out, "<function {name} at {address:#x}>");
        }
        other => {
            let _ = write!(out, "<{} object at {address:#x}>", other.type_name());
        }
    }
}

/// Text in Python's quotes: single ones unless only double ones need no escape.
pub(super) fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if python::is_printable(c) => out.push(c),
            c => {
                let code = c as u32;
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(mark);
}

fn quote_bytes(bytes: &[u8], out: &mut String) {
    let mark = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(mark);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte if *byte as char == mark => {
                out.push('\\');
                out.push(mark);
            }
            0x20..=0x7e => out.push(*byte as char),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(mark);
}

impl Val {
    /// The items, as a loop over the value gives them.
    pub fn items(&self) -> Res<Vec<Val>> {
        Ok(match self {
            Self::Undefined(missing) if missing.kind == MissingKind::Silent => Vec::new(),
            Self::Undefined(missing) => return Err(Fault::missing(missing)),
            Self::List(items) => items.borrow().clone(),
            Self::Tuple(items) => items.to_vec(),
            Self::Dict(dict) => dict.borrow().keys().map(|key| key.val().clone()).collect(),
            Self::Set(set) => set.borrow().iter().map(|key| key.val().clone()).collect(),
            Self::Str(text) => {
                let mut buffer = [0; 4];
                text.chars().map(|c| Val::str(&*c.encode_utf8(&mut buffer))).collect()
            }
            Self::Bytes(bytes) => bytes.iter().map(|byte| Val::Int(i64::from(*byte))).collect(),
            Self::Object(object) => match &**object {
                Object::Generator(_, items) => items.borrow_mut().drain(..).collect(),
                Object::Range(start, stop, step) => {
                    let len = range_len(*start, *stop, *step);
                    if len > 1_000_000 {
                        return Err(Fault::error(
                            "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
                        ));
                    }
                    (0..len as i64).map(|index| Val::Int(start + index * step)).collect()
                }
                Object::View(kind, dict) => {
                    let dict = dict.borrow();
                    match kind {
                        ViewKind::Keys => dict.keys().map(|key| key.val().clone()).collect(),
                        ViewKind::Values => dict.values().cloned().collect(),
                        ViewKind::Items => {
                            dict.iter().map(|(k, v)| Val::tuple(vec![k.val().clone(), v.clone()])).collect()
                        }
                    }
                }
                Object::Loop(state) => state.items.to_vec(),
                _ => return Err(self.not_iterable()),
            },
            _ => return Err(self.not_iterable()),
        })
    }

    fn not_iterable(&self) -> Fault {
        Fault::error(format!("'{}' object is not iterable", self.type_name()))
    }

    /// `len(value)`.
    pub fn length(&self) -> Res<usize> {
        Ok(match self {
            Self::Undefined(missing) => return Err(Fault::missing(missing)),
            Self::Str(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) => items.borrow().len(),
            Self::Tuple(items) => items.len(),
            Self::Dict(dict) => dict.borrow().len(),
            Self::Set(set) => set.borrow().len(),
            Self::Object(object) => match &**object {
                Object::Range(start, stop, step) => range_len(*start, *stop, *step),
                Object::View(_, dict) => dict.borrow().len(),
                Object::Loop(state) => state.items.len(),
                _ => return Err(Fault::error(format!("object of type '{}' has no len()", self.type_name()))),
            },
            _ => return Err(Fault::error(format!("object of type '{}' has no len()", self.type_name()))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_pythons() {
        let quoted = |text: &str| {
            let mut out = String::new();
            quote(text, &mut out);
            out
        };
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("it's \"x\""), "'it\\'s \"x\"'");
        assert_eq!(quoted("a\nž\u{ad}"), "'a\\nž\\xad'");
    }
}
