//! The values of a running template: Python's, with identity and mutation where Python has them.
//!
//! Lists, dicts and sets are shared: `{% do %}` on one name is seen through every other name of it. A render
//! runs on one thread, so sharing is by `Rc`; what crosses renders is [`crate::value::Value`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap, IndexSet};
use num_bigint::BigInt;

use super::fault::{Fault, Res};
use super::interpret::{Arguments, Frame, Run};
use super::tree::{Block, Compiled, MacroRow};
use crate::call::Call;

/// A value of a running template.
#[derive(Clone)]
pub(super) enum Val {
    /// A name, attribute or item that is not there; most uses of it are faults.
    Undefined(Rc<Missing>),
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer.
    Big(Rc<BigInt>),
    /// A floating point number.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A list.
    List(Rc<RefCell<Vec<Val>>>),
    /// A tuple.
    Tuple(Rc<[Val]>),
    /// A dict.
    Dict(Rc<RefCell<Dict>>),
    /// A set, in the order of insertion.
    Set(Rc<RefCell<IndexSet<Key>>>),
    /// Anything else.
    Object(Rc<Object>),
}

/// What a dict holds: keys in the order of their insertion.
pub(super) type Dict = IndexMap<Key, Val>;

/// Why a value is not there. Worded only when it is used: most missing values meet a `default`.
pub(super) struct Missing {
    /// What is missing.
    pub what: Absent,
    /// How it behaves.
    pub kind: MissingKind,
}

/// What is missing.
pub(super) enum Absent {
    /// A name, looked up in a frame.
    Name(Arc<str>, Rc<Frame>),
    /// An attribute of a value.
    Attribute(Val, Arc<str>),
    /// An item of a value.
    Element(Val, Val),
    /// A function of `salt`, looked up in this value.
    Function(Val, Arc<str>, Arc<dyn Call>),
    /// A name that this imported template does not have; the line of the import.
    Export(Rc<Object>, Arc<str>, u32),
    /// Something else, in words.
    Other(String),
}

impl Missing {
    /// What the user is told when it is used.
    pub fn message(&self) -> String {
        match (&self.what, self.kind) {
            (Absent::Name(name, _), _) => format!("'{name}' is undefined"),
            (Absent::Attribute(base, name), MissingKind::Unsafe) => {
                format!("access to attribute '{name}' of '{}' object is unsafe.", base.type_name())
            }
            (Absent::Attribute(base, name), _) => format!("'{}' has no attribute '{name}'", base.described()),
            (Absent::Element(base, key), _) => format!("{} has no element {}", base.described(), key.repr()),
            (Absent::Function(base, name, _), _) => format!("'{}' has no attribute '{name}'", base.described()),
            (Absent::Export(module, name, line), _) => {
                let from = if let Object::Module(module) = &**module { &*module.name } else { "" };
                format!("the template '{from}' (imported on line {line}) does not export the requested name '{name}'")
            }
            (Absent::Other(message), _) => message.clone(),
        }
    }
    /// What was written and the names that could have been meant.
    pub fn candidates(&self) -> (String, Vec<String>) {
        match &self.what {
            Absent::Name(name, frame) => {
                let mut known = frame.names();
                known.extend(super::globals::names().map(str::to_owned));
                (name.to_string(), known)
            }
            Absent::Attribute(base, name) => (name.to_string(), base.attributes()),
            Absent::Function(base, name, caller) => {
                let module = match base {
                    Val::Object(object) => match &**object {
                        Object::SaltModule(module) => format!("{module}."),
                        _ => String::new(),
                    },
                    _ => String::new(),
                };
                let known = caller.names().into_iter();
                (name.to_string(), known.filter_map(|full| full.strip_prefix(&module).map(str::to_owned)).collect())
            }
            Absent::Export(module, name, _) => (name.to_string(), Val::Object(module.clone()).attributes()),
            Absent::Element(..) | Absent::Other(_) => (String::new(), Vec::new()),
        }
    }
}

/// How a missing value behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingKind {
    /// Using it is a fault.
    Strict,
    /// Prints as nothing: an inline `if` without `else`.
    Silent,
    /// Access to internals of objects.
    Unsafe,
}

/// Values other than data.
pub(super) enum Object {
    /// Hands out each item once (`map`, `select`, `batch` ...).
    Generator(&'static str, RefCell<VecDeque<Val>>),
    /// `range(start, stop, step)`.
    Range(i64, i64, i64),
    /// `d.keys()`, `d.values()`, `d.items()`: follows the dict.
    View(ViewKind, Rc<RefCell<Dict>>),
    /// `loop`.
    Loop(LoopState),
    /// A macro, or the body of a call block.
    Macro(Macro),
    /// `namespace()`.
    Namespace(RefCell<IndexMap<Arc<str>, Val>>),
    /// An imported template.
    Module(Module),
    /// A method of a value.
    Method(Val, &'static str, MethodCode),
    /// A global function.
    Function(&'static str, FunctionCode),
    /// `salt`.
    Salt,
    /// `salt.module`.
    SaltModule(Arc<str>),
    /// `salt['module.function']`.
    SaltFunction(Arc<str>),
    /// `cycler(...)`.
    Cycler(Vec<Val>, Cell<usize>),
    /// `joiner(...)`.
    Joiner(Arc<str>, Cell<bool>),
    /// `self` of a template with blocks, or `super` (block, how many levels up).
    Blocks,
    /// `super()` or `self.name()`.
    BlockCall(Arc<str>, usize),
}

/// A method's code.
pub(super) type MethodCode = fn(&mut Run<'_>, &Val, &mut Arguments) -> Res;
/// A global function's code.
pub(super) type FunctionCode = fn(&mut Run<'_>, &mut Arguments) -> Res;

/// Which part of a dict a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ViewKind {
    /// Keys.
    Keys,
    /// Values.
    Values,
    /// Pairs.
    Items,
}

/// The state behind `loop`.
pub(super) struct LoopState {
    /// All items.
    pub items: Rc<[Val]>,
    /// Index of the current item.
    pub index: Cell<usize>,
    /// Depth of a recursive loop, from 0.
    pub depth: usize,
    /// What `loop.changed` saw last.
    pub changed: RefCell<Option<Vec<Val>>>,
    /// For `loop(...)`: the loop and where it was started.
    pub recursion: Option<(Arc<super::tree::For>, Rc<Frame>, Arc<Compiled>)>,
}

/// A macro with the place it was defined at.
pub(super) struct Macro {
    /// Its name, arguments and body.
    pub row: Arc<MacroRow>,
    /// The names it sees.
    pub frame: Rc<Frame>,
    /// The template it is part of.
    pub template: Arc<Compiled>,
}

/// An imported template.
pub(super) struct Module {
    /// Its path.
    pub name: Arc<str>,
    /// Its public names.
    pub exports: IndexMap<Arc<str>, Val>,
    /// What it printed.
    pub text: Arc<str>,
}

/// The blocks of a template and its parents, innermost first.
pub(super) type BlockStacks = IndexMap<Arc<str>, Vec<(Arc<Block>, Arc<Compiled>)>>;

/// A value as the key of a dict: only made from what Python can hash.
#[derive(Clone)]
pub(super) struct Key(Val);

impl Key {
    /// The key, or the fault that Python raises for lists and dicts.
    pub fn new(value: Val) -> Result<Self, Fault> {
        match &value {
            Val::List(_) | Val::Dict(_) | Val::Set(_) => {
                Err(Fault::error(format!("unhashable type: '{}'", value.type_name())))
            }
            Val::Undefined(missing) => Err(Fault::missing(missing)),
            Val::Tuple(items) => {
                items.iter().try_for_each(|item| Self::new(item.clone()).map(drop))?;
                Ok(Self(value))
            }
            _ => Ok(Self(value)),
        }
    }
    /// A text key.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self(Val::Str(text.into()))
    }
    /// The value.
    pub fn val(&self) -> &Val {
        &self.0
    }
}

/// A text for look-ups without building a key.
pub(super) struct TextKey<'a>(pub &'a str);

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(2);
        self.0.hash(state);
    }
}

impl Equivalent<Key> for TextKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(&key.0, Val::Str(text) if **text == *self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

fn hash<H: Hasher>(value: &Val, state: &mut H) {
    match value {
        Val::Bool(truth) => hash_int(i64::from(*truth), state),
        Val::Int(number) => hash_int(*number, state),
        // Equal numbers must hash alike: whole floats hash as integers.
        Val::Float(number) if number.fract() == 0.0 && number.abs() < 9e18 => hash_int(*number as i64, state),
        Val::Float(number) => {
            state.write_u8(4);
            number.to_bits().hash(state);
        }
        Val::Big(number) => {
            state.write_u8(3);
            number.hash(state);
        }
        Val::Str(text) => {
            state.write_u8(2);
            (**text).hash(state);
        }
        Val::Bytes(bytes) => {
            state.write_u8(5);
            bytes.hash(state);
        }
        Val::Tuple(items) => {
            state.write_u8(6);
            items.iter().for_each(|item| hash(item, state));
        }
        Val::Object(object) => (Rc::as_ptr(object) as usize).hash(state),
        _ => state.write_u8(0),
    }
}

fn hash_int<H: Hasher>(number: i64, state: &mut H) {
    state.write_u8(1);
    number.hash(state);
}

impl Val {
    /// Something that is not there.
    pub fn missing(what: Absent) -> Self {
        Self::Undefined(Rc::new(Missing { what, kind: MissingKind::Strict }))
    }
    /// Text.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }
    /// A new list.
    pub fn list(items: Vec<Val>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }
    /// A new tuple.
    pub fn tuple(items: Vec<Val>) -> Self {
        Self::Tuple(items.into())
    }
    /// A new dict.
    pub fn dict(entries: Dict) -> Self {
        Self::Dict(Rc::new(RefCell::new(entries)))
    }
    /// An object.
    pub fn object(object: Object) -> Self {
        Self::Object(Rc::new(object))
    }
    /// Items that are handed out once.
    pub fn generator(name: &'static str, items: Vec<Val>) -> Self {
        Self::object(Object::Generator(name, RefCell::new(items.into())))
    }
    /// An integer of any size, in its smallest form.
    pub fn integer(number: BigInt) -> Self {
        match i64::try_from(&number) {
            Ok(small) => Self::Int(small),
            Err(_) => Self::Big(Rc::new(number)),
        }
    }
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }
    /// True for text.
    pub fn is_str(&self) -> bool {
        matches!(self, Self::Str(_))
    }
    /// True for `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
    /// True for what is not there.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }
    /// The integer of an int or bool that fits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(truth) => Some(i64::from(*truth)),
            _ => None,
        }
    }
    /// The number as a float.
    pub fn as_float(&self) -> Option<f64> {
        use num_traits::ToPrimitive;
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Self::Float(number) => Some(*number),
            Self::Big(number) => number.to_f64(),
            _ => None,
        }
    }
    /// Fails for what is not there.
    pub fn defined(self) -> Res {
        match &self {
            Self::Undefined(missing) => Err(Fault::missing(missing)),
            _ => Ok(self),
        }
    }
    /// The entry of a dict under a text key.
    pub fn entry(&self, key: &str) -> Option<Val> {
        if let Self::Dict(dict) = self { dict.borrow().get(&TextKey(key)).cloned() } else { None }
    }
    /// The name of the type, as Python has it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "StrictUndefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Object(object) => object.type_name(),
        }
    }
    /// The type as messages about missing attributes name it (`dict object`, `None`).
    pub fn described(&self) -> String {
        match self {
            Self::None => "None".to_owned(),
            Self::Object(object) => match &**object {
                Object::Macro(_) => "jinja2.runtime.Macro object".to_owned(),
                Object::Module(_) => "jinja2.environment.TemplateModule object".to_owned(),
                Object::Namespace(_) => "jinja2.utils.Namespace object".to_owned(),
                Object::Salt => "salt.utils.templates.AliasedLoader object".to_owned(),
                Object::SaltModule(_) => "salt.loader.lazy.LoadedMod object".to_owned(),
                other => format!("{} object", other.type_name()),
            },
            other => format!("{} object", other.type_name()),
        }
    }
    /// Truth as Python has it; a missing value is a fault.
    pub fn truth(&self) -> Result<bool, Fault> {
        Ok(match self {
            Self::Undefined(missing) if missing.kind == MissingKind::Silent => false,
            Self::Undefined(missing) => return Err(Fault::missing(missing)),
            Self::None => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Big(_) => true,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) => !items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.borrow().is_empty(),
            Self::Set(set) => !set.borrow().is_empty(),
            Self::Object(object) => match &**object {
                Object::Range(start, stop, step) => range_len(*start, *stop, *step) > 0,
                Object::View(_, dict) => !dict.borrow().is_empty(),
                _ => true,
            },
        })
    }
    /// True for the same thing (`is sameas`).
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) => Rc::ptr_eq(a, b),
            (Self::Dict(a), Self::Dict(b)) => Rc::ptr_eq(a, b),
            (Self::Tuple(a), Self::Tuple(b)) => Rc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Object {
    /// The name of the type, as Python has it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Generator(..) => "generator",
            Self::Range(..) => "range",
            Self::View(ViewKind::Keys, _) => "dict_keys",
            Self::View(ViewKind::Values, _) => "dict_values",
            Self::View(ViewKind::Items, _) => "dict_items",
            Self::Loop(_) => "LoopContext",
            Self::Macro(_) => "Macro",
            Self::Namespace(_) => "Namespace",
            Self::Module(_) => "TemplateModule",
            Self::Method(..) => "builtin_function_or_method",
            Self::Function(..) | Self::SaltFunction(_) => "function",
            Self::Salt => "AliasedLoader",
            Self::SaltModule(_) => "LoadedMod",
            Self::Cycler(..) => "Cycler",
            Self::Joiner(..) => "Joiner",
            Self::Blocks => "TemplateReference",
            Self::BlockCall(..) => "BlockReference",
        }
    }
}

/// How many items a range has.
pub(super) fn range_len(start: i64, stop: i64, step: i64) -> usize {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let span = if step > 0 { stop - start } else { start - stop };
    if span <= 0 { 0 } else { usize::try_from((span + step.abs() - 1) / step.abs()).unwrap_or(usize::MAX) }
}
