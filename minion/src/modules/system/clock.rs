//! The date and the time of this machine, and its hardware clock.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::Nothing;
use crate::cx::{Act, Module};
use crate::modules::tool;
use crate::system::command::which;

/// This part of the module.
pub const MODULE: Module = Module {
    name: "system",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_system_date",
            "The date of this machine (`Sun 11/22/2026`).",
            "system.get_system_date",
            Offset::ROWS,
            |_, arguments| shown("%a %m/%d/%Y", &Offset::bind("system.get_system_date", arguments)?),
        )
        .quick(),
        Function::reads(
            "get_system_time",
            "The time of this machine (`06:31:42 PM`).",
            "system.get_system_time",
            Offset::ROWS,
            |_, arguments| shown("%I:%M:%S %p", &Offset::bind("system.get_system_time", arguments)?),
        )
        .quick(),
        Function::reads(
            "get_system_date_time",
            "The date and time of this machine (`2026-11-22 18:31:42`).",
            "system.get_system_date_time \"'-0500'\"",
            Offset::ROWS,
            |_, arguments| shown("%Y-%m-%d %H:%M:%S", &Offset::bind("system.get_system_date_time", arguments)?),
        )
        .quick(),
        Function::changes(
            "set_system_date",
            "Sets the date and leaves the time.",
            "system.set_system_date 2026-11-22",
            NewDate::ROWS,
            set_date,
        ),
        Function::changes(
            "set_system_time",
            "Sets the time and leaves the date.",
            "system.set_system_time \"'11:20'\"",
            NewTime::ROWS,
            set_time,
        ),
        Function::changes(
            "set_system_date_time",
            "Sets the date and time, also of the hardware clock; what is not given stays.",
            "system.set_system_date_time 2026 5 12 11 37 53 \"'-0500'\"",
            New::ROWS,
            set_date_time,
        ),
        Function::reads(
            "has_settable_hwclock",
            "True if this machine has a hardware clock that programs can set.",
            "system.has_settable_hwclock",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("system.has_settable_hwclock", arguments)?;
                Ok(settable()?.into())
            },
        ),
    ],
};

args! {
    /// A place on earth.
    pub struct Offset {
        /// How far the time is ahead of UTC (`+0530`); the zone of the machine if not given. Quoted twice in a shell.
        utc_offset: Option<String> = None,
    }
}

args! {
    /// Arguments of `system.set_system_date`.
    pub struct NewDate {
        /// `YYYY-MM-DD`, `MM-DD-YYYY` or `MM-DD-YY`, also with `/`.
        newdate: String,
        /// How far the date is ahead of UTC (`+0530`); the zone of the machine if not given. Quoted twice in a shell.
        utc_offset: Option<String> = None,
    }
}

args! {
    /// Arguments of `system.set_system_time`.
    pub struct NewTime {
        /// `HH:MM` or `HH:MM:SS`, also with `AM` or `PM`. Quoted twice in a shell.
        newtime: String,
        /// How far the time is ahead of UTC (`+0530`); the zone of the machine if not given. Quoted twice in a shell.
        utc_offset: Option<String> = None,
    }
}

args! {
    /// Arguments of `system.set_system_date_time`.
    pub struct New {
        /// Such as 2026.
        years: Option<i64> = None,
        /// 1 to 12.
        months: Option<i64> = None,
        /// 1 to 31.
        days: Option<i64> = None,
        /// 0 to 23.
        hours: Option<i64> = None,
        /// 0 to 59.
        minutes: Option<i64> = None,
        /// 0 to 59.
        seconds: Option<i64> = None,
        /// How far the time is ahead of UTC (`+0530`); the zone of the machine if not given. Quoted twice in a shell.
        utc_offset: Option<String> = None,
    }
}

/// How far a time is ahead of UTC, from `+0530`, `-0500` or `0530`: hours and minutes.
fn ahead(text: &str) -> Result<SignedDuration, CallError> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = (digits.len() == 4).then(|| whole(digits)).flatten();
    let Some(number) = number.map(i64::from) else {
        return Err(CallError::Invocation("Invalid UTC offset.".to_owned()));
    };
    Ok(SignedDuration::from_secs(sign * (number / 100 * 3600 + number % 100 * 60)))
}

/// A number of digits only.
fn whole(digits: &str) -> Option<i16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The time now, in the machine's zone or so far ahead of UTC.
fn now(offset: Option<&str>) -> Result<DateTime, CallError> {
    let Some(text) = offset else {
        return Ok(Zoned::now().datetime());
    };
    moved(Timestamp::now().to_zoned(TimeZone::UTC).datetime(), ahead(text)?)
}

fn moved(time: DateTime, by: SignedDuration) -> Result<DateTime, CallError> {
    time.checked_add(by).map_err(|error| CallError::Invocation(error.to_string()))
}

fn shown(format: &str, offset: &Offset) -> CallResult {
    let now = now(offset.utc_offset.as_deref())?;
    let text = jiff::fmt::strtime::format(format, now).map_err(|error| CallError::Failed(error.to_string()))?;
    Ok(text.into())
}

/// A date as people write it: the year first with four digits, or last with four or two.
fn date(text: &str) -> Option<Date> {
    let mark = if text.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = text.split(mark).collect();
    let [first, second, third] = parts[..] else { return None };
    let (year, month, day) = if first.len() == 4 { (first, second, third) } else { (third, first, second) };
    let year = match (year.len(), whole(year)?) {
        (4, year) => year,
        // As POSIX reads two digits.
        (2, year @ 69..) => 1900 + year,
        (2, year) => 2000 + year,
        _ => return None,
    };
    let short = |digits| whole(digits).and_then(|number| i8::try_from(number).ok());
    Date::new(year, short(month)?, short(day)?).ok()
}

/// A time as people write it, of 12 hours with their half of the day or of 24.
fn time(text: &str) -> Option<Time> {
    ["%I:%M:%S %p", "%I:%M %p", "%H:%M:%S", "%H:%M"].iter().find_map(|format| Time::strptime(format, text).ok())
}

fn set_date(act: &Act, arguments: Arguments) -> CallResult {
    let NewDate { newdate, utc_offset } = NewDate::bind("system.set_system_date", arguments)?;
    let Some(date) = date(&newdate) else {
        return Err(CallError::Invocation("Invalid date format.".to_owned()));
    };
    let offset = utc_offset.as_deref();
    set(act, date.to_datetime(now(offset)?.time()), offset)
}

fn set_time(act: &Act, arguments: Arguments) -> CallResult {
    let NewTime { newtime, utc_offset } = NewTime::bind("system.set_system_time", arguments)?;
    let Some(time) = time(&newtime) else {
        return Err(CallError::Invocation(format!(
            "newtime is HH:MM or HH:MM:SS, also with AM or PM, not {newtime:?}; in a shell it is quoted twice: \"'11:20'\""
        )));
    };
    let offset = utc_offset.as_deref();
    set(act, now(offset)?.date().to_datetime(time), offset)
}

fn set_date_time(act: &Act, arguments: Arguments) -> CallResult {
    let new = New::bind("system.set_system_date_time", arguments)?;
    let offset = new.utc_offset.as_deref();
    set(act, composed(&new, now(offset)?)?, offset)
}

/// The time now with the parts that are given in the place of its own.
fn composed(new: &New, now: DateTime) -> Result<DateTime, CallError> {
    let small = |name: &str, given: Option<i64>, now: i8, from: i8, to: i8| match given {
        None => Ok(now),
        Some(given) => i8::try_from(given)
            .ok()
            .filter(|given| (from..=to).contains(given))
            .ok_or_else(|| CallError::Invocation(format!("{name} is a number from {from} to {to}, not {given}"))),
    };
    let year = match new.years {
        None => now.year(),
        Some(given) => i16::try_from(given)
            .ok()
            .filter(|given| (1..=9999).contains(given))
            .ok_or_else(|| CallError::Invocation(format!("years is a number from 1 to 9999, not {given}")))?,
    };
    let month = small("months", new.months, now.month(), 1, 12)?;
    let day = small("days", new.days, now.day(), 1, 31)?;
    let hour = small("hours", new.hours, now.hour(), 0, 23)?;
    let minute = small("minutes", new.minutes, now.minute(), 0, 59)?;
    let second = small("seconds", new.seconds, now.second(), 0, 59)?;
    DateTime::new(year, month, day, hour, minute, second, 0)
        .map_err(|_| CallError::Invocation(format!("there is no {year:04}-{month:02}-{day:02}")))
}

/// Sets the clock of the kernel, and that of the hardware if there is one.
fn set(_act: &Act, time: DateTime, offset: Option<&str>) -> CallResult {
    // Local times are turned into UTC by the program, with the rules of the machine's zone.
    let (options, time) = match offset {
        Some(text) => (&["date", "-u"][..], moved(time, -ahead(text)?)?),
        None => (&["date"][..], time),
    };
    let text =
        jiff::fmt::strtime::format("%m%d%H%M%Y.%S", time).map_err(|error| CallError::Failed(error.to_string()))?;
    tool::output(&[options, &[text.as_str()]].concat())?;
    if settable()? {
        tool::output(&["hwclock", "--systohc"]).map_err(|error| {
            CallError::Failed(format!("the clock of the system is set, that of the hardware is not: {error}"))
        })?;
    }
    Ok(true.into())
}

/// True if a hardware clock can be set: nothing is set by asking.
fn settable() -> Result<bool, CallError> {
    let path = std::env::var_os("PATH");
    if which("hwclock", path.as_deref()).is_none() {
        return Ok(false);
    }
    Ok(tool::run(&["hwclock", "--test", "--systohc"])?.status == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_all_their_forms() {
        let wanted = Date::new(2013, 3, 28).ok();
        for text in ["2013-03-28", "03-28-2013", "03-28-13", "03/28/2013", "03/28/13", "2013/03/28", "3-28-13"] {
            assert_eq!(date(text), wanted, "{text}");
        }
        assert_eq!(date("01-02-69").map(Date::year), Some(1969));
        assert_eq!(date("01-02-68").map(Date::year), Some(2068));
        for text in
            ["hello", "13-28-2013", "2013-02-29", "03-28", "03-28-2013-1", "03-28-013", "+3-28-13", "03/28-13", ""]
        {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_in_all_their_forms() {
        let wanted = Time::new(23, 20, 0, 0).ok();
        for text in ["11:20:00 PM", "11:20 PM", "23:20:00", "23:20"] {
            assert_eq!(time(text), wanted, "{text}");
        }
        assert_eq!(time("12:05 AM"), Time::new(0, 5, 0, 0).ok());
        for text in ["nope", "24:00", "13:00 PM", "23:60", "680", "11:20 PM x", ""] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn offsets_are_hours_and_minutes() {
        assert_eq!(ahead("+0530"), Ok(SignedDuration::from_mins(330)));
        assert_eq!(ahead("-0500"), Ok(SignedDuration::from_hours(-5)));
        assert_eq!(ahead("0100"), Ok(SignedDuration::from_hours(1)));
        for text in ["", "foo", "+05", "+05:00", "05300", "--500", "+-500", "ü500"] {
            assert!(ahead(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_that_are_not_given_stay() {
        let now = jiff::civil::date(2024, 2, 29).at(1, 2, 3, 0);
        let new = |years, months, hours| New {
            years,
            months,
            days: None,
            hours,
            minutes: None,
            seconds: None,
            utc_offset: None,
        };
        assert_eq!(composed(&new(None, None, Some(23)), now), Ok(jiff::civil::date(2024, 2, 29).at(23, 2, 3, 0)));
        let wrong = [
            (new(Some(2023), None, None), "there is no 2023-02-29"),
            (new(None, Some(13), None), "months is a number from 1 to 12, not 13"),
            (new(Some(i64::MAX), None, None), "years is a number from 1 to 9999"),
            (new(None, None, Some(-1)), "hours is a number from 0 to 23, not -1"),
        ];
        for (new, told) in wrong {
            let error = composed(&new, now).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
