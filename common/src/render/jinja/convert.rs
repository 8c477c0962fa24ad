//! Between the data model and the values of a running template.

use std::cell::Cell;
use std::rc::Rc;

use super::fault::{Fault, Res};
use super::object::{Dict, Key, Object, Val};
use super::size;
use crate::value::{Map, Value};

impl From<&Value> for Val {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::BigInt(number) => Self::Big(Rc::new((**number).clone())),
            Value::Float(number) => Self::Float(*number),
            Value::Str(text) => Self::str(text.as_str()),
            Value::Bytes(bytes) => Self::Bytes(bytes.as_slice().into()),
            Value::List(items) => Self::list(items.iter().map(Self::from).collect()),
            Value::Map(map) => Self::from(map),
        }
    }
}

impl From<&Map> for Val {
    fn from(map: &Map) -> Self {
        let mut dict = Dict::with_capacity(map.len());
        for (key, value) in map {
            // A list as a key becomes a tuple: YAML allows it, Python's dict does not.
            let key = match key {
                Value::List(items) => Self::tuple(items.iter().map(Self::from).collect()),
                other => Self::from(other),
            };
            if let Ok(key) = Key::new(key) {
                dict.insert(key, Self::from(value));
            }
        }
        Self::dict(dict)
    }
}

/// Deepest nesting that leaves a template.
const DEEPEST: usize = 200;

impl Val {
    /// As data for functions and serializers. What is no data (macros, functions) becomes its text.
    pub fn to_value(&self) -> Res<Value> {
        self.value_at(0, &Cell::new(size::DATA))
    }

    fn value_at(&self, depth: usize, left: &Cell<usize>) -> Res<Value> {
        if depth > DEEPEST {
            return Err(Fault::limit("a value is nested too deep"));
        }
        let own = 32 + if let Self::Str(text) = self { text.len() } else { 0 };
        match left.get().checked_sub(own) {
            Some(rest) => left.set(rest),
            None => return Err(Fault::limit(format!("a value needs more than {} bytes", size::DATA))),
        }
        let list = |items: &[Val]| items.iter().map(|item| item.value_at(depth + 1, left)).collect::<Res<Vec<Value>>>();
        Ok(match self {
            Self::Undefined(missing) => return Err(Fault::missing(missing)),
            Self::None => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Big(number) => Value::integer((**number).clone()),
            Self::Float(number) => Value::Float(*number),
            Self::Str(text) => Value::from(&**text),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Self::List(items) => Value::List(list(&items.borrow())?),
            Self::Tuple(items) => Value::List(list(items)?),
            Self::Set(_) => Value::List(list(&self.items()?)?),
            Self::Dict(dict) => {
                let dict = dict.borrow();
                let mut map = Map::with_capacity(dict.len());
                for (key, value) in dict.iter() {
                    map.insert(key.val().value_at(depth + 1, left)?, value.value_at(depth + 1, left)?);
                }
                Value::Map(map)
            }
            Self::Object(object) => match &**object {
                Object::Generator(..) | Object::Range(..) | Object::View(..) => Value::List(list(&self.items()?)?),
                Object::Namespace(names) => {
                    let mut map = Map::new();
                    for (name, value) in names.borrow().iter() {
                        map.insert(&**name, value.value_at(depth + 1, left)?);
                    }
                    Value::Map(map)
                }
                _ => Value::from(self.text()?),
            },
        })
    }
}
