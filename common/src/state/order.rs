//! Pass 8: chunks in the order in which they run, requisites aside.

use super::chunk::{Chunk, Order};
use super::lower::Unordered;
use crate::value::Value;

/// How far behind everything else `order: last` and negative orders are.
const LAST: i64 = 1_000_000;

/// Sorts by `order`, then by state, name and function. The numbers are those of the reference.
pub(super) fn order(chunks: Vec<Unordered>) -> Vec<Chunk> {
    let mut end: i64 = 1;
    for number in chunks.iter().filter_map(|chunk| integer(chunk.order.as_ref()?)) {
        if number >= end && number > 0 {
            end = number.saturating_add(100);
        }
    }
    let mut keyed: Vec<(f64, String, Chunk)> = chunks
        .into_iter()
        .map(|Unordered { mut chunk, order, position }| {
            chunk.order = Order(resolve(order, position, end));
            let key = format!("{}{}{}", chunk.state, chunk.name, chunk.fun);
            (chunk.order.number(), key, chunk)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, _, chunk)| chunk).collect()
}

fn integer(order: &Value) -> Option<i64> {
    match order {
        Value::Int(number) => Some(*number),
        Value::Bool(truth) => Some(i64::from(*truth)),
        _ => None,
    }
}

/// The number that a declared `order` stands for; `end` is behind all numbers that were given.
fn resolve(order: Option<Value>, position: usize, end: i64) -> Value {
    let named = order.is_some();
    let number = match order {
        None => Value::Int(end),
        Some(number @ (Value::Int(_) | Value::Float(_) | Value::Bool(_))) => number,
        Some(Value::Str(word)) if word == "last" => Value::Int(end.saturating_add(LAST)),
        Some(Value::Str(word)) if word == "first" => Value::Int(0),
        Some(_) => Value::Int(end),
    };
    // Entries of `names` follow each other in small steps.
    let number = match (position, named) {
        (0, _) | (_, false) => number,
        (position, true) => {
            let base = integer(&number).map_or_else(|| number.as_float().unwrap_or(0.0), |number| number as f64);
            Value::Float(base + position as f64 / 10_000.0)
        }
    };
    match number {
        Value::Int(number) if number < 0 => Value::Int(end.saturating_add(LAST).saturating_add(number)),
        Value::Float(number) if number < 0.0 => Value::Float((end.saturating_add(LAST)) as f64 + number),
        number => number,
    }
}
