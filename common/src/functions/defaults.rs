//! `defaults.*`: merging data over defaults.

use crate::args;
use crate::call::{Arguments, CallError, CallResult, Code, Facts, Function, Module, PureModule};
use crate::value::{Map, Value, merge};

/// The module.
pub const MODULE: PureModule = Module {
    name: "defaults",
    doc: "Merging data over defaults.",
    functions: &[
        Function {
            name: "merge",
            quick: true,
            doc: "Merges a mapping over another at every depth and returns it. Templates see the first one changed.",
            example: "defaults.merge '{a: b}' '{d: e}'",
            args: Merge::ROWS,
            code: Code::Reads(merge_two),
        },
        Function {
            name: "update",
            quick: true,
            doc: "Fills each mapping inside a mapping up with defaults.",
            example: "defaults.update '{group: {a: 1}}' '{a: 0, b: 2}'",
            args: Update::ROWS,
            code: Code::Reads(update),
        },
        Function {
            name: "deepcopy",
            quick: true,
            doc: "Returns a copy.",
            example: "defaults.deepcopy '{a: [1]}'",
            args: Copy::ROWS,
            code: Code::Reads(|_, arguments| Ok(Copy::bind("defaults.deepcopy", arguments)?.source.into())),
        },
    ],
};

args! {
    /// Arguments of `defaults.merge`.
    pub struct Merge {
        /// The mapping that is merged into.
        dest: Map,
        /// The mapping that wins.
        upd: Map,
        /// Join lists instead of replacing them.
        merge_lists: bool = false,
        /// In a template: change the first mapping itself.
        in_place: bool = true,
        /// Take an empty value for an empty mapping.
        convert_none: bool = true,
    }
}

args! {
    /// Arguments of `defaults.update`.
    pub struct Update {
        /// Mappings by name.
        dest: Map,
        /// What each of them gets when it has no value of its own.
        defaults: Map,
        /// Join lists instead of replacing them.
        merge_lists: bool = true,
        /// In a template: change the first mapping itself.
        in_place: bool = true,
        /// Take an empty value for an empty mapping.
        convert_none: bool = true,
    }
}

args! {
    /// Arguments of `defaults.deepcopy`.
    pub struct Copy {
        /// What to copy.
        source: Value,
    }
}

fn merge_two(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let Merge { mut dest, upd, merge_lists, .. } = Merge::bind("defaults.merge", arguments)?;
    merge::update(&mut dest, &upd, merge_lists);
    Ok(dest.into())
}

fn update(_: &dyn Facts, arguments: Arguments) -> CallResult {
    let Update { dest, defaults, merge_lists, convert_none, .. } = Update::bind("defaults.update", arguments)?;
    let mut filled = Map::new();
    for (name, own) in dest {
        let own = match own {
            Value::Map(own) => own,
            Value::Null if convert_none => Map::new(),
            other => {
                let text = format!("defaults.update takes mappings of mappings, not a {}", other.kind());
                return Err(CallError::Invocation(text));
            }
        };
        let mut merged = defaults.clone();
        merge::update(&mut merged, &own, merge_lists);
        // What the mapping has itself comes first.
        let mut ordered: Map = own.keys().filter_map(|key| merged.get_value(key).map(|v| (key, v))).collect();
        ordered.extend(merged);
        filled.insert(name, ordered);
    }
    Ok(filled.into())
}
