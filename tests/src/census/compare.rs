//! What of a census is built: its names looked up in our own tables.

use fleet_common::call::{ArgRow, Rest};
use fleet_minion::registry;
use fleet_minion::states::{STATES, States};

use super::{Count, Line, Part, Standing, Tables, why_left_out};

/// Compares a census with the functions and states of our minion.
pub fn compare(tables: &Tables) -> [Part; 3] {
    let functions = registry::functions();
    let states = States::new(STATES);
    let standing = |name: &str, present: bool| match why_left_out(name) {
        Some(why) => Standing::LeftOut(why),
        None if present => Standing::Present,
        None => Standing::Missing,
    };
    let state_row = |name: &str| name.split_once('.').and_then(|(module, function)| states.find(module, function));
    let line = |count: &Count, present: bool| Line {
        name: count.name.clone(),
        uses: count.uses,
        standing: standing(&count.name, present),
    };
    let of_states = tables.states.iter().map(|count| line(count, state_row(&count.name).is_some())).collect();
    let of_calls = tables.calls.iter().map(|count| line(count, functions.row(&count.name).is_some())).collect();
    let mut of_arguments = Vec::new();
    for (function, arguments) in &tables.arguments {
        // The argument of a function that is missing is missing with it, in the part above.
        let Some(row) = state_row(function) else { continue };
        for argument in arguments {
            of_arguments.push(Line {
                name: format!("{function} {}", argument.name),
                uses: argument.uses,
                standing: standing(function, takes(row.args, &argument.name)),
            });
        }
    }
    [
        Part { title: "state functions", lines: of_states },
        Part { title: "arguments of the states we have", lines: of_arguments },
        Part { title: "functions called from templates", lines: of_calls },
    ]
}

/// True if a state with these rows takes an argument of this name; `name` is every state's.
fn takes(rows: &[ArgRow], name: &str) -> bool {
    name == "name" || rows.iter().any(|row| row.name == name || row.rest == Rest::Keyword)
}
