//! What goes wrong while a template is read or runs, on its way to a [`Diagnostic`].

use super::object::{Missing, MissingKind};
use super::tree::{At, Compiled};
use crate::diag::{Diagnostic, Place, excerpt, nearest};

/// The result of anything a template does.
pub(super) type Res<T = super::object::Val> = Result<T, Fault>;

/// A fault; small on the way up, however much it says.
#[derive(Debug)]
pub(super) struct Fault(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: FaultKind,
    message: String,
    place: Option<(Place, Option<String>)>,
    via: Vec<Place>,
    help: Vec<String>,
    inner: Option<Diagnostic>,
}

/// What sort of fault it is: decides how the message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// A name, attribute or item is not there.
    Undefined,
    /// The text is no template.
    Syntax,
    /// A template (import, include, extends) is not there.
    NotFound,
    /// A called function refused or failed.
    Call,
    /// Anything that Python raises.
    Error,
    /// A limit of this renderer.
    Limit,
}

impl Fault {
    /// A fault of a kind.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details { kind, message, place: None, via: Vec::new(), help: Vec::new(), inner: None }))
    }
    /// A fault as Python raises it.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Error, message)
    }
    /// The text is no template.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Syntax, message)
    }
    /// A limit was hit.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Limit, message)
    }
    /// The use of something that is not there.
    pub fn missing(missing: &Missing) -> Self {
        let kind = if missing.kind == MissingKind::Unsafe { FaultKind::Syntax } else { FaultKind::Undefined };
        let fault = Self::new(kind, missing.message());
        let (typed, known) = missing.candidates();
        match nearest(&typed, known.iter().map(String::as_str)) {
            Some(name) if !typed.is_empty() => fault.help(format!("did you mean '{name}'?")),
            _ => fault,
        }
    }
    /// A diagnostic of another part (YAML in `load_yaml`, a called renderer).
    pub fn nested(diagnostic: Diagnostic) -> Self {
        let mut fault = Self::error(diagnostic.message.clone());
        fault.0.inner = Some(diagnostic);
        fault
    }
    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.0.help.push(hint.into());
        self
    }
    /// What sort of fault it is.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }
    /// Adds where it happened, unless a place nearer to it is known.
    #[must_use]
    pub fn at(mut self, template: &Compiled, at: At) -> Self {
        if self.0.place.is_none() {
            self.0.place = Some((template.place(at), Some(excerpt(&template.source, at.line, at.column, 3))));
        }
        self
    }
    /// Adds the place in a text that could not be parsed.
    #[must_use]
    pub fn in_text(mut self, name: &str, text: &str, at: At) -> Self {
        if self.0.place.is_none() {
            let place = Place::new(name, at.line, at.column);
            self.0.place = Some((place, Some(excerpt(text, at.line, at.column, 3))));
        }
        self
    }
    /// Names the template of a fault whose place was found before the name was known.
    #[must_use]
    pub fn named(mut self, name: &str, text: &str) -> Self {
        match &mut self.0.place {
            Some((place, _)) if place.file.is_empty() => name.clone_into(&mut place.file),
            Some(_) => {}
            None => return self.in_text(name, text, At::default()),
        }
        self
    }
    /// Adds a template on the way (include, import, macro call).
    #[must_use]
    pub fn via(mut self, template: &Compiled, at: At) -> Self {
        let place = template.place(at);
        let same = self.0.place.as_ref().is_some_and(|(known, _)| *known == place);
        if !same && self.0.via.last() != Some(&place) && self.0.via.len() < 20 {
            self.0.via.push(place);
        }
        self
    }
    /// As it is shown: worded as the reference words it, so that people find what they know.
    pub fn into_diagnostic(self) -> Diagnostic {
        let Details { kind, message, place, via, help, inner } = *self.0;
        let message = match kind {
            FaultKind::Undefined => format!("Jinja variable {message}"),
            FaultKind::Syntax => format!("Jinja syntax error: {message}"),
            FaultKind::Call => format!("Problem running salt function in Jinja template: {message}"),
            FaultKind::NotFound | FaultKind::Error => format!("Jinja error: {message}"),
            FaultKind::Limit => format!("Jinja limit: {message}"),
        };
        let mut diagnostic = Diagnostic::user(message);
        diagnostic.via = via;
        diagnostic.help = help;
        if let Some((place, lines)) = place {
            diagnostic.place = Some(place);
            diagnostic.excerpt = lines;
        }
        if let Some(inner) = inner {
            // What was wrong inside (a YAML text, another template) is shown where it is; the template's place leads there.
            diagnostic.via.splice(0..0, diagnostic.place.take());
            diagnostic.via.splice(0..0, inner.via);
            diagnostic.place = inner.place.or_else(|| diagnostic.via.first().cloned());
            diagnostic.excerpt = inner.excerpt.or(diagnostic.excerpt);
            diagnostic.help.extend(inner.help);
        }
        // A tag that is the fault itself and the way to it is told once.
        diagnostic.via.dedup();
        diagnostic.via.retain(|place| Some(place) != diagnostic.place.as_ref());
        diagnostic
    }
}
