//! Values as YAML text, block style as the reference prints it (PyYAML's safe dumper over libyaml).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::emit::Emitter;
use super::resolve;
use super::style::Scalar;
use crate::value::{Map, Value, compare, python};

/// Which collections are written in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// None but empty ones.
    Never,
    /// All.
    Always,
    /// Those that hold nothing but scalars, the reference's own default.
    #[default]
    Leaves,
}

/// How a value is laid out; the default is the reference's `safe_dump` without arguments.
#[derive(Debug, Clone)]
pub struct DumpOptions {
    /// Which collections are written in brackets.
    pub flow: Flow,
    /// Sorts mappings by key; keys of kinds that have no order keep theirs.
    pub sort_keys: bool,
    /// Writes text beyond ASCII as it is.
    pub unicode: bool,
    /// Column after which long text and bracketed collections go on in a new line.
    pub width: usize,
    /// Spaces for each level, from 2 to 9.
    pub indent: usize,
    /// Starts with `---`.
    pub explicit_start: bool,
}

impl Default for DumpOptions {
    fn default() -> Self {
        Self { flow: Flow::Leaves, sort_keys: true, unicode: true, width: 80, indent: 2, explicit_start: false }
    }
}

impl DumpOptions {
    /// Block style in the order of the data, as outputters write.
    pub fn block() -> Self {
        Self { flow: Flow::Never, sort_keys: false, ..Self::default() }
    }
}

/// Writes a value as a YAML document that ends with a line break.
pub fn dump(value: &Value, options: &DumpOptions) -> String {
    let indent = if (2..=9).contains(&options.indent) { options.indent } else { 2 };
    let width = if options.width > indent * 2 { options.width } else { 80 };
    let mut dumper = Dumper { emitter: Emitter::new(indent, width, options.unicode), options };
    if options.explicit_start {
        dumper.emitter.indicator("---", true, false, false);
    }
    dumper.node(value, Place::Other);
    dumper.emitter.finish()
}

/// What a node stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The key of a `key: value` line.
    SimpleKey,
    /// The value, or a long key.
    Mapping,
    Other,
}

struct Dumper<'o> {
    emitter: Emitter,
    options: &'o DumpOptions,
}

impl Dumper<'_> {
    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::List(items) => self.list(items, place),
            Value::Map(map) => self.map(map),
            scalar => self.emitter.scalar(&self.represent(scalar), place == Place::SimpleKey),
        }
    }

    /// The text of a scalar and what it needs to be read back as the same type.
    fn represent(&self, value: &Value) -> Scalar {
        match value {
            Value::Str(text) => Scalar::text(text.clone(), !resolve::is_text(text), self.options.unicode),
            Value::Bytes(bytes) => Scalar::binary(base64_lines(bytes), self.options.unicode),
            Value::Null => Scalar::text("null".to_owned(), false, self.options.unicode),
            Value::Bool(truth) => Scalar::text(truth.to_string(), false, self.options.unicode),
            Value::Float(number) => Scalar::text(float(*number), false, self.options.unicode),
            other => Scalar::text(python::repr(other), false, self.options.unicode),
        }
    }

    fn in_brackets(&self, empty: bool, leaves: impl FnOnce() -> bool) -> bool {
        let wanted = match self.options.flow {
            Flow::Never => false,
            Flow::Always => true,
            Flow::Leaves => leaves(),
        };
        empty || wanted || self.emitter.in_brackets()
    }

    fn list(&mut self, items: &[Value], place: Place) {
        if self.in_brackets(items.is_empty(), || items.iter().all(is_leaf)) {
            self.emitter.open_bracket("[");
            for (index, item) in items.iter().enumerate() {
                self.emitter.separate(index);
                self.node(item, Place::Other);
            }
            return self.emitter.close_bracket("]");
        }
        self.emitter.open_block(place == Place::Mapping);
        for item in items {
            self.emitter.new_line();
            self.emitter.indicator("-", true, false, true);
            self.node(item, Place::Other);
        }
        self.emitter.close_block();
    }

    fn map(&mut self, map: &Map) {
        let mut entries: Vec<(&Value, &Value)> = map.iter().collect();
        if self.options.sort_keys {
            compare::sort_by_key(&mut entries, |(key, _)| key);
        }
        if self.in_brackets(map.is_empty(), || map.iter().all(|(key, value)| is_leaf(key) && is_leaf(value))) {
            self.emitter.open_bracket("{");
            for (index, (key, value)) in entries.into_iter().enumerate() {
                self.emitter.separate(index);
                self.entry(key, value, true);
            }
            return self.emitter.close_bracket("}");
        }
        self.emitter.open_block(false);
        for (key, value) in entries {
            self.emitter.new_line();
            self.entry(key, value, false);
        }
        self.emitter.close_block();
    }

    fn entry(&mut self, key: &Value, value: &Value, flow: bool) {
        if self.is_simple_key(key) {
            self.node(key, Place::SimpleKey);
            self.emitter.indicator(":", false, false, false);
        } else {
            self.emitter.indicator("?", true, false, !flow);
            self.node(key, Place::Mapping);
            if flow {
                self.emitter.new_line_if_wide();
            } else {
                self.emitter.new_line();
            }
            self.emitter.indicator(":", true, false, !flow);
        }
        self.node(value, Place::Mapping);
    }

    fn is_simple_key(&self, key: &Value) -> bool {
        match key {
            Value::List(items) => items.is_empty(),
            Value::Map(map) => map.is_empty(),
            scalar => self.represent(scalar).fits_a_key(),
        }
    }
}

/// True for what counts as a plain scalar when brackets are chosen.
fn is_leaf(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Map(_) | Value::Bytes(_))
}

/// A float that YAML 1.1 reads back as one: an exponent needs a point before it.
fn float(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = python::float(number);
    match text.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => text,
    }
}

/// Base64 in lines of 76 characters, as Python's `encodebytes`.
fn base64_lines(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn block(text: &str) -> String {
        dump(&yaml::load(text, "t").unwrap().value, &DumpOptions::block())
    }

    #[test]
    fn ambiguous_text_is_quoted() {
        let text =
            "['yes', '1', '0o7', '1:30', '2001-01-01', '', '~', 'a: b', '- x', ' x', '=', '1e3', 'x y', \"it's\"]";
        let lines = "- 'yes'\n- '1'\n- 0o7\n- '1:30'\n- '2001-01-01'\n- ''\n- '~'\n- 'a: b'\n- '- x'\n- ' x'\n- '='\n- 1e3\n- x y\n- it's\n";
        assert_eq!(block(text), lines);
    }

    #[test]
    fn layout_is_that_of_the_reference() {
        let text = "a: {l: [1, {x: []}], t: \"x\\ny\\n\"}\nb: \"a\\tb\"\nc: null\nd: {}";
        let expected = "a:\n  l:\n  - 1\n  - x: []\n  t: 'x\n\n    y\n\n    '\nb: \"a\\tb\"\nc: null\nd: {}\n";
        assert_eq!(block(text), expected);
        let value = yaml::load(text, "t").unwrap().value;
        let leaves = "a:\n  l:\n  - 1\n  - {x: []}\n  t: 'x\n\n    y\n\n    '\nb: \"a\\tb\"\nc: null\nd: {}\n";
        assert_eq!(dump(&value, &DumpOptions::default()).replace("x: []\n", "{x: []}\n"), leaves);
    }

    #[test]
    fn values_come_back() {
        let bytes = Value::Bytes((0..=255).collect());
        let floats = [1.0, -0.0, 1e20, 1.5e-9, f64::INFINITY, 0.1].map(Value::Float);
        let texts = ["\u{1f600}\u{7}\r\n x", "x\n", "u'x", "😀", "#c", "a #c", "null", "%", "\u{feff}", "\u{85}"]
            .map(Value::from);
        let mut list = vec![bytes, Value::integer("-123456789012345678901234567890".parse().unwrap())];
        list.extend(floats.into_iter().chain(texts));
        for flow in [Flow::Never, Flow::Always, Flow::Leaves] {
            let map = Map::from_iter([
                (Value::from("k".repeat(200)), Value::List(list.clone())),
                (Value::Null, Value::Int(1)),
            ]);
            let value = Value::List(vec![Value::Map(map)]);
            let text = dump(&value, &DumpOptions { flow, unicode: flow == Flow::Never, ..DumpOptions::default() });
            assert!(yaml::load(&text, "t").unwrap().value.identical(&value), "{text}");
        }
    }
}
