//! Filters on dates and times. Times without a zone are taken and shown in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::Table;
use super::number::python_float;

/// The filters.
pub(super) const FILTERS: Table = &[("date_format", format), ("strftime", format)];

fn format(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let pattern = arguments.text("fmt", "%Y-%m-%d")?;
    arguments.finish()?;
    let value = value.defined()?;
    let moment = moment(&value)?;
    let zoned = moment.to_zoned(TimeZone::UTC);
    match strtime::format(&pattern, &zoned) {
        Ok(text) => Ok(Val::str(text)),
        Err(error) => Err(Fault::error(format!("the format {pattern:?} cannot be used: {error}"))),
    }
}

fn moment(value: &Val) -> Res<Timestamp> {
    let seconds = match value {
        Val::Str(text) => match python_float(text) {
            Some(seconds) => Some(seconds),
            None => return written(text),
        },
        other => other.as_float(),
    };
    let unreadable = || Fault::error(format!("Unable to parse {}", value.repr()));
    let seconds = seconds.ok_or_else(unreadable)?;
    Timestamp::from_microsecond((seconds * 1e6) as i64).map_err(|_| unreadable())
}

/// ISO dates and times with blank or `T`; others need a library in the reference and are refused as there.
fn written(text: &str) -> Res<Timestamp> {
    let parsed = text.trim().parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.trim().replace(' ', "T").parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    match parsed {
        Some(moment) if text.contains(':') => Ok(moment),
        _ => Err(Fault::error(format!("Unable to parse {text}. Consider installing timelib"))),
    }
}
