//! Filters that combine the items of lists with each other.

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::super::size;
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("combinations", |run, value, arguments| {
        chosen(run, &value, arguments, "itertools.combinations object", |next, last| next > last)
    }),
    ("combinations_with_replacement", |run, value, arguments| {
        chosen(run, &value, arguments, "itertools.combinations_with_replacement object", |next, last| next >= last)
    }),
    ("compress", |_, value, arguments| {
        let (items, wanted) = (value.items()?, arguments.need("selectors")?.items()?);
        arguments.finish()?;
        let mut out = Vec::new();
        for (item, wanted) in items.into_iter().zip(wanted) {
            if wanted.truth()? {
                out.push(item);
            }
        }
        Ok(Val::generator("itertools.compress object", out))
    }),
    ("permutations", |run, value, arguments| {
        let items = value.items()?;
        let size = chosen_size(arguments, items.len())?;
        let mut out = Vec::new();
        walk(run, &items, size, &mut Vec::new(), &mut out, &|path, next| !path.contains(&next))?;
        Ok(Val::generator("itertools.permutations object", out))
    }),
    ("product", product),
];

/// Selections in the order of the items; `fits` says whether an index may stand behind another.
fn chosen(
    run: &mut Run<'_>,
    value: &Val,
    arguments: &mut Arguments,
    shown: &'static str,
    fits: fn(usize, usize) -> bool,
) -> Res {
    let items = value.items()?;
    let size = chosen_size(arguments, items.len())?;
    let mut out = Vec::new();
    walk(run, &items, size, &mut Vec::new(), &mut out, &|path, next| path.last().is_none_or(|last| fits(next, *last)))?;
    Ok(Val::generator(shown, out))
}

fn chosen_size(arguments: &mut Arguments, default: usize) -> Res<usize> {
    let size = arguments.integer("r")?;
    arguments.finish()?;
    match size.map(usize::try_from) {
        None => Ok(default),
        Some(Ok(size)) if size <= size::DEPTH => Ok(size),
        Some(_) => Err(Fault::error("r must be non-negative and small")),
    }
}

fn walk(
    run: &mut Run<'_>,
    items: &[Val],
    size: usize,
    path: &mut Vec<usize>,
    out: &mut Vec<Val>,
    fits: &dyn Fn(&[usize], usize) -> bool,
) -> Res<()> {
    if path.len() == size {
        out.push(Val::tuple(path.iter().map(|index| items[*index].clone()).collect()));
        return size::items(out.len().saturating_mul(size.max(1)));
    }
    run.spend(items.len())?;
    for next in 0..items.len() {
        if fits(path, next) {
            path.push(next);
            walk(run, items, size, path, out, fits)?;
            path.pop();
        }
    }
    Ok(())
}

fn product(run: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let mut columns = vec![value.items()?];
    for other in arguments.positional.drain(..) {
        columns.push(other.items()?);
    }
    arguments.finish()?;
    let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
    for column in columns {
        size::items(rows.len().saturating_mul(column.len()).saturating_mul(rows.first().map_or(1, Vec::len) + 1))?;
        run.spend(rows.len() * column.len())?;
        let longer = |row: &Vec<Val>, item: &Val| row.iter().chain([item]).cloned().collect::<Vec<Val>>();
        rows = rows.iter().flat_map(|row| column.iter().map(move |item| longer(row, item))).collect();
    }
    Ok(Val::generator("itertools.product object", rows.into_iter().map(Val::tuple).collect()))
}
