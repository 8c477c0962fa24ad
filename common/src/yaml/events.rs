//! Parser events of `unsafe-libyaml` behind a safe interface.
//!
//! The only unsafe code of the workspace. The parser is a C library in Rust clothes: it keeps a pointer to
//! itself (so it lives at a fixed heap address) and one to its input (so [`Events`] borrows the text).
#![allow(unsafe_code, reason = "the parser is a translated C library; this module is its only user")]

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use unsafe_libyaml as unsafe_sys;

use super::error::{Fault, YamlErrorKind};
use super::marks::Mark;

/// What the parser met, with everything owned.
pub(super) enum Event {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    /// A use of an anchor.
    Alias(String),
    Scalar(Scalar),
    SequenceStart(Properties),
    SequenceEnd,
    MappingStart(Properties),
    MappingEnd,
}

/// The anchor and tag written before a node.
pub(super) struct Properties {
    pub anchor: Option<String>,
    pub tag: Option<String>,
}

/// A scalar as written.
pub(super) struct Scalar {
    pub properties: Properties,
    pub text: String,
    /// True when the text decides the type (plain, or tagged with a lone `!`).
    pub plain: bool,
}

/// Reads one text as a sequence of events.
pub(super) struct Events<'t> {
    /// Initialised, owned, never moved.
    parser: NonNull<unsafe_sys::yaml_parser_t>,
    failed: bool,
    text: PhantomData<&'t str>,
}

impl<'t> Events<'t> {
    /// Starts to read a text.
    pub fn new(text: &'t str) -> Self {
        let parser = Box::into_raw(Box::new(MaybeUninit::<unsafe_sys::yaml_parser_t>::uninit()))
            .cast::<unsafe_sys::yaml_parser_t>();
        // SAFETY: `parser` points to writable memory of the right size; `yaml_parser_initialize` fills all of it.
        // The text outlives the parser by the lifetime on `Self`, and its address is stable.
        unsafe {
            // Initialisation fails only without memory, where the allocator has aborted before.
            let _ = unsafe_sys::yaml_parser_initialize(parser);
            unsafe_sys::yaml_parser_set_encoding(parser, unsafe_sys::YAML_UTF8_ENCODING);
            unsafe_sys::yaml_parser_set_input_string(parser, text.as_ptr(), text.len() as u64);
            Self { parser: NonNull::new_unchecked(parser), failed: false, text: PhantomData }
        }
    }

    /// The next event and where it starts. After a fault or `StreamEnd` there is only `StreamEnd`.
    pub fn next(&mut self) -> Result<(Event, Mark), Fault> {
        if self.failed {
            return Ok((Event::StreamEnd, Mark::default()));
        }
        let mut event = MaybeUninit::<unsafe_sys::yaml_event_t>::uninit();
        // SAFETY: the parser is initialised and not in an error state (`failed`). `yaml_parser_parse` zeroes the
        // event first and fills it on success; it is read before and freed exactly once by `yaml_event_delete`.
        unsafe {
            if unsafe_sys::yaml_parser_parse(self.parser.as_ptr(), event.as_mut_ptr()).fail {
                self.failed = true;
                return Err(self.fault());
            }
            let event = event.as_mut_ptr();
            let converted = convert(&*event);
            let start = (*event).start_mark;
            unsafe_sys::yaml_event_delete(event);
            Ok((converted, Mark::from_zero(start.line, start.column)))
        }
    }

    /// What the parser says about its failure.
    fn fault(&self) -> Fault {
        // SAFETY: the parser is initialised; its messages are null or static zero-terminated strings.
        unsafe {
            let parser = self.parser.as_ref();
            let kind = match parser.error {
                unsafe_sys::YAML_SCANNER_ERROR => YamlErrorKind::Scanner,
                unsafe_sys::YAML_PARSER_ERROR => YamlErrorKind::Parser,
                _ => YamlErrorKind::Reader,
            };
            let problem = static_text(parser.problem.cast()).unwrap_or_else(|| "the text can not be read".to_owned());
            let mark = Mark::from_zero(parser.problem_mark.line, parser.problem_mark.column);
            let mut fault = Fault::new(kind, problem, mark);
            if kind == YamlErrorKind::Reader {
                fault.offset = Some(usize::try_from(parser.problem_offset).unwrap_or(0));
            }
            let context = static_text(parser.context.cast());
            let at = Mark::from_zero(parser.context_mark.line, parser.context_mark.column);
            fault.context = context.map(|context| (context, at));
            fault
        }
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, owned by us alone, freed only here; the box has the layout of the parser.
        unsafe {
            unsafe_sys::yaml_parser_delete(self.parser.as_ptr());
            drop(Box::from_raw(self.parser.as_ptr().cast::<MaybeUninit<unsafe_sys::yaml_parser_t>>()));
        }
    }
}

/// Copies an event out of the parser's memory.
///
/// # Safety
/// `event` was filled by `yaml_parser_parse` and not yet deleted: the union member of its type is valid.
unsafe fn convert(event: &unsafe_sys::yaml_event_t) -> Event {
    // SAFETY: the caller's promise; each branch reads the union member that belongs to the type.
    unsafe {
        match event.type_ {
            unsafe_sys::YAML_STREAM_START_EVENT => Event::StreamStart,
            unsafe_sys::YAML_DOCUMENT_START_EVENT => Event::DocumentStart,
            unsafe_sys::YAML_DOCUMENT_END_EVENT => Event::DocumentEnd,
            unsafe_sys::YAML_ALIAS_EVENT => Event::Alias(static_text(event.data.alias.anchor).unwrap_or_default()),
            unsafe_sys::YAML_SCALAR_EVENT => {
                let scalar = &event.data.scalar;
                Event::Scalar(Scalar {
                    properties: properties(scalar.anchor, scalar.tag),
                    text: owned(scalar.value, scalar.length),
                    plain: scalar.plain_implicit,
                })
            }
            unsafe_sys::YAML_SEQUENCE_START_EVENT => {
                let start = &event.data.sequence_start;
                Event::SequenceStart(properties(start.anchor, start.tag))
            }
            unsafe_sys::YAML_SEQUENCE_END_EVENT => Event::SequenceEnd,
            unsafe_sys::YAML_MAPPING_START_EVENT => {
                let start = &event.data.mapping_start;
                Event::MappingStart(properties(start.anchor, start.tag))
            }
            unsafe_sys::YAML_MAPPING_END_EVENT => Event::MappingEnd,
            _ => Event::StreamEnd,
        }
    }
}

/// # Safety
/// Both pointers are null or zero-terminated.
unsafe fn properties(anchor: *const u8, tag: *const u8) -> Properties {
    // SAFETY: the caller's promise.
    unsafe { Properties { anchor: static_text(anchor), tag: static_text(tag) } }
}

/// # Safety
/// `text` is null or zero-terminated.
unsafe fn static_text(text: *const u8) -> Option<String> {
    // SAFETY: not null here, zero-terminated by the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text.cast()) }.to_string_lossy().into_owned())
}

/// # Safety
/// `length` bytes are readable at `text`.
unsafe fn owned(text: *const u8, length: u64) -> String {
    let Some(length) = usize::try_from(length).ok().filter(|length| *length > 0 && !text.is_null()) else {
        return String::new();
    };
    // SAFETY: the caller's promise, null and zero length excluded above.
    let bytes = unsafe { slice::from_raw_parts(text, length) };
    String::from_utf8_lossy(bytes).into_owned()
}
