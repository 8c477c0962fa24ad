//! The arguments of a call inside a template, handed out one by one.

use std::sync::Arc;

use super::super::fault::{Fault, Res};
use super::super::object::Val;

/// Arguments by position and by name.
#[derive(Default)]
pub(in crate::render::jinja) struct Arguments {
    /// The function that is called, for messages.
    pub function: Arc<str>,
    /// Arguments by position that were not taken yet.
    pub positional: std::collections::VecDeque<Val>,
    /// Arguments by name that were not taken yet.
    pub named: Vec<(Arc<str>, Val)>,
}

impl Arguments {
    /// The next argument, by position or by name.
    pub fn take(&mut self, name: &str) -> Option<Val> {
        self.positional.pop_front().or_else(|| self.named(name))
    }

    /// An argument that is only taken by name.
    pub fn named(&mut self, name: &str) -> Option<Val> {
        let index = self.named.iter().position(|(known, _)| **known == *name)?;
        Some(self.named.remove(index).1)
    }

    /// The next argument, which has no default.
    pub fn need(&mut self, name: &str) -> Res {
        let function = self.function.clone();
        let missing = move || Fault::error(format!("{function}() missing 1 required positional argument: '{name}'"));
        self.take(name).ok_or_else(missing)
    }

    /// The next argument as text.
    pub fn text(&mut self, name: &str, default: &str) -> Res<String> {
        match self.take(name) {
            None => Ok(default.to_owned()),
            Some(value) => self.as_text(name, &value),
        }
    }

    /// The next argument as text, which has no default.
    pub fn need_text(&mut self, name: &str) -> Res<String> {
        let value = self.need(name)?;
        self.as_text(name, &value)
    }

    fn as_text(&self, name: &str, value: &Val) -> Res<String> {
        match value {
            Val::Str(text) => Ok(text.to_string()),
            Val::Undefined(missing) => Err(Fault::missing(missing)),
            other => Err(Fault::error(format!(
                "{}() argument '{name}' must be str, not {}",
                self.function,
                other.type_name()
            ))),
        }
    }

    /// The next argument as an integer; `None` when it is missing or None.
    pub fn integer(&mut self, name: &str) -> Res<Option<i64>> {
        match self.take(name) {
            None | Some(Val::None) => Ok(None),
            Some(Val::Undefined(missing)) => Err(Fault::missing(&missing)),
            Some(value) => match value.as_int() {
                Some(number) => Ok(Some(number)),
                None => {
                    Err(Fault::error(format!("'{}' object cannot be interpreted as an integer", value.type_name())))
                }
            },
        }
    }

    /// The next argument as a truth value.
    pub fn flag(&mut self, name: &str, default: bool) -> Res<bool> {
        self.take(name).map_or(Ok(default), |value| value.truth())
    }

    /// Refuses what is left.
    pub fn finish(&self) -> Res<()> {
        if let Some((name, _)) = self.named.first() {
            return Err(Fault::error(format!("{}() got an unexpected keyword argument '{name}'", self.function)));
        }
        if !self.positional.is_empty() {
            return Err(Fault::error(format!("{}() got too many positional arguments", self.function)));
        }
        Ok(())
    }
}
