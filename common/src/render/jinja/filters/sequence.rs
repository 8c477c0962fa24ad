//! Filters on lists and other sequences.

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::{Absent, Val};
use super::super::operate;
use super::super::size;
use super::Table;
use super::select::Attribute;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("batch", batch),
    ("count", |_, value, _| Ok(Val::Int(value.length()? as i64))),
    ("dictsort", dictsort),
    ("first", |_, value, _| Ok(end(&value.items()?, true))),
    ("flatten", flatten),
    ("groupby", groupby),
    ("is_iter", |_, value, _| Ok(Val::Bool(!value.is_str() && value.items().is_ok()))),
    ("is_list", |_, value, _| Ok(Val::Bool(matches!(value, Val::List(_))))),
    ("items", |_, value, _| match value {
        Val::Undefined(_) => Ok(Val::generator("generator object do_items", Vec::new())),
        Val::Dict(dict) => {
            let pairs = dict.borrow().iter().map(|(k, v)| Val::tuple(vec![k.val().clone(), v.clone()])).collect();
            Ok(Val::generator("generator object do_items", pairs))
        }
        _ => Err(Fault::error("Can only get item pairs from a mapping.")),
    }),
    ("join", join),
    ("last", |_, value, _| Ok(end(&value.items()?, false))),
    ("length", |_, value, _| Ok(Val::Int(value.length()? as i64))),
    ("list", |_, value, _| Ok(Val::list(value.items()?))),
    ("max", |_, value, arguments| extreme(&value, arguments, true)),
    ("min", |_, value, arguments| extreme(&value, arguments, false)),
    ("random", |_, value, _| {
        let items = value.items()?;
        match rand::seq::IndexedRandom::choose(items.as_slice(), &mut rand::rng()) {
            Some(item) => Ok(item.clone()),
            None => Ok(Val::missing(Absent::Other("No random item, sequence was empty.".to_owned()))),
        }
    }),
    ("reverse", |_, value, _| match &value {
        Val::Str(text) => Ok(Val::str(text.chars().rev().collect::<String>())),
        other => {
            let mut items = other.items()?;
            items.reverse();
            Ok(Val::generator("list_reverseiterator object", items))
        }
    }),
    ("sequence", |_, value, _| match value.defined()? {
        value @ (Val::List(_) | Val::Tuple(_) | Val::Dict(_) | Val::Set(_)) => Ok(value),
        other => Ok(Val::list(vec![other])),
    }),
    ("skip", |_, _, _| Ok(Val::str(""))),
    ("slice", slice),
    ("sort", sort),
    ("sum", sum),
    ("zip", |_, value, arguments| zip(&value, arguments, None)),
    ("zip_longest", |_, value, arguments| {
        let fill = arguments.named("fillvalue").unwrap_or(Val::None);
        zip(&value, arguments, Some(fill))
    }),
];

fn end(items: &[Val], first: bool) -> Val {
    let (item, name) = if first { (items.first(), "first") } else { (items.last(), "last") };
    item.cloned().unwrap_or_else(|| Val::missing(Absent::Other(format!("No {name} item, sequence was empty."))))
}

fn batch(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let size = arguments.integer("linecount")?.unwrap_or(0);
    let fill = arguments.take("fill_with").filter(|fill| !fill.is_none());
    let Ok(size @ 1..) = usize::try_from(size) else { return Err(Fault::error("batch needs a size above 0")) };
    let mut rows: Vec<Val> = Vec::new();
    for chunk in value.items()?.chunks(size) {
        let mut row = chunk.to_vec();
        if let (Some(fill), true) = (&fill, row.len() < size) {
            row.resize(size.min(1_000_000), fill.clone());
        }
        rows.push(Val::list(row));
    }
    Ok(Val::generator("generator object do_batch", rows))
}

fn slice(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let slices = arguments.integer("slices")?.unwrap_or(0);
    let fill = arguments.take("fill_with").filter(|fill| !fill.is_none());
    let Ok(slices @ 1..=1_000_000) = usize::try_from(slices) else {
        return Err(Fault::error("integer division or modulo by zero"));
    };
    let items = value.items()?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let mut rows = Vec::new();
    let mut start = 0;
    for index in 0..slices {
        let size = each + usize::from(index < extra);
        let mut row = items[start..start + size].to_vec();
        start += size;
        if let (Some(fill), true) = (&fill, extra > 0 && index >= extra) {
            row.push(fill.clone());
        }
        rows.push(Val::list(row));
    }
    Ok(Val::generator("generator object sync_do_slice", rows))
}

fn lowered(value: &Val) -> Val {
    match value {
        Val::Str(text) => Val::str(text.to_lowercase()),
        other => other.clone(),
    }
}

fn dictsort(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let case = arguments.flag("case_sensitive", false)?;
    let by = arguments.text("by", "key")?;
    let reverse = arguments.flag("reverse", false)?;
    let place = match by.as_str() {
        "key" => 0,
        "value" => 1,
        _ => return Err(Fault::error("You can only sort by either \"key\" or \"value\"")),
    };
    let Val::Dict(dict) = value.defined()? else {
        return Err(Fault::error("dictsort takes a mapping"));
    };
    let mut pairs: Vec<Val> =
        dict.borrow().iter().map(|(key, value)| Val::tuple(vec![key.val().clone(), value.clone()])).collect();
    operate::sort(&mut pairs, reverse, |pair| {
        let Val::Tuple(pair) = pair else { return Val::None };
        if case { pair[place].clone() } else { lowered(&pair[place]) }
    })?;
    Ok(Val::list(pairs))
}

fn sort(run: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let reverse = arguments.flag("reverse", false)?;
    let case = arguments.flag("case_sensitive", false)?;
    let attributes = match arguments.take("attribute") {
        None | Some(Val::None) => Vec::new(),
        Some(Val::Str(names)) => names.split(',').map(|name| Attribute::new(&Val::str(name))).collect(),
        Some(other) => vec![Attribute::new(&other)],
    };
    let mut items = Vec::new();
    for item in value.items()? {
        let key = match attributes.as_slice() {
            [] => item.clone(),
            [one] => one.get(run, &item)?.defined()?,
            many => Val::tuple(many.iter().map(|one| one.get(run, &item)?.defined()).collect::<Res<_>>()?),
        };
        let key = match (&key, case) {
            (_, true) => key,
            (Val::Tuple(parts), _) if attributes.len() > 1 => Val::tuple(parts.iter().map(lowered).collect()),
            _ => lowered(&key),
        };
        items.push(Val::tuple(vec![key, item]));
    }
    let part = |pair: &Val, index: usize| match pair {
        Val::Tuple(pair) => pair[index].clone(),
        other => other.clone(),
    };
    operate::sort(&mut items, reverse, |pair| part(pair, 0))?;
    Ok(Val::list(items.iter().map(|pair| part(pair, 1)).collect()))
}

fn groupby(run: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let attribute = Attribute::new(&arguments.need("attribute")?);
    let default = arguments.take("default");
    let case = arguments.flag("case_sensitive", false)?;
    let mut items = Vec::new();
    for item in value.items()? {
        let key = attribute.get(run, &item)?;
        let key = if key.is_undefined() { default.clone().unwrap_or(key) } else { key }.defined()?;
        items.push((if case { key.clone() } else { lowered(&key) }, key, item));
    }
    let mut order: Vec<Val> = (0..items.len() as i64).map(Val::Int).collect();
    operate::sort(&mut order, false, |index| items[index.as_int().unwrap_or(0) as usize].0.clone())?;
    let mut groups: Vec<(Val, Val, Vec<Val>)> = Vec::new();
    for index in order {
        let (sorted, key, item) = items[index.as_int().unwrap_or(0) as usize].clone();
        match groups.last_mut() {
            Some((known, _, members)) if known.equals(&sorted) => members.push(item),
            _ => groups.push((sorted, key, vec![item])),
        }
    }
    Ok(Val::list(groups.into_iter().map(|(_, key, members)| Val::tuple(vec![key, Val::list(members)])).collect()))
}

fn join(run: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let with = arguments.take("d").map_or(Ok(String::new()), |with| with.text())?;
    let attribute = arguments.take("attribute").filter(|attribute| !attribute.is_none());
    let attribute = attribute.map(|attribute| Attribute::new(&attribute));
    let mut out = String::new();
    for (index, item) in value.items()?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(&with);
        }
        match &attribute {
            Some(attribute) => attribute.get(run, &item)?.print(&mut out)?,
            None => item.print(&mut out)?,
        }
        size::text(1, out.len(), with.len())?;
    }
    Ok(Val::str(out))
}

/// `min` and `max` of the reference: no arguments beyond the sequence.
fn extreme(value: &Val, arguments: &Arguments, largest: bool) -> Res {
    arguments.finish()?;
    let mut best: Option<Val> = None;
    for item in value.items()? {
        let better = match &best {
            None => true,
            Some(known) if largest => item.order(known, ">")?.is_gt(),
            Some(known) => item.order(known, "<")?.is_lt(),
        };
        if better {
            best = Some(item);
        }
    }
    let name = if largest { "max" } else { "min" };
    best.ok_or_else(|| Fault::error(format!("{name}() arg is an empty sequence")))
}

fn sum(run: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let attribute = arguments.take("attribute").filter(|attribute| !attribute.is_none());
    let attribute = attribute.map(|attribute| Attribute::new(&attribute));
    let mut total = arguments.take("start").unwrap_or(Val::Int(0));
    for item in value.items()? {
        let item = match &attribute {
            Some(attribute) => attribute.get(run, &item)?,
            None => item,
        };
        total = operate::arithmetic(super::super::tree::Operator::Add, &total, &item)?;
    }
    Ok(total)
}

fn flatten(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let levels = arguments.integer("levels")?;
    let nulls = arguments.flag("preserve_nulls", false)?;
    let mut out = Vec::new();
    flatten_into(&value.items()?, levels, nulls, 0, &mut out)?;
    Ok(Val::list(out))
}

fn flatten_into(items: &[Val], levels: Option<i64>, nulls: bool, depth: usize, out: &mut Vec<Val>) -> Res<()> {
    if depth > 200 {
        return Err(Fault::limit("a list is nested too deep"));
    }
    for item in items {
        match item {
            Val::None if !nulls => {}
            Val::Str(text) if !nulls && (&**text == "None" || &**text == "null") => {}
            Val::List(_) | Val::Tuple(_) | Val::Set(_) if levels.is_none_or(|levels| levels >= 1) => {
                flatten_into(&item.items()?, levels.map(|levels| levels - 1), nulls, depth + 1, out)?;
            }
            other => out.push(other.clone()),
        }
    }
    size::items(out.len())
}

fn zip(value: &Val, arguments: &mut Arguments, fill: Option<Val>) -> Res {
    let mut columns = vec![value.items()?];
    for other in arguments.positional.drain(..) {
        columns.push(other.items()?);
    }
    let lens = columns.iter().map(Vec::len);
    let rows = if fill.is_some() { lens.max() } else { lens.min() }.unwrap_or(0);
    let cell = |column: &Vec<Val>, row: usize| column.get(row).cloned().or_else(|| fill.clone()).unwrap_or(Val::None);
    let rows = (0..rows).map(|row| Val::tuple(columns.iter().map(|column| cell(column, row)).collect())).collect();
    Ok(Val::generator(if fill.is_some() { "itertools.zip_longest object" } else { "zip object" }, rows))
}
