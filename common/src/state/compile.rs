//! The passes in their order, as the entry points use them.

use std::sync::Arc;

use super::chunk::{Chunk, Order};
use super::context::{Context, Matches, Options};
use super::declaration::{High, Home};
use super::fault::{Fault, Problem, Source, Spot};
use super::sls::Rendered;
use super::{extend, high, include, lower, order, requisite};
use crate::value::python::str_;
use crate::value::{Map, Value};
use crate::yaml::{Mark, Marks};

/// Renders what `matches` asks for into high data. The faults say what could not be used.
pub fn render(context: &Context, matches: &Matches) -> (High, Vec<Fault>) {
    include::render_all(context, matches)
}

/// Reads high data that a call handed in; `name` stands for a file name in diagnostics, `marks` may be empty.
pub fn read(options: &Options, data: Value, marks: &Marks, name: &str) -> (High, Vec<Fault>) {
    let source = Arc::new(Source { name: name.to_owned(), ..Source::default() });
    let rendered = Rendered { value: data, marks: marks.clone(), source, is_init: false };
    include::from_data(options, rendered, &Home::default())
}

/// Checks the form of high data, without extensions and requisites (`show_sls`, `show_low_sls`).
pub fn verify(high: &High) -> Vec<Fault> {
    high::verify(high)
}

/// Chunks of high data as it stands: no extensions, no exclusions, no requisites from elsewhere (`show_low_sls`).
pub fn chunks(high: &High) -> Vec<Chunk> {
    order::order(lower::lower(high))
}

/// A chunk that a call handed in (`state.low`, `state.single`): `state`, `fun`, `name`, maybe `__id__` and arguments.
pub fn chunk(data: &Map) -> Result<Chunk, Vec<Fault>> {
    let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
    let missing = |key: &&str| data.get(key).is_none();
    let faults: Vec<Fault> = (["state", "fun", "name"].iter().filter(|key| missing(key)))
        .map(|key| Fault::of_call(Problem::MissingData { key: (*key).to_owned() }))
        .collect();
    let (Some(state), Some(fun), true) = (text("state"), text("fun"), faults.is_empty()) else { return Err(faults) };
    let name = data.get("name").map(str_).unwrap_or_default();
    let mut arguments = data.clone();
    arguments.retain(|key, _| {
        !matches!(key.as_str(), Some("state" | "fun" | "name" | "__id__" | "__sls__" | "__env__" | "order"))
    });
    Ok(Chunk {
        state,
        fun,
        id: text("__id__").unwrap_or_else(|| name.clone()),
        name,
        sls: text("__sls__").map(Arc::from),
        env: text("__env__").map(Arc::from),
        included_from: Vec::new(),
        order: Order(Value::Int(1)),
        marks: vec![Mark::default(); arguments.len()],
        data: arguments,
        spot: Spot::nowhere("<call>"),
    })
}

/// All passes from high data to chunks in run order: extend, verify, requisites, exclude, lower, order.
///
/// `faults` are those of rendering; all faults of the tree come back together.
pub fn low(options: &Options, mut high: High, mut faults: Vec<Fault>) -> Result<Vec<Chunk>, Vec<Fault>> {
    faults.extend(extend::extend(&mut high));
    faults.extend(high::verify(&high));
    let is_later = !faults.is_empty();
    let distributed = requisite::distribute(&mut high, &options.disabled_requisites);
    faults.extend(distributed.into_iter().map(|fault| fault.later(is_later)));
    requisite::exclude(&mut high);
    if faults.is_empty() { Ok(chunks(&high)) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<Fault> {
        let document = crate::yaml::load(text, "web/init.sls").unwrap();
        let (high, faults) = read(&Options::default(), document.value, &document.marks, "web/init.sls");
        low(&Options::default(), high, faults).unwrap_err()
    }

    #[test]
    fn all_faults_come_at_once_with_places() {
        let found = faults(
            "a:\n  test.nop:\n    - require: x\nb: text\nextend:\n  c:\n    test:\n      - x: 1\nd:\n  test:\n    - name: y\n",
        );
        let told: Vec<(String, u32, u32)> = found
            .iter()
            .map(|fault| (fault.text(), fault.diagnostic.place.clone().unwrap_or_default()))
            .map(|(text, place)| (text.lines().next().unwrap_or_default().to_owned(), place.line, place.column))
            .collect();
        let expected = [
            ("ID b in SLS None is not a dictionary", 4, 1),
            ("Cannot extend ID 'c' in 'base:None'. It is not part of the high state.", 6, 3),
            ("The require statement in state 'a' in SLS 'None' needs to be formed as a list", 3, 7),
            ("The type b in text is not formatted as a dictionary", 4, 1),
            ("No function declared in state 'd' in SLS 'None'", 10, 3),
        ];
        assert_eq!(told, expected.map(|(text, line, column)| (text.to_owned(), line, column)));
    }

    #[test]
    fn typed_ids_get_a_suggestion() {
        let found = faults("nginx:\n  test.nop: []\na:\n  test.nop:\n    - require_in:\n      - test: ngnix\n");
        assert_eq!(found[0].diagnostic.help, ["did you mean 'nginx'?"]);
        assert_eq!(found[0].diagnostic.place.as_ref().map(|place| place.line), Some(5));
    }

    #[test]
    fn extensions_and_requisites_from_elsewhere_are_moved() {
        let text = "a:\n  test.nop:\n    - require_in:\n      - test: named\n    - v: 1\nb:\n  test.nop:\n    - name: named\n    - use:\n      - test: a\nextend:\n  a:\n    test:\n      - w: 2\nexclude:\n  - id: c\nc:\n  test.nop: []\n";
        let document = crate::yaml::load(text, "t.sls").unwrap();
        let (high, faults) = read(&Options::default(), document.value, &document.marks, "t.sls");
        let chunks = low(&Options::default(), high, faults).unwrap();
        let shown: Vec<String> =
            chunks.iter().map(|chunk| crate::value::python::repr(&Value::Map(chunk.data.clone()))).collect();
        assert_eq!(shown[0], "{'require_in': [{'test': 'named'}], 'v': 1, 'w': 2}");
        assert_eq!(shown[1..], ["{'use': [{'test': 'a'}], 'require': [{'test': 'a'}], 'v': 1, 'w': 2}"]);
        assert_eq!((chunks[0].spot_of("v").line, chunks[0].spot_of("w").line), (5, 14));
    }
}
