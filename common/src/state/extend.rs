//! Pass 4: `extend:` sections, and what requisites add to other declarations, merged into the declarations they name.

use super::declaration::{Argument, Arguments, Declaration, High, StateDeclaration};
use super::fault::{Fault, Problem};
use super::requisite::Keyword;
use crate::value::{Map, Value};

/// Applies the `extend:` sections that the SLS files wrote.
pub(super) fn extend(high: &mut High) -> Vec<Fault> {
    let mut faults = Vec::new();
    for extension in std::mem::take(&mut high.extensions) {
        let first = extension.states().first().map(|state| state.state.clone()).unwrap_or_default();
        let id = if high.declarations.contains_key(&extension.id) {
            extension.id.clone()
        } else {
            match find_by_name(high, &extension.id, &first).as_slice() {
                [only] => only.clone(),
                _ => {
                    faults.push(cannot_extend(high, &extension));
                    continue;
                }
            }
        };
        merge(high, &id, extension);
    }
    faults
}

/// The IDs of all declarations with this state and this `name`.
fn find_by_name(high: &High, name: &str, state: &str) -> Vec<String> {
    let named = |declaration: &&Declaration| {
        declaration.state(state).and_then(StateDeclaration::name).is_some_and(|known| known == name)
    };
    high.declarations.values().filter(named).map(|declaration| declaration.id.clone()).collect()
}

/// Refuses an extension of something that is not there.
pub(super) fn cannot_extend(high: &High, extension: &Declaration) -> Fault {
    let id = extension.id.clone();
    let (env, sls) = (extension.home.env_text(), extension.home.sls_text());
    let fault = Fault::new(Problem::CannotExtend { id: id.clone(), env, sls }, &extension.spot).about(id.clone());
    fault.did_you_mean(&id, high.declarations.keys().map(String::as_str))
}

/// Merges one extension into the declaration `id`.
pub(super) fn merge(high: &mut High, id: &str, extension: Declaration) {
    let Some(states) = high.declarations.get_mut(id).and_then(Declaration::states_mut) else { return };
    let Some(added) = take_states(extension) else { return };
    for addition in added {
        match states.iter_mut().find(|known| known.state == addition.state) {
            Some(known) => merge_state(known, addition),
            None => states.push(addition),
        }
    }
}

fn take_states(mut extension: Declaration) -> Option<Vec<StateDeclaration>> {
    extension.states_mut().map(std::mem::take)
}

fn merge_state(known: &mut StateDeclaration, addition: StateDeclaration) {
    let (Arguments::List(items), Arguments::List(added)) = (&mut known.arguments, addition.arguments) else { return };
    for argument in added {
        if let Some(argument) = replace(items, argument) {
            items.push(argument);
        }
    }
}

/// Replaces or extends the item that the new one is about; gives the new one back when there is none.
fn replace(items: &mut [Argument], argument: Argument) -> Option<Argument> {
    if argument.value.as_str().is_some() {
        match items.iter_mut().find(|item| item.value.as_str().is_some()) {
            Some(function) => *function = argument,
            None => return Some(argument),
        }
        return None;
    }
    let Some((key, _)) = argument.option() else { return Some(argument) };
    let is_requisite = Keyword::parse(key).is_some();
    let position = items.iter().position(|item| match item.option() {
        // A single name takes the place of a list of names.
        Some((known, _)) => known == key || (key == "name" && known == "names"),
        None => false,
    });
    let Some(position) = position else { return Some(argument) };
    if is_requisite {
        let key = key.to_owned();
        join_lists(&mut items[position], argument, &key);
    } else {
        items[position] = argument;
    }
    None
}

/// Requisites add up.
fn join_lists(item: &mut Argument, addition: Argument, key: &str) {
    let Value::Map(mut addition) = addition.value else { return };
    let known = item.value.as_map_mut().and_then(|map| map.get_mut(key));
    match (known, addition.get_mut(key)) {
        (Some(Value::List(known)), Some(Value::List(added))) => known.append(added),
        (Some(known), Some(added)) => *known = std::mem::take(added),
        _ => {}
    }
}

/// An argument with one option, placed where `like` is.
pub(super) fn option(key: &str, value: impl Into<Value>, spot: &super::fault::Spot) -> Argument {
    Argument { value: Value::Map(Map::from_iter([(key, value.into())])), spot: spot.clone() }
}
